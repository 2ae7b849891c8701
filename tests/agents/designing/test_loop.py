"""The whole loop with trainings that take no time: which score belongs to which program, and death at any moment."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agents.designing import setting
from agents.designing.journal import Journal
from agents.designing.report import Report
from agents.designing.training import Outcome, Training, failed
from agents.session import EVAL_SEED
from reward_designers.code import CodeReward
from reward_designers.code.search import History, thought
from tests.agents.designing import scripted
from tests.agents.designing.scripted import SHAPE, SMALL, SYNTAX, UNKNOWN, designed, recording

Score = Callable[[float, int], float | None]
"""Of a program's number and a seed."""


def program(number: float) -> str:
    return f"def reward(next_pole_angle):\n    return {{'up': np.exp(-np.square(next_pole_angle / {number}))}}"


def number_of(text: str) -> float:
    return float(re.findall(r"angle / ([\d.]+)", text)[0])


class Trainer:
    """Stands for `agents.designing.training.Workers`: a score by formula, the last training done first."""

    def __init__(self, score: Score):
        self.score = score
        self.asked: list[Training] = []

    def run(self, trainings: Sequence[Training], done: Callable[[Training, Outcome], None]) -> None:
        for training in reversed(trainings):
            self.asked.append(training)
            number = number_of(Path(training.config.reward.path).read_text())
            score = self.score(number, training.config.seed)
            if score == math.inf:
                done(training, failed("its reward was not finite"))
                continue
            curve = [1.0, 1000.0 / number, 0.0]  # the worse the program, the higher on its way
            curves = {"steps": [0, 1, 2], "components": {"up": curve}, "score": curve, "length": [10.0] * 3}
            rest = {
                "failure": "",
                "seconds": 0.0,
                "cpu_seconds": 0.0,
                "episodes": [score],
                "watched": [],
                "curves": curves,
            }
            done(training, {"score": score, **rest})


@pytest.fixture
def searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[dict[str, Any], History, Trainer]]:
    """Search on CartPole with these replies: ``first_0=[...], improve_1=[...]``; scores are numbers by default."""
    settings: list[setting.Setting] = []  # the same one for all that resume

    def look(*arguments: Any) -> setting.Setting:
        settings.append(settings[0] if settings else setting_of(*arguments))
        return settings[0]

    setting_of = setting.look
    monkeypatch.setattr(setting, "look", look)
    monkeypatch.setattr(Report, "update", lambda self, **options: None)  # its page takes longer than all the rest

    def run(
        *arguments: str, score: Score = lambda number, seed: number + 0.1 * (seed % 3), **replies: list[str]
    ) -> tuple[dict[str, Any], History, Trainer]:
        trainer = Trainer(score)
        monkeypatch.setattr("agents.designing.training.Workers", lambda count: trainer)
        store = recording(tmp_path / "replies.sqlite", **replies)
        sizes = (f"designer.samples={len(replies['first_0'])}", f"designer.iterations={len(replies)}")
        given = (*SMALL, f"llm.path={store}", "duplicate=0", *sizes, f"output={tmp_path / 'out'}", *arguments)
        summary = designed(*given)
        with closing(Journal(tmp_path / "out" / "journal.jsonl")) as journal:
            return summary, journal.history(), trainer

    return run


def scores(history: History) -> dict[float, dict[int, float | None]]:
    """Of each program that was trained, by its number."""
    trained = [c for c in history.candidates.values() if c.status == "trained"]
    return {number_of(c.source): dict(c.scores) for c in trained}


def test_a_score_belongs_to_its_program_whatever_else_is_in_the_replies(searched) -> None:
    """Trap: one reply that cannot be parsed, and all later programs have the scores of their neighbors."""
    first = [SYNTAX, program(1.0), "nothing", program(2.0), UNKNOWN, program(1.0), SHAPE, program(4.0)]
    summary, history, trainer = searched("seeds=2", first_0=first, improve_1=[SYNTAX, program(3.0)] * 4)
    assert scores(history) == {n: {0: n, 1: n + 0.1} for n in (1.0, 2.0, 3.0, 4.0)}
    assert number_of(history[summary["best"]].source) == 4.0
    assert len(trainer.asked) == 8


@pytest.mark.parametrize("broken", [None, math.inf])
def test_what_has_no_score_is_never_the_best(searched, broken: float | None) -> None:
    """Traps: NaN wins, and a NaN that came first stays the best. ``inf`` is a training that failed."""
    odd: Score = lambda number, seed: broken if number in (1.0, 9.0) and seed % 2 else number  # noqa: E731
    replies = {"first_0": [program(1.0), program(2.0)], "improve_1": [program(9.0), program(3.0)]}
    summary, history, _ = searched("seeds=2", "final_seeds=2", "baselines=false", score=odd, **replies)
    assert [number_of(history[row["program"]].source) for row in summary["ranking"]] == [3.0, 2.0]
    assert number_of(history[summary["best"]].source) == 3.0
    assert {number_of(history[key].source) for key in summary["failed"]} == {1.0, 9.0}


def test_the_best_is_not_what_was_once_high_in_training_or_with_one_lucky_seed(searched) -> None:
    """Trap: selection by the maximum over the training of one seed. Curves here are higher for lower numbers."""
    lucky: Score = lambda number, seed: 5.0 if number == 1.0 and seed == 0 else number  # noqa: E731
    summary, history, _ = searched("seeds=3", score=lucky, first_0=[program(1.0), program(3.0)])
    assert scores(history)[1.0] == {0: 5.0, 1: 1.0, 2: 1.0}
    assert number_of(history[summary["best"]].source) == 3.0
    assert history[summary["best"]].record is not None


def test_what_an_author_said_may_be_told_again(searched, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of programs cuts their authors' sentences; words that no prompt may have are theirs, not the kit's."""
    idea = f"I raise the fitness, {'and the env_reward, ' * 20}slowly."
    monkeypatch.setattr(scripted, "fenced", lambda text: f"{idea}\n```python\nimport numpy as np\n{text}\n```")
    summary, history, _ = searched(
        "designer.samples=2", first_0=[program(1.0), program(2.0)], improve_1=[program(3.0), program(4.0)]
    )
    assert summary["rounds"] == 2
    assert {thought(c) for c in history.candidates.values()} == {thought(history[summary["best"]])} != {idea}


def test_what_judges_has_seeds_of_its_own(searched) -> None:
    """Neither training nor its evaluations nor selection see the episodes that the last trainings are scored by."""
    chosen_by = range(3)

    def final(number: float, seed: int) -> float:
        return number if seed in chosen_by else 0.5

    options = ("seeds=3", "final_seeds=3", "baselines=false", "episodes=16", "rungs=2")
    summary, _, trainer = searched(*options, score=final, first_0=[program(1.0), program(2.0)])
    assert summary["final"]["best"]["mean"] == 0.5
    assert not set(summary["final"]["seeds"]) & set(chosen_by)
    by_stage: dict[bool, set[int]] = {True: set(), False: set()}  # seeds and episodes, of the last trainings or before
    for training in trainer.asked:
        seed, episodes = training.config.seed, range(training.heldout, training.heldout + training.episodes)
        assert not {seed, EVAL_SEED + seed} & set(episodes)
        by_stage[seed not in chosen_by] |= {seed, *episodes}
    assert not by_stage[True] & by_stage[False]
    assert [len(numbers) for numbers in by_stage.values()] == [3 * 17, 3 * 17]


def test_no_program_runs_in_the_searchs_process(searched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trap: generated code in the trainer's process. Checks have others, and trainings are told to have them."""
    here: list[str] = []
    unprotected = CodeReward._unprotected
    monkeypatch.setattr(CodeReward, "_unprotected", lambda self, t: here.append(self.source) or unprotected(self, t))
    _, history, trainer = searched("duplicate=0.001", first_0=[program(1.0), program(2.0)])
    assert len(scores(history)) == 2
    assert {training.config.reward.sandbox.name for training in trainer.asked} == {"available"}
    assert here == []


def entries(folder: Path) -> list[tuple[str, str]]:
    lines = (folder / "journal.jsonl").read_text().splitlines()
    return sorted((entry["kind"], entry["key"]) for entry in map(json.loads, lines))


REPLIES = {"first_0": [SYNTAX, program(1.0), program(2.0)], "improve_1": [program(3.0), program(1.0), SHAPE]}
OPTIONS = ("seeds=2", "rungs=2", "final_seeds=1", "baselines=false")


def test_a_search_that_dies_after_any_line_of_its_journal_comes_to_the_same(searched, tmp_path: Path) -> None:
    """Whenever it is killed, what is on disk is a beginning of the journal, and perhaps half a line more."""
    summary, whole, trainer = searched(*OPTIONS, **REPLIES)
    out, straight = tmp_path / "out", tmp_path / "straight"
    lines = (out / "journal.jsonl").read_bytes().splitlines(keepends=True)
    kinds = [json.loads(line)["kind"] for line in lines]
    assert set(kinds) >= {"reply", "check", "training", "round"}
    shutil.copytree(out, straight)
    for kept in range(len(lines)):
        half = lines[kept][: len(lines[kept]) // 2] if kept % 2 else b""
        (out / "journal.jsonl").write_bytes(b"".join(lines[:kept]) + half)
        (out / "summary.json").unlink()
        (out / "best.py").unlink()
        trainer.asked.clear()
        assert designed(f"resume={out}") == summary
        with closing(Journal(out / "journal.jsonl")) as journal:
            assert journal.history() == whole
        assert entries(out) == entries(straight)
        assert len(trainer.asked) == kinds[kept:].count("training")  # and nothing that was done is done again
    assert (out / "best.py").read_text() == (straight / "best.py").read_text()

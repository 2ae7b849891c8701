"""Programs of later rounds are checked on episodes of policies: of which, what is told, and going on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.designing.journal import Journal
from agents.designing.trajectories import apart
from agents.errors import UsageError
from reward_designers.code.search import Secrets
from tests.agents.designing.scripted import CENTERED, SMALL, SYNTAX, UPRIGHT, designed, recording

FALLING = "def reward(next_pole_angle):\n    return {'lean': np.abs(next_pole_angle) - 0.2}"


def test_policies_are_apart_if_the_intervals_of_their_episodes_are() -> None:
    better, worse = np.array([14.0, 15, 16]), np.array([0.0, 0, 3])
    # Student's t with 2 degrees of freedom is 4.303; times sqrt(1 + 1 / 3): 15 -+ 4.97 and 1 -+ 8.61
    assert [rows.tolist() for rows in apart(better, worse) or ()] == [[0, 1, 2], [0, 1, 2]]
    assert apart(better - 0.5, worse) is None  # 9.53 is within
    assert apart(worse, better) is None
    assert apart(np.full(3, 2.0), np.full(3, 2.0)) is None
    assert apart(np.full(3, 2.0), np.full(3, 1.0)) is not None


def test_each_episode_that_is_taken_is_better_than_each_of_the_others() -> None:
    rng, found = np.random.default_rng(0), 0
    for _ in range(200):
        better, worse = rng.normal(5, 1, 8), rng.normal(0, 1, 8)
        if (rows := apart(better, worse)) is not None:
            found += 1
            assert better[rows[0]].min() > worse[rows[1]].max()
            assert min(map(len, rows)) >= 1
    assert 20 < found < 180


class Balancing:
    """Stands for a policy that was trained well."""

    def __init__(self, *_: Any, gain: float = 0.5):
        self.gain = gain

    def __call__(self, obs: np.ndarray, starts: np.ndarray) -> np.ndarray:
        return (obs[:, 2] + self.gain * obs[:, 3] > 0).astype(int)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("trajectories")
    stronger = CENTERED.replace("np.cos", "3 * np.cos")
    rounds = {"first_0": [UPRIGHT, SYNTAX], "improve_1": [FALLING, CENTERED], "improve_2": [stronger, SYNTAX]}
    store = recording(folder / "r.sqlite", **rounds)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agents.comparison.policies.load", Balancing)
        options = ("designer.samples=2", "designer.iterations=3", "trajectories=true", "llm.match=label")
        return folder / "out", designed(*SMALL, *options, f"llm.path={store}", f"output={folder / 'out'}")


@pytest.mark.slow
def test_a_program_that_prefers_worse_episodes_is_sent_back_untrained(searched: tuple[Path, dict[str, Any]]) -> None:
    out, _ = searched
    journal = Journal(out / "journal.jsonl")
    history = journal.history()
    falling, centered = (next(c for c in history.candidates.values() if p in c.source) for p in (FALLING, CENTERED))
    assert falling.rejection is not None
    assert falling.rejection.stage == "trajectories"
    assert falling.key not in {key.split("/")[0] for key in journal.all("training")}
    assert centered.status == "trained"
    agreements = [check["agreement"] for check in journal.all("check").values()]
    assert agreements[:2] == [None, 0]
    assert min(agreements[2:]) >= 0.8
    chosen = journal.get("trajectories", "1")
    assert chosen["worse"]["policy"] == "random"
    assert min(chosen["better"]["fitness"]) == 500  # steps upright, all of them
    assert max(chosen["worse"]["fitness"]) < 100


@pytest.mark.slow
def test_no_prompt_shows_what_the_episodes_were_worth(searched: tuple[Path, dict[str, Any]]) -> None:
    journal = Journal(searched[0] / "journal.jsonl")
    (last,) = [reply for reply in journal.all("reply").values() if reply["label"].endswith("/2/improve")]
    told = last["messages"][-1]["content"]
    assert "only 0 of" in told
    assert "component 'lean'" in told
    lines = told[told.index("only 0 of") :].splitlines()[:2]
    assert Secrets({}, {}).find([{"role": "user", "content": "\n".join(lines)}]) == []
    fitness = [value for side in ("better", "worse") for value in journal.get("trajectories", "2")[side]["fitness"]]
    words = set("\n".join(lines).replace(":", " ").replace(",", " ").split())
    assert words.isdisjoint(f"{value:.{digits}g}" for value in fitness for digits in (2, 3, 4))


@pytest.mark.slow
@pytest.mark.parametrize("last", ["trajectories", "check"])
def test_going_on_in_the_middle_of_a_round_checks_on_the_same_episodes(
    tmp_path: Path, searched: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    out, summary = searched
    whole = (out / "journal.jsonl").read_text().splitlines()
    kinds = [json.loads(line)["kind"] for line in whole]
    second = kinds.index("round") + 1
    copy = tmp_path / "out"
    shutil.copytree(out, copy)
    (copy / "journal.jsonl").write_text("\n".join(whole[: kinds.index(last, second) + 1]) + "\n")
    monkeypatch.setattr("agents.comparison.policies.load", Balancing)
    shutil.rmtree(copy / "coverages")  # they are played again
    assert designed(f"resume={copy}") == summary
    assert Journal(copy / "journal.jsonl").history() == Journal(out / "journal.jsonl").history()
    cut = [json.loads(line) for line in (copy / "journal.jsonl").read_text().splitlines()]
    assert [(e["kind"], e["key"], e["value"]) for e in cut if e["kind"] in ("check", "trajectories")] == [
        (e["kind"], e["key"], e["value"]) for e in map(json.loads, whole) if e["kind"] in ("check", "trajectories")
    ]


@pytest.mark.slow
def test_other_episodes_than_those_of_the_journal_are_refused(
    tmp_path: Path, searched: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, _ = searched
    whole = (out / "journal.jsonl").read_text().splitlines()
    first = next(i for i, line in enumerate(whole) if '"kind": "trajectories", "key": "1"' in line)
    copy = tmp_path / "out"
    shutil.copytree(out, copy)
    (copy / "journal.jsonl").write_text("\n".join(whole[: first + 1]) + "\n")
    shutil.rmtree(copy / "coverages")
    monkeypatch.setattr("agents.comparison.policies.load", lambda *_: Balancing(gain=0.1))
    with pytest.raises(UsageError, match="are not those on which earlier programs were checked"):
        designed(f"resume={copy}")

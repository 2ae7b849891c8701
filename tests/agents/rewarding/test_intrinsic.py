"""Training on captions that are judged meanwhile: `reward=intrinsic`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents.build import resolve
from agents.config.rewards import Judge
from agents.errors import UsageError
from agents.rewarding.make import make_reward
from agents.rewarding.terms import part_of
from agents.runs import RunDir, read_progress
from reward_designers.intrinsic import IntrinsicReward, Label
from reward_designers.llm.store import ReplyStore
from tests.agents.runners import configured, numbers, resumed, trained
from tests.reward_designers.intrinsic.llm_server import answered, judge
from tests.reward_designers.llm.chat_server import ChatServer, status
from tests.reward_designers.llm.conftest import server

__all__ = ["server"]

GOAL = "Find the key and open the door"
HALLWAY = ("env.id=tests.agents.hallway:Hallway-v0", "reward=intrinsic", f"reward.goal={GOAL}")
SMALL = ("reward.sync=true", "algo.n_steps=16", "log_every=64", "eval_every=0", "checkpoint_every=64")
JUDGED = "reward_model/intrinsic/reward/annotation"


def hallway(run_dir: Path, *arguments: str, page: bool = False) -> RunDir:
    return trained(run_dir, *HALLWAY, *SMALL, *arguments, page=page)


def asked(server: ChatServer) -> tuple[str, ...]:
    return "llm=openai", "llm.model=tiny", f"llm.base_url={server.url}", "llm.retries=0"


def test_the_lexicon_judges_unless_somebody_else_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = hallway(tmp_path / "run", "total_timesteps=512", "reward.beta=1")
    assert f"reward intrinsic: retrieval, judged by lexicon: {GOAL}" in capsys.readouterr().err
    saved = run.read_config()
    assert (saved.reward.judge, saved.reward.goal, saved.llm.name) == (Judge.lexicon, GOAL, "none")
    rows = read_progress(run.progress)
    assert rows[0][f"{JUDGED}/coverage"] < rows[-1][f"{JUDGED}/coverage"]
    assert rows[-1][f"{JUDGED}/known"] == len({"key", "door", *range(6)})
    paid = [row["reward/intrinsic"] for row in rows if "reward/intrinsic" in row]
    assert max(paid) > 0


def test_it_pays_what_the_environment_pays_and_half_of_what_the_judge_says(tmp_path: Path) -> None:
    run = hallway(tmp_path / "run", "total_timesteps=256")
    reward = make_reward(run.read_config(), run.path)
    assert reward is not None
    assert [*reward.parts()] == ["env", "intrinsic"]
    alone = resolve(configured(*HALLWAY, "reward.extrinsic=0", "reward.coefficient=2"))
    assert [*make_reward(alone).parts()] == ["intrinsic"]
    assert make_reward(alone).parts()["intrinsic"].scale == 2


@pytest.mark.parametrize("model", ["retrieval", "classification", "ranking"])
def test_a_resumed_run_goes_on_as_if_it_had_not_stopped(model: str, tmp_path: Path) -> None:
    options = (f"reward.model={model}", "reward.beta=1")
    whole = hallway(tmp_path / "whole", "total_timesteps=384", *options)
    part = hallway(tmp_path / "part", "total_timesteps=192", *options)
    resumed(part, "total_timesteps=384")
    rows = [[{k: v for k, v in row.items() if k != f"{JUDGED}/lag"} for row in numbers(run)] for run in (part, whole)]
    assert rows[0] == rows[1]
    paid = [row["reward/intrinsic"] for row in rows[0] if "reward/intrinsic" in row]
    assert max(paid) > 0


def test_a_language_model_judges_every_caption_once_and_is_kept(tmp_path: Path, server: ChatServer) -> None:
    server.default = judge()
    run = hallway(tmp_path / "run", *asked(server), "total_timesteps=128")
    assert run.read_config().reward.judge is Judge.llm
    assert set(answered(server).values()) == {1}
    assert "You walk to place 1." in answered(server)
    with ReplyStore(run.path / "judgements.sqlite") as store:
        assert {request.model for request in store.requests()} == {"tiny"}
    before = len(server.bodies)
    shared = f"reward.store={run.path / 'judgements.sqlite'}"
    hallway(tmp_path / "again", *asked(server), "total_timesteps=128", shared)
    assert len(server.bodies) == before


def test_a_judge_that_ran_out_of_calls_gets_more_when_the_run_is_resumed(tmp_path: Path, server: ChatServer) -> None:
    server.default = judge()
    name = f"{JUDGED}/known"
    run = hallway(tmp_path / "run", *asked(server), "llm.max_calls=0", "total_timesteps=64")
    assert read_progress(run.progress)[-1][name] == 0
    resumed(run, *asked(server), "llm.max_calls=50", "total_timesteps=192")
    assert read_progress(run.progress)[-1][name] > 0


def test_training_goes_on_without_the_server(
    tmp_path: Path, server: ChatServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.default = status(500, "out of order")
    run = hallway(tmp_path / "run", *asked(server), "total_timesteps=128")
    rows = read_progress(run.progress)
    assert rows[-1]["time/total_timesteps"] == 128
    assert rows[-1][f"{JUDGED}/known"] == 0
    reward = part_of(make_reward(run.read_config(), run.path), IntrinsicReward)
    assert reward is not None
    assert not reward.model(["The door opens."]).any()


@pytest.mark.parametrize("stops", [True, False])
def test_a_judge_that_praises_the_wrong_thing_sets_off_an_alarm(
    stops: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "reward_designers.intrinsic.Lexicon.label",
        lambda self, goal, captions: [Label(caption, float("place 1" in caption)) for caption in captions],
    )
    options = (
        "reward.beta=0",
        "reward.cap=1000",
        "reward.extrinsic=0",
        "log_every=64",
        f"reward.stop_on_alarm={stops}",
    )
    steps = ("total_timesteps=2560", "algo.learning_rate=0.001", "algo.n_epochs=4", "algo.gamma=0.9")
    if stops:
        with pytest.raises(SystemExit, match="0"):
            hallway(tmp_path / "run", *options, *steps, page=True)
    else:
        hallway(tmp_path / "run", *options, *steps, page=True)
    told = capsys.readouterr().err
    assert "reward/intrinsic rose from" in told
    assert "What pays most: 'You walk to place 1.'" in told
    summary = RunDir.open(str(tmp_path / "run")).read_summary()
    assert summary["captions"][0][0] == "You walk to place 1."
    assert "You walk to place 1." in (tmp_path / "run" / "report.html").read_text()
    assert (summary["timesteps"] < 2560) == stops


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("reward.judge=llm",), "needs a language model: llm=openai"),
        (("llm=openai", "llm.model=tiny", "reward.judge=lexicon"), r"llm=openai is not asked by reward\.judge=lexicon"),
        (("reward.judge=lexikon",), "lexikon.*lexicon"),
        (("reward.order=oldest",), "oldest.*newest"),
        (("reward.beta=-1",), "reward.beta=-1"),
        (("llm=replay",), "llm.path="),
        (("reward.caption=captain",), "unknown state array.*'captain'.*'caption'"),
    ],
)
def test_what_people_get_wrong(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    with pytest.raises((UsageError, SystemExit), match=message):
        hallway(tmp_path / "run", *arguments, "total_timesteps=64")
    assert not (tmp_path / "run" / "progress.csv").exists()


def test_a_world_without_words_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="CartPole has nothing in words that is called 'caption'"):
        trained(tmp_path / "run", "reward=intrinsic", "total_timesteps=64")
    assert not (tmp_path / "run").exists()


def test_without_a_task_somebody_has_to_say_what_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"reward\.goal="):
        trained(tmp_path / "run", *HALLWAY[:2], *SMALL, "total_timesteps=64")


def test_no_key_is_written_down(tmp_path: Path, server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret-0123456789")
    server.default = judge()
    run = hallway(tmp_path / "run", *asked(server), "total_timesteps=128")
    assert server.bodies
    found = [path for path in run.path.rglob("*") if path.is_file() and b"very-secret" in path.read_bytes()]
    assert found == []
    assert np.isfinite(read_progress(run.progress)[-1]["time/elapsed"])

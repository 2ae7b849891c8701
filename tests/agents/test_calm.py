"""Training on subgoals: `reward=calm`."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.build import make_reward, resolve
from agents.calm import subgoal_part
from agents.cli import UsageError
from agents.config import SubgoalJudge
from agents.runs import RunDir, read_progress
from tests.agents.runners import configured, numbers, resumed, trained

KEY, DOOR = "Pick up the key.", "Open the door."
HALLWAY = ("env.id=tests.agents.hallway:Hallway-v0", "reward=calm")
SMALL = ("algo.n_steps=16", "log_every=64", "eval_every=0", "checkpoint_every=64")


def hallway(run_dir: Path, *arguments: str) -> RunDir:
    return trained(run_dir, *HALLWAY, *SMALL, f"reward.subgoals=['{KEY}','{DOOR}']", *arguments)


def test_subgoals_pay_in_training_and_are_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = hallway(tmp_path / "run", "total_timesteps=512")
    assert f"reward calm: judged by rules: {KEY} {DOOR}" in capsys.readouterr().err
    saved = run.read_config()
    assert (saved.reward.judge, saved.reward.subgoals) == (SubgoalJudge.rules, [KEY, DOOR])
    rows = [row for row in read_progress(run.progress) if "reward/subgoals/open-the-door" in row]
    assert max(row["reward/subgoals/open-the-door"] for row in rows) > 0
    for row in rows:  # half a point, once: and the door opens where the environment pays
        assert row["reward/subgoals/open-the-door"] == row["rollout/env_reward"] / 2
    (words, times, _), _ = run.read_summary()["subgoals"]
    assert (words, times > 0) == (KEY, True)
    assert DOOR in (run.path / "report.html").read_text()


def test_a_resumed_run_goes_on_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    whole = hallway(tmp_path / "whole", "total_timesteps=384")
    part = hallway(tmp_path / "part", "total_timesteps=192")
    resumed(part, "total_timesteps=384")
    assert numbers(part) == numbers(whole)
    assert part.read_summary()["subgoals"] == whole.read_summary()["subgoals"]


def test_the_tasks_own_subgoals_are_the_default() -> None:
    pytest.importorskip("minihack")
    config = resolve(configured("env=MiniHack-KeyRoom-S5", "reward=calm", "reward.extrinsic=0", "reward.coefficient=2"))
    assert config.reward.subgoals == ["Pick up the key.", "Unlock and open the door.", "Step on the staircase down."]
    reward = make_reward(config)
    assert reward is not None
    assert [*reward.parts()] == ["subgoals"]
    assert subgoal_part(reward) is reward.parts()["subgoals"].reward


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (HALLWAY, "there are no subgoals"),
        (("env=CartPole", "reward=calm", "reward.subgoals=Balance"), "CartPole has no captions"),
        ((*HALLWAY, "reward.subgoals=Fly"), "know nothing of 'Fly'"),
        ((*HALLWAY, "reward.judge=rule"), "rule.*rules"),
    ],
)
def test_what_people_get_wrong(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        trained(tmp_path / "run", *arguments, *SMALL, "total_timesteps=64")
    assert not (tmp_path / "run").exists() or not any((tmp_path / "run").iterdir())

"""Training on a reward program: `reward=code`."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.build import resolve
from agents.cli import compose
from agents.comparison.options import COMPARE
from agents.comparison.specs import RewardSpec, make, parse_rewards, reward_of, world_config
from agents.config.commands import EVALUATE
from agents.errors import UsageError
from agents.evaluate import evaluate
from agents.rewarding.make import make_reward
from agents.runs import RunDir, read_progress
from agents.train import train
from reward_designers import PotentialShaping
from reward_designers.code import CodeReward
from tests.agents.runners import configured, numbers, resumed, trained

PROGRAM = """
import numpy as np

WIDTH = 0.2


def bump(x):
    return np.exp(-np.square(x / WIDTH))


def reward(next_pole_angle, action):
    return {"upright": bump(next_pole_angle), "effort": -0.01 * (action == 1)}
"""
POTENTIAL = "def potential(pole_angle): return -abs(pole_angle)"


def written(folder: Path, text: str, name: str = "BEST.py") -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return f"reward.path={folder / name}"


def test_a_run_trains_on_a_program_and_keeps_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "mine", PROGRAM)
    run = trained(tmp_path / "run", "reward=code", path, "total_timesteps=256", "log_every=128", "eval_every=256")
    assert "\nsandbox: seccomp, " in capsys.readouterr().err
    rows = read_progress(run.progress)
    assert rows[-1]["reward/upright"] > 0 > rows[-1]["reward/effort"]
    assert "eval/fitness" in rows[-1]
    assert (run.path / "reward" / "BEST.py").read_text() == PROGRAM
    (tmp_path / "mine" / "BEST.py").unlink()
    saved = run.read_config()
    assert saved.reward.path == "reward/BEST.py"
    resumed(run, "total_timesteps=384")
    assert read_progress(run.progress)[-1]["time/total_timesteps"] == 384
    reward = make_reward(saved, run.path)
    assert isinstance(reward, CodeReward)
    assert reward.inputs == {"pole_angle"}
    reward.close()


def test_a_potential_shapes_with_the_algorithms_discount(tmp_path: Path) -> None:
    path = written(tmp_path, POTENTIAL)
    config = resolve(configured("env=CartPole", "reward=code", path, "reward.potential=true", "algo.gamma=0.9"))
    assert config.reward.gamma == 0.9
    reward = make_reward(config)
    assert isinstance(reward, PotentialShaping)
    assert reward.gamma == 0.9
    assert isinstance(reward.phi, CodeReward)
    reward.phi.close()
    given = resolve(configured("env=CartPole", "reward=code", path, "reward.potential=true", "reward.gamma=0.5"))
    assert given.reward.gamma == 0.5


def test_a_policy_is_judged_by_another_program(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", "total_timesteps=128", "eval_every=0")
    written(tmp_path, "def reward(obs, terminated): return 2.0 + 0.0 * obs[:, 0] - 2.0 * terminated")
    arguments = (
        f"run={run.path}",
        "checkpoint=last",
        "episodes=2",
        "video=false",
        f"reward=code:{tmp_path / 'BEST.py'}",
    )
    rows = evaluate(compose(EVALUATE, "evaluate", arguments))["rows"]
    assert [row["reward/reward"] for row in rows] == [2 * (row["length"] - (row["length"] < 500)) for row in rows]


def test_without_a_sandbox_the_numbers_are_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, PROGRAM)
    short = ("reward=code", path, "total_timesteps=256", "log_every=128", "eval_every=0")
    inside = trained(tmp_path / "inside", *short)
    capsys.readouterr()
    outside = trained(tmp_path / "outside", *short, "reward.sandbox=none")
    assert "no sandbox: the program can do all that you can" in capsys.readouterr().err
    assert numbers(inside) == numbers(outside)


def test_any_environment_has_its_observations(tmp_path: Path) -> None:
    path = written(tmp_path, "def reward(next_obs): return next_obs[:, 0]")
    short = ("env.id=Acrobot-v1", "env.kwargs.max_episode_steps=20", "total_timesteps=128", "eval_every=0")
    run = trained(tmp_path / "run", *short, "reward=code", path)
    assert "reward/reward" in read_progress(run.progress)[-1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import os", "line 1: import of 'os' is not allowed"),
        ("def reward(pole_angel): return pole_angel", "Did you mean 'pole_angle'"),
        ("X = [][0]\ndef reward(obs): return obs[:, 0]", "line 1: IndexError"),
    ],
)
def test_bad_programs_leave_nothing_behind(tmp_path: Path, text: str, words: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UsageError, match=words):
        train(configured("env=CartPole", "reward=code", path, f"run_dir={tmp_path / 'run'}", "total_timesteps=64"))
    assert not (tmp_path / "run").exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.py"):
        train(configured("env=CartPole", "reward=code", "reward.path=nowhere.py", f"run_dir={tmp_path / 'run'}"))


def test_a_program_that_fails_ends_the_run_with_what_was_trained(tmp_path: Path) -> None:
    path = written(tmp_path, "def reward(next_cart_position):\n    return 1.0 / (abs(next_cart_position) < 0.1)\n")
    with pytest.raises(SystemExit):
        trained(tmp_path / "run", "reward=code", path, "total_timesteps=4096", "eval_every=0")
    summary = RunDir(tmp_path / "run").read_summary()
    assert summary["state"] == "failed"
    assert "not finite" in summary["failure"]
    assert (tmp_path / "run" / "last.safetensors").exists()


def test_comparisons_know_programs(tmp_path: Path) -> None:
    written(tmp_path / "a", PROGRAM)
    written(tmp_path / "b", PROGRAM.replace("0.2", "0.3"))
    specs = parse_rewards([f"code:{tmp_path / 'a' / 'BEST.py'}", f"wider=code:{tmp_path / 'b' / 'BEST.py'}"])
    assert [(spec.name, spec.kind) for spec in specs] == [("BEST", "program"), ("wider", "program")]
    for spec, width in zip(specs, (0.2, 0.3), strict=True):
        reward = make(spec, world_config(COMPARE.config(env=configured("env=CartPole").env)), None)
        assert isinstance(reward, CodeReward)
        assert f"WIDTH = {width}" in reward.source
        reward.close()
    run = RunDir.create(str(tmp_path / "run"), "")
    config = resolve(configured("env=CartPole", "reward=code", f"reward.path={tmp_path / 'b' / 'BEST.py'}"))
    run.keep_reward_file(config)
    run.write_config(config)
    assert reward_of(str(run.path), specs, None) == "wider"
    assert reward_of(str(run.path), [RewardSpec("env", "env", "env")], None) is None

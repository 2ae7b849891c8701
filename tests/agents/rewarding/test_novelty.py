"""Training on what is new: `reward=count`, `reward=rnd`, and novelty beside a judge."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.build import resolve
from agents.config.rewards import Novelty
from agents.errors import UsageError
from agents.rewarding.make import make_reward
from agents.rewarding.novelty import looked_at
from agents.runs import RunDir, read_progress
from reward_designers.novelty import CountNovelty
from tests.agents.runners import configured, numbers, resumed, trained

HALLWAY = "env.id=tests.agents.hallway:Hallway-v0"
SMALL = ("algo.n_steps=16", "log_every=64", "eval_every=0", "checkpoint_every=64")


def hallway(run_dir: Path, *arguments: str) -> RunDir:
    return trained(run_dir, HALLWAY, *SMALL, *arguments)


def test_novelty_is_paid_beside_the_environments_reward_and_wears_off(tmp_path: Path) -> None:
    run = hallway(tmp_path / "run", "reward=count", "total_timesteps=1024", "checkpoint_every=1024")
    rows = read_progress(run.progress)
    assert rows[-1]["reward_model/count/reward/distinct"] == 3 + 7  # places before the key, and with it
    assert run.read_config().reward.of == ["obs"]
    paid = [row["reward/count"] for row in rows if "reward/count" in row]
    assert 0 < paid[-1] < paid[0] / 4
    assert any("reward/env" in row for row in rows)


@pytest.mark.parametrize(
    "options",
    [
        ("reward=count", "reward.of=[caption]"),
        ("reward=intrinsic", "reward.goal=Find the key", "reward.sync=true", "reward.novelty=rnd"),
        ("reward=intrinsic", "reward.goal=Find the key", "reward.sync=true", "reward.novelty=count"),
    ],
)
def test_a_resumed_run_goes_on_as_if_it_had_not_stopped(options: tuple[str, ...], tmp_path: Path) -> None:
    whole = hallway(tmp_path / "whole", *options, "total_timesteps=192")
    part = hallway(tmp_path / "part", *options, "total_timesteps=128")
    resumed(part, "total_timesteps=192")
    lag = "reward_model/intrinsic/reward/annotation/lag"
    rows = [[{k: v for k, v in row.items() if k != lag} for row in numbers(run)] for run in (part, whole)]
    assert rows[0] == rows[1]
    paid = {name for row in rows[0] for name, value in row.items() if name.startswith("reward/") and value}
    assert paid & {"reward/count", "reward/rnd"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("reward=count", "env=MiniHack-KeyRoom-S5"), ["caption"]),
        (("reward=rnd", "env=MiniHack-KeyRoom-S5"), ["glyphs_crop"]),
        (("reward=count", "env=Hopper"), ["obs"]),
        (("reward=rnd", "env=Hopper", "reward.of=[torso_height]"), ["torso_height"]),
        (("reward=count", "env.id=Blackjack-v1"), ["obs_0", "obs_1", "obs_2"]),
    ],
)
def test_what_is_looked_at_unless_somebody_says(arguments: tuple[str, ...], expected: list[str]) -> None:
    config = configured(*arguments)
    assert looked_at(config, Novelty[config.reward.name], config.reward.of) == expected


def test_parts_and_weights() -> None:
    both = make_reward(resolve(configured(HALLWAY, "reward=count", "reward.coefficient=0.3", "reward.beta=2")))
    assert both is not None
    env, count = both.parts().values()
    assert (env.scale, count.scale) == (1, 0.3)
    assert isinstance(count.reward, CountNovelty)
    assert count.reward.beta == 2
    alone = make_reward(resolve(configured(HALLWAY, "reward=count", "reward.extrinsic=0")))
    assert alone is not None
    assert [*alone.parts()] == ["count"]


def test_what_people_get_wrong(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown state array 'plase'"):
        hallway(tmp_path / "run", "reward=count", "reward.of=[plase]", "total_timesteps=64")
    with pytest.raises(UsageError, match="nothing is counted"):
        hallway(tmp_path / "run2", "reward=count", "reward.beta=0", "reward.lifelong=false", "total_timesteps=64")
    assert not (tmp_path / "run" / "progress.csv").exists()

"""Policies of NetHack: what they see, and that the command trains them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("minihack", reason="needs the extra 'nethack'")

import envs
from agents.cli import compose
from agents.config.commands import TRAIN
from agents.features import NetHackFeatures, scaled
from agents.help import help_text
from agents.train import train
from envs.nethack.fields import AT
from envs.nethack.rules import KEY
from tests.agents.runners import STEP, configured, numbers

SUBGOALS = """
import numpy as np


def subgoals(has_key, next_has_key, doors_opened, next_doors_opened, next_on_stairs_down):
    return {
        "key": 0.5 * np.maximum(next_has_key - has_key, 0.0),
        "door": 0.5 * ((next_doors_opened > 0) & (doors_opened == 0)),
        "staircase": next_on_stairs_down,
    }
"""


def batch(env: envs.nethack.game.NetHackGame, n: int) -> dict[str, torch.Tensor]:  # type: ignore[name-defined]
    obs, _ = env.reset(seed=0)
    return {key: torch.as_tensor(np.repeat(array[None], n, 0)).float() for key, array in obs.items()}


@pytest.mark.parametrize(
    "keys", [("glyphs_crop",), ("glyphs_crop", "blstats"), ("inv_glyphs", "message", "glyphs_crop")]
)
@pytest.mark.parametrize("crop", [5, 9])
def test_features_of_what_is_observed(keys: tuple[str, ...], crop: int) -> None:
    env = envs.make("MiniHack-KeyRoom-S5", observation_keys=keys, crop=crop).unwrapped
    features = NetHackFeatures(env.observation_space)
    made = features(batch(env, 3))
    assert made.shape == (3, features.features_dim)
    assert torch.isfinite(made).all()
    env.close()


def test_each_part_matters() -> None:
    torch.manual_seed(0)
    env = envs.make("MiniHack-KeyRoom-S5").unwrapped
    features = NetHackFeatures(env.observation_space)
    plain = batch(env, 1)
    before = features(plain)
    for key, change in (("inv_glyphs", KEY), ("glyphs_crop", KEY), ("message", ord("x")), ("blstats", 7)):
        changed = {name: array.clone() for name, array in plain.items()}
        changed[key].view(-1)[3] = change
        assert not torch.equal(features(changed), before), key
    env.close()


def test_an_empty_place_in_the_pack_is_nothing() -> None:
    torch.manual_seed(0)
    env = envs.make("MiniHack-KeyRoom-S5").unwrapped
    features = NetHackFeatures(env.observation_space)
    one, two = batch(env, 1), batch(env, 1)
    one["inv_glyphs"][:] = 5976
    two["inv_glyphs"][:] = 5976
    with torch.no_grad():
        features.glyphs.weight[5976] += 1
        assert torch.equal(features(one)[:, -32:], features(two)[:, -32:])
    assert features.inventory(torch.zeros(1, 8)).equal(features(one)[:, -32:])
    env.close()


def test_numbers_are_scaled() -> None:
    line = torch.zeros(1, len(AT))
    line[0, [AT["x"], AT["hp"], AT["max_hp"], AT["alignment"]]] = torch.tensor([79.0, 6.0, 12.0, -1.0])
    made = scaled(line)
    assert made.shape == (1, 30)
    np.testing.assert_allclose(made[0, -3:], [1.0, 0.0, 0.5])
    np.testing.assert_allclose(made[0, AT["alignment"]], -np.log(2) / 4, rtol=1e-6)
    assert torch.isfinite(scaled(torch.full((1, 27), 1e9))).all()


@pytest.mark.parametrize("algo", ["ppo", "recurrent_ppo"])
def test_the_command_trains(algo: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SUBGOALS)
    run = train(
        configured(
            f"run_dir={tmp_path / 'run'}",
            "env=MiniHack-KeyRoom-S5",
            f"algo={algo}",
            "reward=custom",
            f"reward.path={tmp_path / 'mine.py'}:subgoals",
            "num_envs=2",
            "algo.n_steps=32",
            "algo.batch_size=32",
            "algo.n_epochs=1",
            "total_timesteps=64",
            "eval_episodes=1",
            "env.kwargs.max_episode_steps=20",
        )
    )
    rows = numbers(run)
    assert rows[-1][STEP] == 64
    assert {"reward/key", "reward/door", "eval/fitness"} <= rows[-1].keys()
    assert (run.path / "video.mp4").stat().st_size > 1000


def test_names_on_the_command_line() -> None:
    assert compose(TRAIN, "train", ["env=NetHackScore-v0"]).env.name == "NetHackScore"
    shown = " ".join(help_text(TRAIN, "train", "").split())
    assert "170 of NetHack" in shown
    assert "LavaCross" not in shown

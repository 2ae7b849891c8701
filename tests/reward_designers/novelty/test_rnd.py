"""Random network distillation: what was seen often is predicted and pays little, what is new pays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.sb3 import VecReplaceReward, make_algorithm
from reward_designers import RewardError, RewardFn, Transition, check_reward, random_batch
from reward_designers.novelty import RND


def seen(**arrays: np.ndarray) -> Transition:
    """A rollout ``(T, num_envs, ...)``."""
    shape = next(iter(arrays.values())).shape[:2]
    none = np.zeros(shape, bool)
    return Transition({}, np.zeros(shape), arrays, none, none)


def kinds(rng: np.random.Generator, kind: str, n: int) -> np.ndarray:
    """`n` different observations of a kind."""
    if kind == "obs":
        return rng.normal(size=(n, 6)) * [1, 100, 0.01, 1, 1, 1] + 5
    if kind == "glyphs_crop":
        return rng.integers(2000, 2400, (n, 9, 9)).astype(np.int16)
    return rng.integers(0, 256, (n, 12, 12, 1), np.uint8).repeat(5, 1).repeat(5, 2).repeat(3, 3)


@pytest.mark.parametrize("kind", ["obs", "glyphs_crop", "frame"])
def test_what_repeats_pays_less_and_what_is_new_does_not(kind: str, rng: np.random.Generator) -> None:
    known, new = np.split(kinds(rng, kind, 8), 2)
    reward = RND(of=kind)
    often, once = seen(**{kind: known[np.arange(64) % 4].reshape(16, 4, *known.shape[1:])}), seen(**{kind: new[None]})
    assert not reward.relabel(often)["rnd"].any()  # nothing is known of what is usual
    reward.update(often)
    first = reward.error(often.flatten()).mean()
    for _ in range(30):
        reward.update(often)
    last, news = reward.error(often.flatten()).mean(), reward.error(once.flatten())
    assert last < 0.2 * first
    assert news.min() > 2 * last
    assert news.mean() > 0.3 * first
    np.testing.assert_allclose(reward.relabel(once)["rnd"].ravel(), news / float(reward._returns.std), rtol=1e-5)


def test_observations_of_any_scale_are_worth_the_same(rng: np.random.Generator) -> None:
    obs = rng.normal(size=(32, 4, 3))
    errors = []
    for scale, offset in ((1, 0), (1e4, -7e5)):
        reward = RND()
        reward.update(seen(obs=obs * scale + offset))
        errors.append(reward.error(seen(obs=obs[:1] * scale + offset).flatten()))
    np.testing.assert_allclose(errors[0], errors[1], rtol=1e-3)


def test_the_reward_is_divided_by_the_deviation_of_its_discounted_sum(rng: np.random.Generator) -> None:
    reward, sums, current = RND(gamma=0.5), [], np.zeros(2)
    first = seen(obs=rng.normal(size=(5, 2, 3)))
    untaught = reward.update(first)["error"]
    left = reward.error(first.flatten()).reshape(5, 2)
    assert left.mean() < 0.5 * untaught  # what networks err that have learned nothing must not be in the statistics
    for number in range(3):
        t = seen(obs=rng.normal(size=(5, 2, 3)) + number)
        for row in reward.error(t.flatten()).reshape(5, 2) if number else left:
            current = 0.5 * current + row
            sums.append(current)
        if number:
            reward.update(t)
        errors = reward.error(t.flatten()).reshape(5, 2)
        np.testing.assert_allclose(reward.relabel(t)["rnd"], errors / np.std(np.concatenate(sums)), rtol=1e-5)


def test_the_target_is_left_alone_and_so_is_the_random_state_of_training(rng: np.random.Generator) -> None:
    import torch

    reward, t = RND(of="glyphs_crop"), seen(glyphs_crop=kinds(rng, "glyphs_crop", 8).reshape(2, 4, 9, 9))
    before = torch.get_rng_state()
    reward.update(t)
    target = [parameter.clone() for parameter in reward._target.parameters()]
    reward.update(t)
    assert all(map(torch.equal, target, reward._target.parameters()))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("kind", ["obs", "glyphs_crop"])
def test_it_goes_on_to_the_bit_after_saving(kind: str, tmp_path: Path, rng: np.random.Generator) -> None:
    rollouts = [seen(**{kind: kinds(rng, kind, 32).reshape(8, 4, *kinds(rng, kind, 1).shape[1:])}) for _ in range(4)]
    reward = RND(of=kind, batch_size=8, epochs=2)
    reward.update(rollouts[0])
    reward.save(tmp_path / "reward.npz")
    loaded = RewardFn.load(tmp_path / "reward.npz")
    for t in rollouts[1:]:
        np.testing.assert_array_equal(loaded.relabel(t)["rnd"], reward.relabel(t)["rnd"])
        assert loaded.update(t) == reward.update(t)


@pytest.mark.parametrize(
    ("inputs", "dtypes"), [({"obs": (4,)}, {}), ({"glyphs": (5, 5), "hp": ()}, {"glyphs": np.int16, "hp": np.int64})]
)
def test_it_keeps_the_laws(inputs: dict[str, tuple[int, ...]], dtypes: dict[str, Any]) -> None:
    batch, reward = random_batch(inputs, n=32, dtypes=dtypes), RND(of=list(inputs))
    check_reward(reward, batch)
    reward.update(batch.map(lambda array: array.reshape(8, 4, *array.shape[1:])))
    check_reward(reward, batch)
    assert (reward(batch)["rnd"] > 0).all()


def test_three_lines_in_any_environment() -> None:
    venv = VecReplaceReward(DummyVecEnv([lambda: gym.make("CartPole-v1")] * 4), RND())
    model = make_algorithm("ppo", venv, n_steps=32, batch_size=64, n_epochs=1)
    assert isinstance(model, PPO)
    model.learn(384)
    assert venv.metrics.keys() == {"error", "loss", "return_std"}
    assert np.max(venv.episodes.drain()["reward/rnd"]) > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"of": []}, "of is empty"),
        ({"learning_rate": 0}, "learning_rate=0"),
        ({"epochs": 0}, "epochs=0"),
        ({"gamma": 1}, "gamma=1"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RewardError, match=message):
        RND(**options)


def test_text_is_refused() -> None:
    with pytest.raises(RewardError, match="'caption' holds object, expected numbers; text can be counted"):
        RND(of="caption").update(seen(caption=np.array([["a"]], object)))

"""`gymnasium.utils.env_checker.check_env` on all that `envs.make` makes: not a warning more than Gymnasium's own."""

from __future__ import annotations

import re
import warnings

import gymnasium as gym
import numpy as np
import pygame.pkgdata  # noqa: F401  where setuptools still has pkg_resources its import warns, once: not of our envs
import pytest
from gymnasium.utils.env_checker import check_env

import envs

ALL = [(name, task) for name in envs.names() for task in envs.tasks(name)]


def complaints(env: gym.Env, skip_render_check: bool = True, skip_close_check: bool = False) -> set[str]:
    """What `check_env` warns of, whatever the environment is called."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_env(env, skip_render_check=skip_render_check, skip_close_check=skip_close_check)
    return {re.sub(r"\(<.*?>+\)", "()", str(warning.message)) for warning in caught}


@pytest.fixture(scope="module")
def stock() -> dict[str, set[str]]:
    """Complaints about Gymnasium's own environments, by id."""
    ids = {envs.find_task(name, task).env_id for name, task in ALL}
    return {env_id: complaints(gym.make(env_id, disable_env_checker=True)) for env_id in ids}


@pytest.mark.parametrize(("name", "task"), ALL)
def test_no_complaint_more_than_about_the_stock_environment(name: str, task: str, stock: dict[str, set[str]]) -> None:
    found = envs.find_task(name, task)
    assert found.reward is not None
    assert complaints(envs.make(name, task)) <= stock[found.env_id]
    assert complaints(envs.ReplaceReward(envs.make(name, task), found.reward())) <= stock[found.env_id]
    assert complaints(envs.ReplaceReward(envs.make(name, task), found.fitness)) <= stock[found.env_id]


def test_the_check_can_fail(stock: dict[str, set[str]]) -> None:
    class Unseeded(gym.ObservationWrapper):
        def observation(self, observation: np.ndarray) -> np.ndarray:
            return observation + np.random.default_rng().normal(scale=1e-7)

    assert complaints(Unseeded(envs.make("Hopper")), skip_close_check=True) - stock["Hopper-v5"]


def test_what_we_register_gives_no_warning_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    ours = [spec.id for spec in gym.registry.values() if re.match(r"envs\.(?!nethack)", str(spec.entry_point))]
    assert "reward_designers/CartPoleUpright-v0" in ours
    for env_id in ours:
        bare = gym.make(env_id, disable_env_checker=True).unwrapped
        assert not complaints(bare, skip_render_check=False), env_id

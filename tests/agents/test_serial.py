"""The faster step of vector environments against Stable-Baselines3's own."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv

import envs
from agents import serial
from agents.sb3 import VecReplaceReward


class Diary(gym.Env):
    """Dict observations, and infos with everything in them; it goes on writing to what it gave away."""

    observation_space = spaces.Dict({"count": spaces.Box(0, 99, (1,), np.float32), "odd": spaces.Discrete(2)})
    action_space = spaces.Discrete(3)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.days: list[int] = []
        self.latest = np.zeros(2)
        self.count = 0
        return self._obs(), {"start": float(self.np_random.random())}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.count += 1
        self.days.append(int(action))
        self.latest[:] = self.count
        info = {"days": self.days, "latest": self.latest, "nested": {"day": self.count}, "text": "x", "none": None}
        info |= {"words": np.array(["a", None], object), "scalar": np.float64(self.count)}
        return self._obs(), float(action), self.count == 4, self.count == 3 and action == 2, info

    def _obs(self) -> dict[str, Any]:
        return {"count": np.array([self.count], np.float32), "odd": self.count % 2}


def same(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    return type(a) is type(b) and a == b


@pytest.mark.parametrize("make", [Diary, lambda: envs.make("Hopper"), lambda: envs.make("CartPole")])
def test_steps_are_those_of_dummy_vec_env(make: Any) -> None:
    ours, theirs = (DummyVecEnv([make] * 3) for _ in range(2))
    for venv in (ours, theirs):
        venv.seed(3)
        venv.action_space.seed(3)
    assert same(ours.reset(), theirs.reset())
    ended = 0
    for _ in range(40):
        actions = np.stack([theirs.action_space.sample() for _ in range(3)])
        ours.step_async(actions)
        mine, expected = serial.step_wait(ours), theirs.step(actions)
        assert same(mine, expected)
        assert same(ours.reset_infos, theirs.reset_infos)
        ended += int(expected[2].sum())
    assert ended


def test_what_was_returned_stays_as_it_was() -> None:
    venv = DummyVecEnv([Diary])
    venv.reset()
    steps = []
    for action in (0, 1):
        venv.step_async(np.array([action]))
        steps.append(serial.step_wait(venv))
    (first_obs, first_rewards, first_dones, (first,)), (*_, (second,)) = steps
    assert first["days"] == [0]
    assert second["days"] == [0, 1]
    assert first["latest"].tolist() == [1, 1]
    assert second["latest"].tolist() == [2, 2]
    assert first_obs["count"].tolist() == [[1]]
    assert first_rewards.tolist() == [0]
    assert first_dones.tolist() == [False]


def test_subclasses_keep_their_own_step() -> None:
    class Counting(DummyVecEnv):
        steps = 0

        def step_wait(self) -> Any:
            self.steps += 1
            return super().step_wait()

    inner = Counting([lambda: envs.make("CartPole")])
    venv = VecReplaceReward(inner, lambda obs: obs[:, 0])
    venv.reset()
    venv.step(np.array([0]))
    assert inner.steps == 1

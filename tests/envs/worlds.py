"""A world small enough to know everything about it."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from envs.task import Field, Task
from reward_designers.base import FunctionReward

SPACES: dict[str, gym.Space] = {
    "plain": gym.spaces.Box(-10, 10, (2,), np.float64),
    "discrete": gym.spaces.Discrete(21, start=-10),
    "dict": gym.spaces.Dict({"place": gym.spaces.Box(-10, 10, (1,), np.float64), "clock": gym.spaces.Discrete(100)}),
    "nested": gym.spaces.Dict(
        {
            "body": gym.spaces.Dict({"place": gym.spaces.Box(-10, 10, (1,), np.float64)}),
            "pair": gym.spaces.Tuple((gym.spaces.Discrete(100), gym.spaces.Text(20))),
        }
    ),
}


class Walk(gym.Env):
    """Steps of -1, 0 or +1 from a random place; beyond ±3 the episode terminates, after ``length`` steps it is cut.

    Attributes:
        transitions: Places (before, after) of all steps made so far, this environment's own account.
        renders: How many pictures were drawn.
        resets: How many episodes have begun.
    """

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012 (as in Gymnasium)

    def __init__(self, space: str = "plain", length: int = 5, render_mode: str | None = None, reuse: bool = False):
        self.kind = space
        self.observation_space = SPACES[space]
        self.action_space = gym.spaces.Discrete(3)
        self.length = length
        self.render_mode = render_mode
        self.place, self.clock = 0, 0
        self.transitions: list[tuple[int, int]] = []
        self.renders, self.resets = 0, 0
        self.state_arrays = {"place_now": lambda: self.place, "clock_now": lambda: np.array([self.clock])}
        self._reused = np.zeros(2) if reuse else None

    def _obs(self) -> Any:
        if self.kind == "plain":
            if self._reused is None:
                return np.array([self.place, self.clock], float)
            self._reused[:] = self.place, self.clock  # whoever keeps it, keeps a moving one
            return self._reused
        if self.kind == "discrete":
            return self.place
        if self.kind == "dict":
            return {"place": np.array([self.place], float), "clock": self.clock}
        return {"body": {"place": np.array([self.place], float)}, "pair": (self.clock, f"at {self.place:+d} now")}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.resets += 1
        self.place, self.clock = int(self.np_random.integers(-2, 3)), 0
        return self._obs(), {"start": self.place}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        before = self.place
        self.place += int(action) - 1
        self.clock += 1
        self.transitions.append((before, self.place))
        terminated = abs(self.place) >= 3
        truncated = not terminated and self.clock >= self.length
        return self._obs(), 0.1 * self.place, terminated, truncated, {"clock": self.clock}

    def render(self) -> np.ndarray:
        self.renders += 1
        return np.full((8, 8, 3), 100 + self.place, np.uint8)


def near(next_where: np.ndarray) -> np.ndarray:
    return -np.abs(next_where)


TASK = Task(
    env="Walk",
    name="staying",
    env_id="none",
    text="Stay near the middle.",
    goal_prompts=("middle",),
    baseline_prompts=("line",),
    fields={
        "where": Field("m", "the place", lambda place_now: 1.0 * place_now),
        "double": Field("m", "twice the place", lambda place_now, clock_now: 2.0 * place_now + 0 * clock_now[:, 0]),
    },
    fitness=FunctionReward(near),
    fitness_unit="m",
    max_episode_steps=5,
)

"""A world with captions, without NetHack: a hallway with a key half-way and a door at its end."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np


class Hallway(gym.Env):
    """Seven places in a row; the agent starts at the left end and walks left or right."""

    observation_space = gym.spaces.Box(0, 7, (2,), np.float64)
    action_space = gym.spaces.Discrete(2)

    def __init__(self) -> None:
        self.place, self.keys, self.caption = 0, 0, ""

    @property
    def state_arrays(self) -> dict[str, Any]:
        """See `envs.expose.state_readers`."""
        return {"caption": lambda: self.caption}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place, self.keys, self.caption = 0, 0, "You are in a hallway."
        return np.array([self.place, self.keys], float), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.place = int(np.clip(self.place + (1 if action else -1), 0, 6))
        self.caption = f"You walk to place {self.place}."
        if self.place == 3 and not self.keys:
            self.keys, self.caption = 1, "You pick up a key."
        done = self.place == 6 and self.keys == 1
        if done:
            self.caption = "The door opens."
        return np.array([self.place, self.keys], float), float(done), done, False, {}


gym.register("Hallway-v0", Hallway, max_episode_steps=20)

"""A short Hopper to collect from."""

from __future__ import annotations

from agents.comparison.collect import World
from agents.comparison.coverages import CoverageSpec
from reward_designers.base import reward_fn

RANDOM = CoverageSpec("random", "random")


@reward_fn
def observing(obs, next_obs):
    return obs[:, 0] - next_obs[:, 0]


SHORT = {"max_episode_steps": 60}
HOPPER = World("Hopper", [observing], kwargs=SHORT)

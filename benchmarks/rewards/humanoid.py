"""Rewards for the Humanoid that is to stand: components of its own, and variants written by hand, some of them wrong.

The environment's own is 5 while the torso is 1 to 2 m high, + 1.25 times the velocity (m/s), - costs of effort and of
contact forces. `benchmarks.distance_study` measures how far the others are from it, and trains on each.
"""

from __future__ import annotations

import numpy as np

from envs.mujoco.rewards import Humanoid
from reward_designers.base import Components, reward_fn

DISCOUNT = 0.95

forward = Humanoid(healthy_reward=0, ctrl_cost_weight=0, contact_cost_weight=0)
survive = Humanoid(forward_reward_weight=0, ctrl_cost_weight=0, contact_cost_weight=0)
effort = Humanoid(forward_reward_weight=0, healthy_reward=0, contact_cost_weight=0)
contact = Humanoid(forward_reward_weight=0, healthy_reward=0, ctrl_cost_weight=0)
negated = -Humanoid()


@reward_fn
def careful(next_head_height: np.ndarray, next_uprightness: np.ndarray, action: np.ndarray) -> Components:
    """Stand: the head as high as when standing, the torso upright, little effort."""
    return {
        "height": 2.0 * np.clip(next_head_height / 1.4, 0.0, 1.0),
        "upright": np.clip(next_uprightness, 0.0, 1.0),
        "effort": -0.1 * np.square(action).sum(-1),
    }


@reward_fn
def posture(next_head_height: np.ndarray) -> np.ndarray:
    """A potential: the height of the head."""
    return 10.0 * next_head_height


shaped = Humanoid() + posture.potential(DISCOUNT)


@reward_fn
def upright(next_uprightness: np.ndarray) -> np.ndarray:
    """A vertical torso: true of whoever stands, and of whoever sits or kneels."""
    return next_uprightness

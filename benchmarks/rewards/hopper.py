"""Rewards for Hopper: components of its own, and variants written by hand, some of them wrong on purpose.

The environment's own is the velocity along the track (m/s), + 1 while the hopper has not fallen, - a small cost of
effort. `benchmarks.distance_study` measures how far the others are from it, and trains on each.
"""

from __future__ import annotations

import numpy as np

from envs.mujoco.rewards import Hopper
from reward_designers.base import Components, reward_fn

DISCOUNT = 0.99

forward = Hopper(healthy_reward=0, ctrl_cost_weight=0)
survive = Hopper(forward_reward_weight=0, ctrl_cost_weight=0)
effort = Hopper(forward_reward_weight=0, healthy_reward=0)
negated = -Hopper()


@reward_fn
def velocity(next_forward_velocity: np.ndarray) -> np.ndarray:
    """`forward`, read off the velocity of the joint instead of the way that was covered: nearly the same numbers."""
    return next_forward_velocity


@reward_fn
def careful(
    next_forward_velocity: np.ndarray, next_torso_height: np.ndarray, next_uprightness: np.ndarray, action: np.ndarray
) -> Components:
    """Hop forward, not too fast, the torso high and upright: what the environment's reward asks for, in other words."""
    return {
        "speed": np.clip(next_forward_velocity, -1.0, 3.0),
        "height": np.clip(next_torso_height / 1.25, 0.0, 1.0),
        "upright": next_uprightness,
        "effort": -0.01 * np.square(action).sum(-1),
    }


@reward_fn
def posture(next_torso_height: np.ndarray, next_uprightness: np.ndarray) -> Components:
    """A potential: how far from falling the hopper is."""
    return {"height": 5.0 * next_torso_height, "upright": 5.0 * next_uprightness}


shaped = Hopper() + posture.potential(DISCOUNT)


@reward_fn
def speed(next_forward_velocity: np.ndarray, action: np.ndarray) -> Components:
    """Be fast, with the sign forgotten: backward pays as well, and so does rocking to and fro."""
    return {"speed": np.abs(next_forward_velocity), "alive": np.ones(len(action))}


@reward_fn
def bounce(next_vertical_velocity: np.ndarray, action: np.ndarray) -> Components:
    """Hopping taken at its word: upward velocity pays, which jumping on the spot yields as well."""
    return {"rise": np.maximum(next_vertical_velocity, 0.0), "alive": np.ones(len(action))}

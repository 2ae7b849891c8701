"""Gymnasium's MuJoCo rewards (v5), as functions of transitions.

Each equals the environment's own reward to float precision, for any weights; the fields are named like Gymnasium's
keyword arguments, the components like its ``info`` keys without ``reward_``. They read raw simulator arrays, so they
work on any environment with the same model: ``ReplaceReward(gymnasium.make("Hopper-v5"), Hopper())``.

Source: the classes in ``gymnasium/envs/mujoco/*_v5.py``, Gymnasium 1.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from envs.mujoco.model import Model
from reward_designers.base import Components, EpisodeMemory, RewardFn, Transition


def _effort(action: np.ndarray) -> np.ndarray:
    """Sum of squared actions ``(n,)``."""
    return np.square(action).sum(axis=-1)


@dataclass(eq=False)
class _Planar(RewardFn):
    """Forward velocity of a root slide joint, minus effort."""

    forward_reward_weight: float = 1.0
    ctrl_cost_weight: float = 1e-3
    frame_skip: int = 4

    inputs = frozenset({"qpos"})
    timestep = 0.002
    model = Model("hopper.xml")
    root = "rootx"

    def moving(self, t: Transition) -> Components:
        x = self.model.qpos[self.root]
        velocity = (t.next_state["qpos"][:, x] - t.state["qpos"][:, x]) / (self.timestep * self.frame_skip)
        return {
            "forward": self.forward_reward_weight * velocity,
            "ctrl": -self.ctrl_cost_weight * _effort(t.action),
        }

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        return self.moving(t)


@dataclass(eq=False)
class Hopper(_Planar):
    """Hopper-v5: ``forward + survive + ctrl``."""

    healthy_reward: float = 1.0
    healthy_state_range: tuple[float, float] = (-100.0, 100.0)
    healthy_z_range: tuple[float, float] = (0.7, float("inf"))
    healthy_angle_range: tuple[float, float] = (-0.2, 0.2)

    name = "hopper"
    inputs = frozenset({"qpos", "qvel"})

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        qpos, qvel = t.next_state["qpos"], t.next_state["qvel"]
        healthy = _between(qpos[:, self.model.qpos["rootz"]], self.healthy_z_range)
        healthy &= _between(qpos[:, self.model.qpos["rooty"]], self.healthy_angle_range)
        healthy &= _between(qpos[:, 2:], self.healthy_state_range).all(axis=-1)
        healthy &= _between(qvel, self.healthy_state_range).all(axis=-1)
        return self.moving(t) | {"survive": self.healthy_reward * healthy}


def _between(values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    return (values > limits[0]) & (values < limits[1])


@dataclass(eq=False)
class Humanoid(RewardFn):
    """Humanoid-v5: velocity of the center of mass, survival, effort and contact forces."""

    forward_reward_weight: float = 1.25
    ctrl_cost_weight: float = 0.1
    contact_cost_weight: float = 5e-7
    contact_cost_range: tuple[float, float] = (-np.inf, 10.0)
    healthy_reward: float = 5.0
    healthy_z_range: tuple[float, float] = (1.0, 2.0)
    frame_skip: int = 5

    name = "humanoid"
    inputs = frozenset({"qpos", "xipos", "cfrc_ext"})
    timestep = 0.003
    model = Model("humanoid.xml")

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        mass = self.model.body_mass
        before, after = (np.sum(mass * s["xipos"][:, :, 0], axis=-1) / mass.sum() for s in (t.state, t.next_state))
        healthy = _between(t.next_state["qpos"][:, self.model.qpos["root"] + 2], self.healthy_z_range)
        contact = self.contact_cost_weight * np.square(t.next_state["cfrc_ext"]).sum(axis=(-2, -1))
        return {
            "survive": self.healthy_reward * healthy,
            "forward": self.forward_reward_weight * (after - before) / (self.timestep * self.frame_skip),
            "ctrl": -self.ctrl_cost_weight * _effort(np.asarray(t.action, np.float64)),
            "contact": -np.clip(contact, *self.contact_cost_range),
        }


@dataclass(eq=False)
class InvertedPendulum(RewardFn):
    """InvertedPendulum-v5: 1 while the pole is within 0.2 rad of the vertical, else 0."""

    name = "inverted_pendulum"
    inputs = frozenset({"qpos", "qvel"})
    reads = frozenset({"next_state"})
    model = Model("inverted_pendulum.xml")

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        qpos, qvel = t.next_state["qpos"], t.next_state["qvel"]
        finite = np.isfinite(qpos).all(axis=-1) & np.isfinite(qvel).all(axis=-1)
        return {"survive": (finite & (np.abs(qpos[:, self.model.qpos["hinge"]]) <= 0.2)).astype(np.float64)}

"""Gymnasium's MuJoCo rewards (v5), as functions of transitions.

Each equals the environment's own reward to float precision, for any weights: fields are named like Gymnasium's keyword
arguments, components like its ``info`` keys without ``reward_``. They read raw simulator arrays, so they work on any
environment with the same model: ``ReplaceReward(gymnasium.make("Hopper-v5"), Hopper())``.

Source: the classes in ``gymnasium/envs/mujoco/*_v5.py``, Gymnasium 1.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from envs.mujoco.model import Model
from reward_designers.base import Components, RewardFn, Transition
from reward_designers.memory import EpisodeMemory

Range = tuple[float, float]


def _within(values: np.ndarray, limits: Range) -> np.ndarray:
    """Strictly between the limits."""
    return (values > limits[0]) & (values < limits[1])


def _effort(action: np.ndarray) -> np.ndarray:
    """Sum of squared actions ``(n,)``."""
    return np.square(action).sum(axis=-1)


def _distance(xpos: np.ndarray, first: int, second: int) -> np.ndarray:
    """Between two bodies, ``(n,)`` m."""
    return np.linalg.norm(xpos[:, first] - xpos[:, second], axis=-1)


@dataclass(eq=False)
class HalfCheetah(RewardFn):
    """HalfCheetah-v5: forward velocity and effort."""

    forward_reward_weight: float = 1.0
    ctrl_cost_weight: float = 0.1
    frame_skip: int = 5

    name = "half_cheetah"
    inputs = frozenset({"qpos"})
    model = Model("half_cheetah.xml")
    timestep = 0.01
    root = "rootx"

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        """See `RewardFn`."""
        x = self.model.qpos[self.root]
        velocity = (t.next_state["qpos"][:, x] - t.state["qpos"][:, x]) / (self.timestep * self.frame_skip)
        return {
            "forward": self.forward_reward_weight * velocity,
            "ctrl": -self.ctrl_cost_weight * _effort(t.action),
        }


@dataclass(eq=False)
class Swimmer(HalfCheetah):
    """Swimmer-v5: forward velocity and effort."""

    ctrl_cost_weight: float = 1e-4
    frame_skip: int = 4

    name = "swimmer"
    model = Model("swimmer.xml")
    root = "slider1"


@dataclass(eq=False)
class Walker2d(HalfCheetah):
    """Walker2d-v5: forward velocity, survival and effort."""

    ctrl_cost_weight: float = 1e-3
    frame_skip: int = 4
    healthy_reward: float = 1.0
    healthy_z_range: Range = (0.8, 2.0)
    healthy_angle_range: Range = (-1.0, 1.0)

    name = "walker2d"
    model = Model("walker2d_v5.xml")
    timestep = 0.002

    def healthy(self, qpos: np.ndarray) -> np.ndarray:
        """Whether the torso is high and upright enough, ``(n,)`` bool."""
        return _within(qpos[:, self.model.qpos["rootz"]], self.healthy_z_range) & _within(
            qpos[:, self.model.qpos["rooty"]], self.healthy_angle_range
        )

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        """See `RewardFn`."""
        return super().__call__(t) | {"survive": self.healthy_reward * self.healthy(t.next_state["qpos"])}


@dataclass(eq=False)
class Hopper(Walker2d):
    """Hopper-v5: forward velocity, survival and effort."""

    healthy_z_range: Range = (0.7, float("inf"))
    healthy_angle_range: Range = (-0.2, 0.2)
    healthy_state_range: Range = (-100.0, 100.0)

    name = "hopper"
    inputs = frozenset({"qpos", "qvel"})
    model = Model("hopper.xml")

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        """See `RewardFn`."""
        qpos, qvel = t.next_state["qpos"], t.next_state["qvel"]
        sane = _within(qpos[:, self.model.qpos["rooty"] :], self.healthy_state_range).all(axis=-1)
        sane &= _within(qvel, self.healthy_state_range).all(axis=-1)
        components = super().__call__(t)
        components["survive"] = components["survive"] * sane
        return components


@dataclass(eq=False)
class Ant(RewardFn):
    """Ant-v5: forward velocity of the torso, survival, effort and contact forces."""

    forward_reward_weight: float = 1.0
    ctrl_cost_weight: float = 0.5
    contact_cost_weight: float = 5e-4
    contact_force_range: Range = (-1.0, 1.0)
    healthy_reward: float = 1.0
    healthy_z_range: Range = (0.2, 1.0)
    main_body: int | str = 1
    frame_skip: int = 5

    name = "ant"
    inputs = frozenset({"qpos", "qvel", "xpos", "cfrc_ext"})
    model = Model("ant.xml")
    timestep = 0.01

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        """See `RewardFn`."""
        body = self.model.body[self.main_body] if isinstance(self.main_body, str) else self.main_body
        velocity = (t.next_state["xpos"][:, body, 0] - t.state["xpos"][:, body, 0]) / (self.timestep * self.frame_skip)
        qpos, qvel = t.next_state["qpos"], t.next_state["qvel"]
        height = qpos[:, self.model.qpos["root"] + 2]
        healthy = np.isfinite(qpos).all(axis=-1) & np.isfinite(qvel).all(axis=-1)
        healthy &= (height >= self.healthy_z_range[0]) & (height <= self.healthy_z_range[1])
        forces = np.clip(t.next_state["cfrc_ext"], *self.contact_force_range)
        return {
            "forward": self.forward_reward_weight * velocity,
            "survive": self.healthy_reward * healthy,
            "ctrl": -self.ctrl_cost_weight * _effort(t.action),
            "contact": -self.contact_cost_weight * np.square(forces).sum(axis=(-2, -1)),
        }


@dataclass(eq=False)
class Humanoid(RewardFn):
    """Humanoid-v5: forward velocity of the center of mass, survival, effort and contact forces."""

    forward_reward_weight: float = 1.25
    ctrl_cost_weight: float = 0.1
    contact_cost_weight: float = 5e-7
    contact_cost_range: Range = (float("-inf"), 10.0)
    healthy_reward: float = 5.0
    healthy_z_range: Range = (1.0, 2.0)
    frame_skip: int = 5

    name = "humanoid"
    inputs = frozenset({"qpos", "xipos", "cfrc_ext"})
    model = Model("humanoid.xml")
    timestep = 0.003

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        """See `RewardFn`."""
        share = self.model.body_mass / self.model.body_mass.sum()
        velocity = (t.next_state["xipos"][:, :, 0] - t.state["xipos"][:, :, 0]) @ share
        velocity /= self.timestep * self.frame_skip
        healthy = _within(t.next_state["qpos"][:, self.model.qpos["root"] + 2], self.healthy_z_range)
        contact = self.contact_cost_weight * np.square(t.next_state["cfrc_ext"]).sum(axis=(-2, -1))
        return {
            "forward": self.forward_reward_weight * velocity,
            "survive": self.healthy_reward * healthy,
            "ctrl": -self.ctrl_cost_weight * _effort(np.asarray(t.action, np.float64)),
            "contact": -np.clip(contact, *self.contact_cost_range),
        }


@dataclass(eq=False)
class HumanoidStandup(RewardFn):
    """HumanoidStandup-v5: height of the torso over the timestep, effort, impact forces and 1.

    Gymnasium 1.2 takes ``uph_cost_weight`` and does not use it; so there is none here.
    """

    ctrl_cost_weight: float = 0.1
    impact_cost_weight: float = 5e-7
    impact_cost_range: Range = (float("-inf"), 10.0)

    name = "humanoid_standup"
    inputs = frozenset({"qpos", "cfrc_ext"})
    reads = frozenset({"action", "next_state"})
    model = Model("humanoidstandup.xml")
    timestep = 0.003

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        """See `RewardFn`."""
        impact = self.impact_cost_weight * np.square(t.next_state["cfrc_ext"]).sum(axis=(-2, -1))
        return {
            "linup": t.next_state["qpos"][:, self.model.qpos["root"] + 2] / self.timestep,
            "quadctrl": -self.ctrl_cost_weight * _effort(np.asarray(t.action, np.float64)),
            "impact": -np.clip(impact, *self.impact_cost_range),
            "constant": np.ones(len(t)),
        }


@dataclass(eq=False)
class Reacher(RewardFn):
    """Reacher-v5: distance of the fingertip to the target, and effort."""

    reward_dist_weight: float = 1.0
    reward_control_weight: float = 1.0

    name = "reacher"
    inputs = frozenset({"xpos"})
    reads = frozenset({"action", "next_state"})
    model = Model("reacher.xml")

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        """See `RewardFn`."""
        distance = _distance(t.next_state["xpos"], self.model.body["fingertip"], self.model.body["target"])
        return {
            "dist": -self.reward_dist_weight * distance,
            "ctrl": -self.reward_control_weight * _effort(t.action),
        }


@dataclass(eq=False)
class Pusher(RewardFn):
    """Pusher-v5: distances of the object to the goal and to the arm's tip, and effort."""

    reward_near_weight: float = 0.5
    reward_dist_weight: float = 1.0
    reward_control_weight: float = 0.1

    name = "pusher"
    inputs = frozenset({"xpos"})
    reads = frozenset({"action", "next_state"})
    model = Model("pusher_v5.xml")

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        """See `RewardFn`."""
        xpos, body = t.next_state["xpos"], self.model.body
        return {
            "dist": -self.reward_dist_weight * _distance(xpos, body["object"], body["goal"]),
            "ctrl": -self.reward_control_weight * _effort(t.action),
            "near": -self.reward_near_weight * _distance(xpos, body["object"], body["tips_arm"]),
        }


@dataclass(eq=False)
class InvertedPendulum(RewardFn):
    """InvertedPendulum-v5: 1 while the pole is within 0.2 rad of the vertical, else 0."""

    name = "inverted_pendulum"
    inputs = frozenset({"qpos", "qvel"})
    reads = frozenset({"next_state"})
    model = Model("inverted_pendulum.xml")

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        """See `RewardFn`."""
        qpos, qvel = t.next_state["qpos"], t.next_state["qvel"]
        finite = np.isfinite(qpos).all(axis=-1) & np.isfinite(qvel).all(axis=-1)
        return {"survive": (finite & (np.abs(qpos[:, self.model.qpos["hinge"]]) <= 0.2)).astype(np.float64)}


@dataclass(eq=False)
class InvertedDoublePendulum(RewardFn):
    """InvertedDoublePendulum-v5: survival, distance of the tip from (0, 2) and pole velocities."""

    healthy_reward: float = 10.0

    name = "inverted_double_pendulum"
    inputs = frozenset({"site_xpos", "qvel"})
    reads = frozenset({"next_state"})
    model = Model("inverted_double_pendulum.xml")

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        """See `RewardFn`."""
        tip, qvel = t.next_state["site_xpos"][:, self.model.site["tip"]], t.next_state["qvel"]
        x, height = tip[:, 0], tip[:, 2]
        lower, upper = qvel[:, self.model.dof["hinge"]], qvel[:, self.model.dof["hinge2"]]
        return {
            "survive": self.healthy_reward * (height > 1),
            "distance_penalty": -(0.01 * x**2 + (height - 2) ** 2),
            "velocity_penalty": -(1e-3 * lower**2 + 5e-3 * upper**2),
        }

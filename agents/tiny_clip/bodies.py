"""States of the MuJoCo bodies to be drawn: poses, roll-outs of random policies, falls, partly controlled motion.

Every sampler yields one ``mujoco.MjData`` in turn, with its positions computed, and a :class:`Origin` that says where
the state comes from. Poses of the Humanoid are not written down joint by joint: they are found by the cross-entropy
method as states to which the captions of :mod:`agents.tiny_clip.captions` apply best.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from agents.tiny_clip import humanoid
from agents.tiny_clip.features import lowest_point


@dataclass(frozen=True)
class Origin:
    """Where a state comes from.

    Attributes:
        kind: ``posed``, ``between`` (two poses), ``rollout`` (random policy) or ``held`` (a controller pulls
            to a pose).
        episode: Number of the roll-out within its shard; -1 for states on their own.
        held_out: The combination of posture and arms is one that training never sees.
    """

    kind: str
    episode: int = -1
    held_out: bool = False


@dataclass(frozen=True)
class Body:
    """A kind of robot.

    Attributes:
        env_id: Gymnasium id.
        frame_skip: Physics steps per action, as in Gymnasium.
        root: How the trunk moves: ``free``, ``planar`` (x, z, pitch) or ``cart``.
        follow: Body that free cameras follow.
        distance: Of free cameras, m.
    """

    env_id: str
    frame_skip: int
    root: str
    follow: str
    distance: float


BODIES = {
    "humanoid": Body("Humanoid-v5", 5, "free", "torso", 3.5),
    "hopper": Body("Hopper-v5", 4, "planar", "torso", 3.0),
    "walker": Body("Walker2d-v5", 4, "planar", "torso", 3.5),
    "cheetah": Body("HalfCheetah-v5", 5, "planar", "torso", 3.5),
    "ant": Body("Ant-v5", 5, "free", "torso", 4.0),
    "pendulum": Body("InvertedPendulum-v5", 2, "cart", "cart", 2.5),
    "double_pendulum": Body("InvertedDoublePendulum-v5", 5, "cart", "cart", 4.0),
}


def states(
    body: Body, model: mujoco.MjModel, count: int, rng: np.random.Generator, test: bool
) -> Iterator[tuple[Any, Origin]]:
    """Yield ``count`` states of a body.

    Args:
        body: Which robot.
        model: Its MuJoCo model.
        count: How many states.
        rng: All randomness.
        test: Held-out data: includes the combinations that training leaves out.
    """
    searches = min(6, 1 + count // 500)  # a few frames are worth few searches
    poses = humanoid.Poses(model, rng, searches) if body.env_id == "Humanoid-v5" else AnyPose(body, model, rng)
    if body.root == "cart":
        shares = {"posed": 0.6, "rollout": 0.4}
    else:
        shares = {"posed": 0.35, "between": 0.15, "rollout": 0.35, "held": 0.15}
    data = mujoco.MjData(model)
    for kind, share in shares.items():
        number = round(share * count)
        if kind in ("posed", "between"):
            for _ in range(number):
                qpos, held_out = poses.sample(test) if kind == "posed" else (poses.between(), False)
                data.qpos[:] = qpos
                data.qvel[:] = 0
                mujoco.mj_forward(model, data)
                if body.root != "cart":
                    put_on_floor(model, data, rng)
                yield data, Origin(kind, held_out=held_out)
        else:
            yield from rollouts(body, model, data, number, rng, poses, held=kind == "held")


def rollouts(
    body: Body, model: Any, data: Any, count: int, rng: np.random.Generator, poses: Any, held: bool
) -> Iterator[tuple[Any, Origin]]:
    """Physics from the initial pose (falling over), or from a random pose, under random or partly sensible control."""
    driven = model.jnt_qposadr[model.actuator_trnid[:, 0]]  # position of the joint behind each actuator
    speeds = model.jnt_dofadr[model.actuator_trnid[:, 0]]
    episode, made = 0, 0
    while made < count:
        mujoco.mj_resetData(model, data)
        if held or rng.random() < 0.3:
            data.qpos[:] = poses.sample(test=False)[0]
            mujoco.mj_forward(model, data)
            if body.root != "cart":
                put_on_floor(model, data, rng)
        data.qpos[:] += rng.uniform(-0.01, 0.01, model.nq)
        data.qvel[:] = rng.normal(0, rng.choice([0.01, 0.5]), model.nv)
        goal = data.qpos[driven].copy()
        stiffness = rng.uniform(0.3, 1.5) if held else 0.0
        strength, persistence = rng.uniform(0, 1), rng.choice([0.0, 0.8, 0.97])
        noise = rng.uniform(-1, 1, model.nu)
        limit = model.actuator_ctrlrange[:, 1]
        for step in range(90):
            noise = persistence * noise + (1 - persistence) * rng.uniform(-1, 1, model.nu) * (3 if persistence else 1)
            control = strength * (0.3 if held else 1.0) * noise * limit
            if held:
                control = control + stiffness * (goal - data.qpos[driven] - 0.05 * data.qvel[speeds])
            data.ctrl[:] = np.clip(control, -limit, limit)
            mujoco.mj_step(model, data, nstep=body.frame_skip)
            if not np.isfinite(data.qpos).all() or np.abs(data.qvel).max() > 1e3:
                break
            if step % 5 == 4 and made < count:
                yield data, Origin("held" if held else "rollout", episode=episode)
                made += 1
        episode += 1


def put_on_floor(model: mujoco.MjModel, data: Any, rng: np.random.Generator) -> None:
    """Shift the trunk so that the lowest point touches the floor; one state in ten is in the air."""
    lift = rng.uniform(0.05, 0.5) if rng.random() < 0.1 else rng.uniform(-0.01, 0.02)
    height = 2 if model.jnt_type[0] == mujoco.mjtJoint.mjJNT_FREE else 1
    data.qpos[height] -= lowest_point(model, data) - lift
    mujoco.mj_forward(model, data)


class AnyPose:
    """Random joint angles and orientations; half of them near the upright reference pose."""

    def __init__(self, body: Body, model: mujoco.MjModel, rng: np.random.Generator) -> None:
        self.body, self.model, self.rng = body, model, rng
        self.rest = mujoco.MjData(model).qpos.copy()

    def sample(self, test: bool) -> tuple[np.ndarray, bool]:
        """One pose: (nq,), and False: no combination is held out."""
        del test
        model, rng, qpos = self.model, self.rng, self.rest.copy()
        start = {"free": 7, "planar": 3, "cart": 0}[self.body.root]
        calm = rng.random() < 0.5
        for joint in range(model.njnt):
            at = model.jnt_qposadr[joint]
            if at < start:
                continue
            low, high = model.jnt_range[joint] if model.jnt_limited[joint] else (-np.pi, np.pi)
            wild = rng.uniform(low, high)
            near = np.clip(qpos[at] + rng.normal(0, 0.12) * (high - low) / 2, low, high)
            qpos[at] = near if calm else wild
        if self.body.root == "planar":
            qpos[0] = rng.uniform(-1, 1)
            qpos[2] = rng.normal(0, 0.3) if rng.random() < 0.5 else rng.uniform(-np.pi, np.pi)
        elif self.body.root == "free":
            qpos[:2] = rng.uniform(-1, 1, 2)
            axis = rng.normal(size=3)
            tilt = rng.normal(0, 0.3) if rng.random() < 0.5 else rng.uniform(-np.pi, np.pi)
            axis[2] = 0
            qpos[3:7] = multiply(turn(axis, tilt), turn(np.array([0, 0, 1.0]), rng.uniform(-np.pi, np.pi)))
        return qpos, False

    def between(self) -> np.ndarray:
        """Somewhere on the way from a pose to another: (nq,)."""
        return blend(self.sample(False)[0], self.sample(False)[0], self.rng.uniform(0.2, 0.8), self.body.root == "free")


def blend(a: np.ndarray, b: np.ndarray, share: float, free: bool) -> np.ndarray:
    """Linear in joint angles, spherical-ish in the trunk's quaternion."""
    mixed = (1 - share) * a + share * b
    if free:
        sign = 1.0 if a[3:7] @ b[3:7] >= 0 else -1.0
        quaternion = (1 - share) * a[3:7] + share * sign * b[3:7]
        mixed[3:7] = quaternion / np.linalg.norm(quaternion)
    return mixed


def turn(axis: np.ndarray, angle: float) -> np.ndarray:
    """Quaternion of a rotation: (4,)."""
    quaternion = np.zeros(4)
    mujoco.mju_axisAngle2Quat(quaternion, axis / np.linalg.norm(axis), angle)
    return quaternion


def multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Quaternion product: first b, then a."""
    product = np.zeros(4)
    mujoco.mju_mulQuat(product, a, b)
    return product

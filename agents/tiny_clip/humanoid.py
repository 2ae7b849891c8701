"""Poses of the Humanoid, found by search: those to which a caption applies best, with much variety around them."""

from __future__ import annotations

import mujoco
import numpy as np

from agents.tiny_clip.degrees import degrees
from agents.tiny_clip.features import Features, geoms_of, lowest_point

POSTURES = (
    *("standing", "kneeling", "lotus", "splits", "one_leg", "sitting", "crouching", "all_fours", "bending_forward"),
    *("on_back", "on_front", "on_side", "leaning_back", "leaning_side", "upside_down", "legs_apart"),
)
ARMS = ("both_arms_up", "one_arm_up", "arms_out", "arms_down", "arms_front", "on_hips", "crossed", "any")
HELD_OUT = {("kneeling", "both_arms_up"), ("sitting", "crossed"), ("splits", "on_hips"), ("lotus", "one_arm_up")}
"""Postures and arms that training frames never combine."""

_WEIGHT = {"standing": 4.0, "kneeling": 3.0, "lotus": 2.0, "splits": 2.0, "one_leg": 2.0, "all_fours": 1.0}
_ITERATIONS = 15  # of each search
_ARM_JOINTS = 6  # the last six joints of the model


class Poses:
    """Pools of poses, one for each posture and one for each way to hold the arms.

    Args:
        model: Gymnasium's Humanoid.
        rng: All randomness; a second object with another generator finds other poses.
        restarts: Independent searches for each pool.
        samples: Candidates of one search iteration.
    """

    def __init__(self, model: mujoco.MjModel, rng: np.random.Generator, restarts: int = 6, samples: int = 96) -> None:
        self.model, self.rng = model, rng
        self.data = mujoco.MjData(model)
        self.low, self.high = model.jnt_range[1:].T
        self.robot = geoms_of(model)
        self.postures = {name: self._search(name, slice(0, None), restarts, samples) for name in POSTURES}
        arms = slice(17 - _ARM_JOINTS, 17)
        self.arms = {name: self._search(name, arms, restarts, samples) for name in ARMS if name != "any"}
        weights = np.array([_WEIGHT.get(name, 1.0) for name in POSTURES])
        self._posture_odds = weights / weights.sum()

    def sample(self, test: bool) -> tuple[np.ndarray, bool]:
        """One pose, (nq,), and whether it combines what training never sees together (only if ``test``)."""
        while True:
            posture = POSTURES[self.rng.choice(len(POSTURES), p=self._posture_odds)]
            arms = ARMS[self.rng.integers(len(ARMS))]
            if test and self.rng.random() < 0.2:
                posture, arms = sorted(HELD_OUT)[self.rng.integers(len(HELD_OUT))]
            held_out = (posture, arms) in HELD_OUT
            if held_out and not test:
                continue
            mean, spread = self._pick(self.postures[posture])
            joints = mean + spread * self.rng.normal(size=19)
            if posture not in ("all_fours", "upside_down"):
                if arms == "any":
                    joints[11:17] = self.rng.uniform(self.low[11:], self.high[11:])
                else:
                    mean, spread = self._pick(self.arms[arms])
                    joints[11:17] = (mean + spread * self.rng.normal(size=19))[11:17]
            qpos = self._qpos(joints)
            if not self._collides(qpos):
                return self._anywhere(qpos), held_out

    def between(self) -> np.ndarray:
        """Somewhere on the way from one pose to another: (nq,)."""
        a, b = self.sample(False)[0], self.sample(False)[0]
        share = self.rng.uniform(0.15, 0.85)
        mixed = (1 - share) * a + share * b
        quaternion = (1 - share) * a[3:7] + share * b[3:7] * (1 if a[3:7] @ b[3:7] >= 0 else -1)
        mixed[3:7] = quaternion / np.linalg.norm(quaternion)
        return mixed

    def _pick(self, pool: list) -> tuple[np.ndarray, np.ndarray]:
        return pool[self.rng.integers(len(pool))]

    def _search(self, name: str, free: slice, restarts: int, samples: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Cross-entropy method over 17 joint angles and the trunk's pitch and roll: [(mean, deviation), ...]."""
        found = []
        for _ in range(restarts):
            mean = np.concatenate([np.clip(0, self.low, self.high), [0, 0]])
            spread = np.zeros(19)
            wide = np.concatenate([(self.high - self.low) / 3, [1.2, 0.8]])
            spread[free] = wide[free]
            mean = mean + 0.5 * spread * self.rng.normal(size=19)
            for _ in range(_ITERATIONS):
                tried = mean + spread * self.rng.normal(size=(samples, 19))
                tried[:, :17] = np.clip(tried[:, :17], self.low, self.high)
                rows = np.stack([self._row(joints) for joints in tried])
                scores = degrees("humanoid", Features.of(self.model, rows))[name]
                ranked = np.argsort(-scores)[: samples // 8]
                best, score = tried[ranked], scores[ranked].mean()
                mean, spread = best.mean(0), np.maximum(0.9 * best.std(0), 0.04 * (spread > 0))
            floor = np.zeros(19)
            floor[free] = 0.06
            found.append((score, mean, np.maximum(spread, floor)))
        enough = 0.8 * max(score for score, _, _ in found)  # a search may end in a poor local optimum
        return [(mean, spread) for score, mean, spread in found if score >= enough]

    def _qpos(self, joints: np.ndarray) -> np.ndarray:
        qpos = np.zeros(self.model.nq)
        pitch, roll = joints[17:]
        mujoco.mju_euler2Quat(qpos[3:7], np.array([roll, pitch, 0.0]), "XYZ")
        qpos[7:] = np.clip(joints[:17], self.low, self.high)
        return qpos

    def _row(self, joints: np.ndarray) -> np.ndarray:
        data = self.data
        data.qpos[:] = self._qpos(joints)
        mujoco.mj_kinematics(self.model, data)
        data.qpos[2] = -lowest_point(self.model, data)
        mujoco.mj_kinematics(self.model, data)
        return Features.row(self.model, data)

    def _collides(self, qpos: np.ndarray) -> bool:
        """Limbs more than 5 cm inside one another."""
        data = self.data
        data.qpos[:] = qpos
        data.qpos[2] = 3.0  # away from the floor
        mujoco.mj_fwdPosition(self.model, data)
        return bool(data.ncon and data.contact.dist.min() < -0.05)

    def _anywhere(self, qpos: np.ndarray) -> np.ndarray:
        """Another place and heading; mostly near the one a roll-out starts with."""
        yaw = self.rng.normal(0, 0.6) if self.rng.random() < 0.6 else self.rng.uniform(-np.pi, np.pi)
        heading, turned = np.zeros(4), np.zeros(4)
        mujoco.mju_axisAngle2Quat(heading, np.array([0, 0, 1.0]), yaw)
        mujoco.mju_mulQuat(turned, heading, qpos[3:7])
        qpos[3:7] = turned
        qpos[:2] = self.rng.uniform(-1, 1, 2)
        return qpos

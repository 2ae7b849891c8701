"""What a caption may know about a state: where the parts are. Read from the simulator, stored beside each frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np


@dataclass(frozen=True)
class Features:
    """Positions of ``n`` states of one model.

    Attributes:
        model: For the names; None for CartPole, which has only its ``qpos``.
        xpos: (n, nbody, 3) body origins, m.
        geoms: (n, ngeom, 3) centers of the drawn shapes, m.
        trunk: (n, 3, 3) orientation of body 1: columns are its forward, left and up axes in the world.
        qpos: (n, nq).
        lowest: (n,) height of the lowest point of the robot, m.
    """

    model: Any
    xpos: np.ndarray
    geoms: np.ndarray
    trunk: np.ndarray
    qpos: np.ndarray
    lowest: np.ndarray

    @classmethod
    def width(cls, model: mujoco.MjModel) -> int:
        """Length of a stored row."""
        return 3 * model.nbody + 3 * model.ngeom + 9 + model.nq + 1

    @staticmethod
    def row(model: mujoco.MjModel, data: Any) -> np.ndarray:
        """One state as a flat float32 row."""
        parts = [data.xpos, data.geom_xpos, data.xmat[1], data.qpos, [lowest_point(model, data)]]
        return np.concatenate([np.ravel(part) for part in parts]).astype(np.float32)

    @classmethod
    def of(cls, model: mujoco.MjModel, rows: np.ndarray) -> Features:
        """Stored rows, (n, width), by name again."""
        sizes = [3 * model.nbody, 3 * model.ngeom, 9, model.nq]
        xpos, geoms, trunk, qpos, lowest = np.split(rows.astype(np.float64), np.cumsum(sizes), axis=1)
        n = len(rows)
        return cls(model, xpos.reshape(n, -1, 3), geoms.reshape(n, -1, 3), trunk.reshape(n, 3, 3), qpos, lowest[:, 0])

    def body(self, name: str) -> np.ndarray:
        """(n, 3) origin of a body."""
        return self.xpos[:, self.model.body(name).id]

    def geom(self, name: str) -> np.ndarray:
        """(n, 3) center of a shape."""
        return self.geoms[:, self.model.geom(name).id]

    def joint(self, name: str) -> np.ndarray:
        """(n,) position of a one-dimensional joint, rad or m."""
        return self.qpos[:, self.model.joint(name).qposadr[0]]


def geoms_of(model: mujoco.MjModel) -> np.ndarray:
    """Numbers of the shapes that belong to the robot, not to the world."""
    return np.flatnonzero(model.geom_bodyid > 0)


def lowest_point(model: mujoco.MjModel, data: Any) -> float:
    """Height of the lowest point of the robot, m (spheres and capsules exactly)."""
    robot = geoms_of(model)
    reach = model.geom_size[robot, 0].copy()
    capsule = model.geom_type[robot] == mujoco.mjtGeom.mjGEOM_CAPSULE
    reach[capsule] += model.geom_size[robot[capsule], 1] * np.abs(data.geom_xmat[robot[capsule], 8])
    return float((data.geom_xpos[robot, 2] - reach).min())

"""Named quantities that many bodies share: joints, heights, torso orientation, contact forces.

Joint coordinates are those after the step. What MuJoCo derives from them (``xpos``, ``geom_xpos``, ``xmat``) is as
Gymnasium leaves it: computed before the last substep of the integrator, so it lags by up to one simulator timestep.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from envs.mujoco.model import Model
from envs.task import Field

Fields = dict[str, Field]


def coordinate(model: Model, joint: str, unit: str, description: str, offset: int = 0) -> Field:
    """A joint's position in ``qpos``; ``offset`` for the further coordinates of a free joint."""
    return Field(unit, description, lambda qpos: qpos[:, model.qpos[joint] + offset])


def velocity(model: Model, joint: str, unit: str, description: str, offset: int = 0) -> Field:
    """A joint's velocity in ``qvel``; ``offset`` for the further velocities of a free joint."""
    return Field(unit, description, lambda qvel: qvel[:, model.dof[joint] + offset])


def hinges(model: Model, joints: Mapping[str, str] | Iterable[str]) -> Fields:
    """``<joint>_angle`` and ``<joint>_velocity`` of hinge joints.

    Args:
        model: Where they are.
        joints: Names in the model, which name the fields too (less a suffix ``_joint``), or a mapping to other names.
    """
    if not isinstance(joints, Mapping):
        joints = {joint: joint.removesuffix("_joint") for joint in joints}
    fields: Fields = {}
    for joint, name in joints.items():
        label = name.replace("_", " ")
        fields[f"{name}_angle"] = coordinate(model, joint, "rad", f"angle of the {label} joint")
        fields[f"{name}_velocity"] = velocity(model, joint, "rad/s", f"angular velocity of the {label} joint")
    return fields


def body_height(model: Model, body: str, description: str) -> Field:
    """Height of a body's origin above the floor."""
    return Field("m", description, lambda xpos: xpos[:, model.body[body], 2])


def geom_height(model: Model, geom: str, description: str) -> Field:
    """Height of a geom's center above the floor."""
    return Field("m", description, lambda geom_xpos: geom_xpos[:, model.geom[geom], 2])


def clearance(model: Model, geom: str, description: str) -> Field:
    """Gap between a sphere's underside and the floor."""
    return Field(
        "m",
        description,
        lambda geom_xpos: geom_xpos[:, model.geom[geom], 2] - model.geom_size[model.geom[geom], 0],
    )


def contact_force(model: Model, body: str, description: str) -> Field:
    """Magnitude of the external force on a body; zero after a reset."""
    return Field("N", description, lambda cfrc_ext: np.linalg.norm(cfrc_ext[:, model.body[body], 3:], axis=-1))


def feet(model: Model, places: Mapping[str, tuple[str, str]]) -> Fields:
    """``<foot>_height`` and ``<foot>_force`` of feet, given as name to (body, geom)."""
    fields: Fields = {}
    for name, (body, geom) in places.items():
        label = name.replace("_", " ")
        fields[f"{name}_height"] = geom_height(model, geom, f"height of the {label}'s center above the floor")
        fields[f"{name}_force"] = contact_force(model, body, f"external force on the {label}")
    return fields


def planar_root(model: Model) -> Fields:
    """The torso of a body that lives in the x-z plane, with joints rootx, rootz and rooty."""
    return {
        "x_position": coordinate(model, "rootx", "m", "position along the track"),
        "forward_velocity": velocity(model, "rootx", "m/s", "velocity along the track"),
        "vertical_velocity": velocity(model, "rootz", "m/s", "upward velocity of the torso"),
        "torso_pitch": coordinate(model, "rooty", "rad", "rotation of the torso from its initial pose"),
        "torso_pitch_velocity": velocity(model, "rooty", "rad/s", "angular velocity of the torso"),
        "uprightness": Field(
            "1",
            "cosine of the torso's rotation from its initial pose: 1 upright, -1 upside down",
            lambda qpos: np.cos(qpos[:, model.qpos["rooty"]]),
        ),
        "tilt": Field(
            "rad",
            "size of the torso's rotation from its initial pose, 0 to pi",
            lambda qpos: np.abs(np.arctan2(np.sin(a := qpos[:, model.qpos["rooty"]]), np.cos(a))),
        ),
    }


def free_root(model: Model) -> Fields:
    """The torso of a body with a free joint (position and unit quaternion w, x, y, z)."""
    return {
        "x_position": coordinate(model, "root", "m", "position of the torso along x"),
        "y_position": coordinate(model, "root", "m", "position of the torso along y", 1),
        "torso_height": coordinate(model, "root", "m", "height of the torso above the floor", 2),
        "forward_velocity": velocity(model, "root", "m/s", "velocity of the torso along x"),
        "lateral_velocity": velocity(model, "root", "m/s", "velocity of the torso along y", 1),
        "vertical_velocity": velocity(model, "root", "m/s", "upward velocity of the torso", 2),
    }


def axis_height(qpos: np.ndarray, root: int, axis: tuple[float, float, float]) -> np.ndarray:
    """Vertical component ``(n,)`` of a torso's unit ``axis`` after rotation by the free joint's quaternion."""
    w, x, y, z = np.moveaxis(qpos[:, root + 3 : root + 7], -1, 0)
    length = w * w + x * x + y * y + z * z  # the reset noise leaves it unnormalized until the first step
    up = 2 * (x * z - w * y) * axis[0] + 2 * (y * z + w * x) * axis[1] + (w * w - x * x - y * y + z * z) * axis[2]
    return up / length


def uprightness(model: Model, axis: tuple[float, float, float]) -> Fields:
    """``uprightness`` and ``tilt`` of a torso whose upward axis is ``axis`` in its own frame."""
    return {
        "uprightness": Field(
            "1",
            "cosine of the angle between the torso's up axis and the vertical",
            lambda qpos: axis_height(qpos, model.qpos["root"], axis),
        ),
        "tilt": Field(
            "rad",
            "angle between the torso's up axis and the vertical, 0 to pi",
            lambda qpos: np.arccos(np.clip(axis_height(qpos, model.qpos["root"], axis), -1, 1)),
        ),
    }

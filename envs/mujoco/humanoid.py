"""Humanoid: named fields, and the task of running that Gymnasium's reward pays for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from envs.mujoco import rewards
from envs.mujoco.fields import (
    Fields,
    body_height,
    clearance,
    contact_force,
    free_root,
    geom_height,
    hinges,
    uprightness,
)
from envs.mujoco.measures import forward
from envs.mujoco.model import Model
from envs.task import Field, Task

MODEL = Model("humanoid.xml")
JOINTS = (
    *("abdomen_z", "abdomen_y", "abdomen_x"),
    *("right_hip_x", "right_hip_z", "right_hip_y", "right_knee"),
    *("left_hip_x", "left_hip_z", "left_hip_y", "left_knee"),
    *("right_shoulder1", "right_shoulder2", "right_elbow"),
    *("left_shoulder1", "left_shoulder2", "left_elbow"),
)


Axis = tuple[float, float, float]


def _distance(model: Model, first: str, second: str) -> Field:
    """Between the centers of two geoms."""
    return Field(
        "m",
        f"distance between {first.replace('_', ' ')} and {second.replace('_', ' ')}",
        lambda geom_xpos: np.linalg.norm(geom_xpos[:, model.geom[first]] - geom_xpos[:, model.geom[second]], axis=-1),
    )


def _along(xmat: np.ndarray, body: int, axis: Axis) -> np.ndarray:
    """A body's own ``axis`` in world coordinates, ``(n, 3)``."""
    return xmat[:, body].reshape(-1, 3, 3) @ np.asarray(axis)


def _limb_fields(model: Model, side: str, forward: Axis, up: Axis) -> Fields:
    hand = f"{side}_hand"
    outward = (0.0, -1.0, 0.0) if side == "right" else (0.0, 1.0, 0.0)

    def from_torso(axis: Axis) -> Callable[..., np.ndarray]:
        """The hand's position relative to the torso, along one of the torso's axes."""

        def compute(xpos: np.ndarray, xmat: np.ndarray, geom_xpos: np.ndarray) -> np.ndarray:
            torso = model.body["torso"]
            return np.einsum("ni,ni->n", _along(xmat, torso, axis), geom_xpos[:, model.geom[hand]] - xpos[:, torso])

        return compute

    def to_hip(xpos: np.ndarray, xmat: np.ndarray, geom_xpos: np.ndarray) -> np.ndarray:
        """Where hands on hips rest: 16 cm beside and 5 cm above the pelvis's center."""
        pelvis = model.body["pelvis"]
        hip = xpos[:, pelvis] + 0.16 * _along(xmat, pelvis, outward) + 0.05 * _along(xmat, pelvis, up)
        return np.linalg.norm(geom_xpos[:, model.geom[hand]] - hip, axis=-1)

    return {
        f"{side}_foot_height": clearance(model, f"{side}_foot", f"gap between the {side} foot's sole and the floor"),
        f"{side}_foot_force": contact_force(model, f"{side}_foot", f"external force on the {side} foot"),
        f"{side}_knee_height": body_height(model, f"{side}_shin", f"height of the {side} knee"),
        f"{side}_elbow_height": body_height(model, f"{side}_lower_arm", f"height of the {side} elbow"),
        f"{side}_hand_height": geom_height(model, hand, f"height of the {side} hand"),
        f"{side}_hand_forward": Field("m", f"how far the {side} hand is in front of the torso", from_torso(forward)),
        f"{side}_hand_outward": Field(
            "m", f"how far the {side} hand is to the {side} of the torso's middle; < 0 across it", from_torso(outward)
        ),
        f"{side}_hand_up": Field("m", f"how far the {side} hand is above the torso's center", from_torso(up)),
        f"{side}_hand_to_hip": Field("m", f"distance of the {side} hand to the {side} side of the pelvis", to_hip),
    }


def humanoid_fields(model: Model, forward: Axis, up: Axis) -> Fields:
    """The fields of a humanoid whose chest faces ``forward``, and whose head is ``up``, in its torso's own frame."""
    return {
        **free_root(model),
        **uprightness(model, axis=up),
        "head_height": geom_height(model, "head", "height of the head's center; about 1.48 when standing"),
        "pelvis_height": body_height(model, "pelvis", "height of the pelvis; about 0.87 when standing"),
        **_limb_fields(model, "right", forward, up),
        **_limb_fields(model, "left", forward, up),
        "feet_distance": _distance(model, "right_foot", "left_foot"),
        "knees_distance": Field(
            "m",
            "distance between the knees",
            lambda xpos: np.linalg.norm(xpos[:, model.body["right_shin"]] - xpos[:, model.body["left_shin"]], axis=-1),
        ),
        **hinges(model, JOINTS),
    }


FIELDS: Fields = humanoid_fields(MODEL, forward=(1.0, 0.0, 0.0), up=(0.0, 0.0, 1.0))

RUNNING = Task(
    env="Humanoid",
    name="running",
    env_id="Humanoid-v5",
    text="Run forward, in the direction of +x, as fast as possible without falling over.",
    goal_prompts=("a humanoid robot running forward",),
    baseline_prompts=("a humanoid robot",),
    fields=FIELDS,
    fitness=forward(timestep=0.003, frame_skip=5),
    fitness_unit="m/s",
    success=1.0,
    max_episode_steps=1000,
    reward=rewards.Humanoid,
)
TASKS = (RUNNING,)

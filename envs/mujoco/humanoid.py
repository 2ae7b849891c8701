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
from envs.mujoco.measures import at_least, forward
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


def _distance(first: str, second: str) -> Field:
    """Between the centers of two geoms."""
    label = f"distance between {first.replace('_', ' ')} and {second.replace('_', ' ')}"
    return Field(
        "m",
        label,
        lambda geom_xpos: np.linalg.norm(geom_xpos[:, MODEL.geom[first]] - geom_xpos[:, MODEL.geom[second]], axis=-1),
    )


def _in_torso_frame(xpos: np.ndarray, xmat: np.ndarray, points: np.ndarray, axis: int) -> np.ndarray:
    """Coordinate ``(n,)`` of ``points`` ``(n, 3)`` along the torso's own ``axis``, from the torso's center, m."""
    torso = MODEL.body["torso"]
    return np.einsum("ni,ni->n", xmat[:, torso, axis::3], points - xpos[:, torso])


def _hand_to_hip(xpos: np.ndarray, xmat: np.ndarray, geom_xpos: np.ndarray, side: str) -> np.ndarray:
    """Distance ``(n,)`` of a hand to the place on the pelvis where hands on hips rest, m."""
    pelvis = MODEL.body["pelvis"]
    outward = -0.16 if side == "right" else 0.16
    hip = xpos[:, pelvis] + outward * xmat[:, pelvis, 1::3] + 0.05 * xmat[:, pelvis, 2::3]
    return np.linalg.norm(geom_xpos[:, MODEL.geom[f"{side}_hand"]] - hip, axis=-1)


def _limb_fields(side: str) -> Fields:
    hand, outward = f"{side}_hand", -1.0 if side == "right" else 1.0

    def local(axis: int, sign: float = 1.0) -> Callable[..., np.ndarray]:
        return lambda xpos, xmat, geom_xpos: sign * _in_torso_frame(xpos, xmat, geom_xpos[:, MODEL.geom[hand]], axis)

    return {
        f"{side}_foot_height": clearance(MODEL, f"{side}_foot", f"gap between the {side} foot's sole and the floor"),
        f"{side}_knee_height": body_height(MODEL, f"{side}_shin", f"height of the {side} knee"),
        f"{side}_elbow_height": body_height(MODEL, f"{side}_lower_arm", f"height of the {side} elbow"),
        f"{side}_hand_height": geom_height(MODEL, hand, f"height of the {side} hand"),
        f"{side}_hand_forward": Field("m", f"how far the {side} hand is in front of the torso's center", local(0)),
        f"{side}_hand_outward": Field(
            "m", f"how far the {side} hand is to the {side} of the torso's middle; < 0 across it", local(1, outward)
        ),
        f"{side}_hand_up": Field(
            "m", f"how far the {side} hand is above the torso's center, along the torso", local(2)
        ),
        f"{side}_hand_to_hip": Field(
            "m",
            f"distance of the {side} hand to the {side} side of the pelvis",
            lambda xpos, xmat, geom_xpos: _hand_to_hip(xpos, xmat, geom_xpos, side),
        ),
        f"{side}_foot_force": contact_force(MODEL, f"{side}_foot", f"external force on the {side} foot"),
    }


FIELDS: Fields = {
    **free_root(MODEL),
    **uprightness(MODEL, axis=(0.0, 0.0, 1.0)),
    "head_height": geom_height(MODEL, "head", "height of the head's center; about 1.48 when standing"),
    "pelvis_height": body_height(MODEL, "pelvis", "height of the pelvis; about 0.87 when standing"),
    **_limb_fields("right"),
    **_limb_fields("left"),
    "feet_distance": _distance("right_foot", "left_foot"),
    "knees_distance": Field(
        "m",
        "distance between the knees",
        lambda xpos: np.linalg.norm(xpos[:, MODEL.body["right_shin"]] - xpos[:, MODEL.body["left_shin"]], axis=-1),
    ),
    **hinges(MODEL, JOINTS),
}

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
    success=at_least(1.0, forward(timestep=0.003, frame_skip=5)),
    max_episode_steps=1000,
    reward=rewards.Humanoid,
)

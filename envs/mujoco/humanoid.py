"""Humanoid: named fields, and the task of running that Gymnasium's reward pays for."""

from __future__ import annotations

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


def _limb_fields() -> Fields:
    fields: Fields = {}
    for side in ("right", "left"):
        fields |= {
            f"{side}_foot_height": clearance(
                MODEL, f"{side}_foot", f"gap between the {side} foot's sole and the floor"
            ),
            f"{side}_knee_height": body_height(MODEL, f"{side}_shin", f"height of the {side} knee"),
            f"{side}_elbow_height": body_height(MODEL, f"{side}_lower_arm", f"height of the {side} elbow"),
            f"{side}_hand_height": geom_height(MODEL, f"{side}_hand", f"height of the {side} hand"),
            f"{side}_foot_force": contact_force(MODEL, f"{side}_foot", f"external force on the {side} foot"),
        }
    return fields


FIELDS: Fields = {
    **free_root(MODEL),
    **uprightness(MODEL, axis=(0.0, 0.0, 1.0)),
    "head_height": geom_height(MODEL, "head", "height of the head's center; about 1.48 when standing"),
    "pelvis_height": body_height(MODEL, "pelvis", "height of the pelvis; about 0.87 when standing"),
    **_limb_fields(),
    "feet_distance": _distance("right_foot", "left_foot"),
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

"""Ant: run forward on four legs."""

from __future__ import annotations

import numpy as np

from envs.mujoco import rewards
from envs.mujoco.fields import Fields, contact_force, free_root, hinges, uprightness
from envs.mujoco.measures import forward
from envs.mujoco.model import Model
from envs.task import Field, Task

MODEL = Model("ant.xml")
LEGS = {
    "front_left": ("1", "left_ankle_geom"),
    "back_left": ("2", "right_ankle_geom"),
    "back_right": ("3", "third_ankle_geom"),
    "front_right": ("4", "fourth_ankle_geom"),
}
"""Number of a leg's joints, and the geom of its lower half. Named by where it is when +x is ahead and +y to the left;
the model's own names have two of them otherwise."""


def _foot(name: str, geom: str) -> Fields:
    """The lower leg is a capsule from ankle to foot, so the foot is as far beyond its center as the ankle before it."""
    label = name.replace("_", " ")
    return {
        f"{name}_foot_height": Field(
            "m",
            f"height of the {label} foot's center above the floor; 0.08 on it",
            lambda geom_xpos, xpos: 2 * geom_xpos[:, MODEL.geom[geom], 2] - xpos[:, MODEL.geom_body[geom], 2],
        ),
        f"{name}_foot_force": Field(
            "N",
            f"external force on the {label} lower leg",
            lambda cfrc_ext: np.linalg.norm(cfrc_ext[:, MODEL.geom_body[geom], 3:], axis=-1),
        ),
    }


def _legs() -> Fields:
    fields: Fields = {}
    for name, (number, geom) in LEGS.items():
        fields |= hinges(MODEL, {f"hip_{number}": f"{name}_hip", f"ankle_{number}": f"{name}_ankle"})
        fields |= _foot(name, geom)
    return fields


FIELDS: Fields = {
    **free_root(MODEL),
    **uprightness(MODEL, axis=(0.0, 0.0, 1.0)),
    **_legs(),
    "torso_force": contact_force(MODEL, "torso", "external force on the torso"),
}

RUNNING = Task(
    env="Ant",
    name="running",
    env_id="Ant-v5",
    text="Run forward on four legs, in the direction of +x, as fast as possible without jumping or turning over.",
    goal_prompts=("a four-legged robot running forward",),
    baseline_prompts=("a four-legged robot",),
    fields=FIELDS,
    fitness=forward(timestep=0.01, frame_skip=5),
    fitness_unit="m/s",
    success=1.0,
    max_episode_steps=1000,
    reward=rewards.Ant,
)
TASKS = (RUNNING,)

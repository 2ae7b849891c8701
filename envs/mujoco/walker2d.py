"""Walker2d: walk forward."""

from __future__ import annotations

from envs.mujoco import rewards
from envs.mujoco.fields import Fields, coordinate, feet, hinges, planar_root
from envs.mujoco.measures import forward
from envs.mujoco.model import Model
from envs.task import Task

MODEL = Model("walker2d_v5.xml")
FIELDS: Fields = {
    **planar_root(MODEL),
    "torso_height": coordinate(MODEL, "rootz", "m", "height of the torso's center; 1.25 when standing"),
    **hinges(
        MODEL,
        {
            "thigh_joint": "right_thigh",
            "leg_joint": "right_leg",
            "foot_joint": "right_foot",
            "thigh_left_joint": "left_thigh",
            "leg_left_joint": "left_leg",
            "foot_left_joint": "left_foot",
        },
    ),
    **feet(MODEL, {"right_foot": ("foot", "foot_geom"), "left_foot": ("foot_left", "foot_left_geom")}),
}

WALKING = Task(
    env="Walker2d",
    name="walking",
    env_id="Walker2d-v5",
    text="Walk forward on two legs, in the direction of +x, as fast as possible without falling over.",
    goal_prompts=("a two-legged robot walking forward",),
    baseline_prompts=("a two-legged robot",),
    fields=FIELDS,
    fitness=forward(timestep=0.002, frame_skip=4),
    fitness_unit="m/s",
    success=1.0,
    max_episode_steps=1000,
    reward=rewards.Walker2d,
)
TASKS = (WALKING,)

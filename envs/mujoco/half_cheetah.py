"""HalfCheetah: run forward."""

from __future__ import annotations

from envs.mujoco import rewards
from envs.mujoco.fields import Fields, body_height, feet, geom_height, hinges, planar_root
from envs.mujoco.measures import forward
from envs.mujoco.model import Model
from envs.task import Task

MODEL = Model("half_cheetah.xml")
FIELDS: Fields = {
    **planar_root(MODEL),
    "torso_height": body_height(MODEL, "torso", "height of the torso; about 0.6 when standing"),
    "head_height": geom_height(MODEL, "head", "height of the head"),
    **hinges(
        MODEL,
        {
            "bthigh": "back_thigh",
            "bshin": "back_shin",
            "bfoot": "back_foot",
            "fthigh": "front_thigh",
            "fshin": "front_shin",
            "ffoot": "front_foot",
        },
    ),
    **feet(MODEL, {"back_foot": ("bfoot", "bfoot"), "front_foot": ("ffoot", "ffoot")}),
}

RUNNING = Task(
    env="HalfCheetah",
    name="running",
    env_id="HalfCheetah-v5",
    text="Run forward on both legs, in the direction of +x, as fast as possible.",
    goal_prompts=("a running cheetah robot",),
    baseline_prompts=("a cheetah robot",),
    fields=FIELDS,
    fitness=forward(timestep=0.01, frame_skip=5),
    fitness_unit="m/s",
    success=2.0,
    max_episode_steps=1000,
    reward=rewards.HalfCheetah,
)
TASKS = (RUNNING,)

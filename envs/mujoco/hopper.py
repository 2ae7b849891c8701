"""Hopper: hop forward, or stand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from envs.mujoco import rewards
from envs.mujoco.fields import Fields, coordinate, feet, hinges, planar_root
from envs.mujoco.measures import forward, grade, together
from envs.mujoco.model import Model
from envs.task import Task
from reward_designers.base import FunctionReward

MODEL = Model("hopper.xml")
FIELDS: Fields = {
    **planar_root(MODEL),
    "torso_height": coordinate(MODEL, "rootz", "m", "height of the torso's center; 1.25 when standing"),
    **hinges(MODEL, ("thigh_joint", "leg_joint", "foot_joint")),
    **feet(MODEL, {"foot": ("foot", "foot_geom")}),
}

HOPPING = Task(
    env="Hopper",
    name="hopping",
    env_id="Hopper-v5",
    text="Hop forward, in the direction of +x, as fast as possible without falling over.",
    goal_prompts=("a one-legged robot hopping forward",),
    baseline_prompts=("a one-legged robot",),
    fields=FIELDS,
    fitness=forward(timestep=0.002, frame_skip=4),
    fitness_unit="m/s",
    success=1.0,
    max_episode_steps=1000,
    reward=rewards.Hopper,
)


def standing(next_uprightness: np.ndarray, next_torso_height: np.ndarray) -> np.ndarray:
    """Torso vertical, at the height that it has on a stretched or slightly bent leg."""
    return together(grade(next_uprightness, low=0.95, margin=0.4), grade(next_torso_height, low=1.1, margin=0.4))


STANDING = replace(
    HOPPING,
    name="standing",
    text="Stand upright on the foot, without falling over.",
    goal_prompts=("a one-legged robot standing upright",),
    fitness=FunctionReward(standing),
    fitness_unit="1",
    fitness_best=1.0,
    success=0.8,
    max_episode_steps=500,  # without acting it stands for about 180 steps
    env_kwargs={"terminate_when_unhealthy": False},
)
TASKS = (HOPPING, STANDING)

"""Bodies in the x-z plane: Hopper."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from envs.mujoco import rewards
from envs.mujoco.fields import Fields, contact_force, coordinate, geom_height, hinges, planar_root
from envs.mujoco.measures import at_least, forward, grade, together
from envs.mujoco.model import Model
from envs.task import Task
from reward_designers.base import FunctionReward

HOPPER = Model("hopper.xml")
HOPPER_FIELDS: Fields = {
    **planar_root(HOPPER),
    "torso_height": coordinate(HOPPER, "rootz", "m", "height of the torso's center; 1.25 when standing"),
    **hinges(HOPPER, ("thigh_joint", "leg_joint", "foot_joint")),
    "foot_height": geom_height(HOPPER, "foot_geom", "height of the foot's center; about 0.06 on the floor"),
    "foot_force": contact_force(HOPPER, "foot", "external force on the foot"),
}

HOPPING = Task(
    env="Hopper",
    name="hopping",
    env_id="Hopper-v5",
    text="Hop forward, in the direction of +x, as fast as possible without falling over.",
    goal_prompts=("a one-legged robot hopping forward",),
    baseline_prompts=("a one-legged robot",),
    fields=HOPPER_FIELDS,
    fitness=forward(timestep=0.002, frame_skip=4),
    fitness_unit="m/s",
    success=at_least(1.0, forward(timestep=0.002, frame_skip=4)),
    max_episode_steps=1000,
    reward=rewards.Hopper,
)


def hopper_standing(next_uprightness: np.ndarray, next_torso_height: np.ndarray) -> np.ndarray:
    """Torso vertical, at the height that it has on a stretched or slightly bent leg."""
    return together(grade(next_uprightness, low=0.95, margin=0.6), grade(next_torso_height, low=1.1, margin=0.6))


HOPPER_STANDING = replace(
    HOPPING,
    name="standing",
    text="Stand upright on the foot, without falling over.",
    goal_prompts=("a one-legged robot standing upright",),
    fitness=FunctionReward(hopper_standing),
    fitness_unit="1",
    success=at_least(0.8, hopper_standing),
    max_episode_steps=200,
    env_kwargs={"terminate_when_unhealthy": False},
)

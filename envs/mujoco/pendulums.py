"""Pendulums on a cart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from envs.mujoco import rewards
from envs.mujoco.fields import Fields, coordinate, velocity
from envs.mujoco.measures import at_least
from envs.mujoco.model import Model
from envs.task import Field, Task
from reward_designers.base import FunctionReward

SINGLE = Model("inverted_pendulum.xml")
SINGLE_FIELDS: Fields = {
    "cart_position": coordinate(SINGLE, "slider", "m", "position of the cart on its rail, -1 to 1"),
    "cart_velocity": velocity(SINGLE, "slider", "m/s", "velocity of the cart"),
    "pole_angle": coordinate(SINGLE, "hinge", "rad", "angle of the pole to the vertical, > 0 leans towards +x"),
    "pole_velocity": velocity(SINGLE, "hinge", "rad/s", "angular velocity of the pole"),
    "uprightness": Field(
        "1",
        "cosine of the angle between pole and vertical",
        lambda qpos: np.cos(qpos[:, SINGLE.qpos["hinge"]]),
    ),
}


def upright(next_uprightness: np.ndarray) -> np.ndarray:
    """1 while the pole is within 0.2 rad of the vertical (Gymnasium's limit), else 0."""
    return (next_uprightness >= np.cos(0.2)).astype(np.float64)


BALANCING = Task(
    env="InvertedPendulum",
    name="balancing",
    env_id="InvertedPendulum-v5",
    text="Push the cart so that the pole on it stays upright.",
    goal_prompts=("pole vertically upright on top of the cart",),
    baseline_prompts=("pole and cart",),
    fields=SINGLE_FIELDS,
    fitness=FunctionReward(upright),
    fitness_unit="1",
    success=at_least(1.0, upright),
    max_episode_steps=1000,
    reward=rewards.InvertedPendulum,
)

UPRIGHT = replace(
    BALANCING,
    name="upright",
    text="Push the cart so that the pole on it stays upright; a pole that has fallen may be swung up again.",
    max_episode_steps=200,
    terminates=False,
)

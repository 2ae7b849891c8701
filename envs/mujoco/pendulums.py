"""Pendulums on a cart: InvertedPendulum, with and without an end when the pole falls, and InvertedDoublePendulum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from envs.mujoco import rewards
from envs.mujoco.fields import Fields, coordinate, velocity
from envs.mujoco.model import Model
from envs.rendering import DOUBLE_PENDULUM, PENDULUM
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
    fitness_best=1.0,
    success=1.0,
    max_episode_steps=1000,
    reward=rewards.InvertedPendulum,
    camera=PENDULUM,
)

UPRIGHT = replace(
    BALANCING,
    name="upright",
    text="Push the cart so that the pole on it stays upright; a pole that has fallen may be swung up again.",
    max_episode_steps=200,
    terminates=False,
)

DOUBLE = Model("inverted_double_pendulum.xml")
DOUBLE_FIELDS: Fields = {
    "cart_position": coordinate(DOUBLE, "slider", "m", "position of the cart on its rail, -1 to 1"),
    "cart_velocity": velocity(DOUBLE, "slider", "m/s", "velocity of the cart"),
    "lower_pole_angle": coordinate(DOUBLE, "hinge", "rad", "angle of the lower pole to the vertical"),
    "lower_pole_velocity": velocity(DOUBLE, "hinge", "rad/s", "angular velocity of the lower pole"),
    "upper_pole_angle": coordinate(DOUBLE, "hinge2", "rad", "angle of the upper pole to the lower one"),
    "upper_pole_velocity": velocity(DOUBLE, "hinge2", "rad/s", "angular velocity of the upper pole to the lower one"),
    "tip_position": Field(
        "m", "horizontal position of the upper pole's tip", lambda site_xpos: site_xpos[:, DOUBLE.site["tip"], 0]
    ),
    "tip_height": Field(
        "m",
        "height of the upper pole's tip above the rail; 1.2 at most",
        lambda site_xpos: site_xpos[:, DOUBLE.site["tip"], 2],
    ),
}


def tip_up(next_tip_height: np.ndarray) -> np.ndarray:
    """1 while the tip is above 1 m (Gymnasium's limit), else 0."""
    return (next_tip_height > 1.0).astype(np.float64)


DOUBLE_BALANCING = Task(
    env="InvertedDoublePendulum",
    name="balancing",
    env_id="InvertedDoublePendulum-v5",
    text="Push the cart so that both poles on it stay upright, one on top of the other.",
    goal_prompts=("two poles standing vertically on top of the cart",),
    baseline_prompts=("two poles and a cart",),
    fields=DOUBLE_FIELDS,
    fitness=FunctionReward(tip_up),
    fitness_unit="1",
    fitness_best=1.0,
    success=1.0,
    max_episode_steps=1000,
    reward=rewards.InvertedDoublePendulum,
    camera=DOUBLE_PENDULUM,
)
TASKS = (BALANCING, UPRIGHT, DOUBLE_BALANCING)

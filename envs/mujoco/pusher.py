"""Pusher: push a cylinder to a goal with a seven-joint arm."""

from __future__ import annotations

import numpy as np

from envs.mujoco import rewards
from envs.mujoco.fields import Fields, hinges
from envs.mujoco.model import Model
from envs.task import Field, Task
from reward_designers.base import FunctionReward

MODEL = Model("pusher_v5.xml")
JOINTS = (
    *("shoulder_pan", "shoulder_lift", "upper_arm_roll"),
    *("elbow_flex", "forearm_roll", "wrist_flex", "wrist_roll"),
)


def _position(body: str, axis: int, description: str) -> Field:
    return Field("m", description, lambda xpos: xpos[:, MODEL.body[body], axis])


def _distance(first: str, second: str, description: str) -> Field:
    return Field(
        "m",
        description,
        lambda xpos: np.linalg.norm(xpos[:, MODEL.body[first]] - xpos[:, MODEL.body[second]], axis=-1),
    )


FIELDS: Fields = {
    **hinges(MODEL, {f"r_{joint}_joint": joint for joint in JOINTS}),
    "tip_x": _position("tips_arm", 0, "position of the arm's tip along x"),
    "tip_y": _position("tips_arm", 1, "position of the arm's tip along y"),
    "tip_height": _position("tips_arm", 2, "height of the arm's tip; the table is at -0.325"),
    "object_x": _position("object", 0, "position of the cylinder along x"),
    "object_y": _position("object", 1, "position of the cylinder along y"),
    "goal_x": _position("goal", 0, "position of the goal along x"),
    "goal_y": _position("goal", 1, "position of the goal along y"),
    "tip_to_object": _distance("tips_arm", "object", "distance between the arm's tip and the cylinder"),
    "object_to_goal": _distance(
        "object", "goal", "distance between the cylinder's center and the goal on the table; at least 0.048"
    ),
}


def pushing(next_object_to_goal: np.ndarray) -> np.ndarray:
    """Minus the distance between cylinder and goal."""
    return -next_object_to_goal


PUSHING = Task(
    env="Pusher",
    name="pushing",
    env_id="Pusher-v5",
    text="Push the white cylinder onto the red goal.",
    goal_prompts=("a robot arm, and a white cylinder on the red goal",),
    baseline_prompts=("a robot arm, a white cylinder and a red goal",),
    fields=FIELDS,
    fitness=FunctionReward(pushing),
    fitness_unit="m",
    success=-0.093,  # its center over the goal, a disk of 8 cm radius 4.8 cm below it
    max_episode_steps=100,
    reward=rewards.Pusher,
)
TASKS = (PUSHING,)

"""Reacher: bring the tip of a two-joint arm to a target."""

from __future__ import annotations

import numpy as np

from envs.mujoco import rewards
from envs.mujoco.fields import Fields, hinges
from envs.mujoco.model import Model
from envs.task import Field, Task
from reward_designers.base import FunctionReward

MODEL = Model("reacher.xml")


def _position(body: str, axis: int, description: str) -> Field:
    return Field("m", description, lambda xpos: xpos[:, MODEL.body[body], axis])


def _distance(xpos: np.ndarray) -> np.ndarray:
    return np.linalg.norm(xpos[:, MODEL.body["fingertip"]] - xpos[:, MODEL.body["target"]], axis=-1)


FIELDS: Fields = {
    **hinges(MODEL, {"joint0": "shoulder", "joint1": "elbow"}),
    "fingertip_x": _position("fingertip", 0, "position of the arm's tip along x"),
    "fingertip_y": _position("fingertip", 1, "position of the arm's tip along y"),
    "target_x": _position("target", 0, "position of the target along x"),
    "target_y": _position("target", 1, "position of the target along y"),
    "distance_to_target": Field("m", "distance between the arm's tip and the target", _distance),
}


def reaching(next_distance_to_target: np.ndarray) -> np.ndarray:
    """Minus the distance between tip and target."""
    return -next_distance_to_target


REACHING = Task(
    env="Reacher",
    name="reaching",
    env_id="Reacher-v5",
    text="Bring the tip of the arm to the target, and keep it there.",
    goal_prompts=("the tip of a robot arm touching the red ball",),
    baseline_prompts=("a robot arm and a red ball",),
    fields=FIELDS,
    fitness=FunctionReward(reaching),
    fitness_unit="m",
    fitness_best=0.0,
    success=-0.02,  # both are balls of about 1 cm radius
    max_episode_steps=50,
    reward=rewards.Reacher,
)
TASKS = (REACHING,)

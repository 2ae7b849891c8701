"""HumanoidStandup: rise from lying on the back.

The model is drawn lying: in the torso's own frame the head is at -x and the chest faces +z.
"""

from __future__ import annotations

import numpy as np

from envs.mujoco import rewards
from envs.mujoco.fields import Fields
from envs.mujoco.humanoid import humanoid_fields
from envs.mujoco.model import Model
from envs.task import Task
from reward_designers.base import FunctionReward

MODEL = Model("humanoidstandup.xml")
FIELDS: Fields = humanoid_fields(MODEL, forward=(0.0, 0.0, 1.0), up=(-1.0, 0.0, 0.0))


def standing_up(next_head_height: np.ndarray) -> np.ndarray:
    """Height of the head; about 0.13 at the start."""
    return next_head_height


STANDING_UP = Task(
    env="HumanoidStandup",
    name="standing_up",
    env_id="HumanoidStandup-v5",
    text="Stand up from lying on the back, and stay standing.",
    goal_prompts=("a humanoid robot standing up",),
    baseline_prompts=("a humanoid robot",),
    fields=FIELDS,
    fitness=FunctionReward(standing_up),
    fitness_unit="m",
    success=1.2,
    max_episode_steps=1000,
    reward=rewards.HumanoidStandup,
)
TASKS = (STANDING_UP,)

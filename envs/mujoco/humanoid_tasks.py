"""The eight Humanoid tasks of VLM-RM (Rocamonde et al. 2023, arXiv 2310.12921) and how well a state does each.

As there, an episode lasts 100 steps (1.5 s), does not end when the robot falls, and is seen by a camera in front of it.
VLM-RM had a person judge videos; here each task has a fitness between 0 and 1, a geometric mean of grades of joint
angles and body heights (docs/humanoid-tasks.md has the formulas, with pictures).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from envs.mujoco import rewards
from envs.mujoco.humanoid import FIELDS
from envs.mujoco.measures import at_least, grade, together
from envs.rendering import VLM_RM_HUMANOID
from envs.task import Task
from reward_designers.base import FunctionReward

BASELINE = ("a humanoid robot",)
SUCCESS = 0.8  # of fitness, in one step


def standing(next_uprightness: np.ndarray, next_head_height: np.ndarray) -> np.ndarray:
    """Torso vertical, head where it is when standing."""
    return together(grade(next_uprightness, low=0.9, margin=0.6), grade(next_head_height, low=1.35, margin=0.6))


def kneeling(
    next_uprightness: np.ndarray,
    next_pelvis_height: np.ndarray,
    next_right_knee_height: np.ndarray,
    next_left_knee_height: np.ndarray,
    next_right_knee_angle: np.ndarray,
    next_left_knee_angle: np.ndarray,
) -> np.ndarray:
    """Torso vertical, both knees on the floor and bent, pelvis between heels and upright thighs."""
    return together(
        grade(next_uprightness, low=0.85, margin=0.6),
        grade(next_pelvis_height, low=0.25, high=0.6, margin=0.25),
        grade(np.maximum(next_right_knee_height, next_left_knee_height), high=0.12, margin=0.3),
        grade(np.maximum(next_right_knee_angle, next_left_knee_angle), high=-1.2, margin=1.0),
    )


def _task(fitness: Callable[..., np.ndarray], text: str, prompt: str) -> Task:
    return Task(
        env="Humanoid",
        name=fitness.__name__,
        env_id="Humanoid-v5",
        text=text,
        goal_prompts=(prompt,),
        baseline_prompts=BASELINE,
        fields=FIELDS,
        fitness=FunctionReward(fitness),
        fitness_unit="1",
        success=at_least(SUCCESS, fitness),
        max_episode_steps=100,
        env_kwargs={"terminate_when_unhealthy": False},
        reward=rewards.Humanoid,
        camera=VLM_RM_HUMANOID,
    )


TASKS = (
    _task(kneeling, "Kneel: both knees on the floor, torso upright.", "a humanoid robot kneeling"),
    _task(standing, "Stand upright on both feet.", "a humanoid robot standing up"),
)

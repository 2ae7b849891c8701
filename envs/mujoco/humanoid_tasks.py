"""The eight Humanoid tasks of VLM-RM (Rocamonde et al. 2023, arXiv 2310.12921) and how well a state does each.

As there, an episode lasts 100 steps (1.5 s), does not end when the robot falls, and is seen by a camera in front of it.
VLM-RM had a person judge videos; here each task has a fitness between 0 and 1, the square root of a product of grades
of joint angles and body heights (docs/humanoid-tasks.md has the formulas, with pictures).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from envs.mujoco import rewards
from envs.mujoco.humanoid import FIELDS
from envs.mujoco.measures import grade, together
from envs.rendering import VLM_RM_HUMANOID
from envs.task import Task
from reward_designers.base import FunctionReward

BASELINE = ("a humanoid robot",)
SUCCESS = 0.8  # of fitness, in one step


def upright(uprightness: np.ndarray, head_height: np.ndarray) -> np.ndarray:
    """Torso vertical, head where it is when standing; the feet are free."""
    return grade(uprightness, low=0.9, margin=0.6) * grade(head_height, low=1.35, margin=0.4)


def standing(
    next_uprightness: np.ndarray,
    next_head_height: np.ndarray,
    next_right_foot_height: np.ndarray,
    next_left_foot_height: np.ndarray,
) -> np.ndarray:
    """Torso vertical, head where it is when standing, both feet on the floor."""
    feet = grade(np.maximum(next_right_foot_height, next_left_foot_height), high=0.1, margin=0.3)
    return together(upright(next_uprightness, next_head_height), feet)


def kneeling(
    next_uprightness: np.ndarray,
    next_pelvis_height: np.ndarray,
    next_right_knee_height: np.ndarray,
    next_left_knee_height: np.ndarray,
    next_right_knee_angle: np.ndarray,
    next_left_knee_angle: np.ndarray,
) -> np.ndarray:
    """Torso vertical, both knees on the floor and bent; the pelvis anywhere from on the heels to above the knees."""
    return together(
        grade(next_uprightness, low=0.85, margin=0.6),
        grade(next_pelvis_height, low=0.2, high=0.6, margin=0.15),
        grade(np.maximum(next_right_knee_height, next_left_knee_height), high=0.12, margin=0.3),
        grade(np.maximum(next_right_knee_angle, next_left_knee_angle), high=-1.2, margin=1.0),
    )


def lotus(
    next_uprightness: np.ndarray,
    next_pelvis_height: np.ndarray,
    next_right_knee_angle: np.ndarray,
    next_left_knee_angle: np.ndarray,
    next_knees_distance: np.ndarray,
    next_feet_distance: np.ndarray,
) -> np.ndarray:
    """Seated on the floor, torso vertical, knees bent and apart, feet together."""
    return together(
        grade(next_uprightness, low=0.85, margin=0.6),
        grade(next_pelvis_height, high=0.15, margin=0.15),
        grade(np.maximum(next_right_knee_angle, next_left_knee_angle), high=-1.6, margin=1.0),
        grade(next_knees_distance, low=0.4, margin=0.3),
        grade(next_feet_distance, high=0.3, margin=0.4),
    )


def arms_raised(
    next_uprightness: np.ndarray,
    next_head_height: np.ndarray,
    next_right_hand_height: np.ndarray,
    next_left_hand_height: np.ndarray,
) -> np.ndarray:
    """Standing, the lower hand well above the head."""
    hands = np.minimum(next_right_hand_height, next_left_hand_height) - next_head_height
    return together(upright(next_uprightness, next_head_height), grade(hands, low=0.15, margin=0.35))


def splits(
    next_uprightness: np.ndarray,
    next_pelvis_height: np.ndarray,
    next_right_knee_angle: np.ndarray,
    next_left_knee_angle: np.ndarray,
    next_feet_distance: np.ndarray,
) -> np.ndarray:
    """Pelvis near the floor, legs straight and wide apart (the hips allow 126 degrees), torso upright."""
    return together(
        grade(next_uprightness, low=0.7, margin=0.6),
        grade(next_pelvis_height, high=0.25, margin=0.3),
        grade(np.minimum(next_right_knee_angle, next_left_knee_angle), low=-0.5, margin=0.8),
        grade(next_feet_distance, low=1.2, margin=0.6),
    )


def hands_on_hips(
    next_uprightness: np.ndarray,
    next_head_height: np.ndarray,
    next_right_hand_to_hip: np.ndarray,
    next_left_hand_to_hip: np.ndarray,
    next_right_elbow_angle: np.ndarray,
    next_left_elbow_angle: np.ndarray,
) -> np.ndarray:
    """Standing, both hands at the sides of the pelvis, elbows bent."""
    hands = grade(np.maximum(next_right_hand_to_hip, next_left_hand_to_hip), high=0.1, margin=0.15)
    elbows = grade(np.minimum(next_right_elbow_angle, next_left_elbow_angle), low=-0.8, margin=0.6)
    return together(upright(next_uprightness, next_head_height), hands, elbows)


def one_leg(
    next_uprightness: np.ndarray,
    next_head_height: np.ndarray,
    next_right_foot_height: np.ndarray,
    next_left_foot_height: np.ndarray,
) -> np.ndarray:
    """Standing, one foot on the floor and the other at least 20 cm above it."""
    lower = np.minimum(next_right_foot_height, next_left_foot_height)
    higher = np.maximum(next_right_foot_height, next_left_foot_height)
    return together(
        upright(next_uprightness, next_head_height),
        grade(lower, high=0.05, margin=0.15),
        grade(higher - lower, low=0.2, margin=0.2),
    )


def arms_crossed(
    next_uprightness: np.ndarray,
    next_head_height: np.ndarray,
    next_right_hand_outward: np.ndarray,
    next_left_hand_outward: np.ndarray,
    next_right_hand_up: np.ndarray,
    next_left_hand_up: np.ndarray,
    next_right_hand_forward: np.ndarray,
    next_left_hand_forward: np.ndarray,
) -> np.ndarray:
    """Standing, each hand in front of the chest and beyond the body's middle."""
    across = grade(np.maximum(next_right_hand_outward, next_left_hand_outward), high=-0.04, margin=0.15)
    lowest, highest = np.sort([next_right_hand_up, next_left_hand_up], axis=0)
    at_chest = grade(lowest, low=-0.3, margin=0.3) * grade(highest, high=0.15, margin=0.3)
    in_front = grade(np.minimum(next_right_hand_forward, next_left_hand_forward), low=0.1, margin=0.2)
    return together(upright(next_uprightness, next_head_height), across, at_chest, in_front)


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
        fitness_best=1.0,
        success=SUCCESS,
        max_episode_steps=100,
        env_kwargs={"terminate_when_unhealthy": False},
        reward=rewards.Humanoid,
        camera=VLM_RM_HUMANOID,
    )


TASKS = (
    _task(
        kneeling,
        "Kneel with both knees on the floor and the torso upright.",
        "a humanoid robot kneeling",
    ),
    _task(
        lotus,
        "Sit on the floor with crossed legs and the torso upright, as in the lotus position.",
        "a humanoid robot seated down, meditating in the lotus position",
    ),
    _task(
        standing,
        "Stand upright on both feet.",
        "a humanoid robot standing up",
    ),
    _task(
        arms_raised,
        "Stand upright with both hands raised above the head.",
        "a humanoid robot standing up, with both arms raised",
    ),
    _task(
        splits,
        "Do the side splits: legs straight and wide apart, pelvis near the floor, torso upright.",
        "a humanoid robot practicing gymnastics, doing the side splits",
    ),
    _task(
        hands_on_hips,
        "Stand upright with the hands on the hips and the elbows bent.",
        "a humanoid robot standing up with hands on hips",
    ),
    _task(
        one_leg,
        "Stand upright on one leg, the other foot well above the floor.",
        "a humanoid robot standing up on one leg",
    ),
    _task(
        arms_crossed,
        "Stand upright with the arms crossed in front of the chest.",
        "a humanoid robot standing up, with its arms crossed",
    ),
)

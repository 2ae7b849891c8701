"""Ground truth that several tasks share: grades between 0 and 1, displacement."""

from __future__ import annotations

import numpy as np

from reward_designers.base import FunctionReward


def grade(x: np.ndarray, low: float = -np.inf, high: float = np.inf, *, margin: float) -> np.ndarray:
    """1 where x is within [low, high]; 1 / (1 + 9 (d / margin)^2) at distance d outside: 0.1 at ``margin``, never 0.

    It is dm_control's ``tolerance`` (suite/utils/rewards.py) with its sigmoid "long_tail", so that progress shows from
    far away.

    Args:
        x: Any shape.
        low: Lower bound.
        high: Upper bound.
        margin: Distance beyond the bounds at which the grade is 0.1, in the unit of x.
    """
    beyond = np.maximum(np.maximum(low - x, x - high), 0.0)
    return 1.0 / (1.0 + 9.0 * np.square(beyond / margin))


def together(*grades: np.ndarray) -> np.ndarray:
    """Square root of the product of grades: 1 only if all of them are, and progress in any one of them shows."""
    return np.sqrt(np.prod(grades, axis=0))


def displacement_per_second(
    x_position: np.ndarray, next_x_position: np.ndarray, timestep: float = 0.002, frame_skip: int = 4
) -> np.ndarray:
    """Distance covered along x in one step, per second."""
    return (next_x_position - x_position) / (timestep * frame_skip)


def forward(timestep: float, frame_skip: int) -> FunctionReward:
    """`displacement_per_second` as a fitness."""
    return FunctionReward(displacement_per_second, {"timestep": timestep, "frame_skip": frame_skip})

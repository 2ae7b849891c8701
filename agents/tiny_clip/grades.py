"""Degrees of truth in [0, 1]: a caption is not just true or false, a robot half way up is half standing.

Rewards are climbed, so the model must learn *how much* a caption applies; these few functions grade everything.
"""

from __future__ import annotations

import numpy as np


def ramp(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below ``low``, 1 above ``high``, linear in between; falling where low > high."""
    return np.clip((x - low) / (high - low), 0.0, 1.0)


def bump(x: np.ndarray, center: float, width: float) -> np.ndarray:
    """1 at ``center``, falling linearly to 0 at a distance of ``width``."""
    return np.clip(1.0 - np.abs(x - center) / width, 0.0, 1.0)


def all_of(*degrees: np.ndarray, slack: float = 0.2) -> np.ndarray:
    """Graded conjunction: 1 where all hold, 0 where none does; each one that holds brings it nearer to 1.

    A plain product would be 0 wherever one part fails, and so would not tell states far from the goal apart.
    """
    product = np.prod([slack + (1 - slack) * degree for degree in degrees], axis=0)
    floor = slack ** len(degrees)
    return (product - floor) / (1 - floor)

"""Sparse rewards: 1 in a step that reaches what the task calls success, else 0.

Eureka (arXiv 2310.12931) puts the zero of its human-normalised score there. The thresholds are those of the tasks
(`envs.Task.success`). InvertedPendulum has none: of a pole nothing sparser can be asked than that it is up, which is
what Gymnasium's own reward pays for.
"""

from __future__ import annotations

import numpy as np

from reward_designers.base import reward_fn


@reward_fn
def hopper(next_forward_velocity: np.ndarray) -> np.ndarray:
    """Forward at more than 1 m/s."""
    return (next_forward_velocity > 1.0).astype(np.float64)


@reward_fn
def half_cheetah(next_forward_velocity: np.ndarray) -> np.ndarray:
    """Forward at more than 2 m/s."""
    return (next_forward_velocity > 2.0).astype(np.float64)

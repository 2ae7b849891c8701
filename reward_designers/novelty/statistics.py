"""Running statistics of novelty: means and standard deviations, and discounted sums of rewards."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


class Moments:
    """Mean and standard deviation of all rows so far, ``(d,)`` each, or numbers for rows that are numbers.

    Chan et al. 1979, updating formulae for variances.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean = np.zeros(())
        self._squares = np.zeros(())

    @property
    def std(self) -> np.ndarray:
        """The standard deviation; 1 where there is none to divide by."""
        std = np.sqrt(self._squares / max(self.count, 1))
        return np.where(std > 1e-8 * np.abs(self.mean), std, 1.0)

    def add(self, rows: np.ndarray) -> None:
        """Take in rows ``(n, d)`` or ``(n,)``."""
        rows = rows.astype(np.float64)
        count, mean = self.count + len(rows), rows.mean(0)
        difference = mean - self.mean
        squares = np.square(rows - mean).sum(0)
        self._squares = self._squares + squares + np.square(difference) * self.count * len(rows) / count
        self.mean = self.mean + difference * len(rows) / count
        self.count = count

    def state_dict(self) -> dict[str, np.ndarray]:
        """Arrays to go on from."""
        return {"count": np.array(self.count), "mean": np.array(self.mean), "squares": np.array(self._squares)}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Restore what `state_dict` returned."""
        self.count = int(state["count"])
        self.mean, self._squares = np.array(state["mean"]), np.array(state["squares"])


def discounted(rewards: np.ndarray, gamma: float, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Discounted sums of the past, s_t = gamma s_(t-1) + r_t.

    Args:
        rewards: ``(T, num_envs)``.
        gamma: The discount.
        before: The sums before these steps, ``(num_envs,)``; of another number of environments, they begin at 0.

    Returns:
        The sums ``(T, num_envs)``, and the last of them.
    """
    current = before if before.shape == rewards.shape[1:] else np.zeros(rewards.shape[1:])
    sums = np.empty_like(rewards)
    for step, reward in enumerate(rewards):
        current = sums[step] = gamma * current + reward
    return sums, np.array(current)

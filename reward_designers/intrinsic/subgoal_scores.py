"""What a judge of subgoals is worth: precision, recall and F1 on labeled transitions, with intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Z = 1.959964
"""Of a 95 % interval."""


@dataclass(frozen=True)
class Score:
    """How a judge did on one subgoal.

    Attributes:
        hits: Achievements that it saw.
        false_alarms: Transitions that it took for one.
        missed: Achievements that it did not see.
    """

    hits: int
    false_alarms: int
    missed: int

    @property
    def precision(self) -> tuple[float, float, float]:
        """Which share of what it called an achievement was one, and a 95 % interval (Wilson 1927)."""
        return _wilson(self.hits, self.hits + self.false_alarms)

    @property
    def recall(self) -> tuple[float, float, float]:
        """Which share of the achievements it saw, likewise."""
        return _wilson(self.hits, self.hits + self.missed)

    @property
    def f1(self) -> tuple[float, float, float]:
        """Their harmonic mean 2 J / (1 + J), J being the share of hits in all that either called an achievement."""
        value, low, high = (2 * j / (1 + j) for j in _wilson(self.hits, self.hits + self.false_alarms + self.missed))
        return value, low, high


def scores(verdicts: np.ndarray, labels: np.ndarray) -> list[Score]:
    """A score for each subgoal.

    Args:
        verdicts: ``(n, k)`` bool, what a judge says of n transitions and k subgoals.
        labels: ``(n, k)`` bool, what is true.
    """
    if verdicts.shape != labels.shape or verdicts.ndim != 2:
        raise ValueError(f"verdicts {verdicts.shape} and labels {labels.shape}, expected (n, k) both")
    verdicts, labels = verdicts.astype(bool), labels.astype(bool)
    counts = [(said & true, said & ~true, ~said & true) for said, true in zip(verdicts.T, labels.T, strict=True)]
    return [Score(*(int(np.count_nonzero(part)) for part in parts)) for parts in counts]


def _wilson(hits: int, trials: int) -> tuple[float, float, float]:
    """A share and its interval; NaN and all there is where nothing was tried."""
    if not trials:
        return float("nan"), 0.0, 1.0
    share, z2 = hits / trials, Z * Z
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z / (1 + z2 / trials) * np.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return share, float(max(middle - half, 0.0)), float(min(middle + half, 1.0))

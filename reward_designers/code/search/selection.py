"""Which candidate is best, and whether that can be known: scores are few, noisy numbers, one for each seed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reward_designers.code.search.candidates import Candidate

LEVEL = 0.95
"""Of intervals."""


@dataclass(frozen=True)
class Score:
    """A mean over seeds with its interval (Student's t).

    Attributes:
        mean: The mean.
        low: Lower end of the interval; None with one seed, which says nothing about others.
        high: Upper end.
        seeds: How many.
    """

    mean: float
    low: float | None
    high: float | None
    seeds: int

    def __str__(self) -> str:
        if self.low is None:
            return f"{self.mean:.3g} (1 seed)"
        return f"{self.mean:.3g} [{self.low:.3g}, {self.high:.3g}] ({self.seeds} seeds)"


@dataclass(frozen=True)
class Selection:
    """What can be said about a set of candidates.

    Attributes:
        best: Key of the one with the highest mean; None if none has a score.
        tied: Keys of those that cannot be told from it.
        ranking: Keys of all that were compared, by mean; equal means in the order given.
        stopped: Keys of those with a score after a shorter training, which are not compared.
        failed: Key of each of the others to why it has no score.
    """

    best: str | None
    tied: tuple[str, ...]
    ranking: tuple[str, ...]
    stopped: tuple[str, ...]
    failed: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**vars(self), "tied": list(self.tied), "ranking": list(self.ranking), "stopped": list(self.stopped)}


def score(candidate: Candidate) -> Score | None:
    """A candidate's mean over seeds with an interval; None if it has no score."""
    if candidate.values is None:
        return None
    mean, variance, n = _moments(candidate.values)
    if n < 2:
        return Score(mean, None, None, n)
    half = _quantile(n - 1) * math.sqrt(variance / n)
    return Score(mean, mean - half, mean + half, n)


def select(candidates: Iterable[Candidate]) -> Selection:
    """Rank candidates by the mean of their scores over seeds.

    Only those that were trained longest are compared: successive halving has stopped the others because they were
    behind. NaN and failed trainings never win. Candidates are tied with the best if the interval of the difference of
    means (Welch's) has zero in it, or if either has one seed only.
    """
    candidates = list(candidates)
    scored = [c for c in candidates if c.values is not None]
    longest = max((c.steps for c in scored), default=0)
    compared = sorted((c for c in scored if c.steps == longest), key=lambda c: -_mean(c))
    return Selection(
        best=compared[0].key if compared else None,
        tied=tuple(c.key for c in compared[1:] if tied(compared[0], c)),
        ranking=tuple(c.key for c in compared),
        stopped=tuple(c.key for c in scored if c.steps < longest),
        failed={c.key: c.failure for c in candidates if c.failure is not None},
    )


def tied(a: Candidate, b: Candidate) -> bool:
    """Whether the scores of two candidates leave open which is better.

    Raises:
        ValueError: One has no score.
    """
    if a.values is None or b.values is None:
        raise ValueError(f"{a.key if a.values is None else b.key} has no score, so it cannot be compared")
    (mean_a, variance_a, n_a), (mean_b, variance_b, n_b) = _moments(a.values), _moments(b.values)
    if mean_a == mean_b:
        return True
    if min(n_a, n_b) < 2:
        return True
    error_a, error_b = variance_a / n_a, variance_b / n_b
    if error_a + error_b == 0:
        return False  # every seed gave the same: that is as certain as it gets
    freedom = (error_a + error_b) ** 2 / (error_a**2 / (n_a - 1) + error_b**2 / (n_b - 1))
    return abs(mean_a - mean_b) <= _quantile(freedom) * math.sqrt(error_a + error_b)


def _mean(candidate: Candidate) -> float:
    assert candidate.mean is not None
    return candidate.mean


def _moments(values: tuple[float, ...]) -> tuple[float, float, int]:
    """Mean, unbiased variance (0 for one value) and number."""
    n = len(values)
    mean = math.fsum(values) / n
    return mean, math.fsum((v - mean) ** 2 for v in values) / max(n - 1, 1), n


def _quantile(freedom: float) -> float:
    """Student's t, two-sided at `LEVEL`."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + LEVEL) / 2))

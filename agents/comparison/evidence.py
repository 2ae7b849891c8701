"""What flags rest on: correlations and differences with intervals over episodes, and where states come back."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

RESAMPLES = 1000
LEVEL = 0.95
BACK, AWAY = 0.1, 0.5
"""A loop comes back to within the former of a state, from farther than the latter."""


@dataclass(frozen=True)
class Estimate:
    """A number with its interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def in_loops(states: np.ndarray, episode: np.ndarray) -> np.ndarray:
    """Which steps lie on loops: the episode goes away from a state and comes back to it.

    Distances are root mean squares over the dimensions, each in units of its standard deviation on the coverage.

    Args:
        states: ``(n, d)`` the state before each step.
        episode: ``(n,)``.

    Returns:
        ``(n,)`` bool. Loops do not overlap: the search goes on where one was closed.
    """
    scale = states.std(0)
    points = (states / np.where(scale > 0, scale, 1.0)).astype(np.float32)
    points /= np.sqrt(max(1, int(np.count_nonzero(scale))))
    inside = np.zeros(len(states), bool)
    bounds = np.flatnonzero(np.diff(episode, prepend=episode[0] - 1, append=episode[-1] + 1))
    for start, stop in pairwise(bounds):
        here = start
        while here < stop - 2:
            distance = np.linalg.norm(points[here + 1 : stop] - points[here], axis=1)
            left = int((distance > AWAY).argmax())
            returned = distance[left:] < BACK
            if distance[left] > AWAY and returned.any():
                end = here + 1 + left + int(returned.argmax())
                inside[here:end] = True
                here = end
            else:
                here += 1
    return inside


def correlate(x: np.ndarray, y: np.ndarray, episode: np.ndarray, seed: int = 0) -> Estimate | None:
    """Pearson's correlation of two arrays ``(n,)``, with a bootstrap over episodes; None with fewer than 3 episodes."""
    x, y = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    sums = np.array([np.ones(len(x)), x, y, x * x, y * y, x * y])

    def correlation(s: np.ndarray) -> np.ndarray:
        n, sx, sy, sxx, syy, sxy = s
        variance = np.maximum((sxx - sx**2 / n) * (syy - sy**2 / n), 1e-300)
        return (sxy - sx * sy / n) / np.sqrt(variance)

    return _bootstrap(correlation, sums, episode, seed)


def mean_excess(
    values: np.ndarray, fitness: np.ndarray | None, mask: np.ndarray, episode: np.ndarray, seed: int
) -> Estimate | None:
    """How much more is paid within ``mask`` than outside, beyond what fitness makes of it, in standard deviations.

    Both are standardised over the coverage; fitness that does not vary, or is not known, justifies nothing.

    Args:
        values: ``(n,)`` what is paid.
        fitness: ``(n,)``.
        mask: ``(n,)`` bool.
        episode: ``(n,)``; the interval is a bootstrap over episodes.
        seed: Of the bootstrap.
    """
    z = (values - values.mean()) / values.std()
    if fitness is not None and varies(fitness):
        z = z - (fitness - fitness.mean()) / fitness.std()
    sums = np.array([mask, ~mask, z * mask, z * ~mask], np.float64)

    def gap(s: np.ndarray) -> np.ndarray:
        inside, outside, z_inside, z_outside = s
        return z_inside / np.maximum(inside, 1) - z_outside / np.maximum(outside, 1)

    return _bootstrap(gap, sums, episode, seed)


def _bootstrap(statistic: Any, sums: np.ndarray, episode: np.ndarray, seed: int) -> Estimate | None:
    """A function of sums over steps ``(k, n)``, resampling whole episodes."""
    starts = np.flatnonzero(np.diff(episode, prepend=episode[0] - 1))
    if len(starts) < 3:
        return None
    by_episode = np.add.reduceat(sums, starts, axis=1)
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(len(starts), np.full(len(starts), 1 / len(starts)), size=RESAMPLES)
    low, high = np.quantile(statistic(by_episode @ counts.T), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(statistic(by_episode.sum(1))), float(low), float(high))


def varies(values: np.ndarray) -> bool:
    """Whether they differ by more than rounding."""
    return float(values.std()) > 1e-9 * max(float(np.abs(values).max()), 1e-300)

"""Pearson distances of canonicalised rewards, with intervals from leaving out groups of what they were sampled from.

Transitions and draws of the mean are split into G groups of both; each is left out in turn, from the correlation and
from every mean m(x) alike. The distances of these G replicates give the standard error, draws and transitions included
(the delete-a-group jackknife; with episodes as groups it is the cluster jackknife, "CV3" in MacKinnon, Nielsen and Webb
2023). Unlike a bootstrap it needs no random numbers, no more than sums by group while rewards are evaluated, and no
replicate repeats a transition or misses most of those in which a sparse reward pays.

The error is that of d^2 = (1 - rho) / 2, which is smooth everywhere; the interval is symmetric in Fisher's
z = atanh(rho) = log(sqrt(1 - d^2) / d), so it stays within [0, 1]: near the ends it says by what factor d, or the
complement sqrt(1 - d^2), may be off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Protocol

import numpy as np

from reward_designers.distances.canonical import Canonical
from reward_designers.distances.distance import DegenerateRewardError, Distance, direction
from reward_designers.distances.matrix import DistanceMatrix

Pairs = dict[tuple[int, int], Distance]


class Samples(Protocol):
    """What rewards were canonicalised on: transitions and draws, in groups that are independent.

    Attributes:
        sampled: What it is that was sampled, in words.
        group: ``(N_V,)`` int, the group of each transition.
        mean_group: ``(N_M,)`` int, ascending: that of each draw.
        groups: Number of groups.
        clustered: Whether groups consist of whole episodes.
    """

    @property
    def sampled(self) -> str: ...
    @property
    def group(self) -> np.ndarray: ...
    @property
    def mean_group(self) -> np.ndarray: ...
    @property
    def groups(self) -> int: ...
    @property
    def clustered(self) -> bool: ...

    def counted(self, kept: np.ndarray) -> dict[str, int]:
        """How many there are in the groups of the mask ``kept``, as `Distance.samples` has them."""
        ...


def distances(
    names: Sequence[str],
    canonicals: Sequence[Canonical],
    samples: Samples,
    *,
    method: str = "epic",
    confidence: float = 0.95,
    half: bool = False,
) -> Pairs:
    """The distances of all pairs of rewards, by their numbers.

    Args:
        names: Of the rewards, for messages.
        canonicals: The rewards on the samples.
        samples: What they were sampled from.
        method: Names the distance.
        confidence: Of the intervals.
        half: Use every other group alone, as if half as much had been sampled.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}")
    kept = np.arange(samples.groups) % 2 == 0 if half else np.ones(samples.groups, bool)
    counts = samples.counted(kept)
    pool = _Replicates(canonicals, samples, kept)
    reasons: dict[int, str] = {}
    units: dict[int, np.ndarray] = {}
    noise: dict[int, float] = {}  # of the unit vectors
    for i, values in enumerate(pool.leaving(None)):
        try:
            units[i] = direction(values, round_off=canonicals[i].round_off)
            noise[i] = canonicals[i].round_off / float(values.std())
        except DegenerateRewardError as error:
            reasons[i] = f"reward {names[i]!r}: {error}"
    groups = np.flatnonzero(kept)
    replicates = np.array([_squared(pool.leaving(int(g))) for g in groups]) if len(groups) > 1 else None
    words = ""
    if replicates is not None:
        unit = "groups of whole episodes" if samples.clustered else "groups"
        words = f"jackknife over {samples.sampled}, {len(groups)} {unit}"
    found: Pairs = {}
    for i, j in combinations(range(len(canonicals)), 2):
        if reason := "; ".join(reasons[k] for k in (i, j) if k in reasons):
            found[i, j] = Distance(None, None, None, method, confidence, samples=counts, degenerate=reason)
            continue
        sine, cosine = (0.5 * float(np.linalg.norm(units[i] + sign * units[j])) for sign in (-1, 1))
        low = high = None
        if replicates is not None:
            low, high = interval(sine, cosine, (noise[i] + noise[j]) / 2, replicates[:, i, j], confidence)
        found[i, j] = Distance(min(1.0, sine), low, high, method, confidence, words, counts)
    return found


def distance_matrix(
    names: Sequence[str],
    canonicals: Sequence[Canonical],
    samples: Samples,
    *,
    method: str = "epic",
    confidence: float = 0.95,
) -> DistanceMatrix:
    """`distances` by name, from all of the samples and from half of them."""

    def named(half: bool) -> dict[tuple[str, str], Distance]:
        found = distances(names, canonicals, samples, method=method, confidence=confidence, half=half)
        return {(names[i], names[j]): distance for (i, j), distance in found.items()}

    return DistanceMatrix(tuple(names), named(False), named(True) if samples.groups >= 4 else {})


def interval(
    sine: float, cosine: float, noise: float, replicates: np.ndarray, confidence: float
) -> tuple[float, float]:
    """The ends of the interval of a distance.

    Args:
        sine: The distance d.
        cosine: sqrt(1 - d^2).
        noise: Below this, both are round-off: the interval goes to 0, or 1, from there.
        replicates: ``(G,)``, d^2 with each group left out; NaN where a reward has no direction then, in which case
            nothing is known.
        confidence: Of the interval.
    """
    from scipy.special import expit, stdtrit

    d = min(1.0, sine)
    if not np.isfinite(replicates).all():
        return 0.0, 1.0
    if sine <= noise:
        return 0.0, d
    if cosine <= noise:
        return d, 1.0
    groups = len(replicates)
    error = math.sqrt((groups - 1) / groups * float(np.square(replicates - sine**2).sum()))
    z = math.log(cosine / sine)
    reach = float(stdtrit(groups - 1, 0.5 + confidence / 2)) * error / (2 * sine**2 * cosine**2)
    low, high = (math.sqrt(expit(-2 * (z + side * reach))) for side in (1, -1))
    return min(low, d), max(high, d)


class _Replicates:
    """Canonicalised rewards on some of the groups."""

    def __init__(self, canonicals: Sequence[Canonical], samples: Samples, kept: np.ndarray):
        self.canonicals, self.samples, self.kept = canonicals, samples, kept
        self.draws = np.bincount(samples.mean_group, minlength=samples.groups)
        self.pulls: list[np.ndarray | float] = [  # of all groups they add up to nothing
            0.0 if c.shifts is None or kept.all() else c.shifts[kept].sum(0, dtype=np.float64) for c in canonicals
        ]

    def leaving(self, group: int | None) -> np.ndarray:
        """``(rewards, transitions left)`` without one group of transitions and draws."""
        kept = self.kept.copy()
        if group is not None:
            kept[group] = False
        rows = kept[self.samples.group]
        draws = max(1, self.draws[kept].sum())  # without any, no group pulls
        values = np.empty((len(self.canonicals), int(rows.sum())))
        for row, c, pull in zip(values, self.canonicals, self.pulls, strict=True):
            row[:] = c.values[rows]
            if c.shifts is not None:
                rest = pull if group is None else pull - c.shifts[group]
                row += np.broadcast_to(rest, rows.shape)[rows] / draws
        return values


def _squared(values: np.ndarray) -> np.ndarray:
    """Squared distances ``(rewards, rewards)`` above the diagonal; NaN of rewards that are constant."""
    values -= values.mean(1, keepdims=True)
    norms = np.linalg.norm(values, axis=1)
    norms[norms == 0] = np.nan
    values /= norms[:, None]
    squared = np.zeros((len(values), len(values)))
    for i in range(len(values) - 1):
        # Not 1 - rho, which has lost its digits where rewards are alike.
        apart = values[i + 1 :] - values[i]
        squared[i, i + 1 :] = 0.25 * np.einsum("rn,rn->r", apart, apart)
    return squared

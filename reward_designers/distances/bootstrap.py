"""What the measures of returns share: their arguments checked, resampled, and summed up with an interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from reward_designers.distances.distance import Distance, round_off

Trajectories = np.ndarray | Sequence[np.ndarray]
"""One array ``(n,)``, or several, of different lengths perhaps."""

BLOCK = 2**20
"""Elements of the arrays that are worked on at once; bounds memory."""


def vector(name: str, values: Any) -> np.ndarray:
    """``values`` as ``(n,)`` float64.

    Raises:
        ValueError: They have another shape, are no real numbers, or not finite; the message has their name.
    """
    array = np.asarray(values)
    if array.ndim != 1 or array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be (n,) real numbers, got shape {array.shape} of {array.dtype}")
    array = array.astype(np.float64)
    if len(rows := np.flatnonzero(~np.isfinite(array))):
        first = f"{array[rows[0]]} at {rows[0]}"
        raise ValueError(f"{name}: {len(rows)} of {len(array)} values are not finite, the first is {first}")
    return array


def paired(first: tuple[str, Any], second: tuple[str, Any], what: str) -> tuple[np.ndarray, np.ndarray]:
    """Two named vectors of the same things (``what``: episodes, policies), at least two of them."""
    a, b = vector(*first), vector(*second)
    if len(a) != len(b):
        raise ValueError(f"{first[0]} and {second[0]} must be of the same {what}, got {len(a)} and {len(b)} of them")
    if len(a) < 2:
        raise ValueError(f"a correlation needs at least two {what}, got {len(a)}")
    return a, b


def nested(values: Trajectories) -> bool:
    """Whether it is several arrays rather than one."""
    return len(values) > 0 and np.ndim(values[0]) > 0


def paired_many(
    first: tuple[str, Any], second: tuple[str, Any], what: str
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Two named lists of vectors, one for each ``what`` (policy, trajectory), with the same lengths."""
    if len(first[1]) != len(second[1]):
        got = f"got {len(first[1])} and {len(second[1])}"
        raise ValueError(f"{first[0]} and {second[0]} must have one array for each {what}, {got}")
    a, b = ([vector(f"{name}[{i}]", values) for i, values in enumerate(given)] for name, given in (first, second))
    for i, (x, y) in enumerate(zip(a, b, strict=True)):
        if len(x) != len(y) or not len(x):
            raise ValueError(f"{what} {i} has {len(x)} values in {first[0]} and {len(y)} in {second[0]}")
    return a, b


def noise(values: np.ndarray) -> float:
    """The round-off of float64 in numbers as large as these."""
    return round_off(float(np.abs(values).max()))


def varies(values: np.ndarray) -> bool:
    """Whether they differ by more than round-off."""
    return float(values.std()) > noise(values)


def draws(rng: np.random.Generator, n: int, resamples: int) -> Iterator[tuple[int, np.ndarray]]:
    """Resamples of n things in blocks: the number of the first, and indices ``(k, n)``."""
    step = max(1, BLOCK // n)
    for start in range(0, resamples, step):
        yield start, rng.integers(n, size=(min(step, resamples - start), n))


def summary(
    method: str,
    value: float,
    resampled: np.ndarray | None,
    confidence: float,
    interval: str,
    samples: Mapping[str, int],
) -> Distance:
    """A value with the percentile interval of its bootstrap, widened to hold the value.

    Resamples in which everything is tied have no value (NaN) and are passed over; if they are a quarter or
    more (half of the resamples of two things), there are too few things to resample, and there is no interval.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}")
    defined = np.empty(0) if resampled is None else resampled[np.isfinite(resampled)]
    if resampled is None or len(defined) <= 0.75 * len(resampled):
        return Distance(value, None, None, method, confidence, "", samples)
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Distance(value, min(float(low), value), max(float(high), value), method, confidence, interval, samples)


def without_order(method: str, name: str, values: np.ndarray, what: str, samples: Mapping[str, int]) -> Distance:
    """What comes of constant values: no distance, and why."""
    reason = f"{name}: the same ({values[0]:g}) in all {what}"
    return Distance(None, None, None, method, samples=samples, degenerate=reason)

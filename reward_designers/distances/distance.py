"""What a comparison of two rewards comes to: a number with an interval, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reward_designers.errors import RewardError


class DegenerateRewardError(ValueError):
    """A reward has no direction: after canonicalisation it is constant, so its distance to others is undefined."""


class UnsupportedRewardError(RewardError):
    """A distance cannot be had for this kind of reward; the message says why, and what to use instead."""


@dataclass(frozen=True)
class Distance:
    """How far two rewards are apart.

    Attributes:
        value: The distance; None if one of the rewards is degenerate.
        low: Lower end of the interval; None if there is no interval.
        high: Upper end.
        method: ``epic``, ``dard``, ``starc``, ``erc``, ...
        confidence: That of the interval.
        interval: What the interval covers, in words: ``bootstrap over transitions and mean samples``.
        samples: How many of what it was computed from, such as ``{"transitions": 4096, "mean_samples": 4096}``.
        degenerate: Which reward has no direction and why; None if both have.
        ranking_only: True if estimation noise inflates the value, so that only an order of distances means anything.
    """

    value: float | None
    low: float | None
    high: float | None
    method: str
    confidence: float = 0.95
    interval: str = ""
    samples: Mapping[str, int] = field(default_factory=dict)
    degenerate: str | None = None
    ranking_only: bool = False

    def __post_init__(self) -> None:
        if (self.value is None) != (self.degenerate is not None):
            raise ValueError("a distance has either a value, or a reason why a reward is degenerate")

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON can hold it."""
        return {**vars(self), "samples": dict(self.samples)}


def direction(canonical: np.ndarray, *, weights: np.ndarray | None = None, round_off: float) -> np.ndarray:
    """The unit vector along a canonicalised reward after its (weighted) mean is taken out.

    Half the Euclidean distance of two such vectors is the Pearson distance sqrt((1 - rho) / 2), without the loss of
    digits that computing it from rho has where rewards are alike.

    Args:
        canonical: ``(n,)`` float64.
        weights: ``(n,)``, not negative, sum 1; None for equal weights.
        round_off: Standard deviations up to this are noise of the arithmetic that made ``canonical``; see `round_off`.

    Returns:
        ``(n,)`` float64 with norm 1; entries of weight zero are zero.

    Raises:
        DegenerateRewardError: The standard deviation does not exceed ``round_off``.
    """
    if weights is None:
        centred = canonical - canonical.mean()
        centred /= np.sqrt(len(centred))
    else:
        centred = np.sqrt(weights) * (canonical - weights @ canonical)
    deviation = float(np.sqrt(centred @ centred))
    if not deviation > round_off:
        raise DegenerateRewardError(
            "after canonicalisation it is constant on the transitions compared: a constant, or potential shaping of one"
        )
    return centred / deviation


def pearson_distance(a: np.ndarray, b: np.ndarray) -> float:
    """sqrt((1 - rho) / 2) of two unit vectors from `direction`, in [0, 1]."""
    return min(1.0, 0.5 * float(np.linalg.norm(a - b)))


def round_off(magnitude: float, dtype: Any = np.float64) -> float:
    """The standard deviation that arithmetic alone leaves in a canonicalised reward that should be constant.

    Args:
        magnitude: The largest absolute value among the terms that were added.
        dtype: The least precise type that the reward was computed in.
    """
    return 64 * float(np.finfo(dtype).eps) * magnitude

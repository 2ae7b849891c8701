"""What is remembered of a training, for the author of the reward: curves of its components, the task score, episodes.

The record has no place for the environment's own reward.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

CHECKPOINTS = 10
"""Values of a curve that a prompt shows (Eureka, arXiv 2310.12931, section 3.3)."""


@dataclass(frozen=True)
class Curve:
    """A quantity over a training.

    Attributes:
        values: At about ten checkpoints, evenly spaced; None where it was not finite.
        low: Smallest finite value of the whole training, None if there was none.
        mean: Mean of the finite ones.
        high: Largest.
        broken: How many values were not finite.
    """

    values: tuple[float | None, ...]
    low: float | None
    mean: float | None
    high: float | None
    broken: int = 0

    @classmethod
    def of(cls, values: Sequence[float | None], checkpoints: int = CHECKPOINTS) -> Curve:
        """Thin out a series, its first and last value kept.

        Args:
            values: In order; None and NaN where there is none.
            checkpoints: How many to keep, at least 2.

        Raises:
            ValueError: There are no values.
        """
        series = np.array([math.nan if value is None else value for value in values], np.float64)
        if series.ndim != 1 or not len(series) or checkpoints < 2:
            raise ValueError(f"expected at least one value and two checkpoints, got {series.shape} and {checkpoints}")
        rows = np.unique(np.linspace(0, len(series) - 1, min(checkpoints, len(series))).round().astype(int))
        finite = series[np.isfinite(series)]
        low, mean, high = (
            (float(finite.min()), float(finite.mean()), float(finite.max())) if len(finite) else [None] * 3
        )
        kept = tuple(map(_finite, series[rows]))
        return cls(kept, low, mean, high, len(series) - len(finite))

    @property
    def finite(self) -> np.ndarray:
        """The finite values at checkpoints, ``(k,)``."""
        return np.array([value for value in self.values if value is not None], np.float64)

    @property
    def rise(self) -> float:
        """Mean of the last third of the checkpoints less that of the first; 0 for fewer than three."""
        values = self.finite
        third = len(values) // 3
        return float(values[-third:].mean() - values[:third].mean()) if third else 0.0


@dataclass(frozen=True)
class Run:
    """The training with one seed.

    Attributes:
        seed: The seed.
        components: Component to its mean per step, in the order in which the program returns them.
        score: The task score of the policy at the checkpoints, over held-out episodes.
        length: Mean length of episodes, in steps.
    """

    seed: int
    components: Mapping[str, Curve]
    score: Curve
    length: Curve

    @property
    def reward(self) -> Curve:
        """The sum of the components at the checkpoints."""
        rows = [[math.nan if v is None else v for v in curve.values] for curve in self.components.values()]
        return Curve.of([float(total) for total in np.sum(rows, axis=0)], max(2, len(rows[0])))


@dataclass(frozen=True)
class Episode:
    """A few moments of one episode of the trained policy. Numbers that are not finite become None.

    Attributes:
        length: Its steps.
        terminated: Whether it ended before the time limit.
        score: Its task score.
        ticks: Steps at which the fields were read.
        fields: Field to its value at the ticks.
    """

    length: int
    terminated: bool
    score: float | None
    ticks: tuple[int, ...] = ()
    fields: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Plain data is without NaN."""
        object.__setattr__(self, "score", _finite(self.score))
        object.__setattr__(self, "fields", {name: tuple(map(_finite, row)) for name, row in self.fields.items()})


@dataclass(frozen=True)
class TrainingRecord:
    """How the training of a candidate went.

    Attributes:
        runs: One for each seed.
        steps: Environment steps at the checkpoints.
        max_length: Time limit of an episode, in steps.
        episodes: Some episodes of the trained policies, the worst ones.

    Raises:
        ValueError: The runs do not have the same components, or a curve has not one value a checkpoint.
    """

    runs: tuple[Run, ...]
    steps: tuple[int, ...]
    max_length: int
    episodes: tuple[Episode, ...] = ()

    def __post_init__(self) -> None:
        """Refuse records that would be read wrongly."""
        if not self.runs:
            raise ValueError("a training record needs at least one run")
        names = list(self.runs[0].components)
        for run in self.runs:
            if not names or list(run.components) != names:
                raise ValueError(f"seed {run.seed} has the components {', '.join(run.components)}, expected {names}")
            for name, curve in [*run.components.items(), ("score", run.score), ("length", run.length)]:
                if len(curve.values) != len(self.steps):
                    raise ValueError(
                        f"{name} of seed {run.seed} has {len(curve.values)} values for {len(self.steps)} checkpoints"
                    )

    @property
    def names(self) -> tuple[str, ...]:
        """The components."""
        return tuple(self.runs[0].components)

    def to_json(self) -> dict[str, Any]:
        """Plain data, without NaN."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TrainingRecord:
        """What `to_json` gave, also after a trip through a file."""
        runs = tuple(
            Run(
                run["seed"],
                {name: _curve(curve) for name, curve in run["components"].items()},
                _curve(run["score"]),
                _curve(run["length"]),
            )
            for run in data["runs"]
        )
        episodes = tuple(
            Episode(
                **{
                    **episode,
                    "ticks": tuple(episode["ticks"]),
                    "fields": {name: tuple(values) for name, values in episode["fields"].items()},
                }
            )
            for episode in data["episodes"]
        )
        return cls(runs, tuple(data["steps"]), data["max_length"], episodes)


def merged(curves: Sequence[Curve]) -> Curve:
    """The mean of curves with the same checkpoints, over seeds; extremes are those of all."""
    rows = np.array([[math.nan if v is None else v for v in curve.values] for curve in curves])
    finite = np.isfinite(rows)
    sums, counts = np.where(finite, rows, 0.0).sum(axis=0), finite.sum(axis=0)
    values = tuple(float(s / c) if c else None for s, c in zip(sums, counts, strict=True))
    lows = [curve.low for curve in curves if curve.low is not None]
    means = [curve.mean for curve in curves if curve.mean is not None]
    highs = [curve.high for curve in curves if curve.high is not None]
    return Curve(
        values,
        min(lows, default=None),
        math.fsum(means) / len(means) if means else None,
        max(highs, default=None),
        sum(curve.broken for curve in curves),
    )


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _curve(data: Mapping[str, Any]) -> Curve:
    return Curve(**{**data, "values": tuple(data["values"])})

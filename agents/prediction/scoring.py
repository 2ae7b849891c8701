"""How well predicted rewards follow the true ones: a distance, two kinds of ranking, and intervals over tasks.

**Trajectory Pearson distance** (arXiv 2603.09400, where it is called EPIC distance): the positive and the negative
trajectories of a task are joined, and sqrt((1 - r) / 2) is taken of the Pearson correlation r of predicted and true
step rewards; the mean over tasks. 0 is perfect, 0.71 unrelated, 1 opposite. Nothing is canonicalised: shaping counts.

A prediction that is constant over a task has no correlation with anything. As in the paper's code it counts as r = 0,
that is 0.71: who says nothing is no better than who guesses. `Score.constant` counts such tasks. Tasks whose *truth* is
constant ask nothing, and are left out.

**Where it is EPIC after all** (arXiv 2006.13900): a reward of the next state alone has a canonical form that differs
from it by a constant, so EPIC is plain Pearson for a pair of such rewards, with these steps as coverage. `raw` is such
a reward (is the goal reached?), and so are rewards that look only at what the player knows by then: for these, the
distance to raw is an EPIC distance. `shaped` is none, since it depends on who acted and on how long the rest of the way
is; nor are rewards of a step, such as a judge's mark for it, or a difference of potentials, whose canonical form is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.prediction.data import PredictionTask
from reward_designers.distances.bootstrap import draws, noise, varies, vector
from reward_designers.distances.distance import direction, pearson_distance

UNRELATED = float(np.sqrt(0.5))
"""The distance at r = 0."""
MEASURES = ("shaped", "raw", "trajectories", "steps")
RESAMPLES, CONFIDENCE = 2000, 0.95


@dataclass(frozen=True)
class Score:
    """One measure of one reward: its mean over tasks, with a percentile bootstrap interval over tasks.

    Attributes:
        value: The mean; None if no task has a value.
        low: Lower end of the interval; None if there are fewer than two tasks.
        high: Upper end.
        tasks: How many tasks have a value.
        constant: In how many of them the prediction is constant.
    """

    value: float | None
    low: float | None
    high: float | None
    tasks: int
    constant: int = 0

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return dict(vars(self))


Predictions = Sequence[np.ndarray]
"""Predicted rewards of each of a task's trajectories, in the order of `PredictionTask.trajectories`."""


def trajectory_distance(task: PredictionTask, predicted: Predictions, kind: str) -> float:
    """The trajectory Pearson distance of one task; NaN if its truth is constant.

    Args:
        task: The truth.
        predicted: A reward for each step of each trajectory.
        kind: Which truth: raw or shaped.
    """
    ours, truth = joined(task, predicted, kind)
    if not varies(truth):
        return float("nan")
    if not varies(ours):
        return UNRELATED
    return pearson_distance(*(direction(values, round_off=noise(values)) for values in (ours, truth)))


def trajectories_ranked(task: PredictionTask, predicted: Predictions) -> float:
    """Share of negative trajectories whose mean predicted reward is below the positive one's; ties count half."""
    best, *others = (float(np.mean(values)) for values in predicted)
    return float(np.mean([_order(best, other) for other in others]))


def steps_ranked(task: PredictionTask, predicted: Predictions) -> float:
    """Share of pairs of steps, of all trajectories, with different shaped truth that are put in its order; ties half.

    NaN if there is no such pair. 0.5 is chance. This is (1 + Kendall's tau) / 2 over these pairs.
    """
    ours, truth = joined(task, predicted, "shaped")
    above = truth[:, None] > truth[None, :]
    if not above.any():
        return float("nan")
    difference = ours[:, None] - ours[None, :]
    close = np.abs(difference) <= noise(ours)
    return float(np.where(close, 0.5, difference > 0)[above].mean())


def joined(task: PredictionTask, predicted: Predictions, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and true rewards of all steps of a task, ``(steps,)`` each.

    Raises:
        ValueError: There are not as many predictions as steps, or they are not finite.
    """
    trajectories = task.trajectories
    if len(predicted) != len(trajectories):
        raise ValueError(f"{task.name} has {len(trajectories)} trajectories, got predictions for {len(predicted)}")
    for number, (values, trajectory) in enumerate(zip(predicted, trajectories, strict=True)):
        if np.shape(values) != (len(trajectory),):
            raise ValueError(
                f"trajectory {number} of {task.name} has {len(trajectory)} steps, got {np.shape(values)} rewards"
            )
    ours = vector(f"rewards of {task.name}", np.concatenate([np.asarray(values, np.float64) for values in predicted]))
    return ours, np.concatenate([trajectory.truth(kind) for trajectory in trajectories])


Rows = dict[str, np.ndarray]
"""Values of each measure, ``(tasks,)``, NaN where a task has none."""


def score_tasks(tasks: Sequence[PredictionTask], predicted: Sequence[Predictions]) -> tuple[Rows, np.ndarray]:
    """Each measure of each task, and where the prediction is constant, ``(tasks,)`` bool."""
    measures: dict[str, Callable[[PredictionTask, Predictions], float]] = {
        "shaped": lambda task, values: trajectory_distance(task, values, "shaped"),
        "raw": lambda task, values: trajectory_distance(task, values, "raw"),
        "trajectories": trajectories_ranked,
        "steps": steps_ranked,
    }
    pairs = list(zip(tasks, predicted, strict=True))
    rows = {name: np.array([measure(*pair) for pair in pairs]) for name, measure in measures.items()}
    return rows, np.array([not varies(joined(task, values, "raw")[0]) for task, values in pairs], bool)


def summarize(rows: Rows, constant: np.ndarray, seed: int = 0) -> dict[str, Score]:
    """The mean of each measure over the tasks of one domain, with its interval."""
    return {name: _mean([values], [constant], seed) for name, values in rows.items()}


def overall(rows: Mapping[str, tuple[Rows, np.ndarray]], seed: int = 0) -> dict[str, Score]:
    """The mean over domains, each counting the same; resampled within domains.

    Args:
        rows: Of each domain, what `score_tasks` gives.
        seed: Of the bootstrap.
    """
    parts = list(rows.values())
    return {name: _mean([values[name] for values, _ in parts], [flat for _, flat in parts], seed) for name in MEASURES}


def _mean(domains: Sequence[np.ndarray], constant: Sequence[np.ndarray], seed: int) -> Score:
    """The mean of the domains' means."""
    defined = [np.isfinite(values) for values in domains]
    kept = [values[there] for values, there in zip(domains, defined, strict=True) if there.any()]
    flat = sum(int((where & there).sum()) for where, there in zip(constant, defined, strict=True))
    if not kept:
        return Score(None, None, None, 0)
    tasks = sum(map(len, kept))
    value = float(np.mean([values.mean() for values in kept]))
    if min(map(len, kept)) < 2:
        return Score(value, None, None, tasks, flat)
    rng = np.random.default_rng(seed)
    means = [
        np.concatenate([values[rows].mean(1) for _, rows in draws(rng, len(values), RESAMPLES)]) for values in kept
    ]
    low, high = np.quantile(np.mean(means, axis=0), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Score(value, min(float(low), value), max(float(high), value), tasks, flat)


def _order(better: float, worse: float) -> float:
    if abs(better - worse) <= noise(np.array([better, worse])):
        return 0.5
    return float(better > worse)

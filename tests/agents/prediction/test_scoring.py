"""Measures of predicted rewards, on tasks that are worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from agents.prediction.data import PredictionTask, Step, Trajectory
from agents.prediction.scoring import (
    UNRELATED,
    overall,
    score_tasks,
    steps_ranked,
    summarize,
    trajectories_ranked,
    trajectory_distance,
)
from reward_designers.base import Transition, reward_fn
from reward_designers.distances import epic


def trajectory(shaped: list[float]) -> Trajectory:
    steps = [Step("go", "here", float(value == 1), value, value > 0) for value in shaped]
    return Trajectory("get there", tuple(steps))


@pytest.fixture
def task() -> PredictionTask:
    return PredictionTask("hall", "a", trajectory([0.5, 1.0]), (trajectory([0.0, 0.0]),))


def test_distance_by_hand(task: PredictionTask) -> None:
    # Truth 1/2, 1, 0, 0 has mean 3/8 and squares 11/16; predicted 0, 1, 0, 0 has mean 1/4 and squares 3/4; their
    # product is 5/8, so r^2 = (25/64) / (33/64) = 25/33.
    predicted = [np.array([0.0, 1.0]), np.array([0.0, 0.0])]
    r = np.sqrt(25 / 33)
    assert trajectory_distance(task, predicted, "shaped") == pytest.approx(np.sqrt((1 - r) / 2))
    assert trajectory_distance(task, predicted, "raw") == pytest.approx(0.0, abs=1e-7)
    opposite = [-values for values in predicted]
    assert trajectory_distance(task, opposite, "raw") == pytest.approx(1.0)


def test_constants(task: PredictionTask) -> None:
    flat = [np.full(2, 0.3), np.full(2, 0.3)]
    assert trajectory_distance(task, flat, "shaped") == UNRELATED == pytest.approx(0.70710678)
    assert trajectories_ranked(task, flat) == steps_ranked(task, flat) == 0.5
    silent = PredictionTask("hall", "b", trajectory([0.0, 0.0]), (trajectory([0.0]),))
    rising = [np.array([0.0, 1.0]), np.array([0.0])]
    assert np.isnan(trajectory_distance(silent, rising, "shaped"))
    assert np.isnan(steps_ranked(silent, rising))
    rows, constant = score_tasks([task, silent], [flat, rising])
    scores = summarize(rows, constant)
    assert (scores["shaped"].tasks, scores["shaped"].constant, scores["trajectories"].tasks) == (1, 1, 2)
    assert (scores["shaped"].value, scores["shaped"].low) == (UNRELATED, None)


def test_rankings_by_hand(task: PredictionTask) -> None:
    predicted = [np.array([0.1, 0.9]), np.array([0.4, 0.1])]
    assert trajectories_ranked(task, predicted) == 1.0
    # Pairs with different truth: 1 > 1/2, 1 > 0 twice, 1/2 > 0 twice: right, right, right, wrong (.1 < .4), tied.
    assert steps_ranked(task, predicted) == pytest.approx((3 + 0 + 0.5) / 5)
    two = PredictionTask("hall", "a", task.positive, (task.negatives[0], trajectory([0.0, 0.0])))
    assert trajectories_ranked(two, [np.array([0.5, 0.5]), np.array([0.9, 0.9]), np.array([0.5, 0.5])]) == 0.25


def test_scale_and_shift_do_not_count(task: PredictionTask, rng: np.random.Generator) -> None:
    predicted = [rng.normal(size=2), rng.normal(size=2)]
    scaled = [3 * values - 7 for values in predicted]
    for measure in (lambda p: trajectory_distance(task, p, "shaped"), lambda p: steps_ranked(task, p)):
        assert measure(predicted) == pytest.approx(measure(scaled))


def test_distance_to_raw_is_epic_for_rewards_of_the_next_state(rng: np.random.Generator) -> None:
    """What `scoring` says: the kit's EPIC, with the steps as coverage, gives the same number."""
    shaped = [0.0, 0.0, 1 / 3, 2 / 3, 1.0]
    task = PredictionTask("hall", "a", trajectory(shaped), (trajectory([0.0] * 5),))
    predicted = [rng.normal(size=5), rng.normal(size=5)]
    after = np.arange(10)

    @reward_fn
    def ours(next_place: np.ndarray) -> np.ndarray:
        return np.concatenate(predicted)[next_place.astype(int)]

    @reward_fn
    def raw(next_place: np.ndarray) -> np.ndarray:
        return (next_place == 4).astype(float)

    flags = np.zeros(10, bool)
    steps = Transition({"place": np.roll(after, 1)}, np.zeros((10, 1)), {"place": after}, flags, flags)
    for structure in ("auto", "general"):
        distance = epic(ours, raw, transitions=steps, discount=0.9, structure=structure)
        assert distance.value == pytest.approx(trajectory_distance(task, predicted, "raw"))


def test_intervals_cover_the_mean_and_domains_count_the_same(task: PredictionTask, rng: np.random.Generator) -> None:
    tasks = [task] * 40
    predicted = [[rng.normal(size=2), rng.normal(size=2)] for _ in tasks]
    rows = score_tasks(tasks, predicted)
    (score,) = (summarize(*rows)[name] for name in ("shaped",))
    spread = 1.96 * np.nanstd(rows[0]["shaped"]) / np.sqrt(40)
    assert score.low == pytest.approx(score.value - spread, abs=0.25 * spread)
    assert score.high == pytest.approx(score.value + spread, abs=0.25 * spread)
    good = [[np.array([0.5, 1.0]), np.zeros(2)]] * 2
    both = overall({"many": rows, "few": score_tasks([task] * 2, good)})
    assert both["shaped"].value == pytest.approx(score.value / 2)
    assert both["shaped"].tasks == 42


def test_wrong_shapes_are_refused(task: PredictionTask) -> None:
    with pytest.raises(ValueError, match="2 trajectories, got predictions for 1"):
        trajectory_distance(task, [np.zeros(2)], "raw")
    with pytest.raises(ValueError, match="trajectory 1 of a has 2 steps"):
        trajectory_distance(task, [np.zeros(2), np.zeros(3)], "raw")
    with pytest.raises(ValueError, match="not finite"):
        trajectory_distance(task, [np.zeros(2), np.array([0, np.nan])], "raw")

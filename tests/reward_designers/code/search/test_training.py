"""Curves: thinned out, extremes of the whole training, values that are not finite said to be so."""

from __future__ import annotations

import json
import math

import pytest

from reward_designers.code.search import Curve, Episode, Run, TrainingRecord
from reward_designers.code.search.training import merged
from tests.reward_designers.code.search.scripted import record


def test_a_curve_keeps_ten_values_and_the_extremes_of_all() -> None:
    series = [float(i) for i in range(91)]
    series[45] = 1000.0
    curve = Curve.of(series)
    assert curve.values == (0, 10, 20, 30, 40, 50, 60, 70, 80, 90)
    assert (curve.low, curve.high) == (0.0, 1000.0)
    assert curve.mean == pytest.approx((sum(range(91)) - 45 + 1000) / 91)


def test_a_short_curve_is_kept_whole() -> None:
    assert Curve.of([3.0]).values == (3.0,)
    assert Curve.of([3.0, 1.0]).values == (3.0, 1.0)
    with pytest.raises(ValueError, match="at least one value"):
        Curve.of([])


def test_values_that_are_not_finite_are_counted_and_left_out() -> None:
    curve = Curve.of([1.0, math.nan, math.inf, None, 3.0])
    assert curve == Curve((1.0, None, None, None, 3.0), 1.0, 2.0, 3.0, 3)
    nothing = Curve.of([math.nan, math.nan])
    assert (nothing.low, nothing.mean, nothing.high, nothing.broken) == (None, None, None, 2)


def test_the_rise_is_between_thirds() -> None:
    assert Curve.of([0, 0, 0, 5, 5, 5, 9, 9, 12]).rise == 10.0
    assert Curve.of([0, 9]).rise == 0.0


def test_merging_is_the_mean_over_seeds_of_what_is_finite() -> None:
    both = merged([Curve.of([1.0, 2.0, math.nan]), Curve.of([3.0, math.nan, math.nan])])
    assert both == Curve((2.0, 2.0, None), 1.0, 2.25, 3.0, 3)


def test_the_reward_is_the_sum_of_its_components() -> None:
    run = record({"a": [1] * 10, "b": list(range(10))}).runs[0]
    assert run.reward.values == tuple(1.0 + i for i in range(10))


def test_a_record_survives_a_file() -> None:
    made = record({"a": [1] * 9 + [math.nan]}, seeds=2)
    assert TrainingRecord.from_json(json.loads(json.dumps(made.to_json(), allow_nan=False))) == made


def test_episodes_without_finite_numbers_survive_a_file() -> None:
    episode = Episode(3, True, math.nan, (0, 1), {"x": (1.0, math.inf)})
    assert (episode.score, episode.fields) == (None, {"x": (1.0, None)})


def test_records_that_would_be_read_wrongly_are_refused() -> None:
    curve = Curve.of([1.0, 2.0])
    with pytest.raises(ValueError, match="2 values for 3 checkpoints"):
        TrainingRecord((Run(0, {"a": curve}, curve, curve),), (1, 2, 3), 100)
    with pytest.raises(ValueError, match="seed 1 has the components b"):
        TrainingRecord((Run(0, {"a": curve}, curve, curve), Run(1, {"b": curve}, curve, curve)), (1, 2), 100)
    with pytest.raises(ValueError, match="at least one run"):
        TrainingRecord((), (1, 2), 100)

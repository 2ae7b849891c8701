"""Each diagnosis is made where it should be, with its numbers, and not elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from reward_designers.code.search import Curve, Diagnosis, Run, TrainingRecord, diagnose
from tests.reward_designers.code.search.scripted import record

UP = [float(i) for i in range(10)]
FLAT_SCORE = [5.0, 5.1, 4.9, 5.0, 5.1, 4.9, 5.0, 5.1, 4.9, 5.0]


def kinds(made: TrainingRecord) -> dict[str, Diagnosis]:
    return {diagnosis.kind: diagnosis for diagnosis in diagnose(made)}


def test_a_healthy_training_has_none() -> None:
    assert diagnose(record({"speed": UP, "balance": [3, 4, 5, 4, 5, 6, 5, 6, 7, 8]}, score=UP)) == []


@pytest.mark.parametrize("score", [FLAT_SCORE, UP[::-1]])
def test_hacking_is_reward_up_with_the_score_flat_or_down(score: Sequence[float]) -> None:
    found = kinds(record({"wiggle": UP, "speed": [1.0] * 9 + [1.1]}, score=score))["hacking"]
    assert found.component == "wiggle"
    assert found.numbers["component_rise"] == 7.0  # (7+8+9)/3 - (0+1+2)/3
    assert found.numbers["reward_rise"] == pytest.approx(7.0 + 0.1 / 3)
    assert found.numbers["score_rise"] == pytest.approx(
        (sum(score[-3:]) - sum(score[:3])) / 3,
    )
    assert "7" in found.text


def test_hacking_in_one_of_three_seeds_is_not_said_of_all() -> None:
    run = record({"wiggle": UP}, score=UP).runs[0]
    bad = record({"wiggle": UP}, score=FLAT_SCORE).runs[0]

    def three(first: Run, second: Run, third: Run) -> TrainingRecord:
        return TrainingRecord((first, second, third), tuple(range(10)), 1000)

    assert "hacking" not in kinds(three(run, run, bad))
    found = kinds(three(bad, run, bad))["hacking"]
    assert found.numbers["seeds"] == 2
    assert "2 of 3 seeds" in found.text


def test_dominated() -> None:
    found = kinds(record({"speed": UP, "balance": [0.1 * v for v in UP[::-1]]}))["dominated"]
    assert found.component == "speed"
    assert found.numbers["share"] == pytest.approx(1 / 1.1)
    assert "dominated" not in kinds(record({"speed": UP, "balance": [0.2 * v for v in UP]}))
    assert "dominated" not in kinds(record({"speed": UP}))  # the only one cannot


def test_never_active_and_constant() -> None:
    found = kinds(record({"speed": UP, "bonus": [0.0] * 10, "alive": [1.0, 1.001] * 5}))
    assert found["inactive"].component == "bonus"
    assert found["constant"].component == "alive"
    assert found["constant"].numbers == {"low": 1.0, "high": 1.001}
    assert "constant" not in kinds(record({"speed": UP, "alive": [1.0, 1.02] * 5}))


def test_a_bonus_that_was_earned_between_checkpoints_was_active() -> None:
    """The extremes are those of the whole training."""
    curve = Curve.of([0.0] * 50 + [1.0] + [0.0] * 49)
    assert not any(curve.values)
    other = Curve.of(UP)
    made = TrainingRecord((Run(0, {"bonus": curve, "speed": other}, other, other),), tuple(range(10)), 10)
    assert "inactive" not in kinds(made)


def test_saturated() -> None:
    found = kinds(record({"bounded": [0, 0.5, 0.97, 0.99, 1, 1, 0.99, 1, 1, 1], "speed": UP}))["saturated"]
    assert found.component == "bounded"
    assert found.numbers == {"plateau": pytest.approx(0.99), "high": 1.0}
    assert "saturated" not in kinds(record({"speed": [0, 1, 2, 3, 4, 5, 6, 7, 7.9, 8]}))


def test_early_termination() -> None:
    found = kinds(record({"speed": UP}, length=[20, 25, 30] + [37] * 7))["early_termination"]
    assert (found.numbers["last"], found.numbers["first"], found.numbers["limit"]) == (37, 25, 1000)
    assert "37 of 1000" in found.text
    assert "ending early" not in found.text
    assert "early_termination" not in kinds(record({"speed": UP}, length=[20] * 7 + [500] * 3))


def test_early_termination_because_every_step_costs() -> None:
    falling = [300, 200, 150, 100, 80, 60, 40, 30, 20, 10]
    found = kinds(record({"cost": [-1.0 + 0.01 * i for i in range(10)]}, length=falling))["early_termination"]
    assert "ending early costs less" in found.text
    assert found.numbers["reward"] == pytest.approx(-0.92)


def test_exploding() -> None:
    assert kinds(record({"x": [1, 2, 3, 4, 5, 6, 7, 8, 9, 2000]}))["exploding"].numbers["largest"] == 2000
    assert kinds(record({"x": [0.1, 1, 2, 3, 4, 5, 6, 7, 8, -20]}))["exploding"].numbers["growth"] == pytest.approx(200)
    assert "exploding" not in kinds(record({"x": [0.001 * v for v in (0.1, *UP[1:9], 20)]}))  # small all the same
    assert "exploding" not in kinds(record({"x": UP}))


def test_not_finite() -> None:
    found = kinds(record({"x": [1.0, math.nan, math.inf, *UP[3:]]}))["not_finite"]
    assert found.numbers == {"count": 2}


def test_not_learned() -> None:
    assert "not_learned" in kinds(record({"x": FLAT_SCORE}, score=FLAT_SCORE))
    assert "hacking" not in kinds(record({"x": FLAT_SCORE}, score=FLAT_SCORE))


def test_a_training_without_a_finite_value_is_survived() -> None:
    found = kinds(record({"x": [math.nan] * 10}, score=[math.nan] * 10, length=[math.nan] * 10))
    assert set(found) == {"not_finite"}


@pytest.mark.parametrize("factor", [1e-3, 7.0])
def test_diagnoses_of_shape_do_not_depend_on_the_unit_of_the_score(factor: float) -> None:
    hacked = record({"wiggle": UP, "speed": UP}, score=[factor * v for v in FLAT_SCORE])
    assert "hacking" in kinds(hacked)
    assert "hacking" not in kinds(record({"wiggle": UP, "speed": UP}, score=[factor * v for v in UP]))

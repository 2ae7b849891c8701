"""Who is best under noise: means with intervals, ties, failures that never win."""

from __future__ import annotations

import math

import pytest

from reward_designers.code.search import Candidate, Curve, Origin, Run, TrainingRecord, score, select, tied
from tests.reward_designers.code.search.scripted import program


def made(number: float, scores: list[float | None], steps: int = 1000) -> Candidate:
    candidate = Candidate.of(program(number), Origin("first"), fields=["speed"])
    return candidate.trained(dict(enumerate(scores)), steps)


def test_the_interval_is_students() -> None:
    """Of 1, 2, 3: mean 2, s = 1, t(2, 0.975) = 4.303."""
    found = score(made(1, [1.0, 2.0, 3.0]))
    assert found is not None
    assert (found.mean, found.seeds) == (2.0, 3)
    assert found.high == pytest.approx(2 + 4.30265 / math.sqrt(3), abs=1e-4)
    assert found.low == pytest.approx(2 - 4.30265 / math.sqrt(3), abs=1e-4)
    assert str(found) == "2 [-0.484, 4.48] (3 seeds)"


def test_one_seed_has_no_interval_and_ties_with_everything() -> None:
    lucky = made(1, [100.0])
    found = score(lucky)
    assert found is not None
    assert found.low is None
    assert select([lucky, other := made(2, [0.0, 0.1, 0.2])]).tied == (other.key,)


def test_clear_and_unclear_differences() -> None:
    good, noisy, bad = made(1, [5.0, 5.1, 4.9]), made(2, [0.0, 4.0, 10.0]), made(3, [1.0, 1.1, 0.9])
    chosen = select([bad, noisy, good])
    assert chosen.best == good.key
    assert chosen.tied == (noisy.key,)
    assert chosen.ranking == (good.key, noisy.key, bad.key)


def test_equal_scores_are_a_tie_and_the_first_one_stays() -> None:
    a, b = made(1, [1.0, 1.0]), made(2, [1.0, 1.0])
    assert select([a, b]).best == a.key
    assert select([b, a]).best == b.key
    assert tied(a, b)
    assert not tied(a, made(3, [2.0, 2.0]))


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf, None])
@pytest.mark.parametrize("first", [True, False])
def test_what_is_not_finite_never_wins_and_is_never_the_first_best(broken: float | None, first: bool) -> None:
    """Trap: NaN wins an argmax, and as the first result nothing is ever greater than it."""
    nan, good = made(1, [broken, 3.0]), made(2, [-5.0, -5.0])
    chosen = select([nan, good] if first else [good, nan])
    assert chosen.best == good.key
    assert chosen.tied == ()
    assert chosen.failed == {nan.key: "training: no finite task score with seed 0"}


def test_rejected_and_untrained_are_not_compared() -> None:
    rejected = made(1, [9.0, 9.0]).rejected("training", "worker died")
    waiting = Candidate.of(program(2), Origin("first"), fields=["speed"])
    chosen = select([rejected, waiting])
    assert chosen.best is None
    assert chosen.ranking == ()
    assert chosen.failed == {rejected.key: "training: worker died"}


def test_selection_is_by_the_end_of_training_not_by_its_best_moment() -> None:
    """Trap: the maximum over the training of one seed."""
    spike = Curve.of([0.0, 1000.0, 0.0])
    run = Run(0, {"speed": spike}, spike, spike)
    lucky = made(1, [0.0]).trained({0: 0.0, 1: 0.1}, 1000, TrainingRecord((run,), (1, 2, 3), 1000))
    steady = made(2, [1.0, 1.1])
    assert select([lucky, steady]).best == steady.key
    assert not tied(lucky, steady)


def test_those_that_were_stopped_early_are_not_compared_with_those_that_were_not() -> None:
    """A short training's high score is of another experiment."""
    early, late = made(1, [50.0, 50.0], steps=100), made(2, [3.0, 3.0], steps=1000)
    chosen = select([early, late])
    assert (chosen.best, chosen.stopped, chosen.tied) == (late.key, (early.key,), ())


def test_a_candidate_without_a_score_cannot_be_tied() -> None:
    with pytest.raises(ValueError, match="no score"):
        tied(made(1, [1.0]), made(2, [None]))

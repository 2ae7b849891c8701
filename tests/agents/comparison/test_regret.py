"""Regret and fitness of policies, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from agents.comparison.regret import regret, summarize


def around(mean: float, rng: np.random.Generator, spread: float = 1.0, n: int = 40) -> np.ndarray:
    noise = rng.normal(0, spread, n)
    return mean + noise - noise.mean()


def test_regret_is_the_share_of_what_could_be_gained_that_was_lost(rng):
    reference, random = [around(100, rng), around(120, rng)], around(10, rng)
    found = regret([around(60, rng), around(70, rng)], reference, random)
    assert found["mean"] == pytest.approx((110 - 65) / (110 - 10))
    assert found["values"] == pytest.approx([0.5, 0.4])
    assert found["low"] < found["mean"] < found["high"]
    assert found["seeds"] == 2


def test_the_references_own_policies_and_the_random_one_are_the_ends_of_the_scale(rng):
    reference, random = [around(100, rng), around(120, rng)], around(10, rng)
    own = regret(reference, reference, random)
    assert (own["mean"], own["low"], own["high"]) == pytest.approx((0, 0, 0))
    assert regret([random], reference, random)["mean"] == pytest.approx(1)


def test_better_than_the_reference_is_below_zero(rng):
    assert regret([around(130, rng)], [around(110, rng)], around(10, rng))["mean"] == pytest.approx(-0.2)


def test_without_a_scale_there_is_no_regret(rng):
    found = regret([around(3, rng)], [around(5, rng, 20)], around(5.1, rng, 20))
    assert found["mean"] is found["low"] is None
    assert "too close to measure regret" in found["reason"]


def test_intervals_hold_the_differences_between_seeds(rng):
    alike = summarize([around(5, rng), around(5, rng), around(5, rng)])
    unlike = summarize([around(1, rng), around(5, rng), around(9, rng)])
    assert (alike["mean"], unlike["mean"]) == pytest.approx((5, 5))
    assert alike["high"] - alike["low"] < 0.6
    assert unlike["high"] - unlike["low"] > 4
    assert unlike["values"] == pytest.approx([1, 5, 9])


def test_one_seed_is_said_to_be_one():
    assert "of one seed" in summarize([np.arange(9.0)])["interval"]


def test_the_interval_of_the_mean_is_that_of_its_standard_error(rng):
    found = summarize([rng.normal(0, 1, 400)])
    assert found["high"] - found["low"] == pytest.approx(2 * 1.96 / 20, rel=0.15)

"""Loops, correlations and their intervals."""

from __future__ import annotations

import numpy as np
import pytest

from agents.comparison.evidence import correlate, in_loops
from tests.agents.comparison.circling import circling


def test_loops_are_found(rng):
    steps, on_line = circling(rng)
    inside = in_loops(steps.states, steps.episode)
    assert inside[~on_line].mean() > 0.9
    assert inside[on_line].mean() < 0.05


def test_standing_still_is_no_loop():
    assert not in_loops(np.zeros((50, 2)), np.zeros(50, int)).any()


def test_loops_end_with_the_episode():
    """Back and forth once, cut in the middle: no episode comes back."""
    states = np.concatenate([np.arange(10.0), np.arange(10.0)[::-1]])[:, None]
    assert in_loops(states, np.zeros(20, int)).any()
    assert not in_loops(states, np.repeat([0, 1], 10)).any()


def test_correlation_and_its_interval(rng):
    """Against numpy, and for independent steps against Fisher's standard error."""
    x = rng.normal(size=900)
    y = 0.5 * x + rng.normal(size=900)
    found = correlate(x, y, np.arange(900))
    assert found is not None
    assert found.value == pytest.approx(np.corrcoef(x, y)[0, 1])
    expected = np.tanh(np.arctanh(found.value) + np.array([-1, 1]) * 1.96 / np.sqrt(897))
    assert (found.low, found.high) == pytest.approx(expected, abs=0.02)
    whole = correlate(np.repeat(x, 5), np.repeat(y, 5), np.repeat(np.arange(900), 5))
    assert whole is not None
    assert whole.high - whole.low == pytest.approx(found.high - found.low, rel=0.1)  # repetition adds no knowledge

"""Precision, recall and F1 of judges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from reward_designers.intrinsic.subgoal_scores import Score, scores


def test_counts_of_each_subgoal() -> None:
    labels = np.array([[1, 0], [1, 0], [0, 1], [0, 0]])
    verdicts = np.array([[1, 0], [0, 1], [1, 1], [0, 0]])
    assert scores(verdicts, labels) == [Score(1, 1, 1), Score(1, 1, 0)]
    with pytest.raises(ValueError, match=r"verdicts \(4, 2\) and labels \(2, 4\)"):
        scores(verdicts, labels.T)


def test_f1_is_the_harmonic_mean() -> None:
    score = Score(hits=6, false_alarms=2, missed=4)
    precision, recall = score.precision[0], score.recall[0]
    assert (precision, recall) == (0.75, 0.6)
    assert score.f1[0] == pytest.approx(2 * precision * recall / (precision + recall))


def test_intervals_are_wilsons() -> None:
    """Of n in n the lower end is n / (n + z^2)."""
    assert Score(10, 0, 0).recall == pytest.approx((1.0, 10 / (10 + 1.959964**2), 1.0))
    _, low, high = Score(5, 5, 0).precision
    assert low + high == pytest.approx(1)
    share, low, high = Score(0, 0, 0).precision
    assert (math.isnan(share), low, high) == (True, 0, 1)
    for score in (Score(3, 1, 2), Score(1, 3, 4)):
        for value, low, high in (score.precision, score.recall, score.f1):
            assert 0 < low < value < high < 1


def test_intervals_hold_what_they_promise() -> None:
    rng = np.random.default_rng(0)
    shares = rng.uniform(0.02, 0.98, 3000)
    intervals = [Score(hits, 0, 40 - hits).recall for hits in rng.binomial(40, shares)]
    covered = [low <= share <= high for share, (_, low, high) in zip(shares, intervals, strict=True)]
    assert 0.94 <= np.mean(covered) <= 0.965

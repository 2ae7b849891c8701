"""The measures of `benchmarks.reward_models`, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.reward_models import CAPTIONS, WORTH, compare, halves, reliability, tau, wrong


def test_reliability_by_hand() -> None:
    p = np.array([0.1, 0.1, 0.9, 0.9, 0.9, 1.0])
    said = np.array([0.0, 1.0, 1.0, 1.0, 0.0, 1.0])
    rows, error = reliability(p, said)
    np.testing.assert_allclose(rows[0], [0.1, 0.5, 2 / 6])
    np.testing.assert_allclose(rows[4], [0.925, 0.75, 4 / 6])
    assert np.isnan(rows[1:4]).all()
    assert error == pytest.approx(0.4 * 2 / 6 + 0.175 * 4 / 6)


def test_a_judge_without_an_error_is_never_wrong_and_others_are(rng: np.random.Generator) -> None:
    known, unseen = halves(rng)
    assert len(known) == 96
    assert not {*known} & {*unseen}
    faultless = compare(known, 300, 0.0, rng)
    assert wrong(faultless) == 0
    assert {c for p in faultless for c in (p.first, p.second)} <= {*known}
    assert 0.1 < wrong(compare(known, 300, 1.0, rng)) < 0.25


def test_tau_of_the_truth_is_one() -> None:
    assert tau([WORTH[caption] for caption in CAPTIONS], CAPTIONS) == pytest.approx(1)
    assert tau([-WORTH[caption] for caption in CAPTIONS], CAPTIONS) == pytest.approx(-1)

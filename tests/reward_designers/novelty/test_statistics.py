"""Running statistics agree with those of all rows at once."""

from __future__ import annotations

import numpy as np
import pytest

from reward_designers.novelty.statistics import Moments, discounted


@pytest.mark.parametrize("shape", [(), (3,)])
def test_in_parts_as_at_once(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    rows, moments = rng.normal(50, 3, (40, *shape)), Moments()
    for part in np.split(rows, [1, 7, 30]):
        moments.add(part)
    np.testing.assert_allclose(moments.mean, rows.mean(0))
    np.testing.assert_allclose(moments.std, rows.std(0))


def test_what_is_constant_is_divided_by_one() -> None:
    moments = Moments()
    moments.add(np.array([[5.0, 1.0], [5.0, 3.0]]))
    assert moments.std.tolist() == [1.0, 1.0]
    moments.add(np.array([[5.0, 8.0]]))
    assert moments.std.tolist() == [1.0, np.std([1.0, 3.0, 8.0])]


def test_discounted_sums_by_hand() -> None:
    sums, last = discounted(np.array([[1.0, 2.0], [0.0, 4.0]]), 0.5, np.array([2.0, 0.0]))
    assert sums.tolist() == [[2.0, 2.0], [1.0, 5.0]]
    assert last.tolist() == [1.0, 5.0]
    assert discounted(np.ones((1, 2)), 0.5, np.array([9.0]))[0].tolist() == [[1.0, 1.0]]

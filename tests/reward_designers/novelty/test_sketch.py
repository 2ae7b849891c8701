"""Counts in memory that stays the same: exact for few keys, never too low for many."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

from reward_designers.novelty.sketch import Sketch


def keys(*numbers: int) -> list[str]:
    return [blake2b(str(number).encode(), digest_size=16).hexdigest() for number in numbers]


def test_few_keys_are_counted_exactly() -> None:
    sketch = Sketch()
    sketch.add(keys(1, 2, 1, 1))
    sketch.add(keys(2))
    assert sketch(keys(1, 2, 3)).tolist() == [3, 2, 0]


def test_saved_and_loaded() -> None:
    sketch, other = Sketch(), Sketch()
    sketch.add(keys(1, 1, 2))
    other.add(keys(5))
    other.load_state_dict(sketch.state_dict())
    assert other(keys(1, 2, 5)).tolist() == [2, 1, 0]


def test_of_many_keys_hardly_a_new_one_looks_known() -> None:
    sketch = Sketch()
    sketch.add(keys(*range(100_000)))
    assert sketch(keys(*range(1000))).min() == 1
    assert np.count_nonzero(sketch(keys(*range(100_000, 120_000)))) <= 6  # expected: 1.4

"""Episode memory: arrays and tables by row, scopes, and what is restored."""

from __future__ import annotations

import numpy as np
import pytest

from reward_designers.memory import EpisodeMemory


def test_memory_arrays_and_reset() -> None:
    memory = EpisodeMemory(3)
    best = memory.array("best", shape=(2,), dtype=np.float32, fill=-1)
    assert best.shape == (3, 2)
    assert best.dtype == np.float32
    best[:] = 5
    assert memory.array("best", shape=(2,)) is best
    memory.reset(np.array([False, True, False]))
    np.testing.assert_array_equal(best[:, 0], [5, -1, 5])


def test_memory_keeps_its_shape() -> None:
    memory = EpisodeMemory(3)
    memory.array("best", shape=(2,))
    with pytest.raises(ValueError, match=r"'best' has rows of shape \(2,\), asked for \(\)"):
        memory.array("best")


def test_scopes_do_not_collide_and_are_emptied_together() -> None:
    memory = EpisodeMemory(2)
    a, b = memory.scope("a").array("x"), memory.scope("b").array("x", fill=7)
    a += 1
    assert b.tolist() == [7, 7]
    memory.scope("a").scope("c").array("x")[:] = 3
    memory.scope("b").reset(np.array([True, True]))
    assert a.tolist() == [1, 1]
    memory.reset(np.array([True, False]))
    assert a.tolist() == [0, 1]
    assert memory.scope("a").scope("c").array("x").tolist() == [0, 3]


def test_tables_belong_to_a_row() -> None:
    memory = EpisodeMemory(3)
    seen = memory.array("seen", dtype=object, fill=dict)
    seen[0]["door"] = 2
    seen[2]["key"] = 1
    assert seen.tolist() == [{"door": 2}, {}, {"key": 1}]
    restored = EpisodeMemory(3)
    restored.load_state_dict(memory.state_dict())
    memory.reset(np.array([True, False, False]))
    assert seen.tolist() == [{}, {}, {"key": 1}]
    again = restored.array("seen", dtype=object, fill=dict)
    assert again.tolist() == [{"door": 2}, {}, {"key": 1}]
    restored.reset(np.array([False, False, True]))
    assert again[2] == {}
    lists = memory.array("path", dtype=object, fill=list)
    lists[1].append("north")
    assert lists.tolist() == [[], ["north"], []]


def test_memory_is_restored_with_what_rows_are_emptied_to() -> None:
    memory = EpisodeMemory(2)
    memory.scope("a").array("best", fill=-np.inf)[:] = [1, 2]
    state = memory.state_dict()
    assert all(array.dtype != object for array in state.values())
    restored = EpisodeMemory(2)
    restored.load_state_dict(state)
    restored.reset(np.array([True, False]))
    np.testing.assert_array_equal(restored.scope("a").array("best", fill=-np.inf), [-np.inf, 2])
    with pytest.raises(ValueError, match="'a/best' has 2 rows, expected 3"):
        EpisodeMemory(3).load_state_dict(state)

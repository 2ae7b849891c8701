"""Orders, the pending set, and the bound."""

from __future__ import annotations

import pytest

from reward_designers.intrinsic.queue import CaptionQueue


def filled(order: str, capacity: int = 100) -> CaptionQueue:
    """Five captions: `a` to `e` first seen in this order, `c` most frequent, `a` last seen."""
    queue = CaptionQueue(order, 100)
    for caption, count in (("a", 2), ("b", 1), ("c", 9), ("d", 5), ("e", 1), ("a", 1)):
        queue.see(caption, count)
        queue.end_rollout()
    queue.capacity = capacity
    return queue


def test_orders() -> None:
    assert filled("fifo").take(9) == ["a", "b", "c", "d", "e"]
    assert filled("newest").take(9) == ["a", "e", "d", "c", "b"]
    assert filled("priority").take(1) == ["c"]


def test_within_a_rollout_the_frequent_ones_come_first() -> None:
    for order, expected in (("newest", ["y", "x", "a"]), ("priority", ["y", "x", "a"]), ("fifo", ["a", "x", "y"])):
        queue = CaptionQueue(order)
        queue.see("a")
        queue.end_rollout()
        queue.see("x", 2)
        queue.see("y", 3)
        queue.end_rollout()
        assert queue.take(3) == expected


def test_priority_takes_turns_across_calls() -> None:
    """Two frequent ones, the newest, and the most doubtful in four, whether they are asked for together or not."""
    for batches in ((4,), (1, 1, 1, 1), (2, 2)):
        queue = filled("priority")
        queue.see("b", 0, uncertainty=0.9)
        queue.see("d", 0, uncertainty=0.1)
        assert {caption for batch in batches for caption in queue.take(batch)} == {"c", "d", "e", "b"}


def test_without_uncertainty_frequency_takes_its_turn() -> None:
    assert set(filled("priority").take(4)) == {"c", "d", "a", "e"}


@pytest.mark.parametrize("order", ["priority", "fifo", "newest"])
def test_what_is_being_asked_about_is_not_asked_about_again(order: str) -> None:
    queue = filled(order)
    first = queue.take(3)
    for caption in "abcde":
        queue.see(caption, 100)
    assert not set(queue.take(9)) & set(first)
    queue.give_back(first)
    assert set(queue.take(9)) == set(first)
    assert queue.done(first[0]).count > 100
    assert queue.done(first[0]) is None
    queue.see(first[0])
    assert queue.take(9) == [first[0]]  # the queue forgets what is done; its owner does not


def test_too_many_are_forgotten_in_the_reverse_of_the_order() -> None:
    for order, kept in (("priority", ["a", "c", "d"]), ("fifo", ["a", "b", "c"]), ("newest", ["a", "d", "e"])):
        queue = filled(order, capacity=3)
        queue.end_rollout()
        assert sorted(queue.take(9)) == kept
        assert queue.forgotten == 2


def test_state_goes_on_where_it_was_with_what_was_asked_waiting_again() -> None:
    queue = filled("priority")
    queue.see("b", 0, uncertainty=0.5)
    queue.take(1)
    again = CaptionQueue("priority")
    again.load_state_dict(queue.state_dict())
    assert len(again) == 5
    queue.give_back(["c"])
    assert [again.take(1) for _ in range(5)] == [queue.take(1) for _ in range(5)]


def test_a_wrong_order_is_named() -> None:
    with pytest.raises(ValueError, match="Did you mean 'priority'"):
        CaptionQueue("prioity")
    with pytest.raises(ValueError, match="capacity=0"):
        CaptionQueue(capacity=0)

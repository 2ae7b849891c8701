"""Successive halving: who goes on, and with how many steps and seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agents.designing.halving import Rung, climb, ladder


class Trainer:
    def __init__(self, scores: Mapping[str, float | None]):
        self.scores = scores
        self.log: list[tuple[list[str], Rung]] = []

    def __call__(self, names: Sequence[str], rung: Rung) -> dict[str, float | None]:
        self.log.append((list(names), rung))
        return {name: self.scores[name] for name in names}


RUNGS = ladder(1000, 4, 3, 2)


def test_each_stage_has_a_multiple_of_the_steps_and_seeds() -> None:
    assert [Rung(250, 1), Rung(500, 2), Rung(1000, 4)] == RUNGS
    assert ladder(1000, 2, 3, 3) == [Rung(112, 1), Rung(334, 1), Rung(1000, 2)]
    assert ladder(1, 1, 5, 2) == [Rung(1, 1)]
    assert ladder(1000, 3, 1, 2) == [Rung(1000, 3)]


def test_the_better_half_goes_on() -> None:
    train = Trainer({"a": 0.1, "b": 0.4, "c": 0.3, "d": 0.2})
    reached = climb(["a", "b", "c", "d"], RUNGS, train)
    assert [names for names, _ in train.log] == [["a", "b", "c", "d"], ["b", "c"], ["b"]]
    assert reached == {"a": RUNGS[0], "d": RUNGS[0], "c": RUNGS[1], "b": RUNGS[2]}


def test_equals_at_the_cut_all_go_on() -> None:
    train = Trainer({"a": 0.5, "b": 0.5, "c": 0.5, "d": 0.2})
    climb(["a", "b", "c", "d"], RUNGS, train)
    assert [names for names, _ in train.log] == [["a", "b", "c", "d"], ["a", "b", "c"], ["a", "b", "c"]]


def test_failures_never_go_on_and_leave_their_places_to_others() -> None:
    train = Trainer({"a": None, "b": -5.0, "c": None, "d": -9.0})
    climb(["a", "b", "c", "d"], RUNGS, train)
    assert [names for names, _ in train.log] == [["a", "b", "c", "d"], ["b"]]
    assert train.log[-1][1] == RUNGS[-1]  # alone: nothing to choose
    train = Trainer(dict.fromkeys("abcd"))
    climb(list("abcd"), RUNGS, train)
    assert len(train.log) == 1


def test_one_candidate_is_trained_whole_at_once_and_none_not_at_all() -> None:
    train = Trainer({"a": 0.0})
    assert climb(["a"], RUNGS, train) == {"a": RUNGS[-1]}
    assert train.log == [(["a"], RUNGS[-1])]
    assert climb([], RUNGS, train) == {}

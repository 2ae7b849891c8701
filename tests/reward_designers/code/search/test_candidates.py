"""Candidates are known by what they compute, and a history survives a file."""

from __future__ import annotations

import json
import math

import pytest

from reward_designers.code.search import Candidate, History, Note, Origin, Rejection
from tests.reward_designers.code.search.scripted import program, record

FIRST = Origin("first")


def made(source: str) -> Candidate:
    return Candidate.of(source, FIRST, fields=["speed"])


def test_the_same_program_is_one_candidate_whatever_its_comments() -> None:
    history = History()
    assert history.add(made(program(1.0)))
    assert not history.add(made(program(1.0, "  # faster")))
    assert history.add(made(program(2.0)))
    history.end_round()
    assert history.rounds == [tuple(history.candidates)]
    assert len(history.candidates) == 2


def test_one_unparsable_reply_shifts_nothing() -> None:
    """Trap: candidates known by their place in the list of replies."""
    replies = [program(1.0), "def reward(:", program(2.0)]
    with_bad, without = History(), History()
    for text in replies:
        with_bad.add(made(text))
    for text in (replies[0], replies[2]):
        without.add(made(text))
    for history in (with_bad, without):
        for candidate in list(history.candidates.values()):
            if candidate.status == "proposed":
                history.update(candidate.trained({0: len(candidate.source) + 0.5}, 10))
    good = {key: c for key, c in with_bad.candidates.items() if c.status != "rejected"}
    assert good == without.candidates
    (bad,) = (c for c in with_bad.candidates.values() if c.status == "rejected")
    assert bad.rejection is not None
    assert bad.rejection.stage == "program"
    assert "line 1: syntax error" in bad.rejection.reason


def test_a_reply_without_a_program_is_remembered_under_its_text() -> None:
    a = Candidate.unusable("I cannot help.", FIRST, Rejection("reply", "it has no code"))
    b = Candidate.unusable("I can.", FIRST, Rejection("reply", "it has no code"))
    assert a.key != b.key
    assert a.failure == "reply: it has no code"


@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_scores_that_are_not_finite_are_none(value: float | None) -> None:
    candidate = made(program(1.0)).trained({0: 1.0, 1: value}, 10)
    assert candidate.scores == {0: 1.0, 1: None}
    assert candidate.values is None
    assert candidate.mean is None
    json.dumps(candidate.to_json(), allow_nan=False)


def test_a_history_survives_a_file_in_the_middle_of_a_round() -> None:
    history = History()
    first, second = made(program(1.0)), made("nonsense(")
    history.add(first)
    history.add(second)
    history.update(first.trained({0: 1.5, 7: math.nan}, 10, record(seeds=2)))
    history.end_round()
    history.add(Candidate.of(program(2.0), Origin("mutate", (first.key,), "abc", 3, "an idea"), fields=["speed"]))
    history.note(Note("verify", (first.key,), "Score: 0.5", 0.5))
    again = History.from_json(json.loads(json.dumps(history.to_json(), allow_nan=False)))
    assert again == history
    assert again.candidates[first.key].scores == {0: 1.5, 7: None}
    again.end_round()
    assert len(again.rounds[1]) == 1
    assert [c.origin.round for c in again.candidates.values()] == [0, 0, 1]


def test_unknown_candidates_are_refused() -> None:
    history = History()
    with pytest.raises(KeyError, match="unknown candidate"):
        history.note(Note("verify", ("abc",), ""))
    with pytest.raises(KeyError, match="unknown candidate"):
        history.add(Candidate.of(program(1.0), Origin("mutate", ("abc",)), fields=["speed"]))


def test_a_training_has_seeds_and_steps() -> None:
    with pytest.raises(ValueError, match="seeds and steps"):
        made(program(1.0)).trained({}, 10)

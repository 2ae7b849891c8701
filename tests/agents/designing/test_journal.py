"""The journal of a search: what is on disk stays, what was cut off is gone, and a history comes back from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.designing.journal import Journal
from agents.errors import UsageError
from reward_designers.code.search import Candidate, History, Note, Origin

FIELDS = ("speed",)


def candidate(weight: float, *parents: str) -> Candidate:
    origin = Origin("first", parents, prompt="p")
    return Candidate.of(f"def reward(next_speed):\n    return {weight} * next_speed\n", origin, fields=FIELDS)


def test_what_is_written_is_computed_once(tmp_path: Path) -> None:
    calls = []
    for _ in range(2):
        journal = Journal(tmp_path / "journal.jsonl")
        assert journal.once("check", "a", lambda: calls.append(1) or {"found": [1.5, None]}) == {"found": [1.5, None]}
        journal.close()
    assert calls == [1]
    with pytest.raises(ValueError, match="has check a already"):
        Journal(tmp_path / "journal.jsonl").write("check", "a", 1)


def test_numbers_that_json_lacks_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    with pytest.raises(ValueError, match="Out of range float"):
        journal.write("training", "a", {"score": float("nan")})
    assert ("training", "a") not in journal
    assert (tmp_path / "journal.jsonl").read_bytes() == b""


def test_a_line_that_was_cut_off_anywhere_is_dropped_and_written_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.write("check", "a", 1)
    first = path.read_bytes()
    journal.write("check", "b", 2)
    whole = path.read_bytes()
    for length in range(len(first), len(whole)):
        path.write_bytes(whole[:length])
        again = Journal(path)
        assert again.all("check") == {"a": 1}
        again.write("check", "b", 2)
        again.close()
        assert Journal(path).all("check") == {"a": 1, "b": 2}


def test_zeros_at_the_end_are_what_a_power_failure_leaves(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path).write("check", "a", 1)
    path.write_bytes(path.read_bytes() + bytes(10) + b"\n")
    assert Journal(path).all("check") == {"a": 1}


def test_damage_in_the_middle_is_an_error_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.write("check", "a", 1)
    journal.write("check", "b", 2)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0][:10] + b"\n" + lines[1])
    with pytest.raises(UsageError, match=r"journal\.jsonl, line 1 is damaged"):
        Journal(path)


def test_rounds_bring_back_the_history(tmp_path: Path) -> None:
    history, journal = History(), Journal(tmp_path / "journal.jsonl")
    first, second = candidate(1.0), candidate(2.0)
    history.add(first)
    history.add(second)
    history.update(history[first.key].trained({0: 1.0, 1: None}, 100))
    history.end_round()
    journal.end_round(history)
    third = candidate(3.0, first.key)
    history.add(third)
    history.add(first)
    history.note(Note("verify", (second.key,), "Score: 0.5", 0.5))
    history.reject(second.key, "training", "it died")
    history.end_round()
    journal.end_round(history)
    history.end_round()
    journal.end_round(history)
    rebuilt = Journal(tmp_path / "journal.jsonl")
    assert rebuilt.history() == history
    again = rebuilt.history()
    again.note(Note("verify", (third.key,), "", None))
    again.end_round()
    rebuilt.end_round(again)
    assert Journal(tmp_path / "journal.jsonl").history() == again
    changed = [len(value["candidates"]) for value in rebuilt.all("round").values()]
    assert changed == [2, 2, 0, 0]

"""A person at a terminal: a pseudo-terminal, with a thread that types."""

from __future__ import annotations

import os
import pty
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reward_designers.intrinsic import Label, Person, Preference
from reward_designers.llm import LLMError


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    """The person's side, and the terminal's name."""
    person, terminal = pty.openpty()
    yield person, os.ttyname(terminal)
    os.close(person)
    os.close(terminal)


def test_a_person_answers_and_is_not_asked_again(terminal: tuple[int, str], tmp_path: Path) -> None:
    person, name = terminal
    threading.Timer(0.05, os.write, (person, b"y\nwhat?\nn\ns\n2\n=\n")).start()
    labels = [Label("The door opens.", 1.0), Label("It's a wall.", 0.0), Label("Huh?", None)]
    preferences = [Preference("a", "b", 0.0), Preference("a", "c", 0.5)]
    with Person("anna", name) as anna:
        anna.open(tmp_path / "labels.sqlite")
        assert anna.label("leave", [label.caption for label in labels]) == labels
        assert anna.prefer("leave", [("a", "b"), ("a", "c")]) == preferences
    shown = os.read(person, 100_000).decode()
    assert "Does this help to: leave" in shown
    assert shown.count("It's a wall.") == 2  # `what?` is no answer
    with Person("anna", name) as anna:
        anna.open(tmp_path / "labels.sqlite")
        assert anna.known("leave") == (labels, preferences)
        assert anna.label("leave", ["Huh?"]) == labels[2:]
    with Person("otto", name) as otto:
        otto.open(tmp_path / "labels.sqlite")
        assert otto.known("leave") == ([], [])


def test_when_nobody_answers(terminal: tuple[int, str]) -> None:
    person, name = terminal
    threading.Timer(0.05, os.write, (person, b"\x04")).start()  # Ctrl-D
    with Person("anna", name) as anna:
        anna.open(None)
        with pytest.raises(LLMError, match="nobody answers"):
            anna.label("leave", ["The door opens."])


def test_without_a_terminal(tmp_path: Path) -> None:
    with pytest.raises(LLMError, match="nobody can be asked"):
        Person(terminal=str(tmp_path / "none" / "tty")).open(None)

"""What all games in words have in common: a goal, an observation and commands, an expert, and a way back to a state.

A game is deterministic: the same commands from its start lead to the same texts. A copy of it looks ahead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class TextState:
    """A game after a command, or at its start.

    Attributes:
        feedback: What the player reads.
        admissible: The commands that do something now, sorted; empty once the game is over.
        facts: What is true, one plain string each. Privileged: the player does not see it.
        score: Share of the goal's conditions that hold, in [0, 1]. Privileged.
        won: Whether the goal is reached.
        over: Whether the game has ended, won or lost.
    """

    feedback: str
    admissible: tuple[str, ...]
    facts: frozenset[str]
    score: float
    won: bool
    over: bool


class TextGame(Protocol):
    """A game in words.

    Attributes:
        name: Of this game; the same name is the same game.
        goal: What is wanted, in words.
    """

    name: str
    goal: str

    def reset(self) -> TextState:
        """Begin, always at the same state."""

    def step(self, command: str) -> TextState:
        """Give a command; one that is not admissible changes nothing, and the feedback says so.

        Raises:
            RuntimeError: The game is over.
        """

    def expert(self) -> str | None:
        """The next command on a way to the goal from here; None if the expert knows none."""

    def copy(self) -> TextGame:
        """Another game in the same state, which goes its own way from there; close it after use."""

    def close(self) -> None:
        """Let go of what the game holds."""


Maker = Callable[[], TextGame]
"""Makes a game anew, each time the same."""


def refuse_if_over(state: TextState, command: str) -> None:
    """Raise RuntimeError for a command that is given after the end."""
    if state.over:
        raise RuntimeError(f"the game is over, so {command!r} cannot be given: reset it")

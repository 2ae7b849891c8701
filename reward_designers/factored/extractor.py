"""What turns words (or facts, or numbers) into factored states, and a task's text into a goal.

An extractor is asked to `begin` with what an episode begins with, and to `observe` each step. What it believes is the
state that it returned last: it keeps nothing itself, and many episodes go on side by side.

    episode = Episode(AlfworldRules(), AlfworldGoals())
    episode.begin(observation="You are in the middle of a room. ...", goal="put a hot mug in sidetable.")
    episode.step(command="go to desk 1", observation="You arrive at desk 1. On the desk 1, you see a mug 2.")   # 0.125
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reward_designers.errors import RewardError
from reward_designers.factored.score import score
from reward_designers.factored.state import FactoredState, Goal

Row = Mapping[str, Any]
"""What is known of one step of one episode, by name: ``observation``, ``command``, ``goal``, ``facts``, ..."""


class Extractor(ABC):
    """Observations to belief.

    Attributes:
        inputs: What it reads of a `Row`.
        privileged: It reads what no agent sees.
    """

    inputs: frozenset[str] = frozenset({"observation"})
    privileged: bool = False

    @abstractmethod
    def begin(self, rows: Sequence[Row]) -> list[FactoredState]:
        """What is believed at the start of episodes, from their first observations.

        Raises:
            RewardError: What a row holds cannot be understood at all.
        """

    @abstractmethod
    def observe(self, states: Sequence[FactoredState], rows: Sequence[Row]) -> list[FactoredState]:
        """What is believed one step later. The given states stay as they are.

        Raises:
            RewardError: What a row holds cannot be understood at all.
        """


class RowExtractor(Extractor):
    """An extractor that looks at one episode at a time."""

    def begin(self, rows: Sequence[Row]) -> list[FactoredState]:
        """See `Extractor.begin`."""
        return [self.first(row) for row in rows]

    def observe(self, states: Sequence[FactoredState], rows: Sequence[Row]) -> list[FactoredState]:
        """See `Extractor.observe`."""
        return [self.next(state, row) for state, row in zip(states, rows, strict=True)]

    def first(self, row: Row) -> FactoredState:
        """What is believed at an episode's start."""
        return self.next(FactoredState(), row)

    @abstractmethod
    def next(self, state: FactoredState, row: Row) -> FactoredState:
        """What is believed one step later."""


class GoalInterpreter(ABC):
    """A task's text to the objects that are wanted.

    Attributes:
        inputs: What it reads of a `Row`.
    """

    inputs: frozenset[str] = frozenset({"goal"})

    @abstractmethod
    def begin(self, rows: Sequence[Row]) -> list[Goal]:
        """The goals of episodes that begin.

        Raises:
            RewardError: A text cannot be interpreted.
        """

    def update(self, goals: Sequence[Goal], states: Sequence[FactoredState], rows: Sequence[Row]) -> list[Goal]:
        """The goals one step later; by default they stay as they are."""
        return list(goals)


@dataclass
class FixedGoal(GoalInterpreter):
    """A goal that is given, the same in every episode."""

    goal: Goal
    inputs = frozenset()

    def begin(self, rows: Sequence[Row]) -> list[Goal]:
        """See `GoalInterpreter.begin`."""
        return [self.goal for _ in rows]


@dataclass
class Episode:
    """One episode after the other, without an environment: how far is it, step by step?

    Attributes:
        extractor: Of the state.
        goals: Of the goal.
        similarity: See `score`.
        state: What is believed now.
        goal: What is wanted now.
    """

    extractor: Extractor
    goals: GoalInterpreter
    similarity: str | Callable[[str, str], float] = "exact"
    state: FactoredState = field(default_factory=FactoredState, init=False)
    goal: Goal = field(default_factory=list, init=False)

    def begin(self, **row: Any) -> float:
        """Begin an episode with its first observation and its goal's text; the score.

        Raises:
            RewardError: Something that is read was not given, or cannot be understood.
        """
        row = {"command": "", **row}
        self._check(row)
        self._told = {"goal": row["goal"]} if "goal" in row else {}
        (self.state,) = self.extractor.begin([row])
        (self.goal,) = self.goals.begin([row])
        return self.score()

    def step(self, **row: Any) -> float:
        """One step on; the score. The goal's text need not be given again.

        Raises:
            RewardError: Something that is read was not given, or cannot be understood.
        """
        if not self.goal:
            raise RewardError("call begin with an episode's first observation before step")
        row = {"command": "", **self._told, **row}
        (self.state,) = self.extractor.observe([self.state], [row])
        (self.goal,) = self.goals.update([self.goal], [self.state], [row])
        return self.score()

    def score(self) -> float:
        """How much of the goal is believed to hold."""
        return score(self.state.listed(), self.goal, similarity=self.similarity)

    def _check(self, row: Row) -> None:
        if missing := sorted((self.extractor.inputs | self.goals.inputs) - row.keys()):
            raise RewardError(f"{', '.join(missing)} is needed to begin an episode, got {', '.join(sorted(row))}")

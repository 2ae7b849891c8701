"""Upstream's own rewards as functions of named fields, wherever they can be written down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from envs.nethack.fields import FIELDS
from reward_designers.base import Components, RewardFn, Transition
from reward_designers.memory import EpisodeMemory


@dataclass(eq=False)
class Stalling(RewardFn):
    """What NLE takes for a move in which no game time passes; a part of each reward below.

    Attributes:
        penalty_step: For each such move.
        penalty_time: For each turn of game time.
    """

    penalty_step: float = -0.01
    penalty_time: float = 0.0

    inputs = frozenset({"time", "solved"})
    reads = frozenset({"state", "next_state"})
    gains: ClassVar[str] = "solved"

    def gained(self, t: Transition) -> np.ndarray:
        """``(n,)`` what the move was worth."""
        raise NotImplementedError

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        """See `RewardFn`."""
        turns = t.next_state["time"] - t.state["time"]
        over = t.terminated & ~np.asarray(t.next_state["solved"], bool)  # NLE's clock reads 0 then
        stalled = np.where(over, 0.0, self.penalty_step * (turns == 0) + self.penalty_time * turns)
        return {self.gains: self.gained(t), "stalling": stalled}


@dataclass(eq=False)
class Sparse(Stalling):
    """MiniHack's reward, and that of NLE's staircase and oracle tasks: for solving it, and for dying.

    Attributes:
        reward_win: For solving it.
        reward_lose: For an episode that terminates otherwise.
    """

    reward_win: float = 1.0
    reward_lose: float = 0.0

    name = "sparse"

    def gained(self, t: Transition) -> np.ndarray:
        """See `Stalling`."""
        solved = np.asarray(t.next_state["solved"], bool)
        return np.where(solved, self.reward_win, np.where(t.terminated, self.reward_lose, 0.0))


@dataclass(eq=False)
class Gained(Stalling):
    """NLE's reward for the growth of a field: of the score, of the gold, of squares seen, of nutrition (growth alone).

    Attributes:
        field: Which.
    """

    field: str = "score"

    name = "gained"

    def __post_init__(self) -> None:
        if self.field not in FIELDS:
            raise ValueError(f"there is no field {self.field!r}")
        self.gains = self.field  # type: ignore[misc]
        self.inputs = frozenset({"time", "solved", self.field})

    def gained(self, t: Transition) -> np.ndarray:
        """See `Stalling`; nothing in the move that ends the game, when NLE has no numbers any more."""
        change = (t.next_state[self.field] - t.state[self.field]).astype(np.float64)
        if self.field == "nutrition":
            change = np.maximum(change, 0.0)
        return np.where(t.terminated, 0.0, change)

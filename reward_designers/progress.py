"""Rewards for progress towards a goal, from a value in [0, 1] that is tracked along each episode.

What tracks it (a belief in words, a judge's opinion) remembers the episode, so the value is a function of all that was
seen, and shaping with it is potential-based shaping on that history: see `shaping.PotentialShaping`, whose rule this
repeats for values with a memory.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reward_designers.base import Components, RewardFn, State, Transition
from reward_designers.errors import RewardError, unknown_name
from reward_designers.memory import EpisodeMemory

MODES = ("potential", "raw")
Row = Mapping[str, Any]
"""What one step of one episode holds of the state arrays in `inputs`, by name."""
Table = dict[str, Any]
"""What is remembered of an episode, as JSON can hold it; ``value`` is the value."""
REACHED = 1.0 - 1e-9


@dataclass(eq=False)
class ProgressReward(RewardFn):
    """Pays for a value v in [0, 1] that is tracked along the episode.

    ``potential``: component ``goal`` is 1 where v(s') is 1, and ``progress`` is gamma * v(s') - v(s), with v(s') taken
    as 0 at terminated successors. The second sums to minus the first value, whatever is done in between: going round in
    circles earns nothing, and what is best is what reaches the goal soonest. ``raw``: ``progress`` is v(s'), as
    published; staying close to the goal for ever pays more than reaching it.

    Attributes:
        mode: ``potential`` or ``raw``.
        gamma: The discount with which the agent is trained.
    """

    mode: str = field(default="potential", kw_only=True)
    gamma: float = field(default=0.99, kw_only=True)

    name = "progress"
    reads = frozenset({"state", "next_state"})
    markov = False

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise RewardError(unknown_name("mode", self.mode, MODES))
        self.gamma = float(self.gamma)
        if not 0.0 <= self.gamma <= 1.0:
            raise RewardError(f"gamma must be in [0, 1], got {self.gamma}")

    @abstractmethod
    def begin(self, rows: Sequence[Row]) -> list[Table]:
        """What to remember of episodes that begin with these states."""

    @abstractmethod
    def follow(self, tables: Sequence[Table], rows: Sequence[Row]) -> list[Table]:
        """What to remember one step later; the given tables stay as they are."""

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        memory = EpisodeMemory(len(t)) if memory is None else memory
        tables = memory.array("episode", dtype=object, fill=dict)
        if fresh := [row for row in range(len(t)) if not tables[row]]:
            for row, table in zip(fresh, self.begin(self._rows(t.state, fresh)), strict=True):
                tables[row] = table
        before = np.array([table["value"] for table in tables], dtype=np.float64)
        for row, table in enumerate(self.follow(tables.tolist(), self._rows(t.next_state, range(len(t))))):
            tables[row] = table
        after = np.array([table["value"] for table in tables], dtype=np.float64)
        if self.mode == "raw":
            return {"progress": after}
        progress = self.gamma * np.where(t.terminated, 0.0, after) - before
        return {"goal": (after >= REACHED).astype(np.float64), "progress": progress}

    def _rows(self, state: State, rows: Sequence[int]) -> list[Row]:
        return [{name: state[name][row] for name in self.inputs} for row in rows]

"""What DARD and STARC want of a simulator; `envs.simulator` has some."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from reward_designers.base import State


class Simulator(Protocol):
    """Goes on from any recorded state, with any action.

    Attributes:
        restores: The state arrays that decide what happens next, to be recorded with transitions.
        deterministic: Whether a state and an action have but one successor.
    """

    @property
    def restores(self) -> frozenset[str]: ...

    @property
    def deterministic(self) -> bool: ...

    def step(self, state: State, action: np.ndarray) -> dict[str, np.ndarray]:
        """One successor of each of n states, drawn from the dynamics if these are random.

        Args:
            state: Named arrays ``(n, ...)``, those of `restores` among them.
            action: ``(n, *action_shape)``.

        Returns:
            Named arrays ``(n, ...)``: all that rewards read, and those of `restores`. Episodes do not end here: a
            terminated state has successors as any other.
        """
        ...

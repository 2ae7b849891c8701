"""Potential-based shaping, which changes how fast a policy is learned and not which one is optimal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reward_designers.base import Components, RewardFn, State, Transition, as_reward
from reward_designers.errors import RewardError
from reward_designers.evaluation import evaluate
from reward_designers.memory import EpisodeMemory


@dataclass(eq=False)
class PotentialShaping(RewardFn):
    """F(s, s') = gamma * phi(s') - phi(s), with phi = 0 where s' is terminal (Ng, Harada and Russell 1999).

    Added to any reward it leaves the optimal policies alone, if gamma is the agent's own discount. Only *terminated*
    successors count as terminal: at a time limit the episode would go on and the agent bootstraps, so phi(s') stays.
    With phi kept at terminal states an agent is paid for where it ends, which does change what is best.

    Each component of the potential is shaped by itself.

    Attributes:
        phi: The potential, a Markov reward that reads one state: only ``state`` or only ``next_state``, no action.
        gamma: The discount with which the agent is trained.
    """

    phi: RewardFn
    gamma: float
    name = "shaping"
    reads = frozenset({"state", "next_state"})

    def __post_init__(self) -> None:
        self.phi = as_reward(self.phi)
        self.gamma = float(self.gamma)
        if not 0.0 <= self.gamma <= 1.0:
            raise RewardError(f"gamma must be in [0, 1], got {self.gamma}")
        if not self.phi.markov:
            raise RewardError(f"the potential {self.phi.name!r} must be a function of one state, but has a memory")
        if "action" in self.phi.reads or {"state", "next_state"} <= self.phi.reads:
            raise RewardError(
                f"the potential {self.phi.name!r} must be a function of one state, but reads "
                f"{', '.join(sorted(self.phi.reads))}; write it with state arrays alone (x) or successors alone "
                "(next_x), and set `reads` if it is a class"
            )
        self.inputs, self.expensive = self.phi.inputs, self.phi.expensive

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        before, after = self._phi(t.state, t), self._phi(t.next_state, t)
        return {name: self.gamma * np.where(t.terminated, 0.0, after[name]) - values for name, values in before.items()}

    def _phi(self, state: State, t: Transition) -> Components:
        """The potential of one state, as a transition that stays there: whichever side it reads, it finds the state."""
        never = np.zeros(len(t), bool)
        return evaluate(self.phi, Transition(state, t.action, state, never, never))

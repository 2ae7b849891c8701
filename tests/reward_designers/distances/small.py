"""Small worlds as the estimates see them: rewards that look values up in a table, and a simulator that obeys one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reward_designers.base import Components, RewardFn, State, Transition
from reward_designers.memory import EpisodeMemory


@dataclass(eq=False)
class Lookup(RewardFn):
    """The reward of a table ``(n_states, n_actions, n_states)``, of states in an array ``cell``."""

    table: np.ndarray
    name: str = "lookup"

    inputs = frozenset({"cell"})

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        return {"value": self.table[t.state["cell"], t.action, t.next_state["cell"]]}


class TableSimulator:
    """Steps a world whose transitions are ``(n_states, n_actions, n_states)`` probabilities."""

    restores = frozenset({"cell"})

    def __init__(self, transition: np.ndarray, seed: int = 0):
        self.cumulative = transition.cumsum(2)
        self.deterministic = bool(np.isin(transition, (0, 1)).all())
        self.rng = np.random.default_rng(seed)
        self.steps = 0

    def step(self, state: State, action: np.ndarray) -> dict[str, np.ndarray]:
        self.steps += len(action)
        chances = self.cumulative[state["cell"], action]
        return {
            "cell": (self.rng.random(len(action))[:, None] * chances[:, -1:] > chances).sum(1),
            "obs": state["cell"],
        }


def batch(s: np.ndarray, a: np.ndarray, s_next: np.ndarray) -> Transition:
    """Transitions between cells."""
    flags = np.zeros(len(s), bool)
    return Transition({"cell": s}, a, {"cell": s_next}, flags, flags)


def everything(transition: np.ndarray) -> Transition:
    """Every state with every action and every successor that is possible."""
    return batch(*np.nonzero(transition))


def deterministic(rng: np.random.Generator, n_states: int = 5, n_actions: int = 3) -> np.ndarray:
    return np.eye(n_states)[rng.integers(n_states, size=(n_states, n_actions))]


def walk(transition: np.ndarray, n: int, rng: np.random.Generator, length: int = 50) -> tuple[Transition, np.ndarray]:
    """``n`` steps of uniformly random actions in episodes of ``length``, and the episode of each."""
    simulator, lanes = TableSimulator(transition, int(rng.integers(2**31))), -(-n // length)
    cell, steps = rng.integers(len(transition), size=lanes), []
    for _ in range(length):
        action = rng.integers(transition.shape[1], size=lanes)
        after = simulator.step({"cell": cell}, action)["cell"]
        steps.append((cell, action, after))
        cell = after
    s, a, s_next = (np.stack(part, axis=1).ravel()[:n] for part in zip(*steps, strict=True))
    return batch(s, a, s_next), np.repeat(np.arange(lanes), length)[:n]

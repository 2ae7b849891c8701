"""Small random worlds, and every tabular distance by its name with the world's own arguments."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from hypothesis import strategies as st

from reward_designers.distances import tabular


@dataclass
class World:
    """All that a distance may need to know, and the same call for each."""

    transition: np.ndarray
    state_dist: np.ndarray
    action_dist: np.ndarray
    discount: float

    def epic(self, a: np.ndarray, b: np.ndarray, coverage: np.ndarray | None = None) -> float:
        given = {"state_dist": self.state_dist, "action_dist": self.action_dist}
        return tabular.epic(a, b, discount=self.discount, coverage=coverage, **given)

    def dard(self, a: np.ndarray, b: np.ndarray, coverage: np.ndarray | None = None) -> float:
        given = {"transition": self.transition, "action_dist": self.action_dist}
        return tabular.dard(a, b, discount=self.discount, coverage=coverage, **given)

    def value(self, a: np.ndarray, b: np.ndarray, coverage: np.ndarray | None = None, ord: float = 2) -> float:
        return self._starc(a, b, "value", ord, coverage)

    def value_potential(
        self, a: np.ndarray, b: np.ndarray, coverage: np.ndarray | None = None, ord: float = 2
    ) -> float:
        return self._starc(a, b, "value_potential", ord, coverage)

    def minimal(self, a: np.ndarray, b: np.ndarray, coverage: np.ndarray | None = None, ord: float = 2) -> float:
        return self._starc(a, b, "minimal", ord, coverage)

    def _starc(self, a: np.ndarray, b: np.ndarray, kind: str, ord: float, coverage: np.ndarray | None) -> float:
        given = {"transition": self.transition, "canonicalization": kind, "ord": ord, "coverage": coverage}
        return tabular.starc(a, b, discount=self.discount, **given)

    def shaping(self, potential: np.ndarray) -> np.ndarray:
        return np.broadcast_to(self.discount * potential - potential[:, None, None], self.transition.shape)


def make_world(rng: np.random.Generator, n_states: int = 4, n_actions: int = 3, discount: float = 0.9) -> World:
    """Transitions with two or more possible successors each, and some impossible ones."""
    possible = rng.random((n_states, n_actions, n_states)) < 0.6
    for s, a in product(range(n_states), range(n_actions)):
        possible[s, a, rng.choice(n_states, 2, replace=False)] = True
    weights = possible * rng.gamma(1.0, size=possible.shape) + 0.05 * possible
    transition = weights / weights.sum(axis=2, keepdims=True)
    return World(transition, rng.dirichlet(np.ones(n_states)), rng.dirichlet(np.ones(n_actions)), discount)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[World, np.random.Generator]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = draw(st.integers(2, 6)), draw(st.integers(2, 4))
    return make_world(rng, *size, discount=draw(st.sampled_from([0.0, 0.3, 0.9, 0.99]))), rng


def redistribution(world: World, rng: np.random.Generator) -> np.ndarray:
    """Something to add to a reward that leaves every E[R(s, a, S')] alone."""
    moved = rng.normal(size=world.transition.shape)
    return moved - (world.transition * moved).sum(axis=2, keepdims=True)

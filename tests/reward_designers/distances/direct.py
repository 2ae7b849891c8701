"""The tabular distances once more, as directly as their definitions read: sums written out, values by iteration, the
minimal reward by projection. Slow, and sharing nothing with what it is the judge of.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from tests.reward_designers.distances.worlds import World


def loops(shape: tuple[int, ...]) -> list[tuple[int, int, int]]:
    return list(product(*map(range, shape)))


def slow_epic(world: World, r: np.ndarray) -> np.ndarray:
    n_states, n_actions, _ = r.shape
    ds, da, canonical = world.state_dist, world.action_dist, np.zeros_like(r)
    for s, a, t in loops(r.shape):
        terms = [r[s, a, t]]
        for u, v in product(range(n_actions), range(n_states)):
            terms += [da[u] * ds[v] * (world.discount * r[t, u, v] - r[s, u, v])]
            terms += [-world.discount * da[u] * ds[v] * ds[x] * r[x, u, v] for x in range(n_states)]
        canonical[s, a, t] = math.fsum(terms)
    return canonical


def slow_dard(world: World, r: np.ndarray) -> np.ndarray:
    n_states, n_actions, _ = r.shape
    p, canonical = world.transition, np.zeros_like(r)
    for s, a, t in loops(r.shape):
        terms = [r[s, a, t]]
        for u, x, y in loops((n_actions, n_states, n_states)):  # A, S' ~ T(s, A), S'' ~ T(s', A)
            inner = world.discount * r[t, u, y] - r[s, u, x] - world.discount * r[x, u, y]
            terms.append(world.action_dist[u] * p[s, u, x] * p[t, u, y] * inner)
        canonical[s, a, t] = math.fsum(terms)
    return canonical


def slow_value(world: World, r: np.ndarray) -> np.ndarray:
    """V of the uniform policy, one Bellman backup after another."""
    n_states, n_actions, _ = r.shape
    value = np.zeros(n_states)
    for _ in range(600):
        backup = [
            sum(world.transition[s, a, t] * (r[s, a, t] + world.discount * value[t]) for t in range(n_states))
            for s, a in product(range(n_states), range(n_actions))
        ]
        value = np.reshape(backup, (n_states, n_actions)).mean(axis=1)
    return value


def slow_value_potential(world: World, r: np.ndarray) -> np.ndarray:
    value, canonical = slow_value(world, r), np.zeros_like(r)
    for s, a, t in loops(r.shape):
        canonical[s, a, t] = r[s, a, t] + world.discount * value[t] - value[s]
    return canonical


def slow_advantages(world: World, r: np.ndarray) -> np.ndarray:
    """For all s', so that norms are over (s, a, s') in each case."""
    potential = slow_value_potential(world, r)
    return np.broadcast_to((world.transition * potential).sum(axis=2, keepdims=True), r.shape)


def slow_minimal(world: World, r: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """R less its projection on the span of all shapings and all redistributions."""
    n_states, n_actions, _ = r.shape
    moves = [world.shaping(row) for row in np.eye(n_states)]
    for s, a in product(range(n_states), range(n_actions)):
        for i, j in product(range(n_states), range(n_states)):
            move = np.zeros(r.shape)
            move[s, a, i] += world.transition[s, a, j]
            move[s, a, j] -= world.transition[s, a, i]
            moves.append(move)
    root = np.sqrt(weights).ravel()
    basis = np.array(moves).reshape(len(moves), -1).T
    best = np.linalg.lstsq(root[:, None] * basis, root * r.ravel(), rcond=1e-12)[0]
    return (r.ravel() - basis @ best).reshape(r.shape)


def slow_pearson(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> float:
    def mean(x: np.ndarray) -> float:
        return math.fsum((weights * x).ravel())

    a, b = a - mean(a), b - mean(b)
    return math.sqrt((1 - mean(a * b) / math.sqrt(mean(a * a) * mean(b * b))) / 2)


def slow_norm(x: np.ndarray, weights: np.ndarray, ord: float) -> float:
    if math.isinf(ord):
        return max(abs(value) for value, weight in zip(x.ravel(), weights.ravel(), strict=True) if weight > 0)
    return math.fsum((weights * np.abs(x) ** ord).ravel()) ** (1 / ord)


def slow_starc(a: np.ndarray, b: np.ndarray, weights: np.ndarray, ord: float) -> float:
    return slow_norm(a / slow_norm(a, weights, ord) - b / slow_norm(b, weights, ord), weights, ord)

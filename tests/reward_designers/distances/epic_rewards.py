"""Small rewards of every structure, transitions, and EPIC's canonicalisation written out."""

from __future__ import annotations

import numpy as np

from reward_designers.base import Components, RewardFn, Transition, reward_fn
from reward_designers.distances.samples import Samples, draw
from reward_designers.evaluation import evaluate, total

GAMMA = 0.9


@reward_fn
def reaches(next_obs: np.ndarray) -> np.ndarray:
    return np.tanh(next_obs[:, 0])


@reward_fn
def stays(obs: np.ndarray) -> np.ndarray:
    return obs[:, 0] - obs[:, 1] ** 2


@reward_fn
def effort(action: np.ndarray) -> np.ndarray:
    return -np.square(action).sum(-1)


@reward_fn
def speed(obs: np.ndarray, action: np.ndarray, next_obs: np.ndarray) -> Components:
    return {"speed": (next_obs[:, 0] - obs[:, 0]) / 0.05, "effort": -np.square(action).sum(-1)}


@reward_fn
def pushes(obs: np.ndarray, action: np.ndarray) -> np.ndarray:
    return obs[:, 0] * action[:, 0]


@reward_fn
def turns(obs: np.ndarray, next_obs: np.ndarray) -> np.ndarray:
    return np.maximum(obs[:, 0], next_obs[:, 1])


@reward_fn
def mixed(obs: np.ndarray, action: np.ndarray, next_obs: np.ndarray) -> np.ndarray:
    return np.sin(obs[:, 0] * next_obs[:, 1]) + action[:, 0] * next_obs[:, 0]


def joined(names: set[str]) -> str:
    """Names a test by what a reward reads, the same way in every process."""
    return "+".join(sorted(names))


REWARDS = [reaches, stays, effort, speed, pushes, turns, mixed]


def batch(n: int, seed: int = 0, dtype: type = np.float64) -> Transition:
    """Unrelated states, actions and next states; some transitions end an episode."""
    rng = np.random.default_rng(seed)
    return Transition(
        {"obs": rng.normal(size=(n, 2)).astype(dtype)},
        rng.normal(size=(n, 2)).astype(dtype),
        {"obs": (rng.normal(size=(n, 2)) + 0.2).astype(dtype)},
        rng.random(n) < 0.2,
        rng.random(n) < 0.2,
    )


def walk(n: int, seed: int = 0) -> Transition:
    """Consecutive transitions, so that states occur twice; the actions are two."""
    rng = np.random.default_rng(seed)
    s = rng.normal(size=(n + 1, 2)).cumsum(0) / n**0.5
    no = np.zeros(n, bool)
    return Transition({"obs": s[:-1]}, rng.integers(0, 2, (n, 2)).astype(float), {"obs": s[1:]}, no, no)


def canonical_by_hand(
    reward: RewardFn, t: Transition, actions: np.ndarray, successors: np.ndarray, gamma: float
) -> np.ndarray:
    """Every term written out, one state at a time, with the grand mean."""

    def value(s: np.ndarray, a: np.ndarray, s2: np.ndarray) -> np.ndarray:
        no = np.zeros(len(s), bool)
        return total(evaluate(reward, Transition({"obs": s}, a, {"obs": s2}, no, no)))

    def mean(states: np.ndarray) -> np.ndarray:
        return np.array([value(np.tile(x, (len(actions), 1)), actions, successors).mean() for x in states])

    s, s2 = t.state["obs"], t.next_state["obs"]
    return value(s, t.action, s2) + gamma * mean(s2) - mean(s) - gamma * mean(successors).mean()


def pearson(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt((1 - np.corrcoef(a, b)[0, 1]) / 2))


def samples(n: int, seed: int = 0) -> Samples:
    return draw(batch(n, seed), None, None, n_transitions=n, n_mean_samples=n, seed=0)


@reward_fn
def always(obs: np.ndarray) -> np.ndarray:
    return np.full(len(obs), 0.1)


def replaced(t: Transition, **arrays: object) -> Transition:
    return Transition(**{**vars(t), **arrays})  # type: ignore[arg-type]

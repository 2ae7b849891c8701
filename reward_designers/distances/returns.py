"""Measures of returns and of reward sequences: what a reward pays along whole trajectories that happened.

They need no recombined transitions, so rewards that are not Markov take part. They also say less than EPIC, DARD and
STARC: two rewards that order these trajectories alike may order others differently.

What a function gives is what its name says. `erc` and `trajectory_pearson` are distances in [0, 1]: 0 the same, about
0.71 unrelated, 1 opposite. `spearman`, `kendall_tau` and `trajectory_alignment` are correlations in [-1, 1]: 1 the same
order, 0 unrelated, -1 the opposite. All of them come as a `Distance`, for its interval and its ``degenerate``.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from reward_designers.base import RewardFn
from reward_designers.distances.bootstrap import (
    Trajectories,
    draws,
    nested,
    noise,
    paired,
    paired_many,
    summary,
    varies,
    without_order,
)
from reward_designers.distances.coverage import Coverage
from reward_designers.distances.distance import Distance, direction, pearson_distance
from reward_designers.encoders import encode_transition
from reward_designers.evaluation import evaluate, total

ROWS = 2**14
"""Transitions for which a reward is computed at once."""


def step_rewards(reward: RewardFn, coverage: Coverage) -> np.ndarray:
    """The reward of each transition of ``coverage``, ``(n,)`` float64; non-Markov rewards remember within episodes.

    Raises:
        RewardError: The reward failed, or returned what is not finite.
        ValueError: An episode's transitions are not consecutive.
    """
    t = coverage.transitions
    bounds = _episode_bounds(coverage.episode, len(t))
    if reward.markov:
        parts = [
            total(evaluate(reward, encode_transition(reward.encoders, t[i : i + ROWS]))) for i in range(0, len(t), ROWS)
        ]
    else:
        episodes = [t[start:stop] for start, stop in pairwise(bounds)]
        one_env = [
            encode_transition(reward.encoders, episode).map(lambda array: array[:, None]) for episode in episodes
        ]
        parts = [total(reward.relabel(episode))[:, 0] for episode in one_env]
    return np.concatenate(parts)


def episode_returns(reward: RewardFn, coverage: Coverage, *, discount: float = 1.0) -> np.ndarray:
    """The return of each episode of ``coverage`` under a reward, in their order.

    Args:
        reward: Any reward, Markov or not.
        coverage: The episodes, as far as they go: one that was cut off counts with what it has.
        discount: In [0, 1].

    Returns:
        ``(episodes,)`` float64, for `erc` and the other measures.
    """
    if not 0 <= discount <= 1:
        raise ValueError(f"discount must be in [0, 1], got {discount}")
    rewards = step_rewards(reward, coverage)
    bounds = _episode_bounds(coverage.episode, len(coverage))
    if discount < 1:
        steps = np.arange(len(rewards)) - np.repeat(bounds[:-1], np.diff(bounds))
        rewards = rewards * discount**steps
    return np.add.reduceat(rewards, bounds[:-1])


def erc(
    returns_a: np.ndarray,
    returns_b: np.ndarray,
    *,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Distance:
    """Episode-return correlation distance sqrt((1 - rho) / 2), rho the Pearson correlation of the episodes' returns.

    Gleave et al. 2021 (arXiv 2006.13900), section 4.2. Use `episode_returns` to have the returns of a reward.

    Args:
        returns_a: ``(episodes,)``.
        returns_b: ``(episodes,)``, of the same episodes.
        confidence: Of the interval, a percentile bootstrap over episodes.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.

    Raises:
        ValueError: Shapes differ, values are not finite, or there are fewer than two episodes.
    """
    return _over_episodes("erc", _row_distances, returns_a, returns_b, confidence, resamples, seed)


def spearman(
    returns_a: np.ndarray,
    returns_b: np.ndarray,
    *,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Distance:
    """Spearman's rank correlation of the episodes' returns, in [-1, 1]; tied returns share their mean rank.

    Arguments and errors are those of `erc`.
    """
    from scipy.stats import rankdata

    def correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return 1 - 2 * _row_distances(rankdata(a, axis=1), rankdata(b, axis=1)) ** 2

    return _over_episodes("spearman", correlation, returns_a, returns_b, confidence, resamples, seed)


def trajectory_pearson(
    predicted: Trajectories,
    truth: Trajectories,
    *,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Distance:
    """Mean over trajectories of sqrt((1 - rho) / 2), rho the Pearson correlation of predicted and true step rewards.

    StateFactory (arXiv 2603.09400) calls this the EPIC distance, which it is not: nothing is canonicalised, so shaping
    changes it. There, what is here one trajectory is a successful and a failed one of the same task, joined.

    A trajectory on which either sequence is constant has no correlation. It is left out and counted as ``left_out``
    in the result's ``samples``; if all are, the result is degenerate.

    Args:
        predicted: ``(steps,)`` of one trajectory, or a sequence of such arrays, one for each trajectory.
        truth: The true rewards, in the same shapes.
        confidence: Of the interval, a percentile bootstrap over trajectories; one trajectory alone has none.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.

    Raises:
        ValueError: Shapes differ or values are not finite.
    """
    if not nested(predicted) and not nested(truth):
        predicted, truth = [np.asarray(predicted)], [np.asarray(truth)]
    many_a, many_b = paired_many(("predicted", predicted), ("truth", truth), "trajectory")
    kept = [(a, b) for a, b in zip(many_a, many_b, strict=True) if varies(a) and varies(b)]
    samples = {"trajectories": len(kept), "left_out": len(many_a) - len(kept), "steps": sum(len(a) for a, _ in kept)}
    if not kept:
        flat = [name for name, many in (("predicted", many_a), ("truth", many_b)) if not any(map(varies, many))]
        reason = f"{flat[0]} is constant within every trajectory" if flat else "one or the other is, in each trajectory"
        return Distance(None, None, None, "trajectory_pearson", confidence, "", samples, reason)
    distances = np.array([pearson_distance(_direction(a), _direction(b)) for a, b in kept])
    rng = np.random.default_rng(seed)
    means = np.concatenate([distances[rows].mean(1) for _, rows in draws(rng, len(distances), resamples)])
    resampled = means if len(distances) > 1 else None
    value = float(distances.mean())
    return summary("trajectory_pearson", value, resampled, confidence, "bootstrap over trajectories", samples)


def _episode_bounds(episode: np.ndarray, n: int) -> np.ndarray:
    """``(episodes + 1,)`` where episodes start, and n."""
    episode = np.asarray(episode)
    if episode.shape != (n,) or not n:
        raise ValueError(
            f"a coverage of {n} transitions must have ({n},) episodes and at least one, got {episode.shape}"
        )
    starts = np.flatnonzero(np.diff(episode)) + 1
    if len(np.unique(episode)) != len(starts) + 1:
        raise ValueError("the transitions of an episode must be consecutive; is this coverage shuffled?")
    return np.array([0, *starts, n])


def _direction(values: np.ndarray) -> np.ndarray:
    return direction(values, round_off=noise(values))


def _row_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson distances of the rows of two ``(m, n)`` arrays; NaN where one of them is constant."""
    units = []
    for values in (a, b):
        centred = values - values.mean(1, keepdims=True)
        norm = np.sqrt(np.einsum("ij,ij->i", centred, centred))
        constant = ~(norm > np.sqrt(values.shape[1]) * noise(values))
        centred /= np.where(constant, np.nan, norm)[:, None]
        units.append(centred)
    return np.minimum(1.0, 0.5 * np.linalg.norm(units[0] - units[1], axis=1))


def _over_episodes(
    method: str,
    measure: Callable[[np.ndarray, np.ndarray], np.ndarray],
    returns_a: np.ndarray,
    returns_b: np.ndarray,
    confidence: float,
    resamples: int,
    seed: int,
) -> Distance:
    """A measure of the rows of two arrays ``(m, episodes)``, of the returns and of resamples of them."""
    a, b = paired(("returns_a", returns_a), ("returns_b", returns_b), "episodes")
    samples = {"episodes": len(a)}
    for name, values in (("returns_a", a), ("returns_b", b)):
        if not varies(values):
            return without_order(method, name, values, "episodes", samples)
    rng = np.random.default_rng(seed)
    resampled = np.concatenate([measure(a[rows], b[rows]) for _, rows in draws(rng, len(a), resamples)])
    value = float(measure(a[None], b[None])[0])
    return summary(method, value, resampled, confidence, "bootstrap over episodes", samples)

"""Distances of all pairs of rewards, by method, as ``report.json`` has them; each reward's failure is its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from agents.train import located
from reward_designers.base import RewardError, RewardFn
from reward_designers.distances import Coverage, DegenerateRewardError, Distance, UnsupportedRewardError, jackknife
from reward_designers.distances.canonical import Canonical, Canonicalizer
from reward_designers.distances.distance import direction
from reward_designers.distances.rankings import kendall_tau
from reward_designers.distances.returns import erc, spearman
from reward_designers.distances.samples import draw

Pair = dict[str, Any]
Progress = Callable[[int, int], None]


@dataclass
class Found:
    """What came out for some rewards on a coverage.

    Attributes:
        pairs: A row for each pair that has a distance, or a reason why it has none.
        half: The same from half as many samples.
        unsupported: Why the method is not for a reward, by its name.
        errors: What went wrong with a reward, by its name.
        degenerate: Why a reward has no direction, by its name.
        parameters: What the method was told.
    """

    pairs: list[Pair] = field(default_factory=list)
    half: list[Pair] = field(default_factory=list)
    unsupported: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    degenerate: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)


def epic_distances(
    rewards: Mapping[str, RewardFn],
    coverage: Coverage,
    *,
    discount: float,
    samples: int,
    seed: int,
    progress: Progress | None = None,
) -> Found:
    """EPIC distances of all pairs, on the same samples, and on half of them.

    Args:
        rewards: By name.
        coverage: The transitions, and the pools that expectations are over.
        discount: gamma.
        samples: Transitions, and draws for the mean.
        seed: Of the draws.
        progress: Called with the number of rewards that were evaluated, and of all.
    """
    t = coverage.transitions
    drawn = draw(t, None, None, n_transitions=samples, n_mean_samples=samples, seed=seed, episodes=coverage.episode)
    canonicalize = Canonicalizer(drawn, discount)
    found = Found(parameters={"discount": discount, **drawn.counts})
    canonical: dict[str, Canonical] = {}
    for number, (name, reward) in enumerate(rewards.items(), start=1):
        try:
            canonical[name] = canonicalize(reward)
        except UnsupportedRewardError as error:
            found.unsupported[name] = str(error)
        except RewardError as error:
            found.errors[name] = located(error)
        if progress is not None:
            progress(number, len(rewards))
    names, values = list(canonical), list(canonical.values())
    for name, one in canonical.items():
        try:
            direction(one.values, round_off=one.round_off)
        except DegenerateRewardError as error:
            found.degenerate[name] = str(error)
    found.pairs = _rows(names, jackknife.distances(names, values, drawn))
    if drawn.groups >= 4:
        found.half = _rows(names, jackknife.distances(names, values, drawn, half=True))
    return found


def _rows(names: Sequence[str], distances: Mapping[tuple[int, int], Distance]) -> list[Pair]:
    return [{"a": names[i], "b": names[j], **distance.to_json()} for (i, j), distance in distances.items()]


def convergence(found: Mapping[str, Any]) -> list[Pair]:
    """Each distance from half of the samples beside that from all, from a `Found` as saved."""
    full = {(pair["a"], pair["b"]): pair for pair in found["pairs"]}
    return [
        {"a": pair["a"], "b": pair["b"], "half": _distance(pair), "full": _distance(full[pair["a"], pair["b"]])}
        for pair in found["half"]
    ]


def episode_measures(returns: Mapping[str, Sequence[float]], seed: int) -> list[Pair]:
    """How alike rewards order whole episodes: ERC, and Spearman's rank correlation.

    Args:
        returns: ``(episodes,)`` of the same episodes under each reward.
        seed: Of the bootstrap.
    """
    arrays = {name: np.array(values) for name, values in returns.items()}
    return [
        _named(measure(arrays[a], arrays[b], seed=seed), a, b)
        for a, b in combinations(arrays, 2)
        for measure in (erc, spearman)
    ]


def policy_measures(returns: Mapping[str, Sequence[Sequence[float]]], seed: int) -> list[Pair]:
    """How alike rewards order policies: Kendall's tau.

    Args:
        returns: For each reward and policy, ``(episodes,)``.
        seed: Of the bootstrap.
    """
    arrays = {name: [np.array(values) for values in policies] for name, policies in returns.items()}
    return [_named(kendall_tau(arrays[a], arrays[b], seed=seed), a, b) for a, b in combinations(arrays, 2)]


def _named(distance: Distance, a: str, b: str) -> Pair:
    """A row of a measure of returns, whose reasons name the rewards."""
    row = {"measure": distance.method, "a": a, "b": b, **distance.to_json()}
    if distance.degenerate is not None:
        for argument, name in (("returns_a", a), ("returns_b", b)):
            row["degenerate"] = row["degenerate"].replace(argument, f"returns under {name!r}")
    return row


def _distance(pair: Pair) -> Pair:
    return {key: value for key, value in pair.items() if key not in ("a", "b")}

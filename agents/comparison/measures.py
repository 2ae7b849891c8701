"""Distances of all pairs of rewards, by method, as ``report.json`` has them; each reward's failure is its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from agents.errors import located
from reward_designers.base import RewardFn
from reward_designers.distances import (
    Coverage,
    Distance,
    DistanceMatrix,
    Simulator,
    UnsupportedRewardError,
    dard_matrix,
    erc,
    jackknife,
    kendall_tau,
    spearman,
    starc_matrix,
    trajectory_pearson,
)
from reward_designers.distances.canonical import Canonical, Canonicalizer, require_markov
from reward_designers.distances.samples import draw
from reward_designers.errors import RewardError

DARD_TRANSITIONS, DARD_ACTIONS = 1024, 16
"""Each of so many transitions is simulated twice for each of so many actions."""
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
    by_name = {
        half: {(names[i], names[j]): d for (i, j), d in jackknife.distances(names, values, drawn, half=half).items()}
        for half in ((False, True) if drawn.groups >= 4 else (False,))
    }
    return _with_pairs(found, by_name[False], by_name.get(True, {}))


def dard_distances(
    rewards: Mapping[str, RewardFn],
    coverage: Coverage,
    simulator: Simulator,
    *,
    discount: float,
    samples: int,
    seed: int,
    progress: Progress | None = None,
) -> Found:
    """DARD distances of all pairs; arguments as above.

    Args:
        rewards: By name.
        coverage: The transitions, with the states that the simulator restores.
        simulator: Gives successors.
        discount: gamma.
        samples: Transitions, of which no more than `DARD_TRANSITIONS` are taken: each is simulated many times.
        seed: Of the draws.
        progress: Called with the number of steps simulated so far, and in all.
    """
    options: dict[str, Any] = {"discount": discount}
    options |= {"n_transitions": min(samples, DARD_TRANSITIONS), "n_actions": DARD_ACTIONS}

    def matrix(some: Mapping[str, RewardFn]) -> DistanceMatrix:
        t = coverage.transitions
        settings: dict[str, Any] = {"simulator": simulator, "seed": seed, "progress": progress}
        return dard_matrix(some, transitions=t, episodes=coverage.episode, **options, **settings)

    return _of_matrix("DARD", matrix, rewards, options)


def starc_distances(
    rewards: Mapping[str, RewardFn],
    coverage: Coverage,
    features: Sequence[str],
    *,
    discount: float,
    samples: int,
    seed: int,
    progress: Progress | None = None,
) -> Found:
    """STARC distances of all pairs, with fitted value functions; arguments as above.

    Args:
        rewards: By name.
        coverage: The transitions.
        features: The state arrays that values are functions of.
        discount: gamma, less than 1.
        samples: Transitions.
        seed: Of the draws.
        progress: Not called: this is a matter of seconds.
    """
    if not features:
        raise ValueError("STARC fits values to the state's numbers, and there are none here but pictures or text")
    options: dict[str, Any] = {"discount": discount, "n_transitions": samples, "features": list(features)}

    def matrix(some: Mapping[str, RewardFn]) -> DistanceMatrix:
        encoded = coverage.encoded(some.values()).transitions
        return starc_matrix(some, transitions=encoded, episodes=coverage.episode, seed=seed, **options)

    return _of_matrix("STARC", matrix, rewards, options)


def _of_matrix(
    method: str,
    matrix: Callable[[Mapping[str, RewardFn]], DistanceMatrix],
    rewards: Mapping[str, RewardFn],
    parameters: Mapping[str, Any],
) -> Found:
    """What a function of all rewards at once says, without those that fail in it."""
    found = Found(parameters=dict(parameters))
    able = dict(rewards)
    for name, reward in rewards.items():
        try:
            require_markov(reward, method)
        except UnsupportedRewardError as error:
            found.unsupported[name] = str(error)
            del able[name]
    if len(able) < 2:
        return found
    try:
        return _with_pairs(found, (made := matrix(able)).distances, made.half)
    except RewardError as failure:
        for name, reward in list(able.items()):  # whose failure is it?
            try:
                matrix({name: reward, f"{name} again": reward})
            except RewardError as error:
                found.errors[name] = located(error)
                del able[name]
        if not found.errors:
            raise failure
    return _with_pairs(found, (made := matrix(able)).distances, made.half) if len(able) > 1 else found


def _with_pairs(
    found: Found, full: Mapping[tuple[str, str], Distance], half: Mapping[tuple[str, str], Distance]
) -> Found:
    found.pairs, found.half = ([{"a": a, "b": b, **d.to_json()} for (a, b), d in some.items()] for some in (full, half))
    for (a, b), distance in full.items():
        for reason in (distance.degenerate or "").split("; reward "):  # it has the names of both, if both are
            for name in (a, b):
                if reason.removeprefix("reward ").startswith(f"{name!r}: "):
                    found.degenerate.setdefault(name, reason.removeprefix("reward ").removeprefix(f"{name!r}: "))
    return found


def convergence(found: Mapping[str, Any]) -> list[Pair]:
    """Each distance from half of the samples beside that from all, from a `Found` as saved."""
    full = {(pair["a"], pair["b"]): pair for pair in found["pairs"]}
    return [
        {"a": pair["a"], "b": pair["b"], "half": _distance(pair), "full": _distance(full[pair["a"], pair["b"]])}
        for pair in found["half"]
    ]


def step_measures(steps: Mapping[str, Sequence[np.ndarray]], seed: int) -> list[Pair]:
    """How alike rewards pay along episodes, nothing taken out of them: StateFactory's measure.

    Args:
        steps: For each reward and episode, ``(steps,)``.
        seed: Of the bootstrap.
    """
    return [
        {"measure": "trajectory_pearson", "a": a, "b": b, **trajectory_pearson(steps[a], steps[b], seed=seed).to_json()}
        for a, b in combinations(steps, 2)
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

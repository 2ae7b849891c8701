"""EPIC, the Equivalent-Policy Invariant Comparison, of any rewards on samples (Gleave et al. 2021, arXiv 2006.13900).

    epic(a, b, transitions=t, discount=0.99)                         # Distance(value=0.31, low=0.28, high=0.34, ...)
    epic_matrix({"env": a, "mine": b, "vlm": c}, transitions=t, discount=0.99)["env", "mine"]

The distance is sqrt((1 - rho) / 2) with rho the Pearson correlation of the canonicalised rewards (`canonical`) over
transitions: 0 for rewards that differ by scale, a constant or potential shaping, about 0.71 for unrelated ones, 1 for
opposite ones. Which transitions decides what it means: report several coverages. `tabular.epic` is exact for arrays.

Termination and truncation flags are False in every term: EPIC is defined where episodes do not end, and the terms
combine states and actions that never followed each other. Shaping that drops the potential of terminal states is
therefore seen as shaping, at terminal states too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from reward_designers.base import RewardFn, State, Transition, as_reward
from reward_designers.distances.canonical import Canonicalizer, Structure, require_markov
from reward_designers.distances.distance import Distance
from reward_designers.distances.jackknife import distance_matrix, distances
from reward_designers.distances.matrix import DistanceMatrix, named_rewards
from reward_designers.distances.samples import Samples, draw, given


def epic(
    fn_a: RewardFn | Callable,
    fn_b: RewardFn | Callable,
    *,
    transitions: Transition,
    states: State | None = None,
    actions: np.ndarray | None = None,
    discount: float,
    n_transitions: int = 4096,
    n_mean_samples: int = 4096,
    seed: int = 0,
    episodes: np.ndarray | None = None,
    state_episodes: np.ndarray | None = None,
    confidence: float = 0.95,
    structure: Structure = "auto",
    memory_mb: float = 64.0,
) -> Distance:
    """The EPIC distance of two rewards.

    Args:
        fn_a: A Markov reward, or a function of named arrays.
        fn_b: Another.
        transitions: Pool of transitions (s, a, s') over which rewards are correlated, ``(n, ...)`` or a rollout; none
            is taken twice.
        states: Pool of D_S, from which the canonicalisation draws next states: named arrays ``(m, ...)``. The next
            states of ``transitions`` by default.
        actions: Pool of D_A, ``(k, *action_shape)``. The actions of ``transitions`` by default.
        discount: gamma, in [0, 1].
        n_transitions: N_V, at most.
        n_mean_samples: N_M, joint draws of an action and a next state for the mean reward; with replacement from pools
            that are smaller.
        seed: Of what is drawn from the pools.
        episodes: ``(n,)`` ids. Transitions of one episode are alike, so the interval is then that of as many episodes
            instead of transitions. Without it they are taken to be independent.
        state_episodes: ``(m,)`` the same for ``states``, if these are given.
        confidence: Of the interval. It covers the sampling of transitions and draws, as if the pools were endless.
        structure: ``general`` ignores what rewards declare and how they turn out to be built, and takes the mean over
            all draws at all states: exact, and slow; see `canonical`.
        memory_mb: Bound on what one evaluation of a reward works on. Beside that, 256 bytes a transition are kept for
            each reward that is not separable, and twice that while it is evaluated.

    Raises:
        UnsupportedRewardError: A reward is not Markov.
        RewardError: A reward failed, or an array that it reads is missing.
        ValueError: Arrays do not fit, or an argument is out of range.
    """
    samples = draw(
        transitions,
        states,
        actions,
        n_transitions=n_transitions,
        n_mean_samples=n_mean_samples,
        seed=seed,
        episodes=episodes,
        state_episodes=state_episodes,
    )
    return _pair(fn_a, fn_b, samples, discount, confidence, structure, memory_mb)


def epic_from_samples(
    fn_a: RewardFn | Callable,
    fn_b: RewardFn | Callable,
    batch: Transition,
    mean_samples: tuple[np.ndarray, State],
    discount: float,
    *,
    episodes: np.ndarray | None = None,
    mean_episodes: np.ndarray | None = None,
    confidence: float = 0.95,
    structure: Structure = "auto",
    memory_mb: float = 64.0,
) -> Distance:
    """The EPIC distance of two rewards on samples that are drawn already, all of which are used.

    Args:
        fn_a: A Markov reward, or a function of named arrays.
        fn_b: Another.
        batch: N_V transitions.
        mean_samples: N_M joint draws: actions ``(N_M, ...)``, and next states as named arrays ``(N_M, ...)``.
        discount: gamma, in [0, 1].
        episodes: ``(N_V,)``, see `epic`. Without it neighbours are left out together, in 64 groups.
        mean_episodes: ``(N_M,)`` the same for the draws.
        confidence: This and what follows is as in `epic`, and so are the errors.
        structure: As there.
        memory_mb: As there.
    """
    samples = given(batch, mean_samples, episodes, mean_episodes)
    return _pair(fn_a, fn_b, samples, discount, confidence, structure, memory_mb)


def epic_matrix(
    rewards: Mapping[str, RewardFn] | Sequence[RewardFn],
    *,
    transitions: Transition,
    states: State | None = None,
    actions: np.ndarray | None = None,
    discount: float,
    n_transitions: int = 4096,
    n_mean_samples: int = 4096,
    seed: int = 0,
    episodes: np.ndarray | None = None,
    state_episodes: np.ndarray | None = None,
    confidence: float = 0.95,
    structure: Structure = "auto",
    memory_mb: float = 64.0,
    progress: Callable[[str], object] | None = None,
) -> DistanceMatrix:
    """The EPIC distances of all pairs of rewards, on the same samples, with each reward (and term) evaluated once.

    ``rewards`` are given by name, or in a sequence and named after themselves. ``progress`` is called with the name of
    each when it is evaluated, which takes most of the time. The other arguments and the errors are those of `epic`.
    """
    named = named_rewards(rewards)
    for reward in named.values():
        require_markov(reward, "EPIC")  # before minutes are spent on others
    samples = draw(
        transitions,
        states,
        actions,
        n_transitions=n_transitions,
        n_mean_samples=n_mean_samples,
        seed=seed,
        episodes=episodes,
        state_episodes=state_episodes,
    )
    canonicalize = Canonicalizer(samples, discount, structure, memory_mb)
    canonicals = []
    for name, reward in named.items():
        canonicals.append(canonicalize(reward))
        if progress is not None:
            progress(name)
    return distance_matrix(tuple(named), canonicals, samples, confidence=confidence)


def _pair(
    fn_a: RewardFn | Callable,
    fn_b: RewardFn | Callable,
    samples: Samples,
    discount: float,
    confidence: float,
    structure: Structure,
    memory_mb: float,
) -> Distance:
    a, b = as_reward(fn_a), as_reward(fn_b)
    for reward in (a, b):
        require_markov(reward, "EPIC")
    canonicalize = Canonicalizer(samples, discount, structure, memory_mb)
    names = (a.name, b.name) if a.name != b.name else ("fn_a", "fn_b")
    return distances(names, (canonicalize(a), canonicalize(b)), samples, confidence=confidence)[0, 1]

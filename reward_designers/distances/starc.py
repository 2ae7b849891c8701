"""STARC on samples, with fitted value functions (Skalse et al. 2024, arXiv 2309.15257). Good for ranking only.

    starc(a, b, transitions=t, episodes=episodes, discount=0.99)       # Distance(value=0.6, ..., ranking_only=True)

The distance, in [0, 2] and twice what EPIC's scale is, of canonicalised rewards that are scaled to norm 1:

    d = || c(R_a) / ||c(R_a)|| - c(R_b) / ||c(R_b)|| ||       c(R) = E[R(s, a, S') + gamma V(S')] - V(s)

with the 2-norm over the transitions compared. V is the function of the state that makes c(R) smallest, fitted to these
transitions (`values`): of all rewards that differ from R by shaping, c(R) is the one with the least norm. That is the
paper's *minimal* canonicalisation, as in ``tabular.starc(..., canonicalization="minimal")``, which foretells regret as
well as any. The expectation is over the successors of a simulator that is random. Where there is none, or it is
deterministic, the recorded successor stands for it; paying for luck (S'-redistribution) is then seen as a difference.

What the features cannot express stays in c and moves the distance, up or down: that is why it is good for ranking only.
Shaping that is declared as such (`PotentialShaping`, with the same discount) is taken out exactly. What the distance is
with values fitted on other episodes than those compared is told with the interval: if that is another number, there are
too few of them.

Unlike EPIC and DARD this looks at real transitions alone, so a terminated episode ends here: V is 0 there, and being
alive is worth something.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from reward_designers.base import RewardFn, Transition, as_reward
from reward_designers.distances.canonical import Evaluator, require_markov
from reward_designers.distances.distance import Distance
from reward_designers.distances.jackknife import interval
from reward_designers.distances.matrix import DistanceMatrix, named_rewards
from reward_designers.distances.samples import GROUPS
from reward_designers.distances.simulator import Simulator
from reward_designers.distances.terms import weighted_terms
from reward_designers.distances.values import StateFeatures, Values
from reward_designers.encoders import encode_transition
from reward_designers.evaluation import evaluate, total
from reward_designers.shaping import PotentialShaping

FOLDS = 4
"""Parts of the episodes, each of which is once left out of the fit to see what it is worth elsewhere."""
NOTHING = 1e-4
"""A canonicalised reward this small beside the reward's own variation is what the fit has left of nothing."""


def starc(
    fn_a: RewardFn | Callable,
    fn_b: RewardFn | Callable,
    *,
    transitions: Transition,
    discount: float,
    episodes: np.ndarray | None = None,
    simulator: Simulator | None = None,
    features: Sequence[str] | None = None,
    n_transitions: int = 8192,
    n_successors: int = 16,
    seed: int = 0,
    confidence: float = 0.95,
    memory_mb: float = 64.0,
) -> Distance:
    """The STARC distance of two rewards, in [0, 2], with value functions fitted to transitions.

    Args:
        fn_a: A Markov reward, or a function of named arrays.
        fn_b: Another.
        transitions: Pool of transitions (s, a, s'), ``(n, ...)``, to which values are fitted and over which norms are.
        discount: gamma, in [0, 1).
        episodes: ``(n,)`` ids. Transitions of one episode are alike, so the interval is then that of as many episodes
            instead of transitions. Without it they are taken to be independent.
        simulator: Draws successors, if it is random; else it adds nothing. Episodes do not end where it is used.
        features: The state arrays that V is a function of. By default all that are recorded, the smallest first, as
            long as these are no more than 128 numbers: what rewards read is mostly among them, pictures are not.
        n_transitions: How many to take from the pool at most.
        n_successors: How many successors to draw for each transition.
        seed: Of what is drawn, random features among it.
        confidence: Of the interval, a jackknife over transitions with new value functions each time. It does not cover
            what no value function of these features can express.
        memory_mb: Bound on what an evaluation of a reward works on.

    Returns:
        A `Distance` that is marked ``ranking_only``. A reward without direction counts as 0, 1 away from all others.

    Raises:
        UnsupportedRewardError: A reward is not Markov.
        RewardError: A reward failed, or an array that it reads is missing.
        ValueError: Arrays do not fit, or an argument is out of range.
    """
    a, b = as_reward(fn_a), as_reward(fn_b)
    names = (a.name, b.name) if a.name != b.name else ("the first", "the second")
    fits = _fit(
        dict(zip(names, (a, b), strict=True)),
        transitions,
        discount=discount,
        episodes=episodes,
        simulator=simulator,
        features=features,
        n_transitions=n_transitions,
        n_successors=n_successors,
        seed=seed,
        memory_mb=memory_mb,
    )
    return fits.distances(confidence)[names]


def starc_matrix(
    rewards: Mapping[str, RewardFn] | Sequence[RewardFn],
    *,
    transitions: Transition,
    discount: float,
    episodes: np.ndarray | None = None,
    simulator: Simulator | None = None,
    features: Sequence[str] | None = None,
    n_transitions: int = 8192,
    n_successors: int = 16,
    seed: int = 0,
    confidence: float = 0.95,
    memory_mb: float = 64.0,
) -> DistanceMatrix:
    """The STARC distances of all pairs of rewards, on the same transitions and features.

    ``rewards`` are given by name, or in a sequence and named after themselves. The other arguments and the errors are
    those of `starc`.
    """
    named = named_rewards(rewards)
    fits = _fit(
        named,
        transitions,
        discount=discount,
        episodes=episodes,
        simulator=simulator,
        features=features,
        n_transitions=n_transitions,
        n_successors=n_successors,
        seed=seed,
        memory_mb=memory_mb,
    )
    half = fits.half().distances(confidence) if fits.groups >= 2 * FOLDS else {}
    return DistanceMatrix(tuple(named), fits.distances(confidence), half)


@dataclass(frozen=True, eq=False)
class _Fits:
    """Rewards on transitions, and what their value functions are fitted to.

    Attributes:
        names: Of the rewards.
        rewards: ``(n, rewards)``.
        before: ``(n, features)`` of s.
        after: ``(n, features)`` of s', zeros where it is terminal, or means over successors.
        group: ``(n,)`` int; transitions of different groups are independent.
        discount: gamma.
        kind: What groups consist of, in words.
    """

    names: tuple[str, ...]
    rewards: np.ndarray
    before: np.ndarray
    after: np.ndarray
    group: np.ndarray
    discount: float
    kind: str

    @property
    def groups(self) -> int:
        return len(np.unique(self.group))

    def half(self) -> _Fits:
        """Every other group alone."""
        kept = self.group % 2 == 0
        parts = self.rewards[kept], self.before[kept], self.after[kept], self.group[kept]
        return _Fits(self.names, *parts, self.discount, self.kind)

    def distances(self, confidence: float) -> dict[tuple[str, str], Distance]:
        """Of all pairs of rewards."""
        if not 0 < confidence < 1:
            raise ValueError(f"confidence must be between 0 and 1, got {confidence}")
        fit = Values(self.before, self.after, self.rewards, self.discount)
        canonical = fit.errors(fit.weights(), np.ones(len(self.group), bool))
        noise = 1e-9 * np.abs(self.rewards).max(0) / (1 - self.discount)
        nothing = np.sqrt(np.square(canonical).mean(0)) <= np.maximum(NOTHING * self.rewards.std(0), noise)
        units = _units(canonical, nothing)
        groups = np.unique(self.group)
        elsewhere = replicates = None
        if len(groups) >= FOLDS:
            fold, held_out = np.searchsorted(groups, self.group) % FOLDS, np.empty_like(canonical)
            for k in range(FOLDS):
                held_out[fold == k] = fit.errors(fit.weights(without=fold == k), fold == k)
            elsewhere = 2 * np.sqrt(_squared(_units(held_out, nothing)))
            left = (self.group == group for group in groups)
            replicates = np.stack([_squared(_units(fit.errors(fit.weights(out), ~out), nothing)) for out in left])
        samples = {"transitions": len(self.rewards), "features": self.before.shape[1]}
        found = {}
        for i, j in combinations(range(len(self.names)), 2):
            sine, cosine = (0.5 * float(np.linalg.norm(units[:, i] + sign * units[:, j])) for sign in (-1, 1))
            value, low, high, words = min(2.0, 2 * sine), None, None, ""
            blank = [self.names[k] for k in (i, j) if nothing[k]]
            if blank:
                value = float(len(blank) == 1)
                words = f"no interval: {' and '.join(blank)} is zero but for what shaping can add"
            elif replicates is not None and elsewhere is not None:
                low, high = (2 * end for end in interval(sine, cosine, 1e-9, replicates[:, i, j], confidence))
                fitted = f"with values fitted on other {self.kind} it is {elsewhere[i, j]:.3f}"
                words = f"jackknife over transitions, {len(groups)} groups of {self.kind}; {fitted}"
            found[self.names[i], self.names[j]] = Distance(
                value, low, high, "starc", confidence, words, samples, ranking_only=True
            )
        return found


def _squared(units: np.ndarray) -> np.ndarray:
    """Squares of half the distances between columns, ``(rewards, rewards)`` above the diagonal."""
    squared = np.zeros((units.shape[1], units.shape[1]))
    for i in range(len(squared) - 1):
        squared[i, i + 1 :] = 0.25 * np.square(units[:, i + 1 :] - units[:, [i]]).sum(0)
    return squared


def _units(canonical: np.ndarray, nothing: np.ndarray) -> np.ndarray:
    """Columns with norm 1; zeros for those that count as nothing."""
    norms = np.linalg.norm(canonical, axis=0)
    return np.divide(canonical, norms, out=np.zeros_like(canonical), where=~nothing & (norms > 0))


def _fit(
    rewards: Mapping[str, RewardFn],
    transitions: Transition,
    *,
    discount: float,
    episodes: np.ndarray | None,
    simulator: Simulator | None,
    features: Sequence[str] | None,
    n_transitions: int,
    n_successors: int,
    seed: int,
    memory_mb: float,
) -> _Fits:
    t = transitions.flatten() if len(transitions.batch_shape) > 1 else transitions
    if not 0 <= discount < 1:
        raise ValueError(f"discount must be in [0, 1), for values to exist, got {discount}")
    if n_transitions < 32 or len(t) < 32:
        raise ValueError(f"fitting takes at least 32 transitions, got {min(n_transitions, len(t))}")
    if n_successors < 1:
        raise ValueError(f"n_successors must be at least 1, got {n_successors}")
    if episodes is not None and np.shape(episodes) != (len(t),):
        raise ValueError(f"episodes must have shape ({len(t)},), one for each row, got {np.shape(episodes)}")
    for reward in rewards.values():
        require_markov(reward, "STARC")
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(t))[:n_transitions])
    t = t[rows]
    ids = np.arange(len(rows)) if episodes is None else np.asarray(episodes)[rows]
    numbers, number = np.unique(ids, return_inverse=True)
    group = (rng.permutation(len(numbers)) % GROUPS)[number]
    phi = StateFeatures(t.state, features, seed)
    before = phi(t.state)
    fns = list(rewards.values())
    if simulator is None or simulator.deterministic:
        values = np.stack([_values(reward, t, discount, memory_mb) for reward in fns], axis=1)
        after = phi(t.next_state) * ~t.terminated[:, None]
    else:
        values, after, never = np.zeros((len(t), len(fns))), np.zeros_like(before), np.zeros(len(t), bool)
        for _ in range(n_successors):
            drawn = Transition(t.state, t.action, simulator.step(t.state, t.action), never, never)
            values += np.stack([_values(reward, drawn, discount, memory_mb) for reward in fns], axis=1)
            after += phi(drawn.next_state)
        values, after = values / n_successors, after / n_successors
    kind = "transitions" if episodes is None else "episodes"
    return _Fits(tuple(rewards), values, before, after, group, float(discount), kind)


def _values(reward: RewardFn, t: Transition, discount: float, memory_mb: float) -> np.ndarray:
    """The reward of each transition, ``(n,)``, less shaping that says that it is shaping."""
    values = np.zeros(len(t))
    for weight, term in weighted_terms(reward):
        if type(term) is PotentialShaping and term.gamma == discount:
            continue
        seen = encode_transition(term.encoders, t)
        limit = Evaluator(term, memory_mb).limit(seen.state, seen.action, seen.next_state)
        parts = [total(evaluate(term, seen[i : i + limit])) for i in range(0, len(t), limit)]
        values += weight * np.concatenate(parts)
    return values

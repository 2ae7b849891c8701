"""DARD, the Dynamics-Aware Reward Distance, on samples and a simulator (Wulfe et al. 2022, arXiv 2201.10081).

    simulator = make_simulator("Hopper", rewards=[a, b])               # envs.simulator
    dard(a, b, transitions=t, simulator=simulator, discount=0.99)      # Distance(value=0.31, low=0.28, high=0.34, ...)

The Pearson distance sqrt((1 - rho) / 2) over transitions, as EPIC, of rewards that are canonicalised (equation 3) by

    C(R)(s, a, s') = R(s, a, s') + E[gamma R(s', A, S'') - R(s, A, S') - gamma R(S', A, S'')]

with A ~ D_A, S' ~ T(s, A), S'' ~ T(s', A). EPIC asks a reward about s and a next state from anywhere; here S' really
follows s, and S'' really follows s'. Only the last term joins states that need not follow each other, but are two steps
from s both.

The k draws of A are the same for every transition. What they do to C then shifts all transitions nearly alike, to which
a correlation is blind (an action cost cancels altogether), where draws of their own would add noise to each, which
makes all rewards look less alike. Their choice is part of the interval. Where there are no more than k different
actions, as in CartPole, each is taken as often as it occurs, and nothing is drawn.

Termination and truncation flags are False in every term, as in EPIC. Simulating takes nearly all of the time, 2 n k
steps for any number of rewards, and n k if none of them reads both s and s'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reward_designers.base import RewardFn, State, Transition, as_reward
from reward_designers.distances.canonical import Canonical, Evaluator, require_markov
from reward_designers.distances.distance import Distance
from reward_designers.distances.jackknife import distance_matrix, distances
from reward_designers.distances.matrix import DistanceMatrix, named_rewards
from reward_designers.distances.samples import GROUPS
from reward_designers.distances.simulator import Simulator
from reward_designers.distances.terms import weighted_terms
from reward_designers.encoders import encode_transition
from reward_designers.errors import RewardError, unknown_name

ROWS = 1024
"""Most transitions that are simulated at once."""


def dard(
    fn_a: RewardFn | Callable,
    fn_b: RewardFn | Callable,
    *,
    transitions: Transition,
    simulator: Simulator,
    discount: float,
    actions: np.ndarray | None = None,
    n_transitions: int = 1024,
    n_actions: int = 16,
    seed: int = 0,
    episodes: np.ndarray | None = None,
    confidence: float = 0.95,
    memory_mb: float = 64.0,
) -> Distance:
    """The DARD distance of two rewards.

    Args:
        fn_a: A Markov reward, or a function of named arrays.
        fn_b: Another.
        transitions: Pool of transitions (s, a, s') over which rewards are correlated, ``(n, ...)``, none taken twice.
            Their states and next states have the arrays that the simulator restores, and those that the rewards read.
        simulator: Gives successors, with the arrays that the rewards read.
        discount: gamma, in [0, 1].
        actions: Pool of D_A, ``(m, *action_shape)``. The actions of ``transitions`` by default.
        n_transitions: How many to take from the pool at most.
        n_actions: k, how many actions to draw.
        seed: Of what is drawn from the pools.
        episodes: ``(n,)`` ids. Transitions of one episode are alike, so the interval is then that of as many episodes
            instead of transitions. Without it they are taken to be independent.
        confidence: Of the interval. It covers the sampling of transitions and of actions, as if both pools were
            endless, but not the chances of a simulator that is random.
        memory_mb: Bound on what is simulated and evaluated at once. Beside that, 8 k bytes a transition are kept for
            each reward.

    Raises:
        UnsupportedRewardError: A reward is not Markov.
        RewardError: A reward failed, or an array that it reads is missing.
        ValueError: Arrays do not fit, or an argument is out of range.
    """
    a, b = as_reward(fn_a), as_reward(fn_b)
    samples = draw(
        transitions, actions, simulator, n_transitions=n_transitions, n_actions=n_actions, seed=seed, episodes=episodes
    )
    both = canonical_dard((a, b), samples, simulator, discount=discount, memory_mb=memory_mb)
    return distances((a.name, b.name), both, samples, method="dard", confidence=confidence)[0, 1]


def dard_matrix(
    rewards: Mapping[str, RewardFn] | Sequence[RewardFn],
    *,
    transitions: Transition,
    simulator: Simulator,
    discount: float,
    actions: np.ndarray | None = None,
    n_transitions: int = 1024,
    n_actions: int = 16,
    seed: int = 0,
    episodes: np.ndarray | None = None,
    confidence: float = 0.95,
    memory_mb: float = 64.0,
    progress: Callable[[int, int], object] | None = None,
) -> DistanceMatrix:
    """The DARD distances of all pairs of rewards; everything is simulated once, each reward (and term) evaluated once.

    ``rewards`` are given by name, or in a sequence and named after themselves. ``progress`` is called with the number
    of steps simulated so far, and in all. The other arguments and the errors are those of `dard`.
    """
    named = named_rewards(rewards)
    samples = draw(
        transitions, actions, simulator, n_transitions=n_transitions, n_actions=n_actions, seed=seed, episodes=episodes
    )
    fns = tuple(named.values())
    made = canonical_dard(fns, samples, simulator, discount=discount, memory_mb=memory_mb, progress=progress)
    return distance_matrix(tuple(named), made, samples, method="dard", confidence=confidence)


@dataclass(frozen=True, eq=False)
class Draws:
    """Transitions and actions, and a partition of both into groups that are independent.

    Attributes:
        transitions: n of them.
        actions: ``(k, ...)``.
        weights: ``(k,)``, sum 1.
        drawn: False if `actions` are all that there are.
        group: ``(n,)`` int, the group of each transition.
        mean_group: ``(k,)`` int, ascending: that of each action.
        groups: Number of groups.
        clustered: Whether groups consist of whole episodes.
    """

    transitions: Transition
    actions: np.ndarray
    weights: np.ndarray
    drawn: bool
    group: np.ndarray
    mean_group: np.ndarray
    groups: int
    clustered: bool

    @property
    def sampled(self) -> str:
        """What it is that was sampled, in words."""
        return "transitions and actions" if self.drawn else "transitions"

    def counted(self, kept: np.ndarray) -> dict[str, int]:
        """How many there are in the groups of the mask ``kept``, as `Distance.samples` has them."""
        actions = int(kept[self.mean_group].sum()) if self.drawn else len(self.actions)
        return {"transitions": int(kept[self.group].sum()), "actions": actions}


def draw(
    transitions: Transition,
    actions: np.ndarray | None,
    simulator: Simulator,
    *,
    n_transitions: int,
    n_actions: int,
    seed: int,
    episodes: np.ndarray | None = None,
) -> Draws:
    """Draw transitions and actions from pools; see `dard` for the arguments."""
    t = transitions.flatten() if len(transitions.batch_shape) > 1 else transitions
    pool = t.action if actions is None else np.asarray(actions)
    if n_transitions < 2 or len(t) < 2:
        raise ValueError(f"a correlation needs at least two transitions, got {min(n_transitions, len(t))}")
    if n_actions < 1 or not len(pool):
        raise ValueError(f"at least one action must be drawn from a pool of some, got {n_actions} from {len(pool)}")
    if pool.shape[1:] != t.action.shape[1:]:
        raise ValueError(f"the pool of actions has shape {pool.shape}, that of the transitions {t.action.shape}")
    if episodes is not None and np.shape(episodes) != (len(t),):
        raise ValueError(f"episodes must have shape ({len(t)},), one for each row, got {np.shape(episodes)}")
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(t))[:n_transitions])
    flat = pool.reshape(len(pool), -1)
    _, kinds, kind = np.unique(flat, axis=0, return_index=True, return_inverse=True)
    if drawn := len(kinds) > n_actions:
        picked = rng.choice(len(pool), n_actions, replace=n_actions > len(pool))
        weights = np.full(n_actions, 1 / n_actions)
    else:
        copies = 1 if simulator.deterministic else n_actions // len(kinds)
        picked = np.repeat(kinds, copies)
        weights = np.repeat(np.bincount(kind) / (copies * len(pool)), copies)
    ids, episode = np.unique(
        np.arange(len(rows)) if episodes is None else np.asarray(episodes)[rows], return_inverse=True
    )
    groups = min(GROUPS, len(ids), len(picked) if drawn else GROUPS)
    return Draws(
        t[rows],
        pool[picked],
        weights,
        drawn,
        group=(rng.permutation(len(ids)) % groups)[episode],
        mean_group=np.arange(len(picked)) * groups // len(picked),
        groups=groups,
        clustered=episodes is not None,
    )


def canonical_dard(
    rewards: Sequence[RewardFn],
    samples: Draws,
    simulator: Simulator,
    *,
    discount: float,
    memory_mb: float = 64.0,
    progress: Callable[[int, int], object] | None = None,
) -> list[Canonical]:
    """The rewards with everything taken out that potential shaping can add; see the module.

    Args:
        rewards: All of them are evaluated on the same successors.
        samples: See `draw`.
        simulator: See `dard`.
        discount: See `dard`.
        memory_mb: See `dard`.
        progress: See `dard_matrix`.

    Raises:
        UnsupportedRewardError: A reward is not Markov.
        RewardError: A reward failed, or an array that it reads is missing.
        ValueError: The discount is out of range, or states cannot be restored.
    """
    if not 0 <= discount <= 1:
        raise ValueError(f"discount must be in [0, 1], got {discount}")
    for reward in rewards:
        require_markov(reward, "DARD")
    made = _Terms(rewards, samples, simulator, float(discount), memory_mb).run(progress)
    return [
        Canonical.weighted_sum((weight, made[id(term)]) for weight, term in weighted_terms(reward))
        for reward in rewards
    ]


class _Terms:
    """Rewards that are not sums or multiples of others, canonicalised together while successors stream by."""

    def __init__(
        self, rewards: Sequence[RewardFn], samples: Draws, simulator: Simulator, discount: float, memory_mb: float
    ):
        self.rewards = {id(term): term for reward in rewards for _, term in weighted_terms(reward)}
        self.evaluators = {key: Evaluator(reward, memory_mb) for key, reward in self.rewards.items()}
        self.samples, self.simulator, self.discount = samples, simulator, discount
        n, k = len(samples.transitions), len(samples.actions)
        self.magnitude = dict.fromkeys(self.rewards, 0.0)
        self.own = {key: np.empty(n) for key in self.rewards}
        self.means = {key: np.empty((n, k)) for key in self.rewards}  # what each action says
        self.encoders = {name: encoder for reward in rewards for name, encoder in reward.encoders.items()}
        self.far = discount > 0 and any({"state", "next_state"} <= reward.reads for reward in self.rewards.values())
        t = samples.transitions
        size = sum(array.nbytes for array in (*t.state.values(), *t.next_state.values())) / n
        self.rows = int(max(1, min(ROWS, memory_mb * 2**20 / (4 * size + 64))))

    def run(self, progress: Callable[[int, int], object] | None) -> dict[int, Canonical]:
        """Canonicalised rewards by id."""
        n, k = self.means[next(iter(self.means))].shape
        done, steps = 0, n * k * (2 if self.far else 1)
        for start in range(0, n, self.rows):
            part = slice(start, min(start + self.rows, n))
            t = encode_transition(self.encoders, self.samples.transitions[part])
            for key in self.rewards:
                self.own[key][part] = self._evaluate(key, t.state, t.action, t.next_state)
            for column, action in enumerate(self.samples.actions):
                taken = np.broadcast_to(action, t.action.shape)
                near = self.simulator.step(t.state, taken)
                far = self.simulator.step(t.next_state, taken) if self.far else {}
                for key, reward in self.rewards.items():
                    value = -self._evaluate(key, t.state, taken, near)
                    if self.discount > 0 and "state" in reward.reads:  # else the two cancel
                        after = self._evaluate(key, t.next_state, taken, far)
                        value += self.discount * (after - self._evaluate(key, near, taken, far))
                    self.means[key][part, column] = value
                done += len(t) * (2 if self.far else 1)
                if progress is not None:
                    progress(done, steps)
        return {key: self._canonical(key) for key in self.rewards}

    def _evaluate(self, key: int, state: State, action: np.ndarray, next_state: State) -> np.ndarray:
        reward = self.rewards[key]
        sides = []
        for side, arrays in (("state", state), ("next_state", next_state)):
            if missing := sorted(reward.inputs - arrays.keys()) if side in reward.reads else []:
                raise RewardError(
                    f"reward {reward.name!r} reads {unknown_name('state array', missing[0], arrays)} Collect the "
                    "transitions, and make the simulator, with this reward among their rewards"
                )
            sides.append({name: arrays[name] for name in reward.inputs} if side in reward.reads else {})
        values, magnitude = self.evaluators[key].rows(sides[0], action, sides[1], len(action))
        self.magnitude[key] = max(self.magnitude[key], magnitude)
        return values

    def _canonical(self, key: int) -> Canonical:
        samples, means = self.samples, self.means[key]
        expected = means @ samples.weights
        shifts = None
        if samples.drawn:
            shifts = np.zeros((samples.groups, len(means)), np.float32)
            starts = np.flatnonzero(np.diff(samples.mean_group, prepend=-1))
            shifts[samples.mean_group[starts]] = np.add.reduceat(means - expected[:, None], starts, axis=1).T
        return Canonical(self.own[key] + expected, shifts, self.evaluators[key].round_off(self.magnitude[key]))

"""EPIC on samples: against brute force, closed forms and exact values, its invariances, and what it refuses."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reward_designers.base import (
    Components,
    Encoder,
    EpisodeMemory,
    RewardError,
    RewardFn,
    Transition,
    evaluate,
    reward_fn,
    total,
)
from reward_designers.distances import Distance, UnsupportedRewardError, epic, epic_from_samples, epic_matrix, tabular
from reward_designers.distances.canonical import Canonicalizer
from reward_designers.distances.jackknife import distances
from reward_designers.distances.samples import Samples, distinct, draw
from reward_designers.distances.samples import given as given_samples

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


@pytest.mark.parametrize("make", [batch, walk])
@pytest.mark.parametrize("structure", ["auto", "general"])
def test_equals_every_term_written_out(make: Callable[[int, int], Transition], structure: str) -> None:
    t, m = make(60, 1), make(50, 2)
    draws = (m.action, m.next_state)
    by_hand = [canonical_by_hand(r, t, m.action, m.next_state["obs"], GAMMA) for r in REWARDS]
    for i, a in enumerate(REWARDS):
        for j, b in enumerate(REWARDS[:i]):
            found = epic_from_samples(a, b, t, draws, GAMMA, structure=structure)
            assert found.value == pytest.approx(pearson(by_hand[i], by_hand[j]), abs=1e-9)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0])
def test_rewards_of_the_next_state_alone_are_simply_correlated(gamma: float) -> None:
    t = batch(500)

    @reward_fn
    def other(next_obs: np.ndarray) -> np.ndarray:
        return next_obs.sum(-1)

    a, b = np.tanh(t.next_state["obs"][:, 0]), t.next_state["obs"].sum(-1)
    assert epic(reaches, other, transitions=t, discount=gamma).value == pytest.approx(pearson(a, b), abs=1e-12)


def test_point_mass() -> None:
    """Sparse against ground truth in PointMass-Line (Gleave et al. 2021, section 6.1): 0.5524 in closed form.

    Positions and goals are N(0, 1), so their difference D is N(0, 2); a is uniform in [-1, 1]; gamma = 1. Both rewards
    are f(s) - a^2, which is canonicalised to f(s') - a^2: -|D| - a^2 and 1[|D| < .05] - a^2.
    """
    effort, mean = 1 / 5 - 1 / 9, 2 / math.sqrt(math.pi)
    near = math.erf(0.05 / 2)
    mean_near = mean * (1 - math.exp(-(0.05**2) / 4))  # of |D| where it is below .05
    covariance = effort + near * mean - mean_near
    rho = covariance / math.sqrt((effort + near * (1 - near)) * (effort + 2 - mean**2))
    exact = math.sqrt((1 - rho) / 2)
    assert exact == pytest.approx(0.5524, abs=5e-5)

    def truth(obs: np.ndarray, action: np.ndarray) -> np.ndarray:
        return -np.abs(obs[:, 0] - obs[:, 2]) - np.square(action).sum(-1)

    def sparse(obs: np.ndarray, action: np.ndarray) -> np.ndarray:
        return (np.abs(obs[:, 0] - obs[:, 2]) < 0.05) - np.square(action).sum(-1)

    found, no = [], np.zeros(4096, bool)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        s, s2 = rng.normal(size=(2, 4096, 3))
        t = Transition({"obs": s}, rng.uniform(-1, 1, (4096, 1)), {"obs": s2}, no, no)
        found.append(epic(sparse, truth, transitions=t, discount=1.0))
    assert sum(d.low < exact < d.high < d.low + 0.03 for d in found) >= 16  # of 20: fewer happens once in 400 times
    assert np.mean([d.value for d in found]) == pytest.approx(exact, abs=0.004)  # three standard errors


# Invariances


@settings(max_examples=20, deadline=None)
@given(
    shift=st.floats(-10, 10),
    scale=st.floats(0.01, 100),
    gamma=st.floats(0, 1),
    which=st.integers(0, len(REWARDS) - 1),
    seed=st.integers(0, 1000),
)
def test_invariances(shift: float, scale: float, gamma: float, which: int, seed: int) -> None:
    """Scale, shift and shaping change nothing, whatever the flags say; the negated reward is at 1 minus that in d^2."""
    data: dict[str, Any] = {"transitions": batch(40, seed), "discount": gamma, "n_mean_samples": 30}
    reward = REWARDS[which]
    equivalent = scale * reward + shift + 3.0 * stays.potential(gamma)
    if which != 1 or gamma > 0.01:
        assert epic(reward, equivalent, **data).value == pytest.approx(0, abs=1e-8)
        assert epic(reward, -equivalent, **data).value == pytest.approx(1, abs=1e-12)
    d = epic(mixed, turns, **data).value
    for other in (scale * turns + shift, turns + reaches.potential(gamma)):
        assert epic(mixed, other, **data).value == pytest.approx(d, abs=1e-9)
        assert epic(other, mixed, **data).value == pytest.approx(d, abs=1e-9)


def test_redistribution_over_next_states_is_seen() -> None:
    """EPIC is not invariant to it (STARC is): what only moves reward between next states has a distance."""
    found = epic(reaches, reaches + 0.5 * turns, transitions=batch(500), discount=GAMMA)
    assert found.low is not None
    assert found.low > 0.05


# Structure


class Counting(RewardFn):
    """R = f(s) + a s', broken where both exceed `edge`; counts the rows that it is asked for."""

    def __init__(self, edge: float, dtype: type = np.float64):
        self.edge, self.dtype, self.rows = edge, dtype, 0

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        self.rows += len(t)
        s, s2 = t.state["obs"][:, 0], t.next_state["obs"][:, 0]
        values = s**2 + t.action[:, 0] * s2 + 5.0 * ((s > self.edge) & (s2 > self.edge))
        return {"counting": values.astype(self.dtype)}


def samples(n: int, seed: int = 0) -> Samples:
    return draw(batch(n, seed), None, None, n_transitions=n, n_mean_samples=n, seed=0)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_separable_rewards_are_found_and_cost_little(dtype: type) -> None:
    data = samples(1000)
    reward = Counting(np.inf, dtype)
    fast, slow = Canonicalizer(data, GAMMA)(reward), Canonicalizer(data, GAMMA, "general")(reward)
    assert fast.shifts is None
    tolerance = 1e-9 if dtype is np.float64 else 1e-5
    np.testing.assert_allclose(fast.values - fast.values.mean(), slow.values - slow.values.mean(), atol=tolerance)
    reward.rows = 0
    Canonicalizer(data, GAMMA)(reward)
    assert reward.rows < 200_000 < 2_000_000


@pytest.mark.parametrize("edge", [0.0, 1.0, 2.0, 2.5])
def test_rare_breaks_of_separability_are_found(edge: float) -> None:
    """At 2.5, in less than one cell of 10,000."""
    data, reward = samples(1000), Counting(edge)
    fast, slow = Canonicalizer(data, GAMMA)(reward), Canonicalizer(data, GAMMA, "general")(reward)
    assert fast.shifts is not None
    np.testing.assert_array_equal(fast.values, slow.values)


def test_a_break_too_rare_to_be_found_hardly_matters() -> None:
    data, reward = samples(1000), Counting(3.0)
    fast, slow = Canonicalizer(data, GAMMA)(reward), Canonicalizer(data, GAMMA, "general")(reward)
    assert fast.shifts is None  # else this test shows nothing
    assert slow.shifts is not None
    apart = (fast.values - fast.values.mean()) - (slow.values - slow.values.mean())
    s = np.concatenate([data.state.of(reward)["obs"], data.after.of(reward)["obs"]])[:, 0]
    share = np.mean(s > 3) * np.mean(data.drawn.of(reward)["obs"][:, 0] > 3)
    assert 0 < share < 1e-5
    assert 0 < np.abs(apart).mean() < 4 * 5.0 * share  # an error in m(s) and one in m(s'), and that of their mean


def test_faint_interactions_are_found_beside_a_huge_value() -> None:
    """What counts as round-off is judged cell by cell."""

    @reward_fn
    def faint(obs: np.ndarray, next_obs: np.ndarray) -> np.ndarray:
        return 1e12 * (obs[:, 0] == top) + next_obs[:, 1] + 1e-6 * obs[:, 0] * next_obs[:, 0]

    data = samples(1000)
    top = data.state.of(reaches)["obs"][:, 0].max()
    assert Canonicalizer(data, GAMMA)(faint).shifts is not None


def test_few_actions_make_few_columns() -> None:
    seen = []

    class Push(RewardFn):
        reads = frozenset({"state", "action"})

        def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
            seen.append(len(t))
            return {"push": t.state["obs"][:, 0] * t.action[:, 0]}

    t = walk(2000)
    data = draw(t, None, None, n_transitions=2000, n_mean_samples=2000, seed=0)
    fast = Canonicalizer(data, GAMMA)(Push())
    assert sum(seen) < 2000 + 4 * 2001 + 2000  # its own values, (distinct states) x (actions), first looks
    slow = Canonicalizer(data, GAMMA, "general")(Push())
    np.testing.assert_allclose(fast.values, slow.values, atol=1e-12)
    assert fast.shifts is not None
    assert slow.shifts is not None
    np.testing.assert_allclose(fast.shifts, slow.shifts, atol=1e-4)


def test_terms_are_canonicalized_once_by_their_own_structure() -> None:
    class Once(RewardFn):
        reads = frozenset({"next_state"})
        rows = 0

        def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
            Once.rows += len(t)
            return {"once": t.next_state["obs"][:, 1]}

    term = Once()
    rewards = {"plain": term, "mine": term + 0.5 * mixed, "other": 2.0 * mixed - term}
    found = epic_matrix(rewards, transitions=batch(300), discount=GAMMA)
    assert Once.rows < 350
    slow = epic_matrix(rewards, transitions=batch(300), discount=GAMMA, structure="general")
    for pair, distance in found.distances.items():
        for end in ("value", "low", "high"):
            assert getattr(distance, end) == pytest.approx(getattr(slow[pair], end), abs=1e-6)
        assert distance.value == pytest.approx(slow[pair].value, abs=1e-9)


def test_distinct_rows() -> None:
    first, kind = distinct([np.array([[1, 2], [1, 2], [3, 4], [1, 2]]), np.array([0.0, 0.0, 0.0, 1.0])], 4)
    np.testing.assert_array_equal(first, [0, 2, 3])
    np.testing.assert_array_equal(kind, [0, 0, 1, 2])


# Intervals


def test_interval_by_hand() -> None:
    """Each group of transitions and draws left out of everything, and everything computed anew."""
    t, m = batch(128, 1), batch(128, 2)
    group = np.arange(128) * 64 // 128
    squares = []
    for left_out in range(64):
        kept = group != left_out
        a, b = (
            canonical_by_hand(r, t[kept], m.action[kept], m.next_state["obs"][kept], GAMMA) for r in (mixed, pushes)
        )
        squares.append(pearson(a, b) ** 2)
    found = epic_from_samples(mixed, pushes, t, (m.action, m.next_state), GAMMA)
    assert found.value is not None
    d2 = found.value**2
    error = math.sqrt(63 / 64 * np.square(np.array(squares) - d2).sum())
    z, reach = math.atanh(1 - 2 * d2), 1.99834 * error / (2 * d2 * (1 - d2))  # Student's t, 63 degrees, 97.5 %
    assert found.low == pytest.approx(math.sqrt((1 - math.tanh(z + reach)) / 2), abs=1e-5)
    assert found.high == pytest.approx(math.sqrt((1 - math.tanh(z - reach)) / 2), abs=1e-5)


def table(values: np.ndarray, reads: frozenset[str]) -> RewardFn:
    """R(s, a, s') looked up."""

    class Table(RewardFn):
        inputs = frozenset({"s"})

        def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
            n = np.zeros(len(t), int)
            s = t.state["s"] if "state" in reads else n
            s2 = t.next_state["s"] if "next_state" in reads else n
            return {"table": values[s, t.action if "action" in reads else n, s2]}

    made = Table()
    made.reads = reads
    return made


def exact(a: np.ndarray, b: np.ndarray, gamma: float, ds: np.ndarray, da: np.ndarray) -> float:
    """The distance of two tables over D_S x D_A x D_S."""
    weights = np.einsum("i,j,k->ijk", ds, da, ds)

    def canonical(r: np.ndarray) -> np.ndarray:
        m = np.einsum("xak,a,k->x", r, da, ds)
        return r + gamma * m - m[:, None, None]

    x, y = (c - (weights * c).sum() for c in map(canonical, (a, b)))
    return float(
        np.sqrt((1 - (weights * x * y).sum() / np.sqrt((weights * x * x).sum() * (weights * y * y).sum())) / 2)
    )


def world(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, 6, 3, 6))
    return a, a + b, rng.dirichlet(np.full(6, 5.0)), rng.dirichlet(np.full(3, 5.0))


def test_all_combinations_give_the_exact_value() -> None:
    a, b, *_ = world(0)
    ds, da = np.full(6, 1 / 6), np.full(3, 1 / 3)
    s, act, s2 = (x.ravel() for x in np.meshgrid(range(6), range(3), range(6), indexing="ij"))
    no = np.zeros(len(s), bool)
    t = Transition({"s": s}, act, {"s": s2}, no, no)
    everything = RewardFn.reads
    found = epic_from_samples(table(a, everything), table(b, everything), t, (act, {"s": s2}), GAMMA)
    assert found.value == pytest.approx(exact(a, b, GAMMA, ds, da), abs=1e-9)
    assert found.value == pytest.approx(tabular.epic(a, b, discount=GAMMA, state_dist=ds, action_dist=da), abs=1e-9)


@pytest.mark.parametrize(
    "reads",
    [{"state", "action", "next_state"}, {"state", "action"}, {"next_state"}],
    ids=joined,
)
def test_intervals_hold_the_exact_value_as_often_as_they_say(reads: set[str]) -> None:
    """Of 200 runs with 95 % intervals; 10 is what binomial chance leaves in 99.9 % of such tests."""
    a, b, ds, da = world(1)
    for axis, name in enumerate(("state", "action", "next_state")):
        if name not in reads:
            a, b = (np.broadcast_to(r.take([0], axis), r.shape) for r in (a, b))
    truth = exact(a, b, GAMMA, ds, da)
    fn_a, fn_b = table(a, frozenset(reads)), table(b, frozenset(reads))
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        s, s2, s3 = rng.choice(6, (3, 256), p=ds)
        act, act2 = rng.choice(3, (2, 256), p=da)
        no = np.zeros(256, bool)
        found = epic_from_samples(fn_a, fn_b, Transition({"s": s}, act, {"s": s2}, no, no), (act2, {"s": s3}), GAMMA)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= truth <= found.high
    assert 180 <= held <= 199


def test_episodes_are_resampled_whole() -> None:
    """Each transition ten times over, under one id, says as much as once; without ids it seems to say more."""
    t = batch(400)
    repeated = t[np.repeat(np.arange(400), 10)]
    options = {"discount": GAMMA, "n_transitions": 4000, "n_mean_samples": 4000}
    width = {}
    for name, pool, ids in (("once", t, np.arange(400)), ("same", repeated, np.repeat(np.arange(400), 10))):
        found = epic(turns, reaches, transitions=pool, episodes=ids, **options)
        width[name] = found.high - found.low
        assert "64 groups of whole episodes" in found.interval
    found = epic(turns, reaches, transitions=repeated, **options)
    width["naive"] = found.high - found.low
    assert width["same"] == pytest.approx(width["once"], rel=0.3)
    assert width["naive"] < 0.5 * width["once"]


def test_groups_are_whole_episodes_evenly() -> None:
    """64 groups of 100 episodes: one or two in each, the same in transitions and draws."""
    row, ids = np.arange(500), np.arange(500) // 5
    no = np.zeros(500, bool)
    t = Transition({"obs": row}, row, {"obs": row}, no, no)
    pools: dict[str, Any] = {"episodes": ids, "state_episodes": ids, "n_transitions": 500, "n_mean_samples": 500}
    data = draw(t, {"obs": row}, None, seed=0, **pools)
    members = set(zip(ids[data.action], data.group, strict=True))
    assert members == set(zip(ids[data.drawn.of(reaches)["obs"]], data.mean_group, strict=True))
    assert len(members) == 100
    assert set(np.bincount([group for _, group in members])) == {1, 2}


def test_one_episode_has_no_interval() -> None:
    found = epic(turns, mixed, transitions=batch(50), episodes=np.zeros(50), discount=GAMMA)
    assert found.value is not None
    assert found.low is found.high is None


def test_identical_and_opposite_rewards() -> None:
    t = batch(200)
    same = epic(mixed, mixed, transitions=t, discount=GAMMA)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    opposite = epic(mixed, -2.0 * mixed, transitions=t, discount=GAMMA)
    assert opposite.value == opposite.low == pytest.approx(1, abs=1e-15)
    assert opposite.high == 1


def test_all_that_tells_two_rewards_apart_in_one_event() -> None:
    """One transition in 500: the interval is wide by a factor, does not reach 0, and does not collapse."""

    def once(next_obs: np.ndarray) -> np.ndarray:
        return np.tanh(next_obs[:, 0]) + 3.0 * (next_obs[:, 0] == top)

    t = batch(500)
    top = t.next_state["obs"][:, 0].max()
    found = epic(reaches, once, transitions=t, discount=GAMMA)
    assert 0 < found.low < 0.6 * found.value < found.value < 1.5 * found.value < found.high < 1


def test_a_direction_that_one_group_alone_gives_is_unknown() -> None:
    def once(next_obs: np.ndarray) -> np.ndarray:
        return 1.0 * (next_obs[:, 0] == top)

    t = batch(500)
    top = t.next_state["obs"][:, 0].max()
    found = epic(reaches, once, transitions=t, discount=GAMMA)
    assert (found.low, found.high) == (0, 1)
    assert 0.5 < found.value < 0.71


# What has no distance


@reward_fn
def always(obs: np.ndarray) -> np.ndarray:
    return np.full(len(obs), 0.1)


def single(obs: np.ndarray, next_obs: np.ndarray) -> Components:
    """Shaping, as float32 computes it, beside a constant in float64."""
    potential = np.float32(100) + np.square(obs[:, 0]).astype(np.float32)
    after = np.float32(100) + np.square(next_obs[:, 0]).astype(np.float32)
    return {"one": np.ones(len(obs)), "shaping": np.float32(GAMMA) * after - potential}


@pytest.mark.parametrize(
    "nothing",
    [
        always,
        stays.potential(GAMMA),
        reward_fn(single),
        mixed + -1.0 * mixed,
        0.0 * mixed,
        always + 1e3 * (stays.potential(GAMMA) + reaches.potential(GAMMA)),
    ],
    ids=["constant", "shaping", "float32", "cancels", "zero", "sum"],
)
@pytest.mark.parametrize("structure", ["auto", "general"])
def test_rewards_without_direction(nothing: RewardFn, structure: str) -> None:
    found = epic(turns, nothing, transitions=batch(300), discount=GAMMA, structure=structure)
    assert found.value is found.low is found.high is None
    assert found.degenerate is not None
    assert repr(nothing.name) in found.degenerate
    assert "constant" in found.degenerate


def test_which_of_two_rewards_of_one_name_has_no_direction() -> None:
    found = epic(lambda obs: obs[:, 0], lambda obs: 0.0 * obs[:, 0], transitions=batch(300), discount=GAMMA)
    assert found.degenerate is not None
    assert found.degenerate.startswith("reward 'fn_b': ")


def test_a_reward_of_the_state_alone_has_no_direction_at_discount_0() -> None:
    assert epic(stays, reaches, transitions=batch(300), discount=0.0).degenerate
    assert epic(stays, reaches, transitions=batch(300), discount=0.1).degenerate is None


def test_rewards_that_are_not_markov_are_sent_to_return_correlation() -> None:
    class Remembers(RewardFn):
        name, markov = "remembers", False

        def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
            raise AssertionError("is not called")

    with pytest.raises(UnsupportedRewardError, match=r"'remembers' is not Markov.*erc"):
        epic(reaches, Remembers(), transitions=batch(20), discount=GAMMA)
    with pytest.raises(UnsupportedRewardError, match="'sum' is not Markov"):
        epic_matrix({"a": reaches, "b": reaches + Remembers()}, transitions=batch(20), discount=GAMMA)


@pytest.mark.parametrize(
    ("reward", "message"),
    [
        (lambda obs, next_obs: np.log(obs[:, 0] * next_obs[:, 0]), "not finite"),
        (lambda next_obs: next_obs, "shape"),
        (lambda next_height: next_height, r"'height' of the transitions' next states.*Available: obs"),
    ],
    ids=["nan", "shape", "missing"],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_rewards_that_fail(reward: Callable, message: str) -> None:
    with pytest.raises(RewardError, match=message):
        epic(reaches, reward, transitions=batch(50), discount=GAMMA)


def replaced(t: Transition, **arrays: object) -> Transition:
    return Transition(**{**vars(t), **arrays})  # type: ignore[arg-type]


def test_arguments_that_do_not_fit() -> None:
    t = batch(50)
    with pytest.raises(ValueError, match=r"different lengths: action 49, state 'obs' 50"):
        epic(reaches, turns, transitions=replaced(t, action=t.action[1:]), discount=GAMMA)
    with pytest.raises(ValueError, match=r"different lengths: action 50, obs 40"):
        epic_from_samples(reaches, turns, t, (t.action, {"obs": t.state["obs"][:40]}), GAMMA)
    with pytest.raises(RewardError, match=r"'obs' of the pool of states.*Available: x"):
        epic(reaches, turns, transitions=t, states={"x": np.zeros(3)}, discount=GAMMA)
    with pytest.raises(ValueError, match=r"episodes must have shape \(50,\)"):
        epic(reaches, turns, transitions=t, episodes=np.zeros(3), discount=GAMMA)
    with pytest.raises(ValueError, match=r"discount must be in \[0, 1\], got 1.5"):
        epic(reaches, turns, transitions=t, discount=1.5)
    with pytest.raises(ValueError, match="n_mean_samples must be at least 2"):
        epic(reaches, turns, transitions=t, discount=GAMMA, n_mean_samples=1)
    with pytest.raises(ValueError, match="structure must be"):
        epic(reaches, turns, transitions=t, discount=GAMMA, structure="fast")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="confidence"):
        epic(reaches, turns, transitions=t, discount=GAMMA, confidence=95)
    with pytest.raises(ValueError, match="same name"):
        epic_matrix([reaches, reaches], transitions=t, discount=GAMMA)
    with pytest.raises(ValueError, match="at least two rewards"):
        epic_matrix([reaches], transitions=t, discount=GAMMA)


# Samples


def test_flags_are_false_in_every_term() -> None:
    def alive(next_obs: np.ndarray, terminated: np.ndarray, truncated: np.ndarray) -> np.ndarray:
        return next_obs[:, 0] * ~terminated * ~truncated

    def plain(next_obs: np.ndarray) -> np.ndarray:
        return next_obs[:, 0]

    assert epic(alive, plain, transitions=batch(100), discount=GAMMA).value == 0


def test_the_seed_decides() -> None:
    def found(seed: int) -> Distance:
        return epic(mixed, turns, transitions=batch(500), discount=GAMMA, n_transitions=200, seed=seed)

    assert found(1) == found(1)
    assert found(1).value != found(2).value
    assert found(1).samples == {"transitions": 200, "mean_samples": 4096}


def test_the_pools_are_those_given() -> None:
    """With one action of 0 and one next state, m is known."""
    t = batch(300)

    def product(obs: np.ndarray, action: np.ndarray, next_obs: np.ndarray) -> np.ndarray:
        return obs[:, 0] * (next_obs[:, 0] + action[:, 0])

    one = {"obs": np.array([[2.0, 0.0]])}
    s, s2 = t.state["obs"], t.next_state["obs"]
    canonical = product(s, t.action, s2) + GAMMA * 2.0 * s2[:, 0] - 2.0 * s[:, 0]
    found = epic(product, reaches, transitions=t, states=one, actions=np.zeros((1, 2)), discount=GAMMA)
    assert found.value == pytest.approx(pearson(canonical, np.tanh(s2[:, 0])), abs=1e-12)


def test_rollouts_are_flattened() -> None:
    t = batch(60)
    rollout = t.map(lambda array: array.reshape(12, 5, *array.shape[1:]))
    assert epic(mixed, turns, transitions=rollout, discount=GAMMA) == epic(mixed, turns, transitions=t, discount=GAMMA)


class Brightness(Encoder):
    """Mean of a frame; counts what it is given."""

    def __init__(self) -> None:
        self.frames = 0

    def __call__(self, source: np.ndarray) -> np.ndarray:
        self.frames += len(source)
        return source.mean((1, 2, 3))[:, None]


class Bright(RewardFn):
    name = "bright"
    inputs = frozenset({"frame@brightness"})

    def __init__(self, encoder: Encoder, reads: set[str]):
        self._encoder, self.reads = encoder, frozenset(reads)

    @property
    def encoders(self) -> Mapping[str, Encoder]:
        return {"frame@brightness": self._encoder}

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        value = t.next_state["frame@brightness"][:, 0]
        return {"bright": value * t.state["frame@brightness"][:, 0] if "state" in self.reads else value}


@pytest.mark.parametrize("reads", [{"next_state"}, {"state", "next_state"}], ids=joined)
def test_frames_are_encoded_once_each(reads: set[str]) -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (31, 4, 4, 3), np.uint8)
    s = rng.integers(0, 31, 301)
    no = np.zeros(300, bool)
    obs = rng.normal(size=(301, 1))
    state = {"obs": obs[:-1]} | ({"frame": frames[s[:-1]]} if "state" in reads else {})
    t = Transition(state, np.zeros(300), {"obs": obs[1:], "frame": frames[s[1:]]}, no, no)
    encoder = Brightness()
    reward = Bright(encoder, reads)
    found = epic(reward, reaches, transitions=t, discount=GAMMA)
    assert encoder.frames == len(np.unique(s if "state" in reads else s[1:]))
    ready = {"frame@brightness": frames.mean((1, 2, 3))[s[:-1], None], "obs": obs[:-1]}
    after = {"frame@brightness": frames.mean((1, 2, 3))[s[1:], None], "obs": obs[1:]}
    again = epic(reward, reaches, transitions=replaced(t, state=ready, next_state=after), discount=GAMMA)
    assert encoder.frames == len(np.unique(s if "state" in reads else s[1:]))
    assert again == found


def test_without_the_source_of_an_encoder() -> None:
    with pytest.raises(RewardError, match=r"reads 'frame' of the transitions' next states.*Available: obs"):
        epic(Bright(Brightness(), {"next_state"}), reaches, transitions=batch(20), discount=GAMMA)


def test_memory_is_bounded() -> None:
    """Wide states, whose combinations would take 1.2 GB a side."""
    rng = np.random.default_rng(0)
    largest = []

    class Wide(RewardFn):
        def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
            largest.append(len(t))
            return {"wide": np.einsum("nd,nd->n", t.state["obs"], t.next_state["obs"])}

    no = np.zeros(500, bool)
    s, s2 = rng.normal(size=(2, 500, 300))
    t = Transition({"obs": s}, np.zeros(500), {"obs": s2}, no, no)
    values = {}
    for memory_mb in (0.5, 64.0):
        largest.clear()
        tracemalloc.start()
        found = epic(Wide(), reaches, transitions=t, discount=GAMMA, n_mean_samples=500, memory_mb=memory_mb)
        values[memory_mb] = found.value
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        if memory_mb < 1:
            assert max(largest) < 40
            assert peak < 16  # the samples themselves are 7
    assert values[0.5] == pytest.approx(values[64.0], abs=1e-12)


# Many rewards


def test_matrix() -> None:
    t, done = batch(320), []
    matrix = epic_matrix(REWARDS, transitions=t, discount=GAMMA, progress=done.append)
    names = [r.name for r in REWARDS]
    assert done == list(matrix.names) == names
    assert len(matrix.distances) == len(matrix.half) == 7 * 6 / 2
    assert matrix["mixed", "turns"] is matrix["turns", "mixed"]
    assert matrix["turns", "mixed"] == epic(turns, mixed, transitions=t, discount=GAMMA)
    half = matrix.half["turns", "mixed"]
    assert half.samples == {"transitions": 160, "mean_samples": 2048}
    assert half.value == pytest.approx(matrix["turns", "mixed"].value, abs=0.1)
    with pytest.raises(KeyError, match="Did you mean 'mixed'"):
        matrix["turns", "mixd"]


def test_half_is_what_half_of_the_samples_give() -> None:
    t, m = batch(128, 1), batch(128, 2)
    data = given_samples(t, (m.action, m.next_state))
    canonicals = [Canonicalizer(data, GAMMA)(r) for r in (mixed, pushes)]
    half = distances(["a", "b"], canonicals, data, half=True)[0, 1]
    kept = np.arange(128) * 64 // 128 % 2 == 0
    m = m[kept]
    alone = epic_from_samples(mixed, pushes, t[kept], (m.action, m.next_state), GAMMA)
    assert half.value == pytest.approx(alone.value, abs=1e-6)
    assert half.samples == alone.samples
    assert "32 groups" in half.interval


def test_a_degenerate_reward_leaves_the_others_alone() -> None:
    matrix = epic_matrix({"a": mixed, "none": always, "b": turns}, transitions=batch(100), discount=GAMMA)
    assert matrix["a", "b"].value is not None
    for pair in (("a", "none"), ("b", "none")):
        assert matrix[pair].degenerate.startswith("reward 'none': ")
        assert matrix.half["a", "none"].degenerate

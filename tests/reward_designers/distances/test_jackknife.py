"""Intervals: by hand, against exact values, and what they are where rewards are equal or opposite."""

from __future__ import annotations

import math

import numpy as np
import pytest

from reward_designers.base import Components, RewardFn, Transition
from reward_designers.distances import epic, epic_from_samples, tabular
from reward_designers.memory import EpisodeMemory
from tests.reward_designers.distances.epic_rewards import (
    GAMMA,
    batch,
    canonical_by_hand,
    joined,
    mixed,
    pearson,
    pushes,
    reaches,
    turns,
)


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

"""EPIC on samples: against brute force, closed forms and exact values, its invariances, and what it refuses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reward_designers.base import Components, RewardFn, Transition, reward_fn
from reward_designers.distances import UnsupportedRewardError, epic, epic_from_samples, epic_matrix
from reward_designers.errors import RewardError
from reward_designers.memory import EpisodeMemory
from tests.reward_designers.distances.epic_rewards import (
    GAMMA,
    REWARDS,
    always,
    batch,
    canonical_by_hand,
    mixed,
    pearson,
    reaches,
    replaced,
    stays,
    turns,
    walk,
)


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

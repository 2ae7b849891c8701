"""Rewards that prefer nothing, and worlds that end."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reward_designers.distances import DegenerateRewardError
from reward_designers.distances.tabular import (
    canonical_starc,
)
from tests.reward_designers.distances.tabular_cases import EXACT, LARGEST, PEARSON, STARC
from tests.reward_designers.distances.worlds import World, make_world, redistribution, worlds

# Rewards that prefer nothing.


@pytest.mark.parametrize("name", PEARSON)
@given(drawn=worlds(), constant=st.sampled_from([0.0, 1.0, -1e6, 1e-6]), spread=st.sampled_from([0.0, 1.0, 1e4]))
@settings(max_examples=25, deadline=None)
def test_no_direction(name: str, drawn: tuple[World, np.random.Generator], constant: float, spread: float) -> None:
    world, rng = drawn
    a = rng.normal(size=world.transition.shape)
    flat = constant + world.shaping(spread * rng.normal(size=len(a)))
    with pytest.raises(DegenerateRewardError, match="reward_a has no direction"):
        getattr(world, name)(flat, a)
    with pytest.raises(DegenerateRewardError, match="reward_b has no direction"):
        getattr(world, name)(a, flat)


@pytest.mark.parametrize("name", STARC)
@given(drawn=worlds(), constant=st.sampled_from([0.0, 1.0, -1e6, 1e-6]), spread=st.sampled_from([0.0, 1.0, 1e4]))
@settings(max_examples=25, deadline=None)
def test_starc_standardizes_it_to_zero(
    name: str, drawn: tuple[World, np.random.Generator], constant: float, spread: float
) -> None:
    world, rng = drawn
    a = rng.normal(size=world.transition.shape)
    flat = constant + world.shaping(spread * rng.normal(size=len(a)))
    for ord in (1, 2, math.inf):
        assert getattr(world, name)(flat, a, ord=ord) == pytest.approx(1, abs=EXACT)
        assert getattr(world, name)(flat, np.zeros_like(a), ord=ord) == 0


def test_state_rewards_have_no_direction_without_a_future(rng: np.random.Generator) -> None:
    world = make_world(rng, discount=0.0)
    r = np.broadcast_to(rng.normal(size=(4, 1, 1)), world.transition.shape)
    for name in PEARSON:
        with pytest.raises(DegenerateRewardError):
            getattr(world, name)(r, rng.normal(size=r.shape))


def test_redistribution_of_nothing_is_zero_to_value_and_minimal_alone(rng: np.random.Generator) -> None:
    world = make_world(rng)
    a, lottery = rng.normal(size=world.transition.shape), redistribution(world, rng)
    assert world.value(lottery, a) == pytest.approx(1, abs=EXACT)
    assert world.minimal(lottery, a) == pytest.approx(1, abs=EXACT)
    assert world.value_potential(lottery, a) not in (0, 1)
    assert world.epic(lottery, a) > 0


@pytest.mark.parametrize("name", LARGEST)
def test_the_rounding_of_float32_is_no_direction(name: str, rng: np.random.Generator) -> None:
    world = make_world(rng)
    a = rng.normal(size=world.transition.shape)
    flat = (3.0 + world.shaping(rng.normal(size=len(a)))).astype(np.float32)
    if name in PEARSON:
        with pytest.raises(DegenerateRewardError):
            getattr(world, name)(flat, a)
    else:
        assert getattr(world, name)(flat, a) == pytest.approx(1, abs=EXACT)


def test_nothing_covered_but_one_transition(rng: np.random.Generator) -> None:
    world = make_world(rng)
    a, b = rng.normal(size=(2, *world.transition.shape))
    coverage = np.zeros_like(a)
    coverage[0, 0, 0] = 1
    with pytest.raises(DegenerateRewardError):
        world.epic(a, b, coverage)


# Terminal states: they lead to themselves, with reward 0.


def corridor() -> tuple[World, np.ndarray]:
    """State 0: stay for 0 or leave for 1, to the terminal state 1."""
    transition = np.zeros((2, 2, 2))
    transition[0, 0, 0] = transition[0, 1, 1] = transition[1, :, 1] = 1
    reward = np.zeros((2, 2, 2))
    reward[0, 1, 1] = 1
    return World(transition, np.full(2, 0.5), np.full(2, 0.5), 0.9), reward


def test_terminal_state_by_hand() -> None:
    """V(0) = (1 + 0.9 V(0)) / 2 = 1 / 1.1 and V(1) = 0."""
    world, reward = corridor()
    canonical = canonical_starc(reward, discount=0.9, transition=world.transition)
    value = 1 / 1.1
    np.testing.assert_allclose(canonical, [[0.9 * value - value, 1 - value], [0, 0]], atol=EXACT)


@pytest.mark.parametrize("name", LARGEST)
def test_shaping_across_a_terminal_state(name: str) -> None:
    """Zero potential at the terminal state is shaping; a potential that is kept there, but not paid out, is none."""
    world, reward = corridor()
    distance = getattr(world, name)
    assert distance(reward, reward + world.shaping(np.array([5.0, 0.0]))) == pytest.approx(0, abs=EXACT)
    kept = reward + world.shaping(np.array([5.0, -5.0]))
    kept[1] = 0  # the episode is over: nobody is paid there
    assert distance(reward, kept) > 0.1


@pytest.mark.parametrize("name", LARGEST)
def test_a_bonus_for_living_is_no_constant(name: str) -> None:
    world, reward = corridor()
    living = reward.copy()
    living[0] += 1
    assert getattr(world, name)(reward, reward + 1) == pytest.approx(0, abs=EXACT)
    assert getattr(world, name)(reward, living) > 0.1

"""EPIC, DARD and STARC of arrays: published values, closed forms, what they ignore and what they must not ignore."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reward_designers.distances.tabular import (
    dard,
    epic,
    starc,
)
from tests.reward_designers.distances.tabular_cases import EXACT, LARGEST, STARC
from tests.reward_designers.distances.worlds import World, make_world, redistribution, worlds

# The 3 x 3 gridworld of Gleave et al. 2021: rewards of the state that is left, five actions, discount 0.99. The numbers
# in the cells are those that Skalse et al. 2024 took from the paper's figure, whose distances they reproduce.
GOAL = np.array([0, 0, 0, 0, 0, 0, 0, 0, 1.0])


CENTER = np.array([0, 0, 0, 0, 1.0, 0, 0, 0, 0])


PATH = np.array([0, -1.0, -1, 0, 0, 0, -1, -1, 4])


CLIFF = np.array([0, -1.0, -1, 0, 0, 0, -4, -4, 4])


TO_GOAL = np.array([4.0, 3, 2, 3, 2, 1, 2, 1, 0])


def gridworld() -> World:
    transition = np.zeros((9, 5, 9))
    for row, column in product(range(3), range(3)):
        for action, (down, right) in enumerate([(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)]):
            target = 3 * min(max(row + down, 0), 2) + min(max(column + right, 0), 2)
            transition[3 * row + column, action, target] = 1
    return World(transition, np.full(9, 1 / 9), np.full(5, 1 / 5), 0.99)


def of_state(values: np.ndarray) -> np.ndarray:
    return np.broadcast_to(values[:, None, None], (9, 5, 9))


@pytest.mark.parametrize("only_possible", [False, True])
def test_gridworld_of_the_epic_paper(only_possible: bool) -> None:
    world = gridworld()
    coverage = world.transition / world.transition.sum() if only_possible else None

    def distance(a: np.ndarray, b: np.ndarray) -> float:
        return world.epic(of_state(a), of_state(b), coverage)

    dense = of_state(4 * GOAL - 1) + world.shaping(-3 * TO_GOAL)
    assert distance(PATH, CLIFF) == pytest.approx(0.2672, abs=5e-5)
    assert distance(GOAL, CENTER) == pytest.approx(0.75, abs=EXACT)
    assert world.epic(of_state(GOAL), dense, coverage) == pytest.approx(0, abs=EXACT)
    assert distance(GOAL, -GOAL) == pytest.approx(1, abs=EXACT)
    # EPIC's canonical reward of R(s) is R(s') up to a constant: what counts is the correlation of nine numbers.
    assert distance(PATH, CLIFF) == pytest.approx(math.sqrt((1 - 26 / math.sqrt(20 * 46)) / 2), abs=EXACT)


def test_gridworld_of_the_starc_experiments() -> None:
    """Twice EPIC, from the result files of Skalse et al. 2024, which are rounded at about 1e-9."""
    world = gridworld()
    assert 2 * world.epic(of_state(PATH), of_state(CLIFF)) == pytest.approx(0.5344256428928606, abs=5e-9)
    assert 2 * world.epic(of_state(GOAL), of_state(CLIFF)) == pytest.approx(0.7351184269221362, abs=5e-9)
    assert 2 * world.epic(of_state(GOAL), of_state(PATH)) == pytest.approx(0.32036448601393464, abs=5e-9)


@pytest.mark.parametrize("name", LARGEST)
@given(drawn=worlds(), scale=st.floats(1e-3, 1e3), shift=st.floats(-100, 100))
@settings(max_examples=25, deadline=None)
def test_scale_shift_and_shaping_are_not_seen(
    name: str, drawn: tuple[World, np.random.Generator], scale: float, shift: float
) -> None:
    world, rng = drawn
    a, b = rng.normal(size=(2, *world.transition.shape))
    distance = getattr(world, name)
    same = scale * a + shift + world.shaping(10 * rng.normal(size=len(a)))
    assert distance(a, same) == pytest.approx(0, abs=EXACT * max(1, 1 / scale))
    assert distance(same, b) == pytest.approx(distance(a, b), abs=EXACT * max(1, 1 / scale))


@pytest.mark.parametrize("name", ["value", "minimal"])
@given(drawn=worlds())
@settings(max_examples=25, deadline=None)
def test_redistribution_over_successors_is_not_seen(name: str, drawn: tuple[World, np.random.Generator]) -> None:
    world, rng = drawn
    a, b = rng.normal(size=(2, *world.transition.shape))
    distance = getattr(world, name)
    same = a + 10 * redistribution(world, rng)
    assert distance(a, same) == pytest.approx(0, abs=EXACT)
    assert distance(same, b) == pytest.approx(distance(a, b), abs=EXACT)


@pytest.mark.parametrize("name", ["epic", "dard", "value_potential"])
def test_redistribution_over_successors_is_seen_by_the_others(name: str, rng: np.random.Generator) -> None:
    world = make_world(rng)
    a = rng.normal(size=world.transition.shape)
    assert getattr(world, name)(a, a + redistribution(world, rng)) > 0.1


@pytest.mark.parametrize(
    ("name", "covered", "seen"),
    [
        ("value", False, False),
        ("minimal", False, False),
        ("value_potential", False, True),
        ("value_potential", True, False),  # V never meets them, and no weight is on them
        ("epic", False, True),
        ("epic", True, True),  # m(s) is a mean over all of D_S x D_A x D_S
        ("dard", False, True),
        ("dard", True, True),  # R(S', A, S'') may be impossible
    ],
)
def test_rewards_of_impossible_transitions(name: str, covered: bool, seen: bool, rng: np.random.Generator) -> None:
    world = make_world(rng)
    possible = world.transition > 0
    coverage = world.transition / world.transition.sum() if covered else None
    a = rng.normal(size=possible.shape)
    distance = getattr(world, name)(a, np.where(possible, a, 100.0), coverage)
    assert distance > 0.1 if seen else distance < EXACT


def test_a_huge_reward_of_an_impossible_transition_costs_no_digits(rng: np.random.Generator) -> None:
    world = make_world(rng)
    a, b = rng.normal(size=(2, *world.transition.shape))
    huge = np.where(world.transition > 0, a, 1e30)
    for name in ("value", "minimal"):
        assert getattr(world, name)(huge, b) == pytest.approx(getattr(world, name)(a, b), abs=EXACT)


@pytest.mark.parametrize("name", LARGEST)
@given(drawn=worlds())
@settings(max_examples=20, deadline=None)
def test_metric(name: str, drawn: tuple[World, np.random.Generator]) -> None:
    world, rng = drawn
    a, b, c = rng.normal(size=(3, *world.transition.shape))
    distance = getattr(world, name)
    assert distance(a, a) == 0
    assert distance(a, -a) == pytest.approx(LARGEST[name], abs=EXACT)
    assert distance(a, b) == distance(b, a)
    assert 0 < distance(a, b) <= LARGEST[name]
    assert distance(a, c) <= distance(a, b) + distance(b, c) + EXACT


@pytest.mark.parametrize("name", LARGEST)
def test_one_state(name: str) -> None:
    """Nothing is left but the rewards of the actions less their mean: (1, 0, 0) and (0, 1, 0) are 120 degrees apart."""
    world = World(np.ones((1, 3, 1)), np.ones(1), np.full(3, 1 / 3), 0.9)
    a, b = np.array([1.0, 0, 0]).reshape(1, 3, 1), np.array([0, 1.0, 0]).reshape(1, 3, 1)
    assert getattr(world, name)(a, b) == pytest.approx(LARGEST[name] * math.sqrt(3) / 2, abs=EXACT)


@given(drawn=worlds())
@settings(max_examples=20, deadline=None)
def test_all_agree_where_successors_are_drawn_from_the_state_distribution(
    drawn: tuple[World, np.random.Generator],
) -> None:
    """T(s, a) = D_S is the world that EPIC imagines: then m + const is V, and DARD's expectations are EPIC's."""
    world, rng = drawn
    n_actions = len(world.action_dist)
    world.transition = np.broadcast_to(world.state_dist, world.transition.shape)
    world.action_dist = np.full(n_actions, 1 / n_actions)  # the policy of STARC
    coverage = world.state_dist[:, None, None] * world.state_dist / n_actions * np.ones((n_actions, 1))
    a, b = rng.normal(size=(2, *world.transition.shape))
    expected = world.epic(a, b)
    assert world.dard(a, b, coverage) == pytest.approx(expected, abs=EXACT)
    assert world.value_potential(a, b, coverage) / 2 == pytest.approx(expected, abs=EXACT)


@given(drawn=worlds())
@settings(max_examples=20, deadline=None)
def test_epic_of_successor_rewards_is_their_correlation(drawn: tuple[World, np.random.Generator]) -> None:
    world, rng = drawn
    a, b = rng.normal(size=(2, len(world.state_dist)))
    p = world.state_dist
    a_, b_ = a - p @ a, b - p @ b
    rho = (p @ (a_ * b_)) / math.sqrt((p @ a_**2) * (p @ b_**2))
    arrays = (np.broadcast_to(x, world.transition.shape) for x in (a, b))
    assert 1 - 2 * world.epic(*arrays) ** 2 == pytest.approx(rho, abs=EXACT)  # its root would be less exact near 1


# Bad input.


WORLD = make_world(np.random.default_rng(0))


REWARD = np.random.default_rng(1).normal(size=(4, 3, 4))


ALL = {
    "discount": 0.9,
    "transition": WORLD.transition,
    "state_dist": WORLD.state_dist,
    "action_dist": WORLD.action_dist,
}


TAKES = {
    epic: ("discount", "state_dist", "action_dist"),
    dard: ("discount", "transition", "action_dist"),
    starc: ("discount", "transition"),
}


NAN = np.where(np.arange(48).reshape(4, 3, 4) == 17, np.nan, REWARD)


@pytest.mark.parametrize(
    ("function", "changed", "message"),
    [
        (epic, {"discount": 1.5}, r"discount must be in \[0, 1\], got 1.5"),
        (epic, {"discount": math.nan}, "discount must be"),
        (dard, {"discount": -0.1}, r"discount must be in \[0, 1\], got -0.1"),
        (starc, {"discount": 1.0}, r"discount must be in \[0, 1\), got 1.0"),
        (epic, {"state_dist": np.ones(4)}, "state_dist must sum to 1, got 4"),
        (epic, {"state_dist": [2, -1, 0, 0]}, r"state_dist must not be negative, got -1 at \(1,\)"),
        (epic, {"action_dist": np.ones(4) / 4}, r"action_dist must have shape \(3,\), got \(4,\)"),
        (epic, {"coverage": np.ones((4, 3)) / 12}, r"coverage must have shape \(4, 3, 4\), got \(4, 3\)"),
        (starc, {"coverage": np.ones((4, 3, 4))}, "coverage must sum to 1, got 48"),
        (starc, {"coverage": -np.ones((4, 3, 4))}, r"coverage must not be negative, got -1 at \(0, 0, 0\)"),
        (dard, {"transition": WORLD.transition / 2}, r"transition must sum to 1, got 0.5 for \(s, a\) = \(0, 0\)"),
        (dard, {"transition": np.ones((4, 4))}, r"transition must have shape \(4, 3, 4\), got \(4, 4\)"),
        (starc, {"ord": 0.5}, "ord must be a number >= 1 or math.inf, got 0.5"),
        (starc, {"canonicalization": "values"}, "unknown canonicalization 'values'. Did you mean 'value'"),
        (epic, {"reward_b": REWARD[:, :2]}, r"one shape, got \(4, 3, 4\) and \(4, 2, 4\)"),
        (
            epic,
            {"reward_a": REWARD[:, :, 0]},
            r"reward_a must have shape \(n_states, n_actions, n_states\), got \(4, 3\)",
        ),
        (starc, {"reward_b": NAN}, r"reward_b must be finite, got nan at \(1, 1, 1\)"),
        (dard, {"reward_a": REWARD + 1j}, "reward_a must hold real numbers, got an array of complex128"),
    ],
)
def test_bad_input(function: Callable[..., float], changed: dict[str, object], message: str) -> None:
    good = {"reward_a": REWARD, "reward_b": -REWARD, **{key: ALL[key] for key in TAKES[function]}}
    assert function(**good) > 0
    with pytest.raises(ValueError, match=message):
        function(**{**good, **changed})


def test_probabilities_that_float32_has_rounded(rng: np.random.Generator) -> None:
    world = make_world(rng)
    a = rng.normal(size=world.transition.shape)
    world.transition = world.transition.astype(np.float32)
    assert world.value(a, a + 7 + world.shaping(rng.normal(size=4))) == pytest.approx(0, abs=EXACT)


def test_arguments_are_left_alone() -> None:
    given = [REWARD.copy(), WORLD.transition.copy(), np.full((4, 3, 4), 1 / 48)]
    before = [array.copy() for array in given]
    for canonicalization in STARC:
        starc(
            given[0],
            -given[0],
            discount=0.9,
            transition=given[1],
            canonicalization=canonicalization,
            coverage=given[2],
        )
    WORLD.epic(given[0], -given[0], given[2])
    WORLD.dard(given[0], -given[0], given[2])
    for now, then in zip(given, before, strict=True):
        np.testing.assert_array_equal(now, then)

"""Exact distances against sums, iterations and projections written out, to the last digits."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings

from reward_designers.distances.tabular import (
    canonical_dard,
    canonical_epic,
    canonical_starc,
)
from tests.reward_designers.distances.direct import (
    loops,
    slow_advantages,
    slow_dard,
    slow_epic,
    slow_minimal,
    slow_pearson,
    slow_starc,
    slow_value_potential,
)
from tests.reward_designers.distances.tabular_cases import EXACT, LARGEST, STARC
from tests.reward_designers.distances.worlds import World, make_world, redistribution, worlds


@pytest.mark.parametrize("covered", [False, True])
@pytest.mark.parametrize(("name", "canonical"), [("epic", slow_epic), ("dard", slow_dard)])
def test_pearson_distances_against_sums_written_out(
    name: str, canonical: Callable[[World, np.ndarray], np.ndarray], covered: bool, rng: np.random.Generator
) -> None:
    for _ in range(3):
        world = make_world(rng)
        shape = world.transition.shape
        a, b = rng.normal(size=(2, *shape))
        states = world.state_dist if name == "epic" else np.full(shape[0], 1 / shape[0])
        weights = np.array([states[s] * world.action_dist[u] * states[t] for s, u, t in loops(shape)]).reshape(shape)
        coverage = rng.dirichlet(np.full(a.size, 0.3)).reshape(shape) if covered else None
        slow = slow_pearson(canonical(world, a), canonical(world, b), weights if coverage is None else coverage)
        assert getattr(world, name)(a, b, coverage) == pytest.approx(slow, abs=EXACT)


@pytest.mark.parametrize("ord", [1, 2, 3.5, math.inf])
@pytest.mark.parametrize("covered", [False, True])
@pytest.mark.parametrize("name", STARC)
def test_starc_against_iteration_and_projection(name: str, covered: bool, ord: float, rng: np.random.Generator) -> None:
    slow = {"value": slow_advantages, "value_potential": slow_value_potential}
    world = make_world(rng, discount=0.8)
    a, b = rng.normal(size=(2, *world.transition.shape))
    weights = coverage = None
    if covered:
        weights = rng.gamma(0.5, size=a.shape)
        weights[1, 2] = 0  # a pair (s, a) that nobody tried
        coverage = weights / weights.sum()
    weights = np.ones(a.shape) if coverage is None else coverage
    expected = [slow[name](world, r) if name in slow else slow_minimal(world, r, weights) for r in (a, b)]
    assert getattr(world, name)(a, b, coverage, ord) == pytest.approx(slow_starc(*expected, weights, ord), abs=EXACT)


def test_canonical_arrays_against_the_slow_ones(rng: np.random.Generator) -> None:
    world = make_world(rng, discount=0.8)
    r = rng.normal(size=world.transition.shape)
    given = {"discount": world.discount, "transition": world.transition}
    same = np.testing.assert_allclose
    same(
        canonical_epic(r, discount=0.8, state_dist=world.state_dist, action_dist=world.action_dist),
        slow_epic(world, r),
        atol=EXACT,
    )
    same(canonical_dard(r, action_dist=world.action_dist, **given), slow_dard(world, r), atol=EXACT)
    same(canonical_starc(r, **given), slow_advantages(world, r)[:, :, 0], atol=EXACT)
    same(canonical_starc(r, canonicalization="value_potential", **given), slow_value_potential(world, r), atol=EXACT)
    same(canonical_starc(r, canonicalization="minimal", **given), slow_minimal(world, r, np.ones(r.shape)), atol=EXACT)


@given(drawn=worlds())
@settings(max_examples=20, deadline=None)
def test_nothing_equivalent_is_smaller_than_minimal(drawn: tuple[World, np.random.Generator]) -> None:
    world, rng = drawn
    r = rng.normal(size=world.transition.shape)
    coverage = rng.dirichlet(np.ones(r.size)).reshape(r.shape)
    given = {"discount": world.discount, "transition": world.transition, "canonicalization": "minimal"}
    minimal = canonical_starc(r, coverage=coverage, **given)
    least = (coverage * minimal**2).sum()
    for size in (1e-3, 1.0):
        other = minimal + size * (redistribution(world, rng) + world.shaping(rng.normal(size=len(r))))
        assert least < (coverage * other**2).sum()


def test_minimal_under_the_transitions_of_a_policy_pays_all_successors_alike(rng: np.random.Generator) -> None:
    world = make_world(rng)
    r = rng.normal(size=world.transition.shape)
    coverage = rng.dirichlet(np.ones(12)).reshape(4, 3, 1) * world.transition
    given = {"discount": world.discount, "transition": world.transition, "coverage": coverage}
    minimal = canonical_starc(r, canonicalization="minimal", **given)
    mean = (world.transition * minimal).sum(axis=2, keepdims=True)
    np.testing.assert_allclose(minimal, np.where(coverage > 0, mean, 0), atol=EXACT)
    assert np.abs(mean).min() > 1e-3


def test_minimal_refuses_coverage_in_which_rewards_could_hide(rng: np.random.Generator) -> None:
    world = make_world(rng)
    r = rng.normal(size=world.transition.shape)
    coverage = world.transition / 12
    successor = int(np.flatnonzero(coverage[2, 1])[0])
    coverage[2, 1, successor] = 0
    with pytest.raises(ValueError, match=rf"\(2, 1\) weight, but none to its possible successor {successor}"):
        world.minimal(r, -r, coverage / coverage.sum())


@pytest.mark.parametrize("name", LARGEST)
def test_small_distances_keep_their_digits(name: str, rng: np.random.Generator) -> None:
    """To first order the distance is proportional to the difference; 1 - rho would have lost it below 1e-8."""
    world = make_world(rng)
    a, change = rng.normal(size=(2, *world.transition.shape))
    distance = getattr(world, name)
    assert distance(a, a + 1e-10 * change) / 1e-10 == pytest.approx(distance(a, a + 1e-6 * change) / 1e-6, rel=1e-4)


@pytest.mark.parametrize("name", LARGEST)
@pytest.mark.parametrize("factor", [1e-200, 1e200])
def test_sizes_that_squares_cannot_hold(name: str, factor: float, rng: np.random.Generator) -> None:
    world = make_world(rng)
    a, b = rng.normal(size=(2, *world.transition.shape))
    assert getattr(world, name)(factor * a, b) == pytest.approx(getattr(world, name)(a, b), abs=EXACT)

"""Component analysis, by hand where rewards are of next states: their canonical form is themselves."""

from __future__ import annotations

import numpy as np
import pytest

from agents.comparison.components import Component, components, shares_of
from reward_designers.base import Transition, reward_fn
from reward_designers.distances import Coverage, epic

N = 400
OPTIONS = {"discount": 0.9, "samples": N, "seed": 0, "progress": lambda done, total: None}


@pytest.fixture
def coverage(rng: np.random.Generator) -> Coverage:
    """Independent transitions with two independent numbers in each state, of standard deviation 1 and 2."""
    states = [{"a": rng.normal(0, 1, N), "b": rng.normal(0, 2, N)} for _ in range(2)]
    t = Transition(states[0], rng.normal(size=(N, 1)), states[1], np.zeros(N, bool), np.zeros(N, bool))
    return Coverage("made up", t, np.arange(N))


def both(next_a: np.ndarray, next_b: np.ndarray) -> dict[str, np.ndarray]:
    return {"one": next_a, "two": next_b, "constant": np.full(len(next_a), 3.0)}


def test_shares_and_distances_of_independent_parts(coverage: Coverage):
    rows = components({"mine": reward_fn(both)}, coverage, **OPTIONS)["rows"]
    a, b = coverage.transitions.next_state["a"], coverage.transitions.next_state["b"]
    whole = a + b
    found = {row["component"]: row for row in rows}
    assert list(found) == ["one", "two", "constant"]
    for name, part in (("one", a), ("two", b)):
        rho = np.corrcoef(part, whole)[0, 1]
        assert found[name]["correlation"] == pytest.approx(rho)
        assert found[name]["variance_share"] == pytest.approx(np.cov(part, whole)[0, 1] / whole.var(ddof=1))
        assert found[name]["distance_alone"]["value"] == pytest.approx(np.sqrt((1 - rho) / 2))
    assert found["one"]["variance_share"] == pytest.approx(1 / 5, abs=0.05)  # 1 and 4 of 5
    assert found["one"]["distance_without"]["value"] == pytest.approx(found["two"]["distance_alone"]["value"])
    assert found["constant"]["variance_share"] == pytest.approx(0)
    assert found["constant"]["correlation"] is None
    assert found["constant"]["distance_without"]["value"] == pytest.approx(0, abs=1e-7)
    assert found["constant"]["distance_alone"]["value"] is None
    assert "'constant'" in found["constant"]["distance_alone"]["degenerate"]
    assert sum(row["variance_share"] for row in rows) == pytest.approx(1)


def test_they_are_the_distances_of_the_rewards_without_the_part(coverage: Coverage):
    """Against EPIC of two rewards that somebody wrote down, at a reward that reads all there is."""

    def whole(a: np.ndarray, action: np.ndarray, next_b: np.ndarray) -> dict[str, np.ndarray]:
        return {"crossed": a * next_b, "pushed": a * action[:, 0], "plain": next_b}

    def rest(a: np.ndarray, action: np.ndarray, next_b: np.ndarray) -> dict[str, np.ndarray]:
        return {"pushed": a * action[:, 0], "plain": next_b}

    rows = components({"mine": reward_fn(whole)}, coverage, **OPTIONS)["rows"]
    options = {"n_transitions": N, "n_mean_samples": N, "seed": 0, "episodes": coverage.episode}
    expected = epic(whole, rest, transitions=coverage.transitions, discount=0.9, **options)
    assert rows[0]["component"] == "crossed"
    assert rows[0]["distance_without"]["value"] == pytest.approx(expected.value)
    assert rows[0]["distance_without"]["low"] == pytest.approx(expected.low)


def test_a_reward_of_one_component_has_no_parts(coverage: Coverage):
    assert components({"mine": reward_fn(lambda next_a: next_a)}, coverage, **OPTIONS) == {"rows": [], "errors": {}}


def test_a_component_that_is_away_at_times_pays_nothing_then(coverage: Coverage):
    def fickle(next_a: np.ndarray) -> dict[str, np.ndarray]:
        return {"always": next_a} | ({"early": next_a} if len(next_a) > 10 else {})

    part = Component(reward_fn(fickle), "early")
    t = coverage.transitions
    assert np.array_equal(part(t)["early"], t.next_state["a"])
    assert np.array_equal(part(t[:10])["early"], np.zeros(10))


def test_parts_that_work_against_each_other_have_shares_beyond_one():
    x = np.array([1.0, -1.0, 2.0, -2.0])
    shares = shares_of(x, {"for": 3 * x, "against": -2 * x}, round_off=1e-12)
    assert shares["for"] == {"variance_share": pytest.approx(3), "correlation": pytest.approx(1)}
    assert shares["against"] == {"variance_share": pytest.approx(-2), "correlation": pytest.approx(-1)}


def test_nothing_has_no_shares():
    assert shares_of(np.zeros(3), {"a": np.arange(3.0)}, 1e-12)["a"] == {"variance_share": None, "correlation": None}


def test_a_reward_that_fails_takes_no_other_along(coverage: Coverage):
    def fragile(a: np.ndarray, next_b: np.ndarray) -> dict[str, np.ndarray]:
        return {"fine": a, "not": a * np.where(np.abs(next_b) > 3, np.nan, 1)}

    found = components({"fragile": reward_fn(fragile), "mine": reward_fn(both)}, coverage, **OPTIONS)
    assert list(found["errors"]) == ["fragile"]
    assert {row["reward"] for row in found["rows"]} == {"mine"}

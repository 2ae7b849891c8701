"""Distances of all pairs: those of the library, with each reward's failure kept to itself."""

from __future__ import annotations

import numpy as np
import pytest

from agents.comparison.measures import (
    convergence,
    epic_distances,
    episode_measures,
    policy_measures,
    starc_distances,
    step_measures,
)
from reward_designers.base import Components, RewardFn, Transition, reward_fn
from reward_designers.distances import Coverage, epic_matrix, erc, starc_matrix
from reward_designers.memory import EpisodeMemory

N = 300
EPIC = {"discount": 0.9, "samples": N, "seed": 3}


@pytest.fixture
def coverage(rng: np.random.Generator) -> Coverage:
    """30 episodes of 10 steps of a walk."""
    walk = rng.normal(size=(30, 11, 2)).cumsum(1)
    state, next_state = walk[:, :-1].reshape(N, 2), walk[:, 1:].reshape(N, 2)
    ends = np.tile(np.arange(10) == 9, 30)
    t = Transition({"obs": state}, rng.normal(size=(N, 1)), {"obs": next_state}, ends, np.zeros(N, bool))
    return Coverage("walk", t, np.repeat(np.arange(30), 10))


class Remembering(RewardFn):
    """Not Markov."""

    name = "remembering"
    markov = False

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        return {"nothing": np.zeros(len(t))}


def fragile(obs: np.ndarray, next_obs: np.ndarray) -> np.ndarray:
    """Works on steps of the walk, not on jumps that never happen."""
    far = np.abs(next_obs - obs).max(-1) > 6
    return np.where(far, np.nan, next_obs[:, 0])


GOOD = {
    "first": reward_fn(lambda next_obs: next_obs[:, 0]),
    "mixed": reward_fn(lambda obs, next_obs: next_obs[:, 0] + np.sin(obs[:, 1] * next_obs[:, 1])),
    "second": reward_fn(lambda next_obs: next_obs[:, 1]),
}


def values(pairs: list[dict]) -> dict[tuple[str, str], float | None]:
    return {(pair["a"], pair["b"]): pair["value"] for pair in pairs}


def test_epic_of_those_that_work_is_as_if_the_others_were_not_there(coverage: Coverage):
    told: list[tuple[int, int]] = []
    rewards = {"remembering": Remembering(), **GOOD, "fragile": reward_fn(fragile)}
    found = epic_distances(rewards, coverage, **EPIC, progress=lambda done, total: told.append((done, total)))
    options = {"n_transitions": N, "n_mean_samples": N, "seed": 3, "episodes": coverage.episode}
    expected = epic_matrix(GOOD, transitions=coverage.transitions, discount=0.9, **options)
    assert values(found.pairs) == {pair: distance.value for pair, distance in expected.distances.items()}
    assert values(found.half) == {pair: distance.value for pair, distance in expected.half.items()}
    assert list(found.unsupported) == ["remembering"]
    assert list(found.errors) == ["fragile"]
    assert "not finite" in found.errors["fragile"]
    assert told == [(number, 5) for number in range(1, 6)]


def test_starc_of_those_that_work_is_as_if_the_others_were_not_there(coverage: Coverage):
    rewards = {**GOOD, "broken": reward_fn(lambda next_obs: next_obs[:, 0] / 0), "remembering": Remembering()}
    with np.errstate(all="ignore"):
        found = starc_distances(rewards, coverage, ["obs"], **EPIC)
    options = {"n_transitions": N, "features": ["obs"], "seed": 3, "episodes": coverage.episode}
    expected = starc_matrix(GOOD, transitions=coverage.transitions, discount=0.9, **options)
    assert values(found.pairs) == {pair: distance.value for pair, distance in expected.distances.items()}
    assert (list(found.errors), list(found.unsupported)) == (["broken"], ["remembering"])
    assert all(pair["ranking_only"] for pair in found.pairs)


def test_starc_without_numbers_to_fit_to_is_refused(coverage: Coverage):
    with pytest.raises(ValueError, match="none here but pictures or text"):
        starc_distances(GOOD, coverage, [], **EPIC)


def test_the_reason_of_each_reward_without_direction_is_its_own(coverage: Coverage):
    flat = {"flat": reward_fn(lambda obs: np.ones(len(obs))), "also": reward_fn(lambda obs: np.zeros(len(obs)))}
    found = epic_distances({**flat, **GOOD}, coverage, **EPIC)
    assert list(found.degenerate) == ["flat", "also"]
    assert all(reason.startswith("after canonicalisation it is constant") for reason in found.degenerate.values())
    assert "reward" not in found.degenerate["flat"]


def test_convergence_puts_half_beside_full(coverage: Coverage):
    found = epic_distances(GOOD, coverage, **EPIC)
    rows = convergence(vars(found))
    assert [(row["a"], row["b"]) for row in rows] == [(pair["a"], pair["b"]) for pair in found.pairs]
    assert rows[0]["full"]["value"] == found.pairs[0]["value"]
    assert rows[0]["half"]["value"] == found.half[0]["value"] != found.pairs[0]["value"]
    assert rows[0]["half"]["samples"]["transitions"] < rows[0]["full"]["samples"]["transitions"] == N


def test_measures_of_episodes(rng: np.random.Generator):
    a = rng.normal(size=12)
    rows = episode_measures({"a": a, "same": 2 * a + 1, "flat": np.ones(12)}, seed=0)
    assert [(r["measure"], r["a"], r["b"]) for r in rows[:2]] == [("erc", "a", "same"), ("spearman", "a", "same")]
    assert (rows[0]["value"], rows[1]["value"]) == pytest.approx((0, 1))
    assert "returns under 'flat': the same (1) in all episodes" in rows[2]["degenerate"]
    assert rows[0]["low"] == erc(a, 2 * a + 1, seed=0).low


def test_measures_of_policies_and_steps(rng: np.random.Generator):
    policies = [rng.normal(mean, 0.1, 5) for mean in (0, 1, 2)]
    (row,) = policy_measures({"a": policies, "opposite": [-p for p in policies]}, seed=0)
    assert (row["measure"], row["value"], row["samples"]["policies"]) == ("kendall_tau", -1, 3)
    steps = [rng.normal(size=n) for n in (5, 9)]
    (row,) = step_measures({"a": steps, "opposite": [-s for s in steps]}, seed=0)
    assert (row["measure"], row["value"]) == ("trajectory_pearson", pytest.approx(1))

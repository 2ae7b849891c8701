"""What a reward reads and how it is built decides what canonicalising it costs, not what comes out."""

from __future__ import annotations

import numpy as np
import pytest

from reward_designers.base import Components, RewardFn, Transition, reward_fn
from reward_designers.distances import epic_matrix
from reward_designers.distances.canonical import Canonicalizer
from reward_designers.distances.samples import draw
from reward_designers.memory import EpisodeMemory
from tests.reward_designers.distances.epic_rewards import GAMMA, batch, mixed, reaches, samples, walk


class Counting(RewardFn):
    """R = f(s) + a s', broken where both exceed `edge`; counts the rows that it is asked for."""

    def __init__(self, edge: float, dtype: type = np.float64):
        self.edge, self.dtype, self.rows = edge, dtype, 0

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        self.rows += len(t)
        s, s2 = t.state["obs"][:, 0], t.next_state["obs"][:, 0]
        values = s**2 + t.action[:, 0] * s2 + 5.0 * ((s > self.edge) & (s2 > self.edge))
        return {"counting": values.astype(self.dtype)}


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

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import stats

from reward_designers.base import Components, RewardFn, Transition, reward_fn
from reward_designers.distances import Coverage, episode_returns, erc, spearman, step_rewards, trajectory_pearson
from reward_designers.memory import EpisodeMemory


def coverage(lengths: tuple[int, ...] = (3, 1, 2)) -> Coverage:
    n = sum(lengths)
    x = np.arange(1.0, n + 1)[:, None]
    ends = np.zeros(n, bool)
    ends[np.cumsum(lengths) - 1] = True
    t = Transition({"obs": x}, np.zeros((n, 1)), {"obs": x + 0.5}, ends, np.zeros(n, bool))
    return Coverage("test", t, np.repeat(np.arange(len(lengths)), lengths))


@dataclass(eq=False)
class Growing(RewardFn):
    """1, 2, 3, ... along an episode."""

    markov = False

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        assert memory is not None
        count = memory.array("count")
        count += 1
        return {"growing": count.copy()}


@reward_fn
def position(obs):
    return obs[:, 0]


class TestEpisodeReturns:
    def test_sums_within_episodes(self):
        np.testing.assert_allclose(episode_returns(position, coverage()), [1 + 2 + 3, 4, 5 + 6])

    def test_discounts_from_each_episodes_start(self):
        expected = [1 + 2 * 0.5 + 3 * 0.25, 4, 5 + 6 * 0.5]
        np.testing.assert_allclose(episode_returns(position, coverage(), discount=0.5), expected)
        np.testing.assert_allclose(episode_returns(position, coverage(), discount=0), [1, 4, 5])

    def test_memory_is_fresh_in_each_episode(self):
        np.testing.assert_array_equal(step_rewards(Growing(), coverage()), [1, 2, 3, 1, 1, 2])

    def test_computing_in_blocks_changes_nothing(self, monkeypatch):
        monkeypatch.setattr("reward_designers.distances.returns.ROWS", 4)
        np.testing.assert_array_equal(step_rewards(position, coverage()), np.arange(1.0, 7))

    def test_shuffled_coverage_is_refused(self):
        with pytest.raises(ValueError, match="consecutive"):
            Coverage("mixed", coverage((2, 2)).transitions, np.array([0, 1, 0, 1]))

    def test_discount_out_of_range(self):
        with pytest.raises(ValueError, match=r"\[0, 1\], got 1.2"):
            episode_returns(position, coverage(), discount=1.2)


@pytest.fixture
def returns() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    a = rng.normal(size=60)
    return a, a + rng.normal(size=60)


class TestErc:
    def test_is_the_distance_of_the_correlation(self, returns):
        a, b = returns
        distance = erc(a, b)
        assert distance.value == pytest.approx(np.sqrt((1 - stats.pearsonr(a, b).statistic) / 2), abs=1e-12)
        assert distance.low < distance.value < distance.high
        assert distance.samples == {"episodes": 60}

    def test_ends_of_the_scale(self, returns):
        a, _ = returns
        assert erc(a, 3 * a + 7).value == pytest.approx(0, abs=1e-12)
        assert erc(a, -a).value == pytest.approx(1)
        assert erc([0, 1, 0, 1], [0, 0, 1, 1]).value == pytest.approx(np.sqrt(0.5))

    def test_interval_holds_the_true_distance_as_often_as_it_says(self):
        rng, rho, hits = np.random.default_rng(0), 0.6, 0
        for seed in range(200):
            a = rng.normal(size=80)
            b = rho * a + np.sqrt(1 - rho**2) * rng.normal(size=80)
            d = erc(a, b, resamples=300, seed=seed)
            hits += d.low <= np.sqrt((1 - rho) / 2) <= d.high
        assert 178 <= hits <= 199  # 95 % of 200, give or take the binomial and the bootstrap's own bias

    def test_constant_returns_have_no_distance(self, returns):
        d = erc(returns[0], np.where(np.arange(60) % 2, 0.3, 0.1 + 0.2))
        assert (d.value, d.low, d.high) == (None, None, None)
        assert d.degenerate == "returns_b: the same (0.3) in all episodes"

    def test_two_episodes_give_a_value_without_an_interval(self):
        d = erc([0.0, 1.0], [1.0, 2.0])
        assert d.value == 0
        assert (d.low, d.high, d.interval) == (None, None, "")

    def test_is_reproducible(self, returns):
        assert erc(*returns) == erc(*returns)
        assert erc(*returns).high != erc(*returns, seed=1).high

    @pytest.mark.parametrize(
        ("a", "b", "message"),
        [
            ([1, 2, 3], [1, 2], "same episodes, got 3 and 2"),
            ([1, np.nan, 3], [1, 2, 3], "returns_a: 1 of 3 values are not finite, the first is nan at 1"),
            ([[1, 2]], [1, 2], r"returns_a must be \(n,\) real numbers, got shape \(1, 2\)"),
            ([1], [1], "at least two episodes, got 1"),
            (["x", "y"], [1, 2], "real numbers"),
        ],
    )
    def test_bad_returns(self, a, b, message):
        with pytest.raises(ValueError, match=message):
            erc(a, b)

    def test_bad_confidence(self, returns):
        with pytest.raises(ValueError, match="got 95"):
            erc(*returns, confidence=95)


class TestSpearman:
    def test_is_scipys(self, returns):
        a, b = (np.round(values, 1) for values in returns)  # with ties
        d = spearman(a, b)
        assert d.value == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-12)
        assert d.low < d.value < d.high

    def test_only_the_order_counts(self, returns):
        a, _ = returns
        assert spearman(a, np.exp(3 * a)).value == pytest.approx(1)
        assert spearman(a, -(a**3)).value == pytest.approx(-1)


class TestTrajectoryPearson:
    def test_is_the_mean_of_the_trajectories_distances(self):
        d = trajectory_pearson([[1, 2, 3], [1, 2]], [[2, 4, 6], [5, 4]])
        assert d.value == pytest.approx((0 + 1) / 2)
        assert d.samples == {"trajectories": 2, "left_out": 0, "steps": 5}

    def test_one_trajectory(self):
        d = trajectory_pearson([0, 1, 0, 1], [0, 0, 1, 1])
        assert d.value == pytest.approx(np.sqrt(0.5))
        assert (d.low, d.high) == (None, None)

    def test_interval_over_trajectories(self):
        rng = np.random.default_rng(0)
        truth = rng.normal(size=(20, 30))
        d = trajectory_pearson(truth + rng.normal(size=truth.shape), truth)
        assert d.low < d.value < d.high
        assert "trajectories" in d.interval

    def test_is_not_epic_shaping_changes_it(self):
        rng = np.random.default_rng(0)
        reward, potential = rng.normal(size=100), rng.normal(size=101)
        assert trajectory_pearson(reward + 0.9 * potential[1:] - potential[:-1], reward).value > 0.3

    def test_constant_trajectories_are_left_out_and_counted(self):
        d = trajectory_pearson([[1, 2], [5, 5], [1, 2]], [[1, 2], [1, 2], [0, 0]])
        assert d.value == 0
        assert d.samples == {"trajectories": 1, "left_out": 2, "steps": 2}

    def test_degenerate_where_nothing_is_left(self):
        assert trajectory_pearson([[1, 1], [2, 2]], [[1, 2], [1, 2]]).degenerate == (
            "predicted is constant within every trajectory"
        )
        assert trajectory_pearson([[1, 1], [1, 2]], [[1, 2], [2, 2]]).value is None

    @pytest.mark.parametrize(
        ("predicted", "truth", "message"),
        [
            ([[1, 2], [1, 2]], [[1, 2]], "one array for each trajectory, got 2 and 1"),
            ([[1, 2], [1, 2]], [[1, 2], [1, 2, 3]], "trajectory 1 has 2 values in predicted and 3 in truth"),
            ([[1, 2], [1, np.inf]], [[1, 2], [1, 2]], r"predicted\[1\]: 1 of 2 values are not finite"),
        ],
    )
    def test_bad_input(self, predicted, truth, message):
        with pytest.raises(ValueError, match=message):
            trajectory_pearson(predicted, truth)

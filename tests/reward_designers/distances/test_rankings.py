from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from reward_designers.distances import kendall_tau, trajectory_alignment


def many(n: int = 40, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n)
    return np.round(a, 1), np.round(a + rng.normal(size=n), 1)


class TestKendallTau:
    def test_by_hand(self):
        # pairs: (0,1) and (0,2) agree, (1,2) is reversed
        assert kendall_tau([1, 2, 3], [1, 3, 2]).value == pytest.approx(1 / 3)
        # (0,1) is tied under a alone: 2 agree, of 2 not tied under a and 3 under b
        assert kendall_tau([1, 1, 3], [1, 2, 3]).value == pytest.approx(2 / np.sqrt(2 * 3))

    def test_is_scipys_with_ties(self):
        a, b = many()
        d = kendall_tau(a, b)
        assert d.value == pytest.approx(stats.kendalltau(a, b).statistic, abs=1e-12)
        assert d.low < d.value < d.high
        assert d.interval == "bootstrap over policies"

    def test_resampled_counts_are_the_resample_itself(self):
        a, b = many(12)
        d = kendall_tau(a, b, resamples=200, seed=5)
        rows = np.random.default_rng(5).integers(12, size=(200, 12))
        taus = [stats.kendalltau(a[row], b[row]).statistic for row in rows]
        np.testing.assert_allclose((d.low, d.high), np.quantile(taus, [0.025, 0.975]), atol=1e-12)

    def test_round_off_is_a_tie(self):
        assert kendall_tau([0.1 + 0.2, 0.3, 1.0], [1, 1, 2]).value == 1

    def test_blocks_change_nothing(self, monkeypatch):
        a, b = many()
        whole = kendall_tau(a, b)
        monkeypatch.setattr("reward_designers.distances.rankings.BLOCK", 100)
        assert kendall_tau(a, b).value == pytest.approx(whole.value)

    def test_episodes_of_each_policy_say_how_well_the_order_is_known(self):
        rng = np.random.default_rng(0)
        quality = np.arange(5.0)
        noisy = quality[:, None] + rng.normal(scale=3, size=(5, 10))
        d = kendall_tau(noisy, noisy + 0.1 * rng.normal(size=noisy.shape))
        assert d.samples == {"policies": 5, "episodes": 50}
        assert d.low < d.high
        means = kendall_tau(noisy.mean(1), noisy.mean(1))
        assert kendall_tau(noisy, noisy).value == means.value == 1
        clear = [quality[i] + 0.01 * rng.normal(size=4 + i) for i in range(5)]
        d = kendall_tau(clear, [2 * episodes for episodes in clear])
        assert (d.value, d.low, d.high) == (1, 1, 1)

    def test_degenerate(self):
        d = kendall_tau([1, 2, 3], [2, 2, 2])
        assert d.value is None
        assert d.degenerate == "returns_b: the same (2) in all policies"
        assert kendall_tau([[1, 2], [2, 1]], [[1, 2], [3, 4]]).degenerate.startswith("returns_a")

    @pytest.mark.parametrize(
        ("a", "b", "message"),
        [
            ([1, 2], [1, 2, 3], "same policies, got 2 and 3"),
            ([[1, 2], [3, 4]], [1, 2], r"returns_b\[0\] must be \(n,\)"),
            ([[1, 2], [3, 4]], [[1, 2], [3]], "policy 1 has 2 values in returns_a and 1 in returns_b"),
            ([1, np.nan], [1, 2], "not finite"),
            ([[1, 2]], [[1, 2]], "at least two policies"),
        ],
    )
    def test_bad_input(self, a, b, message):
        with pytest.raises(ValueError, match=message):
            kendall_tau(a, b)


class TestTrajectoryAlignment:
    def test_scores_are_kendalls_tau(self):
        a, b = many()
        assert trajectory_alignment(a, b).value == kendall_tau(a, b).value
        assert trajectory_alignment(a, b).method == "trajectory_alignment"

    def test_all_pairs_of_a_ranking_are_the_ranking(self):
        a, b = many(10)
        pairs = np.array([(i, j) for i in range(10) for j in range(i)])
        judged = np.sign(b[pairs[:, 0]] - b[pairs[:, 1]])
        d = trajectory_alignment(a, judged, pairs=pairs)
        assert d.value == pytest.approx(kendall_tau(a, b).value)
        assert d.samples == {"trajectories": 10, "pairs": 45}
        assert d.low < d.value < d.high

    def test_judgments_that_contradict_each_other(self):
        cycle = np.array([[0, 1], [1, 2], [2, 0]])
        assert trajectory_alignment([3, 2, 1], [1, 1, 1], pairs=cycle).value == pytest.approx(1 / 3)

    def test_degenerate(self):
        pairs = np.array([[0, 1], [1, 2]])
        assert trajectory_alignment([1, 2, 3], [0, 0], pairs=pairs).degenerate.startswith("preference")
        assert trajectory_alignment([2, 2, 2], [0, 1], pairs=pairs).degenerate.startswith("returns")

    @pytest.mark.parametrize(
        ("preference", "pairs", "message"),
        [
            ([1], [[0, 1], [1, 2]], r"pairs must be \(1, 2\) int"),
            ([1], [[0.0, 1.0]], "float64"),
            ([1], [[0, 3]], "name trajectories 0 to 2, got 0 to 3"),
            ([2], [[0, 1]], "must be -1, 0 or 1, got 2"),
        ],
    )
    def test_bad_pairs(self, preference, pairs, message):
        with pytest.raises(ValueError, match=message):
            trajectory_alignment([1, 2, 3], preference, pairs=np.array(pairs))

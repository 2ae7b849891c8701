"""Many rewards at once."""

from __future__ import annotations

import numpy as np
import pytest

from reward_designers.distances import epic, epic_from_samples, epic_matrix
from reward_designers.distances.canonical import Canonicalizer
from reward_designers.distances.jackknife import distances
from reward_designers.distances.samples import given as given_samples
from tests.reward_designers.distances.epic_rewards import GAMMA, REWARDS, always, batch, mixed, pushes, turns


def test_matrix() -> None:
    t, done = batch(320), []
    matrix = epic_matrix(REWARDS, transitions=t, discount=GAMMA, progress=done.append)
    names = [r.name for r in REWARDS]
    assert done == list(matrix.names) == names
    assert len(matrix.distances) == len(matrix.half) == 7 * 6 / 2
    assert matrix["mixed", "turns"] is matrix["turns", "mixed"]
    assert matrix["turns", "mixed"] == epic(turns, mixed, transitions=t, discount=GAMMA)
    half = matrix.half["turns", "mixed"]
    assert half.samples == {"transitions": 160, "mean_samples": 2048}
    assert half.value == pytest.approx(matrix["turns", "mixed"].value, abs=0.1)
    with pytest.raises(KeyError, match="Did you mean 'mixed'"):
        matrix["turns", "mixd"]


def test_half_is_what_half_of_the_samples_give() -> None:
    t, m = batch(128, 1), batch(128, 2)
    data = given_samples(t, (m.action, m.next_state))
    canonicals = [Canonicalizer(data, GAMMA)(r) for r in (mixed, pushes)]
    half = distances(["a", "b"], canonicals, data, half=True)[0, 1]
    kept = np.arange(128) * 64 // 128 % 2 == 0
    m = m[kept]
    alone = epic_from_samples(mixed, pushes, t[kept], (m.action, m.next_state), GAMMA)
    assert half.value == pytest.approx(alone.value, abs=1e-6)
    assert half.samples == alone.samples
    assert "32 groups" in half.interval


def test_a_degenerate_reward_leaves_the_others_alone() -> None:
    matrix = epic_matrix({"a": mixed, "none": always, "b": turns}, transitions=batch(100), discount=GAMMA)
    assert matrix["a", "b"].value is not None
    for pair in (("a", "none"), ("b", "none")):
        assert matrix[pair].degenerate.startswith("reward 'none': ")
        assert matrix.half["a", "none"].degenerate

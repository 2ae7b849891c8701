"""What is drawn from pools, and what is taken of each state."""

from __future__ import annotations

import tracemalloc
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from reward_designers.base import Components, RewardFn, Transition
from reward_designers.distances import Distance, epic
from reward_designers.distances.samples import distinct, draw
from reward_designers.encoders import Encoder
from reward_designers.errors import RewardError
from reward_designers.memory import EpisodeMemory
from tests.reward_designers.distances.epic_rewards import GAMMA, batch, joined, mixed, pearson, reaches, replaced, turns


def test_distinct_rows() -> None:
    first, kind = distinct([np.array([[1, 2], [1, 2], [3, 4], [1, 2]]), np.array([0.0, 0.0, 0.0, 1.0])], 4)
    np.testing.assert_array_equal(first, [0, 2, 3])
    np.testing.assert_array_equal(kind, [0, 0, 1, 2])


def test_groups_are_whole_episodes_evenly() -> None:
    """64 groups of 100 episodes: one or two in each, the same in transitions and draws."""
    row, ids = np.arange(500), np.arange(500) // 5
    no = np.zeros(500, bool)
    t = Transition({"obs": row}, row, {"obs": row}, no, no)
    pools: dict[str, Any] = {"episodes": ids, "state_episodes": ids, "n_transitions": 500, "n_mean_samples": 500}
    data = draw(t, {"obs": row}, None, seed=0, **pools)
    members = set(zip(ids[data.action], data.group, strict=True))
    assert members == set(zip(ids[data.drawn.of(reaches)["obs"]], data.mean_group, strict=True))
    assert len(members) == 100
    assert set(np.bincount([group for _, group in members])) == {1, 2}


def test_flags_are_false_in_every_term() -> None:
    def alive(next_obs: np.ndarray, terminated: np.ndarray, truncated: np.ndarray) -> np.ndarray:
        return next_obs[:, 0] * ~terminated * ~truncated

    def plain(next_obs: np.ndarray) -> np.ndarray:
        return next_obs[:, 0]

    assert epic(alive, plain, transitions=batch(100), discount=GAMMA).value == 0


def test_the_seed_decides() -> None:
    def found(seed: int) -> Distance:
        return epic(mixed, turns, transitions=batch(500), discount=GAMMA, n_transitions=200, seed=seed)

    assert found(1) == found(1)
    assert found(1).value != found(2).value
    assert found(1).samples == {"transitions": 200, "mean_samples": 4096}


def test_the_pools_are_those_given() -> None:
    """With one action of 0 and one next state, m is known."""
    t = batch(300)

    def product(obs: np.ndarray, action: np.ndarray, next_obs: np.ndarray) -> np.ndarray:
        return obs[:, 0] * (next_obs[:, 0] + action[:, 0])

    one = {"obs": np.array([[2.0, 0.0]])}
    s, s2 = t.state["obs"], t.next_state["obs"]
    canonical = product(s, t.action, s2) + GAMMA * 2.0 * s2[:, 0] - 2.0 * s[:, 0]
    found = epic(product, reaches, transitions=t, states=one, actions=np.zeros((1, 2)), discount=GAMMA)
    assert found.value == pytest.approx(pearson(canonical, np.tanh(s2[:, 0])), abs=1e-12)


def test_rollouts_are_flattened() -> None:
    t = batch(60)
    rollout = t.map(lambda array: array.reshape(12, 5, *array.shape[1:]))
    assert epic(mixed, turns, transitions=rollout, discount=GAMMA) == epic(mixed, turns, transitions=t, discount=GAMMA)


class Brightness(Encoder):
    """Mean of a frame; counts what it is given."""

    def __init__(self) -> None:
        self.frames = 0

    def __call__(self, source: np.ndarray) -> np.ndarray:
        self.frames += len(source)
        return source.mean((1, 2, 3))[:, None]


class Bright(RewardFn):
    name = "bright"
    inputs = frozenset({"frame@brightness"})

    def __init__(self, encoder: Encoder, reads: set[str]):
        self._encoder, self.reads = encoder, frozenset(reads)

    @property
    def encoders(self) -> Mapping[str, Encoder]:
        return {"frame@brightness": self._encoder}

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        value = t.next_state["frame@brightness"][:, 0]
        return {"bright": value * t.state["frame@brightness"][:, 0] if "state" in self.reads else value}


@pytest.mark.parametrize("reads", [{"next_state"}, {"state", "next_state"}], ids=joined)
def test_frames_are_encoded_once_each(reads: set[str]) -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (31, 4, 4, 3), np.uint8)
    s = rng.integers(0, 31, 301)
    no = np.zeros(300, bool)
    obs = rng.normal(size=(301, 1))
    state = {"obs": obs[:-1]} | ({"frame": frames[s[:-1]]} if "state" in reads else {})
    t = Transition(state, np.zeros(300), {"obs": obs[1:], "frame": frames[s[1:]]}, no, no)
    encoder = Brightness()
    reward = Bright(encoder, reads)
    found = epic(reward, reaches, transitions=t, discount=GAMMA)
    assert encoder.frames == len(np.unique(s if "state" in reads else s[1:]))
    ready = {"frame@brightness": frames.mean((1, 2, 3))[s[:-1], None], "obs": obs[:-1]}
    after = {"frame@brightness": frames.mean((1, 2, 3))[s[1:], None], "obs": obs[1:]}
    again = epic(reward, reaches, transitions=replaced(t, state=ready, next_state=after), discount=GAMMA)
    assert encoder.frames == len(np.unique(s if "state" in reads else s[1:]))
    assert again == found


def test_without_the_source_of_an_encoder() -> None:
    with pytest.raises(RewardError, match=r"reads 'frame' of the transitions' next states.*Available: obs"):
        epic(Bright(Brightness(), {"next_state"}), reaches, transitions=batch(20), discount=GAMMA)


def test_memory_is_bounded() -> None:
    """Wide states, whose combinations would take 1.2 GB a side."""
    rng = np.random.default_rng(0)
    largest = []

    class Wide(RewardFn):
        def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
            largest.append(len(t))
            return {"wide": np.einsum("nd,nd->n", t.state["obs"], t.next_state["obs"])}

    no = np.zeros(500, bool)
    s, s2 = rng.normal(size=(2, 500, 300))
    t = Transition({"obs": s}, np.zeros(500), {"obs": s2}, no, no)
    values = {}
    for memory_mb in (0.5, 64.0):
        largest.clear()
        tracemalloc.start()
        found = epic(Wide(), reaches, transitions=t, discount=GAMMA, n_mean_samples=500, memory_mb=memory_mb)
        values[memory_mb] = found.value
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        if memory_mb < 1:
            assert max(largest) < 40
            assert peak < 16  # the samples themselves are 7
    assert values[0.5] == pytest.approx(values[64.0], abs=1e-12)

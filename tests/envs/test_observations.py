"""Observations of any space as named arrays."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from envs.observations import Observations
from tests.envs.worlds import SPACES

ALL = [
    *SPACES.values(),
    spaces.MultiBinary(3),
    spaces.MultiDiscrete([2, 3]),
    spaces.Text(7),
    spaces.Sequence(spaces.Discrete(4)),
    spaces.Graph(spaces.Box(0, 1, (2,)), None),
    spaces.Tuple((spaces.Text(4), spaces.Dict({"deep": spaces.Box(0, 1, (2, 2))}))),
]


def test_names() -> None:
    assert Observations(SPACES["plain"]).names == ("obs",)
    assert Observations(SPACES["dict"]).names == ("clock", "place")
    assert Observations(SPACES["nested"]).names == ("body_place", "pair_0", "pair_1")
    assert Observations(ALL[-1]).names == ("obs_0", "obs_1_deep")
    with pytest.raises(ValueError, match="come to the same name"):
        Observations(spaces.Dict({"a_b": spaces.Discrete(2), "a": spaces.Dict({"b": spaces.Discrete(2)})}))


@pytest.mark.parametrize("space", ALL, ids=str)
def test_a_row_of_a_batch_is_the_single_observation(space: gym.Space) -> None:
    space.seed(0)
    observations = Observations(space)
    singles = [space.sample() for _ in range(3)]
    batched = gym.vector.utils.concatenate(space, singles, gym.vector.utils.create_empty_array(space, 3, fn=np.zeros))
    batch = observations.batch(batched)
    for row, single in enumerate(singles):
        for name, array in observations.single(single).items():
            assert array.shape == (1, *batch[name].shape[1:])
            assert _equal(batch[name][row], array[0])
    mask = np.array([True, False, True])
    replaced = observations.replace(batch, mask, [singles[1], singles[1]])
    for name, array in replaced.items():
        assert all(_equal(array[row], batch[name][1]) for row in range(3))
        assert not np.shares_memory(array, batch[name])


def _equal(a: object, b: object) -> bool:
    if isinstance(a, tuple):
        return isinstance(b, tuple) and all(map(_equal, a, b))
    return bool(np.array_equal(a, b))  # type: ignore[arg-type]


def test_batches_are_copies() -> None:
    reused = np.zeros((2, 3))
    batch = Observations(spaces.Box(0, 1, (3,))).batch(reused)
    reused[:] = 1
    assert not batch["obs"].any()


def test_text_is_not_cut_to_the_length_of_what_was_there_before() -> None:
    observations = Observations(spaces.Text(20))
    batch = observations.batch(("a", "b"))
    assert observations.replace(batch, np.array([True, False]), ["a longer one"])["obs"].tolist() == [
        "a longer one",
        "b",
    ]


def test_what_nobody_reads_is_left_out() -> None:
    observations = Observations(SPACES["dict"])
    observations.keep({"clock"})
    assert observations.names == ("clock",)
    assert observations.single({"place": np.zeros(1), "clock": 3}).keys() == {"clock"}

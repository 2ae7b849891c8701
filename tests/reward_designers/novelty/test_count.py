"""Counts: what is new pays 1, what was seen N times before 1 / sqrt(N + 1), less within an episode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import envs
from reward_designers import EpisodeMemory, RewardError, RewardFn, Transition, check_reward, random_batch
from reward_designers.novelty import CountNovelty


def rollout(*steps: str, ends: tuple[int, ...] = ()) -> Transition:
    """Steps such as ``"a b"``: where two environments are; all episodes end after the steps in ``ends``."""
    place = np.array([step.split() for step in steps], object)
    none = np.zeros(place.shape, bool)
    done = np.isin(np.arange(len(steps)), ends)[:, None] | none
    return Transition({}, np.zeros(place.shape), {"place": place}, done, none)


def places(**options: Any) -> CountNovelty:
    return CountNovelty(of="place", **options)


def paid(reward: CountNovelty, t: Transition, memory: EpisodeMemory | None = None) -> list[Any]:
    return reward.relabel(t, memory)["count"].tolist()


def test_lifelong_counts_by_hand() -> None:
    reward = places(beta=0)
    assert reward.markov
    first = rollout("a b", "a c", "a c")
    assert paid(reward, first) == [[1, 1], [1, 1], [1, 1]]
    assert reward.update(first) == {"distinct": 3, "new": 1}
    root = {count: 1 / np.sqrt(count + 1) for count in range(4)}
    assert paid(reward, rollout("a b", "c d")) == [[root[3], root[1]], [root[2], root[0]]]
    assert reward.update(rollout("a b", "c d")) == {"distinct": 4, "new": 1 / 4}
    assert paid(reward, rollout("a d")) == [[1 / np.sqrt(5), 1 / np.sqrt(2)]]


def test_episodes_begin_anew_and_environments_count_for_themselves() -> None:
    reward = places(lifelong=False, beta=2)
    steps = rollout("a a", "a b", "a a", "a a", ends=(1,))
    assert paid(reward, steps) == [[1, 1], [1 / 4, 1], [1, 1], [1 / 4, 1 / 4]]
    reward.update(steps)
    assert paid(reward, steps)[0] == [1, 1]


def test_both_are_multiplied() -> None:
    reward = places(beta=1)
    reward.update(rollout("a a", "a b"))  # a: 3, b: 1
    assert paid(reward, rollout("a b", "a b")) == [[1 / 2, 1 / np.sqrt(2)], [1 / 4, 1 / np.sqrt(2) / 2]]


def test_arrays_are_counted_together() -> None:
    reward = CountNovelty(["x", "word"], beta=0)
    x, word = np.array([[1, 1], [2, 1]]), np.array([["p", "q"], ["p", "p"]], object)
    none = np.zeros((2, 2), bool)
    t = Transition({}, np.zeros((2, 2)), {"x": x, "word": word}, none, none)
    assert reward.update(t)["distinct"] == 3
    assert paid(reward, t)[1] == [1 / np.sqrt(2), 1 / np.sqrt(3)]


def test_numbers_that_are_whole_count_as_they_are_whatever_their_sign_of_zero() -> None:
    reward = CountNovelty(beta=0)
    none = np.zeros((3, 1), bool)
    t = Transition({}, none, {"obs": np.array([[[0.0, 1.0]], [[-0.0, 1.0]], [[2.0, 1.0]]])}, none, none)
    assert reward.update(t)["distinct"] == 2


def test_similar_continuous_states_share_a_count_and_distant_ones_do_not(rng: np.random.Generator) -> None:
    reward = CountNovelty(beta=0, bits=16)
    centers = 100 + 10 * np.array([[0.0, 0.1], [1.0, 0.0], [0.3, 1.0], [1.0, 1.0]])  # scale and offset do not matter
    states = centers[np.arange(200) % 4] + 1e-9 * rng.normal(size=(200, 2))
    none = np.zeros((50, 4), bool)
    t = Transition({}, none, {"obs": states.reshape(50, 4, 2)}, none, none)
    assert reward.update(t)["distinct"] == 4
    np.testing.assert_array_equal(reward.relabel(t)["count"], 1 / np.sqrt(51))


def test_more_bits_tell_more_states_apart(rng: np.random.Generator) -> None:
    none = np.zeros((500, 4), bool)
    t = Transition({}, none, {"obs": rng.normal(size=(500, 4, 2))}, none, none)
    found = [CountNovelty(bits=bits).update(t)["distinct"] for bits in (2, 8, 32, 128)]
    assert found == sorted(found)
    assert found[0] <= 4  # two lines cut a plane in four
    assert found[1] <= 1 + 8 + 8 * 7 / 2
    assert found[3] > 1000


def test_evaluation_counts_nothing() -> None:
    reward = places()
    before = paid(reward, rollout("a b", "b a"))
    assert paid(reward, rollout("a b", "b a")) == before


def test_it_goes_on_to_the_bit_after_saving(tmp_path: Path, rng: np.random.Generator) -> None:
    def seen(seed: int) -> Transition:
        t = random_batch({"obs": (3,)}, n=64, seed=seed)
        return t.map(lambda array: array.reshape(16, 4, *array.shape[1:]))

    reward, memory = CountNovelty(bits=6), EpisodeMemory(4)
    reward.relabel(seen(0), memory)
    reward.update(seen(0))
    reward.save(tmp_path / "reward.npz")
    loaded, restored = RewardFn.load(tmp_path / "reward.npz"), EpisodeMemory(4)
    assert isinstance(loaded, CountNovelty)
    restored.load_state_dict(memory.state_dict())
    for step in (1, 2):
        np.testing.assert_array_equal(loaded.relabel(seen(step), restored)["count"], paid(reward, seen(step), memory))
        assert loaded.update(seen(step)) == reward.update(seen(step))
    assert (tmp_path / "reward.npz").stat().st_size < 10_000  # what is empty takes no room


@pytest.mark.parametrize("options", [{}, {"beta": 0}, {"lifelong": False}])
def test_it_keeps_the_laws(options: dict[str, Any]) -> None:
    reward = CountNovelty(bits=4, **options)
    batch = random_batch({"obs": (3,)}, n=32)
    reward.update(batch.map(lambda array: array.reshape(8, 4, *array.shape[1:])))
    check_reward(reward, batch)


def test_three_lines_in_any_environment() -> None:
    venv = gym.make_vec("FrozenLake-v1", num_envs=2, is_slippery=False, vectorization_mode="sync")
    venv = envs.vector.ReplaceReward(venv, CountNovelty(lifelong=False))
    venv.reset(seed=0)
    rewards = [venv.step(np.array(actions))[1].tolist() for actions in ([2, 0], [0, 0], [2, 1], [1, 1])]
    # to the right, back, to the right again, into the hole below: its own place; the other: stays, stays, down, down
    assert rewards == [[1, 1], [1, 1 / 2], [1 / 2, 1], [1, 1]]
    venv.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"of": []}, "of is empty"),
        ({"beta": -1}, "beta=-1"),
        ({"bits": 0}, "bits=0"),
        ({"lifelong": False, "beta": 0}, "nothing is counted"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RewardError, match=message):
        CountNovelty(**options)

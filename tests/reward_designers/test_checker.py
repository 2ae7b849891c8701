"""`check_reward` says which law a reward breaks, and lets good ones pass."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from reward_designers.base import Components, RewardFn, Transition, reward_fn
from reward_designers.checker import check_reward, random_batch
from reward_designers.encoders import Encoder
from reward_designers.laws import BASIC, LAWS, RewardCheckError
from reward_designers.memory import EpisodeMemory
from reward_designers.transforms import Delta, Normalized
from tests.reward_designers.zoo import ZOO, Good, GoodMemory, NotANumber, SharesMemory, animal

BATCH = random_batch({"obs": (3,), "other": (2,)}, n=12, action_shape=(2,))


@pytest.mark.parametrize("name", ZOO)
def test_each_bad_reward_breaks_its_law(name: str) -> None:
    _, law, component, text = ZOO[name]
    with pytest.raises(RewardCheckError, match=text) as caught:
        check_reward(animal(name), BATCH)
    error = caught.value
    assert error.law == law
    assert component is None or str(error.component) == component
    assert repr(error.reward) in str(error)
    assert LAWS[law] in str(error)


@pytest.mark.parametrize("name", [name for name in ZOO if ZOO[name][1] not in BASIC and name != "SuccessorUnsaid"])
def test_and_no_other(name: str) -> None:
    law = ZOO[name][1]
    implied = {"relabel"} if law == "rows" else set()  # other rows are in the batch when all steps are
    report = check_reward(animal(name), BATCH, skip={law} | implied)
    assert report.skipped[law] == "asked to"


def test_every_law_has_its_breaker() -> None:
    assert {law for _, law, _, _ in ZOO.values()} == set(LAWS)


def test_rows_are_named() -> None:
    with pytest.raises(RewardCheckError) as caught:
        check_reward(NotANumber(), BATCH)
    assert caught.value.rows == tuple(np.flatnonzero(BATCH.next_state["obs"][:, 0] < 0))


# Good rewards pass, and the report says what was looked at


def test_good_rewards_pass() -> None:
    for reward in (Good(), GoodMemory(), Good() + GoodMemory(), Delta(Good()), Normalized(Good())):
        report = check_reward(reward, BATCH)
        assert set(report.passed) | set(report.skipped) == set(LAWS)
        assert not set(report.passed) & set(report.skipped)
        assert list(report.passed) == [law for law in LAWS if law in report.passed]


def test_report() -> None:
    report = check_reward(Good(), BATCH)
    assert set(report.skipped) == {"episodes"}
    assert "reward 'good' keeps 16 laws" in str(report)
    assert "not checked: episodes (it is Markov)" in str(report)


def test_a_local_function_passes_but_cannot_be_saved() -> None:
    @reward_fn
    def local(next_obs: np.ndarray) -> np.ndarray:
        return next_obs[:, 0]

    report = check_reward(local, BATCH)
    assert report.skipped["save"].startswith("local cannot be saved: define it at the top level")
    assert set(report.skipped) == {"total", "episodes", "save", "update"}


def test_a_plain_function_is_taken() -> None:
    assert check_reward(lambda next_obs: next_obs[:, 0], BATCH).reward == "reward"


def test_the_reward_and_the_batch_stay_as_they_were() -> None:
    reward = Normalized(Good())
    arrays = [a.copy() for a in (*BATCH.state.values(), BATCH.action, BATCH.terminated)]
    check_reward(reward, BATCH)
    assert reward.count == 0
    for before, after in zip(arrays, (*BATCH.state.values(), BATCH.action, BATCH.terminated), strict=True):
        np.testing.assert_array_equal(before, after)
        assert after.flags.writeable


def test_rollouts_are_taken() -> None:
    rollout = BATCH.map(lambda a: a.reshape(4, 3, *a.shape[1:]))
    assert "episodes" in check_reward(GoodMemory(), rollout).passed
    with pytest.raises(RewardCheckError, match=r"env \d alone"):
        check_reward(SharesMemory(), rollout)


def test_rounding_of_matrix_products_is_allowed() -> None:
    weights = np.random.default_rng(3).normal(size=(300, 64)).astype(np.float32)

    def network(next_obs: np.ndarray) -> np.ndarray:
        return np.tanh(next_obs.astype(np.float32) @ weights).sum(-1)

    check_reward(network, random_batch({"obs": (300,)}, n=33))


class Halve(Encoder):
    source = "frame"

    def __call__(self, source: np.ndarray) -> np.ndarray:
        return source.mean((1, 2, 3)) / 2


class Seen(RewardFn):
    name, inputs, reads = "seen", frozenset({"frame@halved"}), frozenset({"next_state"})

    @property
    def encoders(self) -> Mapping[str, Encoder]:
        return {"frame@halved": Halve()}

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        return {"seen": t.next_state["frame@halved"]}


def test_encoders_are_applied() -> None:
    frames = random_batch({"frame": (4, 4, 3)}, dtypes={"frame": np.uint8})
    assert frames.state["frame"].dtype == np.uint8
    assert frames.state["frame"].max() > 128
    check_reward(Seen(), frames)


def test_batches_that_will_not_do() -> None:
    with pytest.raises(ValueError, match="at least 8 transitions, got 3"):
        check_reward(Good(), BATCH[:3])
    with pytest.raises(ValueError, match=r"unknown next_state array that reward 'good' reads 'obs'.*'obs2'"):
        check_reward(Good(), random_batch({"obs2": (3,)}, action_shape=(2,)))
    with pytest.raises(ValueError, match=r"unknown law to skip 'rowz'.*Did you mean 'rows'"):
        check_reward(Good(), BATCH, skip=["rowz"])
    with pytest.raises(ValueError, match="unknown law to skip 'finite'"):
        check_reward(Good(), BATCH, skip=["finite"])


def test_random_batch() -> None:
    t = random_batch({"a": (2,), "b": ()}, n=200, action_shape=(), dtypes={"action": np.int64, "b": bool}, seed=5)
    assert t.state["a"].shape == (200, 2)
    assert t.next_state["b"].dtype == bool
    assert t.action.dtype == np.int64
    assert not (t.terminated & t.truncated).any()
    assert t.terminated.any()
    assert t.truncated.any()
    again = random_batch({"a": (2,), "b": ()}, n=200, action_shape=(), dtypes={"action": np.int64, "b": bool}, seed=5)
    np.testing.assert_array_equal(t.state["a"], again.state["a"])

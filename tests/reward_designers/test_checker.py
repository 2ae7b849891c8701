"""A zoo of bad rewards: each breaks one law and no other, and `check_reward` says which."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from reward_designers.base import Components, RewardFn, Transition, reward_fn
from reward_designers.checker import check_reward, random_batch
from reward_designers.encoders import Encoder
from reward_designers.laws import BASIC, LAWS, RewardCheckError
from reward_designers.memory import EpisodeMemory
from reward_designers.transforms import Delta, Normalized

BATCH = random_batch({"obs": (3,), "other": (2,)}, n=12, action_shape=(2,))


@dataclass(eq=False)
class Good(RewardFn):
    """Keeps every law; the zoo's animals each spoil one thing about it."""

    weight: float = 0.5

    name = "good"
    reads = frozenset({"next_state", "action"})

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        return {"height": t.next_state["obs"][:, 0], "effort": -self.weight * np.square(t.action).sum(-1)}


@dataclass(eq=False)
class GoodMemory(RewardFn):
    """How much higher than ever before in the episode."""

    name, reads, markov = "record", frozenset({"next_state"}), False

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        assert memory is not None
        best = memory.array("best", fill=-1.0)
        height = t.next_state["obs"][:, 0]
        gained = np.maximum(height - best, 0)
        np.maximum(best, height, out=best)
        return {"record": gained}


def bad(law: str, component: str | None = None, text: str = "") -> Callable[[type], type]:
    """Mark an animal of the zoo with the law that it breaks, and what the error must say."""

    def mark(cls: type) -> type:
        ZOO[cls.__name__] = (cls, law, component, text)
        return cls

    return mark


ZOO: dict[str, tuple[type, str, str | None, str]] = {}


@bad("runs", text="IndexError: index 7 is out of bounds")
class Raises(Good):
    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        return {"height": t.next_state["obs"][:, 7]}


@bad("inputs", text=r"it asked for next_state\['other'\], but its `inputs` are obs")
class Undeclared(Good):
    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        return super().__call__(t) | {"other": t.next_state["other"][:, 0]}


@bad("components", text="expected a dict of arrays, got array")
class ArrayAlone(Good):
    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Any:
        return t.next_state["obs"][:, 0]


@bad("components", text="expected a dict of arrays, got {}")
class Empty(Good):
    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        return {}


@bad("components", component="3", text="names are text, got 3")
class NumberedNames(Good):
    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Any:
        return {3: t.next_state["obs"][:, 0]}


@bad("components", text="the row alone has height, expected effort, height")
class NamesComeAndGo(Good):
    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        parts = super().__call__(t)
        return parts if len(t) > 1 else {"height": parts["height"]}


@bad("dtype", component="height", text="complex128")
class Complex(Good):
    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        return {"height": np.emath.sqrt(t.next_state["obs"][:, 0])}


@bad("dtype", component="height", text="object")
class Objects(Good):
    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        return {"height": np.array([None] * len(t))}


@bad("shape", component="height", text=r"expected \(12,\), got \(12, 12\); \(n, 1\) and \(n,\) broadcast")
class Broadcasts(Good):
    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        return {"height": t.next_state["obs"][:, :1] - t.next_state["obs"][:, 0]}


@bad("shape", component="height", text=r"got \(12, 3\); index features from the end")
class Unsummed(Good):
    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        return {"height": np.square(t.next_state["obs"])}


@bad("shape", component="height", text=r"got \(\)")
class MeanOfTheBatch(Good):
    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        return {"height": t.next_state["obs"][:, 0].mean()}


@bad("finite", component="height", text="nan in row")
class NotANumber(Good):
    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        with np.errstate(invalid="ignore"):
            return {"height": np.sqrt(t.next_state["obs"][:, 0])}


@bad("finite", text="the sum of all components is inf")
class Overflows(Good):
    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        return {"a": np.full(len(t), 1e308), "b": np.full(len(t), 1e308)}


@bad("unmutated", text=r"it changed next_state\['obs'\]")
class WritesIntoTheState(Good):
    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        obs = t.next_state["obs"]
        obs -= 1
        return {"height": obs[:, 0]}


@bad("unmutated", text="it changed action")
class Unlocks(Good):
    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        parts = super().__call__(t)
        t.action.flags.writeable = True
        t.action[:] = 0
        return parts


@bad("unmutated", text=r"it added next_state\['height'\]")
class LeavesNotes(Good):
    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        parts = super().__call__(t)
        t.next_state["height"] = parts["height"]  # type: ignore[index]
        return parts


@bad("total", component="total", text="leave it out")
class CountsTwice(Good):
    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        parts = super().__call__(t)
        return parts | {"total": parts["height"] + parts["effort"]}


@bad("deterministic", component="height", text="a second call gives")
class Noisy(Good):
    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        parts = super().__call__(t)
        return parts | {"height": parts["height"] * (1 + 1e-7 * np.random.default_rng().random(len(t)))}


@bad("rows", component="height", text="the row alone gives 0 instead of")
class DividesByTheMaximum(Good):
    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        distance = np.abs(t.next_state["obs"][:, 0])
        return {"height": 1 - distance / distance.max()}


@bad("rows", component="height", text="the batch in another order gives")
class NeighbouringRows(Good):
    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        height = t.next_state["obs"][:, 0]
        return {"height": height - np.roll(height, 1)}


@bad("reads", component="effort", text="another action .reads: next_state. gives")
class ActionUnsaid(Good):
    reads = frozenset({"next_state"})


@bad("reads", text=r"it asked for next_state\['obs'\], but its `reads` are action")
class SuccessorUnsaid(Good):
    reads = frozenset({"action"})


@bad("memory", text="it keeps array:best, fill:best; set markov = False")
class MarkovInName(GoodMemory):
    markov = True

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        if memory is not None:
            memory.array("best")
        return {"record": t.next_state["obs"][:, 0]}


@bad("episodes", component="record", text=r"env \d alone gives .* at step \d+")
class SharesMemory(GoodMemory):
    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        assert memory is not None
        best = memory.array("best", fill=-1.0)
        gained = np.maximum(t.next_state["obs"][:, 0] - best.max(), 0)
        best[:] = np.maximum(best, t.next_state["obs"][:, 0])
        return {"record": gained}


@bad("episodes", component="record", text="a new episode without the one before it gives")
class NeverForgets(GoodMemory):
    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        assert memory is not None
        steps = memory.__dict__.setdefault("steps", np.zeros((len(t), 1)))  # a place that `reset` does not know
        steps += 1
        return {"record": steps[:, 0].copy()}


@bad("episodes", component="record", text="a restored memory gives")
class NotRestored(GoodMemory):
    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        assert memory is not None
        steps = memory.array("steps")
        steps += 1
        known = memory.__dict__.setdefault("known", {})  # forgets nothing that matters, but is not saved
        bonus = np.array([known.get((env, step), 0.0) for env, step in enumerate(steps - 1)])
        known |= {(env, step): step for env, step in enumerate(steps)}
        return {"record": bonus}


@bad("relabel", component="height", text="relabel gives")
class RelabelsOtherwise(Good):
    def relabel(self, rollout: Transition, memory: EpisodeMemory | None = None) -> Components:
        parts = super().relabel(rollout, memory)
        return parts | {"height": parts["height"] + 0.01}


@bad("relabel", component="record", text="relabel in parts with one memory gives")
class RelabelForgets(GoodMemory):
    def relabel(self, rollout: Transition, memory: EpisodeMemory | None = None) -> Components:
        return super().relabel(rollout, None)


@bad("pure", text="state 'calls' changed")
class LearnsWhileEvaluating(Good):
    calls = 0

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        self.calls += 1
        return super().__call__(t)

    def state_dict(self) -> dict[str, np.ndarray]:
        return {"calls": np.array(self.calls)}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        self.calls = int(state["calls"])


@bad("save", component="effort", text="the loaded reward gives")
class ForgetsOnSaving(Good):
    def __init__(self, weight: float = 0.5, secret: float = 0.0):
        super().__init__(weight)
        self.secret = secret

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        parts = super().__call__(t)
        return parts | {"effort": parts["effort"] + self.secret}


@bad("save", text="state 'mean' changed")
class LoadsNothing(Good):
    def state_dict(self) -> dict[str, np.ndarray]:
        return {"mean": np.array(getattr(self, "mean", 0.0))}


@bad("update", text="metric 'loss' is nan")
class NoMetric(Good):
    def update(self, rollout: Transition) -> dict[str, float]:
        return {"loss": float("nan")}


@bad("update", text="ZeroDivisionError")
class CannotLearn(Good):
    def update(self, rollout: Transition) -> dict[str, float]:
        return {"loss": 1 / 0}


@bad("update", component="effort", text="loaded after an update, the reward gives")
class ForgetsWhatItLearned(Good):
    def update(self, rollout: Transition) -> dict[str, float]:
        self.learned = 2.0
        return {}

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        parts = super().__call__(t)
        return parts | {"effort": getattr(self, "learned", 1.0) * parts["effort"]}


def animal(name: str) -> RewardFn:
    if name == "ForgetsOnSaving":
        return ForgetsOnSaving(secret=1.0)
    reward = ZOO[name][0]()
    if name == "LoadsNothing":
        reward.mean = 1.0
    return reward


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

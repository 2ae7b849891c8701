"""A zoo of bad rewards: each breaks one law and no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from reward_designers.base import Components, RewardFn, Transition
from reward_designers.memory import EpisodeMemory


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

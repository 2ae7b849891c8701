"""Rewards made of rewards: sums, scaling, clipping, normalisation and differences.

Components always sum to the reward. Linear operations map over the components of their part; a nonlinear one keeps them
and adds a component of its own with what it changed, so that the logs show how hard it bites.

    shaped = (stand + 0.5 * walk - 0.01 * effort).clip(-1, 1)
    named = Sum(height=stand, speed=0.5 * walk)
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reward_designers.base import Components, RewardFn, Transition, as_reward
from reward_designers.errors import RewardError
from reward_designers.evaluation import call, evaluate, total
from reward_designers.memory import EpisodeMemory


class Composite(RewardFn):
    """A reward made of others. It reads what its parts read, and gives each its own scope of the episode memory.

    Subclasses are dataclasses with ``eq=False`` whose fields hold the parts; they call `_derive` when these are set.

    Attributes:
        linear: Whether `combine` is. Linear ones leave it to the caller to check values, which are checked once then;
            others check what their parts return, before it is hidden in something else.
    """

    linear: bool = False

    def _derive(self) -> None:
        self._parts = self.parts()  # looked up at every step
        parts = self._parts.values()
        self.inputs = frozenset[str]().union(*(part.inputs for part in parts))
        self.reads = frozenset[str]().union(*(part.reads for part in parts))
        self.markov = all(part.markov for part in parts)
        self.expensive = any(part.expensive for part in parts)

    @abstractmethod
    def combine(self, parts: Mapping[str, Components]) -> Components:
        """Components from those of the parts, row by row, in arrays of any shape."""

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        get = call if self.linear else evaluate
        return self.combine({name: get(part, t, _scope(part, memory, name)) for name, part in self._parts.items()})

    def relabel(self, rollout: Transition, memory: EpisodeMemory | None = None) -> Components:
        """See `RewardFn.relabel`; each part relabels by itself, so one that is Markov is called once all the same."""
        if self.markov:
            return super().relabel(rollout)
        memory = EpisodeMemory(rollout.batch_shape[1]) if memory is None else memory
        parts = {name: part.relabel(rollout, _scope(part, memory, name)) for name, part in self._parts.items()}
        return self.combine(parts)


@dataclass(eq=False)
class Constant(RewardFn):
    """The same number for every transition; what ``reward + 1.0`` adds.

    Attributes:
        value: The number.
    """

    value: float
    name = "constant"
    inputs = frozenset()
    reads = frozenset()

    def __post_init__(self) -> None:
        self.value = _number("value", self.value)

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        return {"constant": np.full(len(t), self.value)}


@dataclass(eq=False)
class EnvReward(RewardFn):
    """What the environment itself paid for the step, to add others to: ``EnvReward() + 0.1 * bonus``.

    It is known for transitions that took place, not for others, and what it depends on is not known at all: so it does
    not count as Markov. Where the kit has an environment's reward as a function (``Task.reward``), distances want that.
    """

    name = "env"
    inputs = frozenset({"env_reward"})
    reads = frozenset({"next_state"})
    markov = False

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        return {"env": t.next_state["env_reward"].astype(np.float64)}

    def relabel(self, rollout: Transition, memory: EpisodeMemory | None = None) -> Components:
        """See `RewardFn.relabel`."""
        return self(rollout)


@dataclass(eq=False, init=False)
class Sum(Composite):
    """The sum of named terms; ``a + b`` gives one, its terms named after the rewards.

    A term with one component, named as the reward itself, gives a component ``term``, any other gives
    ``term/component``.

    Args:
        **terms: Rewards (or what `as_reward` takes) by name, which may not contain ``/`` nor begin with ``_``.
    """

    terms: dict[str, RewardFn]
    name = "sum"
    linear = True

    def __init__(self, /, **terms: Any):
        if not terms:
            raise RewardError("a sum needs at least one term: Sum(height=stand, speed=0.5 * walk)")
        for name in terms:
            if not name or "/" in name or name.startswith("_"):
                raise RewardError(
                    f"term name {name!r}: '/' separates terms from components and '_' begins configuration keys; "
                    "use another name"
                )
        self.terms = {name: as_reward(term) for name, term in terms.items()}
        self._derive()

    def combine(self, parts: Mapping[str, Components]) -> Components:
        """Their components side by side."""
        components: Components = {}
        for term, part in parts.items():
            for name, values in part.items():
                own = len(part) == 1 and name in (term, self.terms[term].name)
                components[term if own else f"{term}/{name}"] = values
        return components

    def parts(self) -> dict[str, RewardFn]:
        """The terms."""
        return self.terms

    def config(self) -> dict[str, Any]:
        """See `RewardFn.config`; the terms are the node's keys."""
        node = super().config()
        return {"_target_": node["_target_"], **node["terms"]}


def add(*rewards: RewardFn) -> Sum:
    """The sum of rewards; sums among them are flattened, equal names are numbered."""
    terms: dict[str, RewardFn] = {}
    for reward in rewards:
        for name, term in reward.terms.items() if isinstance(reward, Sum) else [(reward.name, reward)]:
            if name in terms:
                name = re.sub(r"_\d+$", "", name)
            terms[_unused(name.replace("/", ".").lstrip("_") or "reward", terms)] = term
    return Sum(**terms)


@dataclass(eq=False)
class Scaled(Composite):
    """A reward times a number.

    Attributes:
        reward: The reward.
        scale: The number.
    """

    reward: RewardFn
    scale: float
    linear = True

    def __post_init__(self) -> None:
        self.reward = as_reward(self.reward)
        self.scale = _number("scale", self.scale)
        self.name = self.reward.name
        self._derive()

    def combine(self, parts: Mapping[str, Components]) -> Components:
        """Each component times the number."""
        return {name: self.scale * values for name, values in parts["reward"].items()}


@dataclass(eq=False)
class Clipped(Composite):
    """A reward limited to [low, high], to rounding; the component ``clip`` is what that took away or added.

    The Clip of Gao et al. 2024 (arXiv 2410.15115), min(r - eta, 0), is ``(r - eta).clip(high=0)``.

    Attributes:
        reward: The reward.
        low: Lower bound.
        high: Upper bound.
    """

    reward: RewardFn
    low: float = -np.inf
    high: float = np.inf

    def __post_init__(self) -> None:
        self.reward = as_reward(self.reward)
        self.low, self.high = _number("low", self.low, finite=False), _number("high", self.high, finite=False)
        if self.low > self.high:
            raise RewardError(f"clip needs low <= high, got low={self.low}, high={self.high}")
        self.name = self.reward.name
        self._derive()

    def combine(self, parts: Mapping[str, Components]) -> Components:
        """The components, and what clipping changed."""
        raw = total(parts["reward"])
        clipped = np.minimum(np.maximum(raw, self.low), self.high)
        return {**parts["reward"], _unused("clip", parts["reward"]): clipped - raw}


@dataclass(eq=False)
class Normalized(Composite):
    """A reward divided by the standard deviation that it had in all rollouts seen by `update`.

    The statistics weigh every transition alike (Chan et al. 1979, updating formulae for variances) and change in
    `update` alone, so evaluation uses those of training. Until the first update, and for a reward that has been
    constant so far, it changes nothing.

    Attributes:
        reward: The reward. If it is not Markov, `update` measures it as if the episodes began with the rollout.
        center: Subtract the running mean too, as a component ``center`` of its own. That adds the same to every step
            and so changes what is best where episodes differ in length.
    """

    reward: RewardFn
    center: bool = False
    count: int = field(default=0, init=False)
    mean: float = field(default=0.0, init=False)
    squares: float = field(default=0.0, init=False, repr=False)
    """Sum of squared differences from the mean."""

    def __post_init__(self) -> None:
        self.reward = as_reward(self.reward)
        self.name = self.reward.name
        self._derive()

    @property
    def std(self) -> float:
        """The standard deviation seen so far; 1 if there is none to divide by."""
        std = (self.squares / self.count) ** 0.5 if self.count else 0.0
        return std if std > 1e-8 * abs(self.mean) else 1.0

    def combine(self, parts: Mapping[str, Components]) -> Components:
        """Each component divided by the standard deviation."""
        part, std = parts["reward"], self.std
        components = {name: values / std for name, values in part.items()}
        if self.center:
            components[_unused("center", part)] = np.full_like(next(iter(part.values())), -self.mean / std)
        return components

    def update(self, rollout: Transition) -> dict[str, float]:
        """Let the reward learn, then measure it on the rollout."""
        metrics = super().update(rollout)
        values = total(self.reward.relabel(rollout))
        count, mean = self.count + values.size, float(values.mean())
        squares = float(np.square(values - mean).sum())
        self.squares += squares + (mean - self.mean) ** 2 * self.count * values.size / count
        self.mean += (mean - self.mean) * values.size / count
        self.count = count
        return metrics | {"mean": self.mean, "std": self.std}

    def state_dict(self) -> dict[str, np.ndarray]:
        """The statistics, beside what the reward has learned."""
        own = {"count": self.count, "mean": self.mean, "squares": self.squares}
        return super().state_dict() | {name: np.array(value) for name, value in own.items()}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Restore what `state_dict` returned."""
        super().load_state_dict(state)
        self.count, self.mean, self.squares = int(state["count"]), float(state["mean"]), float(state["squares"])


@dataclass(eq=False)
class Delta(Composite):
    """Progress: what a process reward f gained since the step before, f_t - f_(t-1), with f_(-1) = 0.

    The sum up to any step telescopes to f there. A step that repeats what is achieved earns nothing and one that undoes
    it pays it back, so the return cannot grow with the number of steps.

    Gao et al. 2024 (arXiv 2410.15115, "Delta") difference the other way round: they pay step k with f_k - f_(k+1),
    the last but one with f alone and the last nothing, so that the return from step k on telescopes to f_k. That needs
    the reward of the *next* step, which a text that is scored when complete has and an environment that pays while it
    acts has not; paid one step late it would credit the wrong action. Here the return from step t on telescopes to the
    final f minus f_(t-1), which action t cannot change: the same bound, credited to the action that made the progress.

    Attributes:
        reward: The process reward f.
    """

    reward: RewardFn

    def __post_init__(self) -> None:
        self.reward = as_reward(self.reward)
        self.name = self.reward.name
        self._derive()
        self.markov = False

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        assert memory is not None, "Delta compares with the step before: give it an EpisodeMemory"
        current = super().__call__(t, memory)
        components = {}
        for name, values in current.items():
            previous = memory.array(f"previous/{name}")
            components[name] = values - previous
            previous[:] = values
        return components

    def relabel(self, rollout: Transition, memory: EpisodeMemory | None = None) -> Components:
        """See `RewardFn.relabel`; f is computed for the whole rollout at once if it can be."""
        memory = EpisodeMemory(rollout.batch_shape[1]) if memory is None else memory
        current = super().relabel(rollout, memory)
        ends = rollout.terminated | rollout.truncated
        components = {}
        for name, values in current.items():
            achieved = np.where(ends, 0.0, values)
            previous = memory.array(f"previous/{name}")
            components[name] = values - np.concatenate([previous[None], achieved[:-1]])
            previous[:] = achieved[-1]
        return components

    def combine(self, parts: Mapping[str, Components]) -> Components:
        """The process reward itself, of which the differences are taken."""
        return parts["reward"]


def _scope(part: RewardFn, memory: EpisodeMemory | None, name: str) -> EpisodeMemory | None:
    """What a composite gives to its part ``name``."""
    return None if part.markov or memory is None else memory.scope(name)


def _unused(name: str, taken: Iterable[str]) -> str:
    """``name``, numbered if it is taken."""
    number, candidate = 2, name
    while candidate in taken:
        candidate = f"{name}_{number}"
        number += 1
    return candidate


def _number(name: str, value: Any, finite: bool = True) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not np.isfinite(number) and (finite or np.isnan(number)):
        raise RewardError(f"{name} must be a {'finite ' if finite else ''}number, got {value!r}")
    return number

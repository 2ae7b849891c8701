"""What a reward is: a batched function of transitions that returns named components.

Everything else in the kit (training, search, distances, plots) speaks only to this interface. It needs numpy alone.

    @reward_fn
    def stand(next_torso_height, action):
        return {"height": next_torso_height, "effort": -0.1 * np.square(action).sum(-1)}

    shaped = stand.clip(-1, 1) + 0.5 * other      # rewards compose, components keep their names

Beside it: `evaluation` (calling a reward and checking what it returns), `memory` (of an episode), `encoders` (of heavy
inputs), `transforms` and `shaping` (rewards made of rewards), `saving`, `checker` (the laws that every reward keeps).
"""

from __future__ import annotations

import inspect
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from reward_designers.errors import RewardError, unknown_name
from reward_designers.memory import EpisodeMemory

if TYPE_CHECKING:
    from reward_designers.encoders import Encoder

State = Mapping[str, np.ndarray]
"""Named arrays that describe a state, each ``(n, ...)``."""
Components = dict[str, np.ndarray]
"""Named parts of a reward, each ``(n,)`` float; their sum is the reward."""


@dataclass(frozen=True, eq=False)
class Transition:
    """A batch of transitions (s, a, s').

    The leading dimensions are ``(n,)``, with n = num_envs or a replay batch, or ``(T, num_envs)`` for a rollout.

    Attributes:
        state: Named arrays of s, each ``(n, ...)``: ``obs`` and whatever the environment exposes.
        action: ``(n, *action_shape)``.
        next_state: The same for s', the true successor: never the observation after an automatic reset.
        terminated: ``(n,)`` bool, s' ends the episode (its value is zero).
        truncated: ``(n,)`` bool, the episode was cut at s', which is not terminal.
    """

    state: State
    action: np.ndarray
    next_state: State
    terminated: np.ndarray
    truncated: np.ndarray

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The leading dimensions, ``(n,)`` or ``(T, num_envs)``."""
        return self.terminated.shape

    def __len__(self) -> int:
        return len(self.terminated)

    def map(self, function: Callable[[np.ndarray], np.ndarray]) -> Transition:
        """The transition with ``function`` applied to each of its arrays."""
        return Transition(
            state={name: function(array) for name, array in self.state.items()},
            action=function(self.action),
            next_state={name: function(array) for name, array in self.next_state.items()},
            terminated=function(self.terminated),
            truncated=function(self.truncated),
        )

    def __getitem__(self, rows: Any) -> Transition:
        """The transitions at ``rows`` (a slice, mask or index array; an int selects a step of a rollout)."""
        return self.map(lambda array: array[rows])

    def flatten(self) -> Transition:
        """A rollout ``(T, num_envs, ...)`` as one batch ``(T * num_envs, ...)``, without a copy where numpy allows."""
        lead, n = self.terminated.ndim, self.terminated.size
        return self.map(lambda array: array.reshape(n, *array.shape[lead:]))


class RewardFn(ABC):
    """A reward function R(s, a, s'), batched over transitions.

    Subclasses that are dataclasses get composition, `config`, `save` and `load` for free: their init fields are the
    configuration, and fields that hold rewards (or dicts of rewards) are parts whose state is saved along.

    Attributes:
        name: Names the reward in logs and in sums.
        inputs: The state arrays it reads; an environment exposes exactly these.
        reads: Which of ``state``, ``action``, ``next_state`` it depends on. Distances use this structure, and state
            arrays that are expensive (frames) are not made where nothing reads them.
        markov: False if it also reads its episode memory.
        expensive: True if it is better computed for a whole rollout at once than for every step.
    """

    name: str = "reward"
    inputs: frozenset[str] = frozenset({"obs"})
    reads: frozenset[str] = frozenset({"state", "action", "next_state"})
    markov: bool = True
    expensive: bool = False

    @abstractmethod
    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        """Named components of the reward of each transition, each ``(n,)`` float. Mutates nothing but ``memory``.

        Args:
            t: A batch with leading dimension n.
            memory: Given, with n rows, to rewards that are not Markov.
        """

    @property
    def encoders(self) -> Mapping[str, Encoder]:
        """Input name to the encoder that makes it from a raw state array; empty for most rewards."""
        return {key: encoder for part in self.parts().values() for key, encoder in part.encoders.items()}

    def relabel(self, rollout: Transition, memory: EpisodeMemory | None = None) -> Components:
        """Components ``(T, num_envs)`` of a whole rollout: one flat call if Markov, else a scan over its T steps.

        Args:
            rollout: Transitions with leading dimensions ``(T, num_envs)``.
            memory: The episodes' memory at the rollout's start; advanced to its end. Fresh if None.
        """
        from reward_designers.evaluation import evaluate

        if self.markov:
            shape = rollout.batch_shape
            components = evaluate(self, rollout.flatten(), num_envs=shape[1])
            return {name: values.reshape(shape) for name, values in components.items()}
        memory = EpisodeMemory(rollout.batch_shape[1]) if memory is None else memory
        steps = []
        for step in range(len(rollout)):
            t = rollout[step]
            steps.append(evaluate(self, t, memory))
            memory.reset(t.terminated | t.truncated)
        return {name: np.stack([components[name] for components in steps]) for name in steps[0]}

    def update(self, rollout: Transition) -> dict[str, float]:
        """Learn from a rollout ``(T, num_envs, ...)``, the only place where a reward changes; metrics to log."""
        return {
            f"{part}/{metric}": value
            for part, reward in self.parts().items()
            for metric, value in reward.update(rollout).items()
        }

    def parts(self) -> dict[str, RewardFn]:
        """The rewards that this one is made of, by name; found in a dataclass's fields, and in lists and dicts there.

        Raises:
            RewardError: Two parts have the same name, so their states could not be told apart.
        """
        parts: dict[str, RewardFn] = {}
        if not is_dataclass(self):
            return parts
        for f in fields(self):
            value = getattr(self, f.name)
            named: Mapping[str, Any] = {f.name: value}
            if isinstance(value, Mapping):
                named = value
            elif isinstance(value, (list, tuple)):
                named = {f"{f.name}_{i}": item for i, item in enumerate(value)}
            found = {name: part for name, part in named.items() if isinstance(part, RewardFn)}
            if taken := parts.keys() & found.keys():
                raise RewardError(f"{type(self).__name__} has two parts named {min(taken)!r}; rename one")
            parts |= found
        return parts

    # Saving: a configuration that rebuilds the object, and arrays for what it has learned. No pickle.

    def config(self) -> dict[str, Any]:
        """A JSON-able node with ``_target_`` that rebuilds this reward, as Hydra's ``instantiate`` understands it."""
        from reward_designers.saving import reference, to_node

        if not is_dataclass(self):
            raise TypeError(f"{type(self).__name__} cannot be saved: make it a dataclass or override config()")
        where = reference(type(self))
        node: dict[str, Any] = {"_target_": where if ".py:" in where else where.replace(":", ".")}
        return node | {f.name: to_node(getattr(self, f.name), f.name) for f in fields(self) if f.init}

    def state_dict(self) -> dict[str, np.ndarray]:
        """Arrays that it has learned, by name; its parts' arrays under ``part/name``."""
        return {
            f"{part}/{name}": array
            for part, reward in self.parts().items()
            for name, array in reward.state_dict().items()
        }

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Restore what `state_dict` returned."""
        from reward_designers.saving import below

        for part, reward in self.parts().items():
            reward.load_state_dict(below(f"{part}/", state))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write configuration and arrays to one ``.npz`` file, atomically; see `saving`."""
        from reward_designers.saving import save

        save(self, path)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> RewardFn:
        """Rebuild a reward that `save` wrote. It imports the code that the file names: load only files you trust.

        Raises:
            RewardError: The file is damaged, or does not describe a reward.
            OSError: It cannot be read.
        """
        from reward_designers.saving import load

        return load(path)

    # Composition. What rewards are composed by builds on this module, hence the imports inside.

    __array_ufunc__ = None  # so that numpy numbers leave `np.float64(0.5) * reward` to this class

    def __add__(self, other: RewardFn | float) -> RewardFn:
        from reward_designers.transforms import Constant, add

        if isinstance(other, Real):
            return add(self, Constant(float(other))) if other else self
        return add(self, other) if isinstance(other, RewardFn) else NotImplemented

    def __radd__(self, other: float) -> RewardFn:
        return self + other  # numbers alone come here; sum(rewards) begins with 0

    def __mul__(self, scale: float) -> RewardFn:
        from reward_designers.transforms import Scaled

        return Scaled(self, float(scale)) if isinstance(scale, Real) else NotImplemented

    __rmul__ = __mul__

    def __neg__(self) -> RewardFn:
        return -1.0 * self

    def __sub__(self, other: RewardFn | float) -> RewardFn:
        return self + (-other) if isinstance(other, (RewardFn, Real)) else NotImplemented

    def clip(self, low: float = -np.inf, high: float = np.inf) -> RewardFn:
        """The reward limited to [low, high]."""
        from reward_designers.transforms import Clipped

        return Clipped(self, low, high)

    def normalize(self, **options: Any) -> RewardFn:
        """The reward divided by its running standard deviation; see `transforms.Normalized`."""
        from reward_designers.transforms import Normalized

        return Normalized(self, **options)

    def potential(self, gamma: float) -> RewardFn:
        """Potential-based shaping with this reward as the potential: gamma * phi(s') - phi(s); see `shaping`."""
        from reward_designers.shaping import PotentialShaping

        return PotentialShaping(self, gamma)


@dataclass(eq=False)
class FunctionReward(RewardFn):
    """A plain function of named arrays as a reward.

    The function's parameters say what it reads: ``x`` is the state array x, ``next_x`` its successor; ``action``,
    ``terminated`` and ``truncated`` are themselves. Parameters with a default are constants, overridden by ``params``.
    It returns an ``(n,)`` array (one component, named after the function) or a dict of them.

    Attributes:
        function: The function, or its import path ``package.module:name`` or ``path/to/file.py:name``.
        params: Values for parameters that have a default.
    """

    function: Callable[..., Any] | str
    params: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._path: str | None = None
        if isinstance(self.function, str):
            from reward_designers.saving import resolve

            self._path, self.function = self.function, resolve(self.function)
        if isinstance(self.function, FunctionReward):
            self._path = self._path or self.function._path
            self.params = {**self.function.params, **self.params}
            self.function = self.function.function
        if isinstance(self.function, (RewardFn, type)) or not callable(self.function):
            raise RewardError(f"expected a function of named arrays, got {self.function!r}")
        named = getattr(self.function, "func", self.function)  # within a functools.partial
        self.name = getattr(named, "__name__", type(named).__name__)
        if self.name == "<lambda>":
            self.name = "reward"
        self._arguments = self._parse(self.function)
        self.inputs = frozenset(key for _, source, key in self._arguments if source in ("state", "next_state"))
        self.reads = frozenset(source for _, source, _ in self._arguments) & RewardFn.reads

    def _parse(self, function: Callable[..., Any]) -> list[tuple[str, str, str]]:
        """What to pass: the name of each parameter, the transition's attribute, and the array's name in it."""
        try:
            signature = inspect.signature(function).parameters.values()
        except (TypeError, ValueError) as error:
            raise RewardError(f"cannot tell what reward function {self.name!r} reads: {error}") from error
        unnamed = [p.name for p in signature if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD, p.POSITIONAL_ONLY)]
        if unnamed:
            raise RewardError(
                f"reward function {self.name!r} must name the arrays that it reads, but takes {', '.join(unnamed)}; "
                "write parameters such as (obs, action, next_obs, terminated, truncated)"
            )
        constants = {p.name for p in signature if p.default is not p.empty}
        for given in self.params:
            if given not in constants:
                raise RewardError(unknown_name(f"parameter of reward function {self.name!r}", given, constants))
        arguments = []
        for name in (p.name for p in signature if p.default is p.empty):
            if name in ("action", "terminated", "truncated"):
                arguments.append((name, name, name))
            elif name.startswith("next_"):
                arguments.append((name, "next_state", name.removeprefix("next_")))
            else:
                arguments.append((name, "state", name))
        return arguments

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        given = dict(self.params)
        for name, source, key in self._arguments:
            value = getattr(t, source)
            if source == "state" or source == "next_state":
                if key not in value:
                    raise RewardError(f"reward {self.name!r}: {unknown_name(f'{source} array', key, value)}")
                value = value[key]
            given[name] = value
        result = self.function(**given)  # type: ignore[operator]
        return dict(result) if type(result) is dict or isinstance(result, Mapping) else {self.name: result}

    def config(self) -> dict[str, Any]:
        """See `RewardFn.config`; the function is stored as an import path."""
        from reward_designers.saving import reference, to_node

        return {
            "_target_": f"{FunctionReward.__module__}.{FunctionReward.__qualname__}",
            "function": self._path or reference(self.function),
            "params": to_node(self.params, "params"),
        }


def reward_fn(function: Callable[..., Any] | None = None, /, **params: Any) -> Any:
    """Lift a plain function of named arrays into a reward; as a decorator or as a call.

    Args:
        function: See `FunctionReward`.
        **params: Values for the function's parameters that have a default.
    """
    if function is None:
        return lambda f: FunctionReward(f, params)
    return FunctionReward(function, params)


def as_reward(reward: RewardFn | Callable[..., Any] | str) -> RewardFn:
    """A reward as it is; a plain function, or the import path of either, lifted into one.

    Raises:
        RewardError: It is none of these.
    """
    if isinstance(reward, str):
        from reward_designers.saving import resolve

        found = resolve(reward)
        made = as_reward(found)
        if isinstance(made, FunctionReward) and made is not found:
            made._path = reward
        return made
    if isinstance(reward, RewardFn):
        return reward
    if isinstance(reward, type) and issubclass(reward, RewardFn):
        return reward()
    if callable(reward):
        return FunctionReward(reward)
    raise RewardError(f"expected a reward or a function of named arrays, got {reward!r}")

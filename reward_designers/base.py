"""What a reward is: a batched function of transitions that returns named components.

Everything else in the kit (training, search, distances, plots) speaks only to this module. It needs numpy alone.

    @reward_fn
    def stand(next_torso_height, action):
        return {"height": next_torso_height, "effort": -0.1 * np.square(action).sum(-1)}

    shaped = stand.clip(-1, 1) + 0.5 * other      # rewards compose, components keep their names
"""

from __future__ import annotations

import difflib
import inspect
import json
import math
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from numbers import Real
from typing import Any

import numpy as np

State = Mapping[str, np.ndarray]
"""Named arrays that describe a state, each ``(n, ...)``."""
Components = dict[str, np.ndarray]
"""Named parts of a reward, each ``(n,)`` float; their sum is the reward."""


class RewardError(ValueError):
    """A reward failed: it raised, or returned the wrong shape, type, or a value that is not finite."""


def unknown_name(kind: str, name: object, options: Iterable[str]) -> str:
    """Message for a name that does not exist: the value, the nearest valid choices, then all of them."""
    options = sorted(map(str, options))
    near = difflib.get_close_matches(str(name), options, n=3, cutoff=0.5)
    if not near:
        folded = {option.lower(): option for option in options}
        near = [folded[match] for match in difflib.get_close_matches(str(name).lower(), folded, n=3, cutoff=0.5)]
    hint = f" Did you mean {' or '.join(repr(match) for match in near)}?" if near else ""
    return f"unknown {kind} {name!r}.{hint} Available: {', '.join(options) or 'none'}."


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


class EpisodeMemory:
    """What a non-Markov reward remembers within an episode: named arrays with leading dimension ``num_envs``.

    It belongs to the environment wrapper, so that one reward object can serve environments of different sizes.
    """

    def __init__(self, num_envs: int, prefix: str = "", _store: dict[str, tuple[np.ndarray, Any]] | None = None):
        self.num_envs = num_envs
        self._prefix = prefix
        self._store = {} if _store is None else _store

    def array(self, name: str, shape: tuple[int, ...] = (), dtype: Any = np.float64, fill: Any = 0) -> np.ndarray:
        """The array ``name``, ``(num_envs, *shape)``, created full of ``fill`` at its first use. Change it in place.

        For a table per row use ``array(name, dtype=object, fill=dict)`` (or ``list``): ``fill`` makes each row's own,
        which may hold what JSON can.
        """
        key = self._prefix + name
        if key not in self._store:
            array = np.empty((self.num_envs, *shape), dtype)
            self._store[key] = (array, fill)
            _empty(array, fill, np.arange(self.num_envs))
        array = self._store[key][0]
        if array.shape[1:] != shape:
            raise ValueError(f"episode memory {key!r} has rows of shape {array.shape[1:]}, asked for {shape}")
        return array

    def scope(self, name: str) -> EpisodeMemory:
        """A view whose names cannot collide with those of other scopes; a composite gives one to each part."""
        return EpisodeMemory(self.num_envs, f"{self._prefix}{name}/", self._store)

    def reset(self, mask: np.ndarray) -> None:
        """Empty the rows of finished episodes, here and in the scopes below; ``mask`` is ``(num_envs,)`` bool."""
        if not self._store:
            return
        rows = np.flatnonzero(mask)
        if len(rows):
            for name, (array, fill) in self._store.items():
                if name.startswith(self._prefix):
                    _empty(array, fill, rows)

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all arrays by full name, and of what their rows are emptied to; tables as JSON."""
        state = {}
        for name, (array, fill) in self._store.items():
            if array.dtype == object:
                state[f"table:{name}"] = np.array([json.dumps(row) for row in array])
            else:
                state[f"array:{name}"] = array.copy()
                state[f"fill:{name}"] = np.asarray(fill, dtype=array.dtype)
        return state

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Restore what `state_dict` returned."""
        self._store.clear()
        for key, array in state.items():
            kind, name = key.split(":", 1)
            if kind == "fill":
                continue
            if len(array) != self.num_envs:
                raise ValueError(f"episode memory {name!r} has {len(array)} rows, expected {self.num_envs}")
            if kind == "table":
                rows = [json.loads(str(row)) for row in array]
                self._store[name] = (np.empty(len(rows), object), type(rows[0]))
                for row, table in enumerate(rows):
                    self._store[name][0][row] = table
            else:
                self._store[name] = (np.array(array), state[f"fill:{name}"][()])


def _empty(array: np.ndarray, fill: Any, rows: np.ndarray) -> None:
    if array.dtype == object:
        for row in rows:
            array[row] = fill()
    else:
        array[rows] = fill


class Encoder(ABC):
    """Turns a heavy state array into a small one while transitions are collected: frame to embedding, text to facts.

    What is stored, cached and compared is the small result, so a new prompt costs nothing. It is made once however many
    rewards read it, so the input's name must say what makes it: encoders of the same name must give the same result.

    Attributes:
        source: The state array that it reads, such as ``frame``.
        frame_size: (height, width) at which it wants frames; None if it reads no frames.
        every: 1, or how many steps of a rollout it encodes one of, interpolating between: it needs whole rollouts then.
    """

    source: str = "frame"
    frame_size: tuple[int, int] | None = None
    every: int = 1

    @abstractmethod
    def __call__(self, source: np.ndarray) -> np.ndarray:
        """Encode a batch ``(n, ...)`` into ``(n, ...)``."""

    def rollout(self, source: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Encode consecutive steps ``(T, num_envs, ...)`` into ``(T, num_envs, ...)``.

        Args:
            source: What to encode.
            ends: ``(T, num_envs)`` bool, True at the last step of an episode.
        """
        encoded = self(source.reshape(-1, *source.shape[2:]))
        return encoded.reshape(*ends.shape, *encoded.shape[1:])


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
        for part, reward in self.parts().items():
            prefix = f"{part}/"
            reward.load_state_dict({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})

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

    # Composition. `transforms` and `shaping` build on this module, hence the imports inside.

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


def call(reward: RewardFn, t: Transition, memory: EpisodeMemory | None = None) -> Components:
    """What ``reward`` returns, unchecked; an error that it raises becomes a `RewardError` that names it."""
    if memory is None and not reward.markov:
        raise RewardError(f"reward {reward.name!r} is not Markov: give it an EpisodeMemory, or relabel a rollout")
    try:
        components = reward(t, memory)
    except RewardError:
        raise
    except Exception as error:
        raise RewardError(f"reward {reward.name!r} raised {type(error).__name__}: {error}") from error
    if not (type(components) is dict or isinstance(components, Mapping)) or not components:
        raise RewardError(f"reward {reward.name!r} must return a dict of named components, got {components!r}")
    return components


def evaluate(
    reward: RewardFn, t: Transition, memory: EpisodeMemory | None = None, *, num_envs: int | None = None
) -> Components:
    """The components of ``reward`` as float64 arrays ``(n,)``, checked.

    Args:
        reward: What to evaluate.
        t: A batch with leading dimension n.
        memory: For rewards that are not Markov.
        num_envs: If the batch is a flattened rollout, how many environments it came from, for error messages.

    Raises:
        RewardError: It raised, or returned something of the wrong shape or type, or values that are not finite. The
            message names the reward, the component, the rows (environments) and the offending values.
    """
    names, rows = evaluate_rows(reward, t, memory, num_envs=num_envs)
    return dict(zip(names, rows, strict=True))


def evaluate_rows(
    reward: RewardFn, t: Transition, memory: EpisodeMemory | None = None, *, num_envs: int | None = None
) -> tuple[tuple[str, ...], np.ndarray]:
    """What `evaluate` returns as the components' names, and one array ``(components, n)`` float64 of their values."""
    components = call(reward, t, memory)
    # This runs at every step of training: one look at all components together, a closer one if anything is odd.
    n, values = len(t), tuple(components.values())
    for array in values:
        if type(array) is not np.ndarray or array.shape != (n,) or array.dtype.kind not in "fbiu":
            break
    else:
        rows = np.array(values, dtype=np.float64)  # a copy: rewards may return views of the state
        if math.isfinite(np.vdot(rows, rows)):  # in one pass, and quietly; where squares overflow, look closer
            return tuple(components), rows
    checked = [
        _checked(array, n, f"reward {reward.name!r}, component {name!r}", num_envs or n)
        for name, array in components.items()
    ]
    return tuple(components), np.stack(checked)


def _checked(values: Any, n: int, where: str, num_envs: int) -> np.ndarray:
    try:
        array = np.array(values)
        if array.dtype.kind not in "biuf":
            raise TypeError(array.dtype)
    except (TypeError, ValueError) as error:
        raise RewardError(f"{where}: expected real numbers, got {type(values).__name__} ({error})") from error
    if array.shape != (n,):
        raise RewardError(
            f"{where}: expected shape ({n},), one value per row, got {array.shape}; "
            "arrays are batched, so index features from the end (obs[:, 0]) and sum over the last axis"
        )
    with np.errstate(over="ignore"):  # of longer floats
        array = array.astype(np.float64)
    if len(rows := np.flatnonzero(~np.isfinite(array))):
        shown = ", ".join(f"{array[row]} in env {row % num_envs}" for row in rows[:5])
        raise RewardError(f"{where}: {len(rows)} of {n} values are not finite: {shown}")
    return array


def total(components: Components | np.ndarray) -> np.ndarray:
    """The reward ``(n,)`` float64: the sum of its components, a dict or ``(components, n)``, added in their order."""
    values = iter(components if isinstance(components, np.ndarray) else components.values())
    result = np.array(next(values), dtype=np.float64)
    for array in values:
        result += array
    return result


def encode(encoders: Mapping[str, Encoder], state: State) -> dict[str, np.ndarray]:
    """``state`` with what the encoders make of it added, where it is missing and its source is there."""
    made = {
        name: encoder(state[encoder.source])
        for name, encoder in encoders.items()
        if name not in state and encoder.source in state
    }
    return {**state, **made}

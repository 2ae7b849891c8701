"""Named state arrays of environments, taken before an automatic reset can overwrite them.

`Expose` sits on one environment and copies simulator arrays (and frames) out of it after each reset and step.
`StateTracker` turns the copies of ``num_envs`` of them into true `Transition` batches; the reward wrappers are built on
it. Fields of a `Task` are computed there, in one batched call for all environments.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import RecordConstructorArgs

from envs.observations import Observations
from envs.task import Field, Task
from reward_designers.base import RewardFn, Transition
from reward_designers.encoders import Encoder, encode
from reward_designers.errors import unknown_name

Rows = dict[str, np.ndarray]
Obs = np.ndarray | Rows
Reader = np.ndarray | Callable[[], Any]

MUJOCO_ARRAYS = (
    "qpos",
    "qvel",
    "qacc",
    "qacc_warmstart",
    "act",
    "mocap_pos",
    "mocap_quat",
    "ctrl",
    "time",
    "xpos",
    "xquat",
    "xmat",
    "xipos",
    "cvel",
    "cinert",
    "subtree_com",
) + ("geom_xpos", "site_xpos", "qfrc_actuator", "qfrc_constraint", "cfrc_ext", "actuator_force", "sensordata")


def state_readers(env: gym.Env) -> dict[str, Reader]:
    """What can be read from an environment besides observations and frames, by name.

    Environments and wrappers offer theirs in an attribute ``state_arrays``, a dict of live arrays or functions that can
    be read at any time, before the first reset too. MuJoCo's are found in ``data``.
    """
    readers: dict[str, Reader] = {}
    layer: Any = env
    while layer is not None:
        readers = {**getattr(layer, "state_arrays", {}), **readers}
        layer = layer.env if isinstance(layer, gym.Wrapper) else None
    data = getattr(env.unwrapped, "data", None)
    if hasattr(data, "qpos"):
        readers |= {name: _mujoco_reader(data, name) for name in MUJOCO_ARRAYS if hasattr(data, name)}
    return readers


def _mujoco_reader(data: Any, name: str) -> Reader:
    """MuJoCo's arrays stay in their place as long as ``data`` lives; numbers must be asked for."""
    value = getattr(data, name)
    return value if isinstance(value, np.ndarray) else functools.partial(getattr, data, name)


class _Row:
    """One environment's row in arrays ``(num_envs, ...)``, ready to be written at every step."""

    def __init__(self, rows: Rows, row: int, readers: Mapping[str, Reader]):
        self.arrays = {name: array[row, ...] for name, array in rows.items()}
        self.live = [(self.arrays[name], source) for name, source in readers.items() if not callable(source)]
        self.asked = [(self.arrays[name], source) for name, source in readers.items() if callable(source)]


class Expose(gym.Wrapper, RecordConstructorArgs):
    """Copies named arrays of the simulator's state, and frames, after each reset and step.

    Args:
        env: The environment.
        names: Simulator arrays (`state_readers`), ``frame``, or ``env_reward``: what the environment itself paid for
            the step, 0 at the start of an episode.
        frame_size: (height, width) of frames.
        frame_at_reset: False where nothing reads the frame of an episode's first state.
        render: Further options of `envs.rendering.frame_of`, such as ``preset`` and ``camera``.
    """

    def __init__(
        self,
        env: gym.Env,
        names: Iterable[str] = (),
        frame_size: tuple[int, int] | None = None,
        frame_at_reset: bool = True,
        render: Mapping[str, Any] | None = None,
    ):
        names = sorted(names)
        RecordConstructorArgs.__init__(
            self, names=names, frame_size=frame_size, frame_at_reset=frame_at_reset, render=render
        )
        gym.Wrapper.__init__(self, env)
        if "frame" in names and frame_size is None:
            raise ValueError("exposing frames needs frame_size=(height, width)")
        self._names = names
        self._frame_size = frame_size
        self._frame_at_reset = frame_at_reset
        self._render = dict(render or {})
        self._env_reward = 0.0
        self._find_readers()
        self.bind(self.allocate(1), (self.allocate(1),))

    @property
    def state(self) -> Rows:
        """The arrays of the current state, ``(...)`` each, valid until the next step."""
        return self._latest.arrays

    def allocate(self, num_envs: int) -> Rows:
        """Arrays ``(num_envs, ...)`` of the right shapes and dtypes for `bind`."""
        rows = {}
        for name, reader in self._readers.items():
            value = np.asarray(reader() if callable(reader) else reader)
            rows[name] = np.zeros((num_envs, *value.shape), object if value.dtype.kind in "US" else value.dtype)
        if "frame" in self._names:
            assert self._frame_size is not None
            rows["frame"] = np.zeros((num_envs, *self._frame_size, 3), np.uint8)
        return rows

    def bind(self, initial: Rows, successors: Sequence[Rows], row: int = 0, turn: Sequence[int] = (0,)) -> None:
        """From now on write into shared arrays.

        Args:
            initial: Where states at the start of an episode go.
            successors: Where states after a step go, in turns.
            row: This environment's row in all of them.
            turn: Holds the number of the successors' arrays to be written next; the caller changes it.
        """
        self._bound = (initial, successors, row, turn)
        self._initial = _Row(initial, row, self._readers)
        self._successors = [_Row(rows, row, self._readers) for rows in successors]
        self._turn = turn
        self._latest = self._initial

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset, then copy the initial state."""
        result = self.env.reset(seed=seed, options=options)
        self._env_reward = 0.0
        if getattr(self.unwrapped, "data", None) is not self._data:  # it has compiled another model
            self._find_readers()
            self.bind(*self._bound)
        self._copy(self._initial, self._frame_at_reset)
        return result

    def begin(self) -> None:
        """Take the state as it is now for an episode's first, after the environment was stepped behind this wrapper."""
        self._copy(self._initial, self._frame_at_reset)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step, then copy the successor state."""
        result = self.env.step(action)
        self._env_reward = float(result[1])
        self._copy(self._successors[self._turn[0]], True)
        return result

    def _find_readers(self) -> None:
        self._data = getattr(self.unwrapped, "data", None)
        readers = {**state_readers(self.env), "env_reward": lambda: self._env_reward}
        for name in self._names:
            if name != "frame" and name not in readers:
                raise ValueError(unknown_name(f"state array of {self.env}", name, [*readers, "frame"]))
        self._readers = {name: readers[name] for name in self._names if name != "frame"}

    def _copy(self, row: _Row, frame: bool) -> None:
        self._latest = row
        for target, source in row.live:
            target[...] = source
        for target, ask in row.asked:
            target[...] = ask()
        if self._frame_size is not None and frame and "frame" in row.arrays:
            from envs.rendering import frame_of

            height, width = self._frame_size
            frame_of(self.env, height=height, width=width, out=row.arrays["frame"], **self._render)


class StateTracker:
    """Follows ``num_envs`` environments and gives each step as a true `Transition` batch.

    The arrays of a transition are valid until `advance` (which the next step needs); keep copies. They are read-only:
    the ground truth is computed from the arrays that a reward was given, and the agent acts on them.

    Args:
        num_envs: Number of environments.
        observation_space: Of one environment; see `envs.observations` for the names of its entries.
        consumers: Rewards and measures whose inputs are to be exposed.
        task: Gives the named fields.
        envs: The environments, where this process can reach them: each is wrapped in `Expose`, see `exposed`.
        encode: False to leave encoding to the consumer (in larger batches); raw sources are then in the state.
        render: Options of `envs.rendering.frame_of` for frames; the task's camera by default.

    Attributes:
        observations: Turns observations into the named arrays that `reset`, `step` and `advance` want, or those of
            them that anybody reads.
        exposed: The environments as they are to be used from now on; empty if nothing has to be read from them.

    Raises:
        ValueError: An input does not exist, or needs access to environments that live in other processes.
    """

    def __init__(
        self,
        num_envs: int,
        observation_space: gym.Space,
        consumers: Sequence[RewardFn],
        *,
        task: Task | None = None,
        envs: Sequence[gym.Env] = (),
        encode: bool = True,
        render: Mapping[str, Any] | None = None,
    ):
        self.num_envs = num_envs
        self.encoders: dict[str, Encoder] = {}
        for consumer in consumers:
            self.encoders.update(consumer.encoders)
        self.encode = encode
        self.observations = Observations(observation_space)
        fields = dict(task.fields) if task else {}
        names = {name for consumer in consumers for name in consumer.inputs}
        in_state = {name for consumer in consumers if "state" in consumer.reads for name in consumer.inputs}
        sources = {name: self.encoders[name].source if name in self.encoders else name for name in names}
        self._fields = {source: fields[source] for source in sources.values() if source in fields}
        self._fields_in_state = {
            sources[name]: fields[sources[name]] for name in in_state if sources[name] in self._fields
        }
        obs_names = self.observations.names
        raw = {source for source in sources.values() if source not in self._fields and source not in obs_names}
        self._kept = set(raw) - {"frame"}
        raw |= {name for f in self._fields.values() for name in f.reads if name not in obs_names}
        self.observations.keep({*sources.values(), *(name for f in self._fields.values() for name in f.reads)})
        self._frame_in_state = any(sources[name] == "frame" for name in in_state)
        framed = {"frame", *(name for name in names if sources[name] == "frame")}
        self._only_in_next = set() if self._frame_in_state else framed
        self._initial: Rows = {}
        self._rows: list[Rows] = [{}, {}]
        self._turn = [0]
        self.exposed: list[Expose] = []
        if raw:
            available = {*fields, *obs_names, "frame", "env_reward", *(state_readers(envs[0]) if envs else ())}
            for name in sorted(raw):
                if envs and name not in available:
                    raise ValueError(unknown_name("state array", name, available))
            if not envs:
                raise ValueError(
                    f"the reward reads {', '.join(sorted(raw))}, which cannot be read from environments in other "
                    "processes: wrap each environment in envs.ReplaceReward before vectorising, or vectorise in-process"
                )
            sizes = [e.frame_size for n, e in self.encoders.items() if sources[n] == "frame" and e.frame_size]
            frame_size = (max(h for h, _ in sizes), max(w for _, w in sizes)) if sizes else (224, 224)
            camera = {"camera": task.camera} if task and task.camera else {}
            self.exposed = [
                Expose(env, raw, frame_size, self._frame_in_state, camera | dict(render or {})) for env in envs
            ]
            self._initial, *self._rows = (self.exposed[0].allocate(num_envs) for _ in range(3))
            for row, exposed in enumerate(self.exposed):
                exposed.bind(self._initial, self._rows, row, self._turn)
        self._state: Rows = {}
        self._next_state: Rows = {}

    def reset(self, obs: Obs, mask: np.ndarray | None = None) -> None:
        """Environments were reset to ``obs`` ``(num_envs, ...)``: all, or those in ``mask`` ``(num_envs,)``."""
        if mask is None or not self._state:
            self._state = _read_only(self._initial_state(_named(obs), slice(None)))
            return
        merged = {
            n: _merged(self._state[n], mask, array) for n, array in self._initial_state(_named(obs), mask).items()
        }
        self._state = {**self._state, **_read_only(merged)}

    def step(
        self,
        action: np.ndarray,
        next_obs: Obs,
        terminated: np.ndarray,
        truncated: np.ndarray,
        restarting: np.ndarray | None = None,
    ) -> Transition:
        """The transition just made.

        Args:
            action: ``(num_envs, ...)``.
            next_obs: Observations of the true successors, ``(num_envs, ...)``.
            terminated: ``(num_envs,)`` bool.
            truncated: ``(num_envs,)`` bool.
            restarting: ``(num_envs,)`` bool, environments that were reset instead of stepped.
        """
        rows = self._rows[self._turn[0]]
        if restarting is not None and np.count_nonzero(restarting):
            self._restart(rows, restarting)
        self._next_state = _read_only(self._make_state(_named(next_obs), rows, self._fields, frame=True))
        state = self._state
        if self._only_in_next:
            state = {name: array for name, array in state.items() if name not in self._only_in_next}
        return Transition(state, _read_only_view(action), self._next_state, terminated, truncated)

    def advance(self, obs: Obs, restarted: np.ndarray) -> None:
        """Make the successors current; rows in ``restarted`` begin a new episode at ``obs`` ``(num_envs, ...)``.

        The arrays of the last transition are not valid any more.
        """
        if np.count_nonzero(restarted):
            rows = self._rows[self._turn[0]]
            self._restart(rows, restarted)
            state = self._make_state(_named(obs), rows, self._fields_in_state, self._frame_in_state, encoded=False)
            for name, encoder in self.encoders.items() if self.encode else ():
                if encoder.source in state and name not in self._only_in_next:
                    fresh = encoder(state[encoder.source][restarted])
                    state[name] = _merged(self._next_state[name], restarted, fresh)
            self._state = _read_only(state)
        else:
            self._state = self._next_state
        self._turn[0] = 1 - self._turn[0]

    def state_dict(self) -> Rows:
        """Copies of the current state's arrays, to resume from in mid-episode."""
        return {name: np.array(array) for name, array in self._state.items()}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from what `state_dict` returned."""
        self._state = _read_only({name: np.array(array) for name, array in state.items()})

    def _restart(self, rows: Rows, mask: np.ndarray) -> None:
        """Put the initial states of ``mask`` in the place of successors."""
        if not rows:
            return
        restarted = np.flatnonzero(mask).tolist()
        for name, array in rows.items():
            if name != "frame" or self._frame_in_state:
                initial = self._initial[name]
                for row in restarted:  # mostly one: faster than an index array
                    array[row] = initial[row]

    def _initial_state(self, obs: Rows, mask: np.ndarray | slice) -> Rows:
        """The states at the episodes' starts, of the rows in ``mask`` alone; copies."""
        obs = {name: array[mask] for name, array in obs.items()}
        raw = {name: array[mask] for name, array in self._initial.items()}
        state = self._make_state(obs, raw, self._fields_in_state, self._frame_in_state)
        return {name: np.array(array) for name, array in state.items()}

    def _make_state(
        self, obs: Rows, raw: Rows, fields: Mapping[str, Field], frame: bool, *, encoded: bool = True
    ) -> Rows:
        state: Rows = {name: obs[name] for name in self.observations.names}
        if fields:
            sources: Mapping[str, np.ndarray] = {**raw, **state}
            for name, f in fields.items():
                state[name] = f.compute(*[sources[read] for read in f.reads])
        for name in self._kept:
            state[name] = raw[name]
        if frame and "frame" in raw:
            state["frame"] = raw["frame"]
        if not (self.encoders and self.encode and encoded):
            return state
        skipping = [name for name, encoder in self.encoders.items() if encoder.every > 1]
        if skipping:
            raise ValueError(
                f"{skipping[0]!r} is made every {self.encoders[skipping[0]].every} steps, which needs whole rollouts: "
                "use it in training with deferred rewards (agents.sb3.VecReplaceReward), or set every=1"
            )
        return encode(self.encoders, state)


def _named(obs: Obs) -> Rows:
    return obs if isinstance(obs, dict) else {"obs": obs}


def _read_only(rows: Rows) -> Rows:
    return {name: _read_only_view(array) for name, array in rows.items()}


def _read_only_view(array: np.ndarray) -> np.ndarray:
    view = array[...]
    view.setflags(write=False)
    return view


def _merged(array: np.ndarray, mask: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """A copy of ``array`` with other rows in ``mask``."""
    array = np.array(array)
    array[mask] = rows
    return array

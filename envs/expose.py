"""Named state arrays of environments, taken before an automatic reset can overwrite them.

`Expose` sits on one environment and copies simulator arrays (and frames) out of it after each reset and step.
`StateTracker` turns the copies of ``num_envs`` of them into true `Transition` batches; the reward wrappers are built on
it. Fields of a `Task` are computed there, in one batched call for all environments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import RecordConstructorArgs

from envs.task import Task
from reward_designers.base import Encoder, RewardFn, Transition, encode, unknown_name

Rows = dict[str, np.ndarray]

MUJOCO_ARRAYS = (
    "qpos",
    "qvel",
    "qacc",
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


def state_readers(env: gym.Env) -> dict[str, Callable[[], Any]]:
    """What can be read from an environment besides observations and frames: array name to a function that reads it.

    Environments offer theirs in an attribute ``state_arrays``, such a dict; MuJoCo's are found in ``data``.
    """
    unwrapped = env.unwrapped
    readers = dict(getattr(unwrapped, "state_arrays", {}))
    data = getattr(unwrapped, "data", None)
    if hasattr(data, "qpos"):
        readers |= {name: lambda name=name: getattr(data, name) for name in MUJOCO_ARRAYS if hasattr(data, name)}
    return readers


class Expose(gym.Wrapper, RecordConstructorArgs):
    """Copies named arrays of the simulator's state, and frames, after each reset and step.

    Args:
        env: The environment.
        names: Simulator arrays (`state_readers`) or ``frame``.
        frame_size: (height, width) of frames.
        frame_at_reset: False where nothing reads the frame of an episode's first state.
        render: Further options of `envs.rendering.frame_of`, such as ``preset`` and ``camera``.

    Attributes:
        state: The arrays of the current state, without a batch dimension.
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
        self._names = names
        self._frame_size = frame_size
        self._frame_at_reset = frame_at_reset
        self._render = dict(render or {})
        readers = state_readers(env)
        for name in names:
            if name != "frame" and name not in readers:
                raise ValueError(unknown_name(f"state array of {env}", name, [*readers, "frame"]))
        self._readers = {name: readers[name] for name in names if name != "frame"}
        self.bind(*(self.allocate(1), self.allocate(1)), row=0)

    def allocate(self, num_envs: int) -> Rows:
        """Arrays ``(num_envs, ...)`` of the right shapes and dtypes for `bind`."""
        rows = {}
        for name, read in self._readers.items():
            value = np.asarray(read())
            rows[name] = np.empty((num_envs, *value.shape), value.dtype)
        if "frame" in self._names:
            if self._frame_size is None:
                raise ValueError("exposing frames needs frame_size=(height, width)")
            rows["frame"] = np.zeros((num_envs, *self._frame_size, 3), np.uint8)
        return rows

    def bind(self, reset_rows: Rows, next_rows: Rows, row: int) -> None:
        """From now on write into ``row`` of these arrays: initial states and successor states respectively."""
        self._reset_rows, self._next_rows, self._row = reset_rows, next_rows, row
        self._latest = reset_rows

    @property
    def state(self) -> Rows:
        """The arrays of the current state, ``(...)`` each, valid until the next step."""
        return {name: array[self._row] for name, array in self._latest.items()}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset, then copy the initial state."""
        result = self.env.reset(seed=seed, options=options)
        self._copy(self._reset_rows, frame=self._frame_at_reset)
        return result

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step, then copy the successor state."""
        result = self.env.step(action)
        self._copy(self._next_rows)
        return result

    def _copy(self, rows: Rows, frame: bool = True) -> None:
        self._latest = rows
        row = self._row
        for name, read in self._readers.items():
            rows[name][row] = read()
        if frame and "frame" in rows:
            from envs.rendering import frame_of

            height, width = rows["frame"].shape[1:3]
            frame_of(self.env, height=height, width=width, out=rows["frame"][row], **self._render)


class StateTracker:
    """Follows ``num_envs`` environments and gives each step as a true `Transition` batch.

    The arrays of a transition are valid until `advance` (which the next step needs); keep copies.

    Args:
        num_envs: Number of environments.
        observation_space: Of one environment; the entries of a Dict space are state arrays by their own names.
        consumers: Rewards and measures whose inputs are to be exposed.
        task: Gives the named fields.
        envs: The environments, where this process can reach them: each is wrapped in `Expose`, see `exposed`.
        encode: False to leave encoding to the consumer (in larger batches); raw sources are then in the state.
        render: Options of `envs.rendering.frame_of` for frames; the task's camera by default.

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
        self._dict_obs = isinstance(observation_space, gym.spaces.Dict)
        self._obs_names = (
            tuple(observation_space.spaces) if isinstance(observation_space, gym.spaces.Dict) else ("obs",)
        )
        fields = dict(task.fields) if task else {}
        names = {name for consumer in consumers for name in consumer.inputs}
        in_state = {name for consumer in consumers if "state" in consumer.reads for name in consumer.inputs}
        sources = {name: self.encoders[name].source if name in self.encoders else name for name in names}
        self._fields = {source: fields[source] for source in sources.values() if source in fields}
        raw = {source for source in sources.values() if source not in self._fields and source not in self._obs_names}
        self._kept = set(raw) - {"frame"}
        raw |= {name for f in self._fields.values() for name in f.reads if name not in self._obs_names}
        self._frame_in_state = any(sources[name] == "frame" for name in in_state)
        framed = {"frame", *(name for name in names if sources[name] == "frame")}
        self._only_in_next = set() if self._frame_in_state else framed
        self.exposed: list[Expose] = []
        if raw:
            available = {*fields, *self._obs_names, "frame", *(state_readers(envs[0]) if envs else ())}
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
            self._reset_rows = self.exposed[0].allocate(num_envs)
            self._rows = [self.exposed[0].allocate(num_envs), self.exposed[0].allocate(num_envs)]
            self._bind()
        self._state: Rows = {}
        self._next_state: Rows = {}

    def _bind(self) -> None:
        for row, env in enumerate(self.exposed):
            env.bind(self._reset_rows, self._rows[0], row)

    def reset(self, obs: Any, mask: np.ndarray | None = None) -> None:
        """Environments were reset to ``obs`` ``(num_envs, ...)``: all, or those in ``mask`` ``(num_envs,)``."""
        if mask is None or not self._state:
            self._state = self._initial_state(obs)
        else:
            self._next_state = self._state
            self.advance(obs, mask)

    def step(self, action: np.ndarray, next_obs: Any, terminated: np.ndarray, truncated: np.ndarray) -> Transition:
        """The transition just made; ``next_obs`` are the true successors' observations ``(num_envs, ...)``."""
        self._next_state = self._make_state(next_obs, self._rows[0] if self.exposed else {}, frame=True)
        state = self._state
        if self._only_in_next:
            state = {name: array for name, array in state.items() if name not in self._only_in_next}
        return Transition(state, action, self._next_state, terminated, truncated)

    def advance(self, obs: Any, restarted: np.ndarray) -> None:
        """Make the successors current; rows in ``restarted`` begin a new episode at ``obs`` ``(num_envs, ...)``."""
        self._state = self._next_state
        if np.count_nonzero(restarted):
            self._state = dict(self._next_state)
            if len(self._state) > len(self._obs_names):
                for name, array in self._initial_state(obs, restarted).items():
                    self._state[name] = np.array(self._next_state[name])
                    self._state[name][restarted] = array
            self._state |= {name: obs[name] for name in self._obs_names} if self._dict_obs else {"obs": obs}
        if self.exposed:
            self._rows.reverse()
            self._bind()

    def state_dict(self) -> Rows:
        """Copies of the current state's arrays, to resume from in mid-episode."""
        return {name: np.array(array) for name, array in self._state.items()}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from what `state_dict` returned."""
        self._state = {name: np.array(array) for name, array in state.items()}

    def _initial_state(self, obs: Any, rows: np.ndarray | slice = slice(None)) -> Rows:
        """The states at the episodes' starts, of ``rows`` alone."""
        obs = {n: np.asarray(obs[n])[rows] for n in self._obs_names} if self._dict_obs else np.asarray(obs)[rows]
        raw = {name: array[rows] for name, array in self._reset_rows.items()} if self.exposed else {}
        return {name: np.array(array) for name, array in self._make_state(obs, raw, self._frame_in_state).items()}

    def _make_state(self, obs: Any, raw: Rows, frame: bool) -> Rows:
        state: Rows = {name: np.asarray(obs[name]) for name in self._obs_names} if self._dict_obs else {"obs": obs}
        if self._fields:
            sources: Mapping[str, np.ndarray] = {**raw, **state}
            for name, f in self._fields.items():
                state[name] = f.compute(*[sources[read] for read in f.reads])
        for name in self._kept:
            state[name] = raw[name]
        if frame and "frame" in raw:
            state["frame"] = raw["frame"]
        if not (self.encode and self.encoders):
            return state
        skipping = [name for name, encoder in self.encoders.items() if encoder.every > 1]
        if skipping:
            raise ValueError(
                f"{skipping[0]!r} is made every {self.encoders[skipping[0]].every} steps, which needs whole rollouts: "
                "use it in training with deferred rewards (agents.sb3.VecReplaceReward), or set every=1"
            )
        return encode(self.encoders, state)

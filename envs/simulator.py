"""Simulators that can be put into any state that was recorded: they step states and actions in batches.

simulator = make_simulator("Hopper", rewards=[stand, run])
next_state = simulator.step(t.state, actions)              # what the rewards read, as in training

DARD and STARC ask what would have happened after other actions (`reward_designers.distances.Simulator`). A state is
restored from its arrays, which a coverage records beside what rewards read, into one environment. That is then stepped
as it always is, so that wrappers, fields, frames and encodings are those of training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.classic_control.cartpole import CartPoleEnv
from gymnasium.vector.utils import concatenate, create_empty_array

from envs.expose import StateTracker
from envs.make import make
from envs.wrappers import task_of
from reward_designers.base import Components, RewardFn, State, Transition
from reward_designers.errors import unknown_name
from reward_designers.memory import EpisodeMemory

BLOCK = 64
"""States that are stepped before fields and encodings are computed for all of them at once."""
MUJOCO_STATE = ("qpos", "qvel", "act", "mocap_pos", "mocap_quat", "qacc_warmstart", "time")
"""What decides a MuJoCo step, given the controls: without the warm start a contact solver ends elsewhere."""


def restorable(env: gym.Env) -> frozenset[str]:
    """The state arrays to record so that a simulator can go on from there; none if there is no simulator for it."""
    data = getattr(env.unwrapped, "data", None)
    if hasattr(data, "qacc_warmstart"):
        return frozenset(name for name in MUJOCO_STATE if np.size(getattr(data, name)))
    if isinstance(env.unwrapped, CartPoleEnv) and task_of(env) is not None:
        return frozenset({"cart_pole"})
    return frozenset()


def make_simulator(
    env: str | gym.Env,
    rewards: Sequence[RewardFn] = (),
    *,
    task: str | None = None,
    render: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> EnvSimulator:
    """The simulator of an environment: any of MuJoCo, or CartPole.

    Args:
        env: As for `envs.make`; or an environment, with all of its wrappers, that nobody else uses from now on.
        rewards: What they read is in the states that come out.
        task: As for `envs.make`.
        render: Options of `envs.rendering.frame_of`, for rewards that look at frames.
        **kwargs: As for `envs.make`.

    Raises:
        ValueError: There is no simulator for it, see `restorable`; or see `EnvSimulator`.
    """
    if isinstance(env, str):
        env = make(env, task, **kwargs)
    kind = MujocoSimulator if hasattr(env.unwrapped, "data") else CartPoleSimulator
    if not restorable(env):
        raise ValueError(
            f"{env} cannot be put into a given state: there are simulators for MuJoCo environments and for CartPole"
        )
    return kind(env, rewards, render)


class EnvSimulator:
    """An environment that starts each step from a given state.

    Args:
        env: The environment, with all of its wrappers; nobody else may use it from now on.
        rewards: What they read is in the states that come out.
        render: Options of `envs.rendering.frame_of`, for rewards that look at frames.

    Attributes:
        restores: The arrays that decide what happens next. They come out of `step` too, so its result can be stepped.

    Raises:
        ValueError: A reward reads what does not exist, or the environment does not go on from a restored state as it
            did: something that matters is random, or kept elsewhere, as by a wrapper that stacks observations.
    """

    deterministic = True
    defaults: frozenset[str] = frozenset()
    """Arrays of `restores` that count as zeros where a state lacks them."""

    def __init__(self, env: gym.Env, rewards: Sequence[RewardFn] = (), render: Mapping[str, Any] | None = None):
        self.env = env
        self.restores = restorable(env)
        wanted = [*rewards, _Recorded(self.restores)]
        self._names = {name for reward in wanted for name in reward.inputs}
        # One environment, wrapped once for each row of a block: each wrapper copies what it sees into its own row.
        self._tracker = StateTracker(
            BLOCK, env.observation_space, wanted, task=task_of(env), envs=[env] * BLOCK, render=render
        )
        self._rows = self._tracker.exposed
        self._obs = create_empty_array(env.observation_space, BLOCK)
        self._verify()

    def step(self, state: State, action: np.ndarray) -> dict[str, np.ndarray]:
        """What happens after an action in each of n states; nothing is random, and nothing is remembered.

        Args:
            state: Named arrays ``(n, ...)``, those that `restores` names among them.
            action: ``(n, *action_shape)``.

        Returns:
            The arrays that the rewards read and those that `restores` names, each ``(n, ...)``. Episodes do not end
            here: a state in which one would have been terminated goes on.

        Raises:
            ValueError: An array is missing, or has another number of rows than there are actions.
        """
        action = np.asarray(action)
        self._check(state, action)
        arrays = {name: np.asarray(state[name]) for name in self.restores if name in state}
        result: dict[str, np.ndarray] = {}
        for start in range(0, len(action), BLOCK):
            part = slice(start, min(start + BLOCK, len(action)))
            block = self._step({name: array[part] for name, array in arrays.items()}, action[part])
            for name, rows in block.items():
                if name not in result:
                    result[name] = np.empty((len(action), *rows.shape[1:]), rows.dtype)
                result[name][part] = rows
        return result

    def _step(self, state: State | None, action: np.ndarray) -> dict[str, np.ndarray]:
        """Up to `BLOCK` steps, each from its state or one after the other, as views that the next call changes."""
        observations = []
        for row, exposed in zip(range(len(action)), self._rows, strict=False):
            self._revive()
            if state is not None:
                self._restore(state, row)
            observations.append(exposed.step(action[row])[0])
        observations += observations[-1:] * (BLOCK - len(observations))
        obs = self._tracker.observations.batch(concatenate(self.env.observation_space, observations, self._obs))
        never = np.zeros(BLOCK, bool)
        after = self._tracker.step(action, obs, never, never).next_state
        return {name: after[name][: len(action)] for name in self._names}

    def _revive(self) -> None:
        """Forget that an episode has ended; most environments do not care."""

    def _restore(self, state: State, row: int) -> None:
        raise NotImplementedError

    def _check(self, state: State, action: np.ndarray) -> None:
        shape = self.env.action_space.shape
        if not len(action) or action.shape[1:] != shape:
            raise ValueError(f"expected actions of shape (n, *{shape}) with n > 0, got {action.shape}")
        for name in sorted(self.restores):
            if name not in state and name not in self.defaults:
                raise ValueError(f"{unknown_name('state array', name, state)} It is needed to restore a state")
            if name in state and len(state[name]) != len(action):
                raise ValueError(f"there are {len(action)} actions, but {len(state[name])} rows of {name}")

    def _verify(self) -> None:
        """Step along an episode, begin another, restore and step again: the same must come out."""
        space = self.env.action_space
        space.seed(0)
        actions = np.array([space.sample() for _ in range(BLOCK)])  # all rows: unused ones hold a real state, not zeros
        self.env.reset(seed=0)
        along = {name: array.copy() for name, array in self._step(None, actions).items()}
        self.env.reset(seed=1)
        before, after = [0, 7, 3], [1, 8, 4]
        again = self._step({name: along[name][before] for name in self.restores}, actions[after])
        odd = [name for name in sorted(self._names) if not np.array_equal(again[name], along[name][after])]
        if odd:
            raise ValueError(
                f"{self.env} does not go on from {', '.join(sorted(self.restores))} as it did, {odd[0]!r} differs: its "
                "steps are random, or it keeps a part of its state elsewhere, in a wrapper or an attribute"
            )


class MujocoSimulator(EnvSimulator):
    """Any MuJoCo environment of Gymnasium; a restored step equals the recorded one to the last bit.

    A state without ``qacc_warmstart`` (from a file, say) starts the constraint solver from zero. Over random roll-outs
    that changed observations by up to 1e-8 with the Newton solver, and by 4e-4 in the two Humanoids, which use PGS.
    """

    defaults = frozenset({"qacc_warmstart", "time"})

    def __init__(self, env: gym.Env, rewards: Sequence[RewardFn] = (), render: Mapping[str, Any] | None = None):
        self._data: Any = env.unwrapped.data  # type: ignore[attr-defined]
        self._arrays = [(name, getattr(self._data, name)) for name in sorted(restorable(env) - {"time"})]
        super().__init__(env, rewards, render)

    def _restore(self, state: State, row: int) -> None:
        self._data.time = state["time"][row] if "time" in state else 0.0
        for name, array in self._arrays:
            array[...] = state[name][row] if name in state else 0.0


class CartPoleSimulator(EnvSimulator):
    """CartPole, from its state in double precision: observations are rounded to single."""

    def _revive(self) -> None:
        self.env.unwrapped.steps_beyond_terminated = None  # type: ignore[attr-defined]

    def _restore(self, state: State, row: int) -> None:
        self.env.unwrapped.state = state["cart_pole"][row].copy()  # type: ignore[attr-defined]


class _Recorded(RewardFn):
    """Stands among the rewards for the arrays that restore a state."""

    reads = frozenset({"next_state"})

    def __init__(self, inputs: frozenset[str]):
        self.inputs = inputs

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        raise NotImplementedError

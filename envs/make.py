"""Environments by plain name and task, or by any Gymnasium id.

env = envs.make("Humanoid", "kneeling")
venv = envs.make_vec("Hopper", num_envs=16)
env = envs.make("MiniHack-KeyRoom-S5")   # and NetHack, with the extra `nethack`
env = envs.make("ALFWorld", games="json_2.1.1/valid_unseen")
env = envs.make("Acrobot-v1")            # works too, without a task
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

import gymnasium as gym
from gymnasium.vector import AutoresetMode

from envs import classic
from envs.alfworld import tasks as alfworld
from envs.mujoco import (
    ant,
    half_cheetah,
    hopper,
    humanoid,
    humanoid_standup,
    humanoid_tasks,
    pendulums,
    pusher,
    reacher,
    swimmer,
    walker2d,
)
from envs.nethack import tasks as nethack
from envs.task import Task
from envs.wrappers import WithoutTermination, WithTask
from reward_designers.base import FunctionReward
from reward_designers.errors import unknown_name

_MODULES = (
    *(humanoid, humanoid_tasks, ant, half_cheetah, hopper, walker2d, humanoid_standup, swimmer),
    *(reacher, pusher, pendulums, classic),
)
_TASKS: dict[str, dict[str, Task]] = {}
_DEFAULTS: dict[str, Task] = {}  # by plain name, and by Gymnasium id
for _task in (task for module in _MODULES for task in module.TASKS):
    _TASKS.setdefault(_task.env, {})[_task.name] = _task
    _DEFAULTS.setdefault(_task.env, _task)
    _DEFAULTS.setdefault(_task.env_id, _task)


def names() -> tuple[str, ...]:
    """The plain names of the environments in numbers that have tasks; ALFWorld and `envs.nethack.names` are more."""
    return tuple(_TASKS)


def tasks(name: str) -> dict[str, Task]:
    """The tasks of an environment by name; the first is its default.

    Args:
        name: A plain name, or the Gymnasium id of one of its tasks, such as ``Hopper-v5``.

    Raises:
        ValueError: There is no such environment, or it has no tasks.
    """
    return dict(_tasks(name))


def find_task(name: str, task: str | None = None) -> Task:
    """A task by the names of its environment and itself; the environment's default if ``task`` is None.

    Raises:
        ValueError: There is no such environment or task.
    """
    if task is None:
        return _default(name)
    known = _tasks(name)
    if task not in known:
        raise ValueError(unknown_name(f"task of {name}", task, known))
    return known[task]


def make(name: str, task: str | None = None, *, max_episode_steps: int | None = None, **kwargs: Any) -> gym.Env:
    """Make an environment that knows its `Task` (``envs.task_of(env)``).

    Args:
        name: A plain name (`names`) or any Gymnasium id; an id that is not behind a plain name has no task.
        task: One of `tasks`; the first by default.
        max_episode_steps: Time limit; the task's by default.
        **kwargs: For ``gymnasium.make``, such as ``render_mode`` or ``ctrl_cost_weight``; they override the task's
            ``env_kwargs``. The task's analytic reward and fitness take them into account.

    Raises:
        ValueError: There is no such environment or task; the message has the nearest names.
    """
    if max_episode_steps is not None and max_episode_steps < 1:
        raise ValueError(f"max_episode_steps must be at least 1, got {max_episode_steps}")
    if not (name in _DEFAULTS or _tasks_apart(name)) or (name not in _TASKS and "xml_file" in kwargs):
        if task is not None:
            raise ValueError(f"{name} has no tasks, so task={task!r} means nothing; {_list(names())} have some")
        return _gymnasium_make(name, max_episode_steps=max_episode_steps, **kwargs)
    if "xml_file" in kwargs:
        raise ValueError(
            f"the named fields of {name} belong to its own model: make {_default(name).env_id!r} with xml_file="
            f"{kwargs['xml_file']!r} instead, which has no task"
        )
    chosen = _customized(find_task(name, task), max_episode_steps, kwargs)
    options = {"disable_env_checker": True, **chosen.env_kwargs}  # the tests check all of them
    env = _gymnasium_make(chosen.env_id, max_episode_steps=chosen.max_episode_steps, **options)
    if not chosen.terminates:
        env = WithoutTermination(env)
    return WithTask(env, chosen)


def make_vec(
    name: str,
    num_envs: int,
    task: str | None = None,
    *,
    vectorization_mode: str = "sync",
    autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
    wrappers: Sequence[Callable[[gym.Env], gym.Env]] = (),
    vector_kwargs: dict[str, Any] | None = None,
    **kwargs: Any,
) -> gym.vector.VectorEnv:
    """Make ``num_envs`` environments that are stepped together.

    On few cores the environments are best kept in this process (``sync``): physics costs less than passing it on.

    Args:
        name: See `make`.
        num_envs: Number of environments, at least 1.
        task: See `make`.
        vectorization_mode: ``sync``, in this process, or ``async``, one process each; rewards that read more than
            observations must then be wrapped around each environment (``wrappers``).
        autoreset_mode: When a finished environment is reset; in the same step by default, so no step is wasted.
        wrappers: Applied to each environment, in this order.
        vector_kwargs: Further arguments of ``gymnasium.vector.SyncVectorEnv`` or ``AsyncVectorEnv``.
        **kwargs: See `make`.

    Raises:
        ValueError: ``num_envs`` is less than 1, or a name is unknown.
    """
    if isinstance(num_envs, bool) or not isinstance(num_envs, int) or num_envs < 1:
        raise ValueError(f"num_envs must be a whole number of at least 1, got {num_envs!r}")
    vectorizers = {"sync": gym.vector.SyncVectorEnv, "async": gym.vector.AsyncVectorEnv}
    if vectorization_mode not in vectorizers:
        raise ValueError(unknown_name("vectorization_mode", vectorization_mode, vectorizers))
    make_one = functools.partial(_make_wrapped, name, task, tuple(wrappers), kwargs)
    return vectorizers[vectorization_mode](
        [make_one] * num_envs, autoreset_mode=AutoresetMode(autoreset_mode), **(vector_kwargs or {})
    )


def _make_wrapped(
    name: str, task: str | None, wrappers: Sequence[Callable[[gym.Env], gym.Env]], kwargs: dict[str, Any]
) -> gym.Env:
    env = make(name, task, **kwargs)
    env.unwrapped.metadata = dict(env.unwrapped.metadata)  # vector environments write their autoreset mode into it
    for wrap in wrappers:
        env = wrap(env)
    return env


def _default(name: str) -> Task:
    """The task that an environment's plain name or id stands for."""
    return _DEFAULTS[name] if name in _DEFAULTS else next(iter(_tasks(name).values()))


def _tasks(name: str) -> dict[str, Task]:
    if name in _DEFAULTS:
        return _TASKS[_DEFAULTS[name].env]
    if known := _tasks_apart(name):
        return known
    raise ValueError(unknown_name("environment", name, (*names(), alfworld.NAME)))


def _tasks_apart(name: str) -> dict[str, Task]:
    """The tasks of worlds that `names` leaves out; none if it is no name of theirs."""
    return alfworld.tasks_of(name) or nethack.tasks_of(name)


def _customized(task: Task, max_episode_steps: int | None, kwargs: dict[str, Any]) -> Task:
    """The task as it is with other arguments for its environment: they also are the analytic reward's."""
    options = {**task.env_kwargs, **kwargs}
    reward = task.reward
    if isinstance(reward, type):
        own = {f.name: options[f.name] for f in fields(reward) if f.name in options}
        reward = functools.partial(reward, **own) if own else reward
    return replace(
        task,
        env_kwargs=options,
        max_episode_steps=task.max_episode_steps if max_episode_steps is None else max_episode_steps,
        reward=reward,
        fitness=_with_params(task.fitness, options),
        success=_with_params(task.success, options) if isinstance(task.success, FunctionReward) else task.success,
    )


def _with_params(measure: FunctionReward, options: dict[str, Any]) -> FunctionReward:
    changed = {name: options[name] for name in measure.params if name in options}
    return FunctionReward(measure.function, measure.params | changed) if changed else measure


def _gymnasium_make(env_id: str, **kwargs: Any) -> gym.Env:
    try:
        return gym.make(env_id, **kwargs)
    except gym.error.UnregisteredEnv as error:
        near = difflib.get_close_matches(env_id, gym.registry, n=3)
        ids = f" Gymnasium ids are known too, the nearest: {_list(near)}." if near else ""
        raise ValueError(f"{unknown_name('environment', env_id, (*names(), alfworld.NAME))}{ids}") from error


def _list(words: Sequence[str]) -> str:
    return ", ".join(words)

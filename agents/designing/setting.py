"""Where a search takes place: what the author is told, on what programs are checked, and what may not be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.build import SB3_GAMMA, find_task, make_env, resolve, tuned
from agents.config.commands import TrainConfig
from agents.config.language_models import NoModel
from agents.config.rewards import EnvReward
from agents.designing.options import DesignConfig
from agents.errors import UsageError
from reward_designers.base import RewardFn, Transition
from reward_designers.code.search import Secrets, WorldDescription, describe

if TYPE_CHECKING:
    from envs.task import Task

EVAL_EPISODES = 4
"""Of the evaluations during a training, from which the author learns how it went. Scores have episodes of their own."""


@dataclass(frozen=True, eq=False)
class Setting:
    """One environment and one wish.

    Attributes:
        task: Of the kit; None for an environment that it has none for.
        world: What the author is told.
        fields: Names that programs may read besides ``obs``, ``action`` and ``terminated``.
        transitions: Of a random policy, with all fields.
        secrets: What no prompt may show.
        unaudited: Why the environment's own reward is not among the secrets; empty if it is.
        training: The config of a training, but for its reward, steps, seed and folder.
        gamma: The learner's discount.
        own: The environment's own reward where it can be written down: the report's map shows where it is.
    """

    task: Task | None
    world: WorldDescription
    fields: tuple[str, ...]
    transitions: Transition
    secrets: Secrets
    unaudited: str
    training: TrainConfig
    gamma: float
    own: RewardFn | None = None


def named_task(config: DesignConfig) -> tuple[Task | None, str]:
    """The task that judges, and the sentence that says what is wanted.

    Raises:
        ValueError: There is no such task.
        UsageError: Nothing says what is wanted.
    """
    name = config.env.id or config.env.name or ""
    wish = (config.task or "").strip()
    if " " not in wish:
        task = find_task(name, wish or None)
        if task is None:
            raise UsageError(f"{name} has no task: say in a sentence what is wanted, as in task='Land softly'")
        return task, task.text
    return find_task(name, None), wish


def train_config(config: DesignConfig, task: Task | None, steps: int) -> TrainConfig:
    """The config of a training of so many steps, resolved, on the environment's own reward."""
    return resolve(
        TrainConfig(
            env=config.env,
            task=None if task is None else task.name,
            reward=EnvReward(),
            algo=config.algo,
            llm=NoModel(),
            total_timesteps=steps,
            num_envs=config.num_envs,
            device="cpu",
            eval_episodes=EVAL_EPISODES,
            log_every=max(1, steps // 10),
            checkpoint_every=max(1, steps // 4),
            video=False,
            tensorboard=False,
        )
    )


def default_steps(config: DesignConfig) -> int:
    """Steps of a whole training of a candidate."""
    name = config.env.id or config.env.name or ""
    return config.total_timesteps or tuned(config.algo.name, name, config.algo.settings)["total_timesteps"]


def look(config: DesignConfig, first_steps: int, cache: Path) -> Setting:
    """Make the setting; transitions are collected, or read where they have been.

    Args:
        config: The search's.
        first_steps: Steps of the shortest training; what is logged and evaluated has its rhythm.
        cache: Folder of transitions.
    """
    import gymnasium as gym

    from agents.comparison.collect import World, collect
    from agents.comparison.coverages import parse_coverages
    from agents.comparison.stage import Reads
    from envs.observations import Observations

    task, wish = named_task(config)
    training = train_config(config, task, first_steps)
    env = make_env(training)
    try:
        about = (
            {name: (field.unit, field.description) for name, field in task.fields.items()}
            if task is not None
            else {name: ("", "") for name in Observations(env.observation_space).names if name != "obs"}
        )
        about.pop("obs", None)
        own = None if task is None or task.reward is None else task.reward()
        reads: list[RewardFn] = [Reads([] if own is None else [own], frozenset({"obs", *about}))]
        world = World(config.env.id or config.env.name or "", reads, training.task, config.env.kwargs)
        (random,) = parse_coverages(["random"])
        coverage = collect(random, world, num_transitions=config.transitions, seed=config.seed, cache=cache)
        gamma = SB3_GAMMA if training.algo.gamma is None else float(training.algo.gamma)
        simulator: Any = env.unwrapped
        space = env.action_space
        limit = task.max_episode_steps if task is not None else getattr(env.spec, "max_episode_steps", None)
        terminates = _ends_early(task, simulator, coverage.transitions)
        description = describe(
            (config.env.id or config.env.name or "").split("/")[-1],
            wish,
            coverage.transitions,
            about=about,
            gamma=gamma,
            action_text=_limits(space),
            choices=int(space.n) if isinstance(space, gym.spaces.Discrete) else 0,
            step_seconds=getattr(simulator, "dt", None) or getattr(simulator, "tau", None),
            max_steps=int(limit or 1000),
            terminates=terminates,
            score="" if task is None else how_scored(task, terminates),
        )
        secrets, unaudited = _secrets(task, simulator, tuple(about))
    finally:
        env.close()
    return Setting(task, description, tuple(about), coverage.transitions, secrets, unaudited, training, gamma, own)


def how_scored(task: Task, terminates: bool) -> str:
    """How the author of programs is to read a task score: unit, limits, what counts as done. Not what it measures."""
    unit = "" if task.fitness_unit == "1" else f" {task.fitness_unit}"
    told = f"The task score of an episode is the {'sum' if task.adds_up else 'mean'} over its "
    told += "steps" if task.adds_up else f"{task.max_episode_steps} steps"
    told += f", in{unit}" if unit else ""
    if terminates and not task.adds_up:
        told += "; steps that are lost by ending early count as 0"
    told += "."
    if task.fitness_best is not None:
        told += f" The best possible in a step is {task.fitness_best:g}{unit}."
    if isinstance(task.success, float) and task.success != task.fitness_best:
        told += f" A step counts as done from {task.success:g}{unit} on."
    return told


def _ends_early(task: Task | None, simulator: Any, random: Transition) -> bool:
    """Whether an episode can end before its time limit; for most of the kit's tasks random actions show it."""
    if task is None:
        return True
    may = getattr(simulator, "_terminate_when_unhealthy", random.terminated.any())
    return task.terminates and bool(may)


def _limits(space: Any) -> str:
    low, high = getattr(space, "low", None), getattr(space, "high", None)
    if low is None or high is None or not (np.isfinite(low).all() and np.isfinite(high).all()):
        return ""
    if len(np.unique(low)) == len(np.unique(high)) == 1:
        return f"each between {float(np.min(low)):g} and {float(np.max(high)):g}"
    return f"between {np.asarray(low).tolist()} and {np.asarray(high).tolist()}"


def _secrets(task: Task | None, simulator: Any, allowed: Sequence[str]) -> tuple[Secrets, str]:
    """The ground truth and the environment's own reward, as far as there is source to be read."""
    hidden: list[Any] = []
    if task is not None:
        hidden.append(task.fitness.function)
    hidden.append(task.reward if task is not None and task.reward is not None else type(simulator).step)
    known = (*allowed, "obs", "action", "terminated")
    try:
        return Secrets.of(*hidden, allowed=known), ""
    except (OSError, TypeError, ValueError) as error:
        return Secrets.of(*hidden[:-1], allowed=known), str(error)

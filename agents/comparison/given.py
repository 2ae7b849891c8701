"""Coverages from files, fitted to a world: what can be computed of what its rewards read is computed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from agents.errors import UsageError
from reward_designers.base import State
from reward_designers.distances import Coverage
from reward_designers.distances.coverage_files import read

if TYPE_CHECKING:
    from agents.comparison.collect import World
    from envs.task import Task


def fitted(path: Path, world: World) -> Coverage:
    """The transitions in a file, with all that the rewards read, and with ground truth if it can be computed.

    Fields of the task are computed from the simulator's arrays, encoded inputs from frames, where the file has these.

    Raises:
        UsageError: The file is damaged, of another environment, or needs an extra.
        CoverageError: It lacks what a reward reads.
    """
    from envs import task_of
    from envs.observations import Observations
    from envs.scoring import Scorer

    try:
        coverage = replace(read(path), name=str(path))
    except (ImportError, OSError, ValueError) as error:
        raise UsageError(str(error)) from error
    env = world.make()
    try:
        task = task_of(env)
        obs, _ = env.reset(seed=0)
        own = Observations(env.observation_space).single(obs)
        here = coverage.transitions.state
        shapes = {name: (array.shape[1:], here[name].shape[1:]) for name, array in own.items() if name in here}
        shapes["action"] = env.action_space.shape or (), coverage.actions.shape[1:]
        for name, (expected, found) in shapes.items():
            if expected != found:
                raise UsageError(f"{path} is not of {world.env}: {name} has shape {found}, expected {expected}")
        if task is not None:
            coverage = _with_fields(coverage, world, task)
        coverage = coverage.encoded(world.rewards)
        coverage.require(world.rewards)
        if task is not None and not coverage.measures and task.fitness.inputs <= coverage.transitions.state.keys():
            measures = Scorer(None, 1, env.observation_space, task=task, envs=[env]).measure(coverage.transitions)
            coverage = replace(coverage, measures=measures)
    finally:
        env.close()
    return coverage


def _with_fields(coverage: Coverage, world: World, task: Task) -> Coverage:
    have = coverage.transitions.state.keys()
    wanted = task.fitness.inputs.union(*(reward.inputs for reward in world.rewards)) - have
    fields = {name: task.fields[name] for name in sorted(wanted & task.fields.keys())}
    fields = {name: field for name, field in fields.items() if have >= set(field.reads)}
    if not fields:
        return coverage

    def compute(states: State) -> dict[str, np.ndarray]:
        return {name: field.compute(*[states[read] for read in field.reads]) for name, field in fields.items()}

    return coverage.derived(compute)

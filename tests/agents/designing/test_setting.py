"""What the author of programs is told of the score by which the programs are judged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import envs
from agents.designing.setting import how_scored
from reward_designers import random_batch
from reward_designers.evaluation import evaluate

TASKS = [(name, task) for name in envs.names() for task in envs.tasks(name)]


@pytest.mark.parametrize(
    ("env", "task", "terminates", "told"),
    [
        (
            *("Hopper", "hopping", True),
            "The task score of an episode is the mean over its 1000 steps, in m/s; steps that are lost by ending early "
            "count as 0. A step counts as done from 1 m/s on.",
        ),
        (
            *("Humanoid", "kneeling", False),
            "The task score of an episode is the mean over its 100 steps. The best possible in a step is 1. A step "
            "counts as done from 0.8 on.",
        ),
        (
            *("CartPole", "balancing", True),
            "The task score of an episode is the mean over its 500 steps; steps that are lost by ending early count as "
            "0. The best possible in a step is 1.",
        ),
        (
            *("Reacher", "reaching", False),
            "The task score of an episode is the mean over its 50 steps, in m. The best possible in a step is 0 m. A "
            "step counts as done from -0.02 m on.",
        ),
    ],
)
def test_units_limits_and_what_counts_as_done(env: str, task: str, terminates: bool, told: str) -> None:
    assert how_scored(envs.find_task(env, task), terminates) == told


def test_sums_are_no_means() -> None:
    task = replace(envs.find_task("Hopper"), adds_up=True, fitness_unit="points", success=None)
    assert how_scored(task, True) == "The task score of an episode is the sum over its steps, in points."


@pytest.mark.parametrize(("env", "name"), [pair for pair in TASKS if envs.find_task(*pair).fitness_best is not None])
def test_no_state_is_better_than_the_best(env: str, name: str) -> None:
    task = envs.find_task(env, name)
    assert task.fitness_best is not None
    batch = random_batch(dict.fromkeys(("obs", *task.fields), ()), n=512)
    next_state = {key: np.abs(values) for key, values in batch.next_state.items()}  # no distance is negative
    (values,) = evaluate(task.fitness, replace(batch, next_state=next_state)).values()
    assert values.max() <= task.fitness_best
    assert isinstance(task.success, float)
    assert task.success <= task.fitness_best

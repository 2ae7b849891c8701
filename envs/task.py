"""What is wanted of an environment, in words and in numbers that no reward can reach.

A `Task` carries the text and prompts that reward designers read, the named fields that rewards may read, and the
ground truth (`fitness`, `success`) by which all of them are judged. Fitness is not reward: it is computed from the true
state by the wrappers, is only logged, and appears in no prompt.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from reward_designers.base import FunctionReward, RewardFn

if TYPE_CHECKING:
    from envs.rendering import Camera


@dataclass(frozen=True)
class Field:
    """A named quantity of a state, with its unit.

    Attributes:
        unit: Such as ``m``, ``m/s``, ``rad``; ``1`` for pure numbers.
        description: What it measures, in a few words; designers that write code read it.
        compute: Function of the simulator's arrays by name (``qpos``, ``xpos``, ``obs``, ...), each ``(n, ...)``, to
            ``(n, ...)``. Its parameter names say what it reads.
    """

    unit: str
    description: str
    compute: Callable[..., np.ndarray]

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """The simulator arrays that `compute` takes."""
        return tuple(inspect.signature(self.compute).parameters)


@dataclass(frozen=True)
class Task:
    """What is wanted in one environment.

    Attributes:
        env: The environment's plain name, such as ``Humanoid``.
        name: The task within it, such as ``kneeling``.
        env_id: The Gymnasium id that `make` builds.
        text: One sentence that tells a person, or a language model, what is wanted.
        goal_prompts: What a picture of success shows; several are averaged.
        baseline_prompts: What any picture of the environment shows (VLM-RM's baseline).
        fields: Named quantities that rewards may read.
        arrays: Further raw arrays for `fields` to read: functions of the unwrapped environment, by name. A MuJoCo
            environment's arrays and the observation are there anyway; a field that reads the observation goes wrong
            behind a wrapper that changes it.
        fitness: The ground truth of one step, a function of fields like any reward. An episode's fitness is the sum
            over its steps divided by `max_episode_steps`, so that ending early never pays; see `adds_up`.
        fitness_unit: The unit of `fitness`.
        success: Ground truth of one step: the fitness that makes it a success, a function that returns a bool, or
            None. An episode succeeds if it holds for half of `max_episode_steps` (VLM-RM's criterion); see `adds_up`.
        max_episode_steps: Time limit.
        env_kwargs: For ``gymnasium.make``, such as ``terminate_when_unhealthy=False``.
        terminates: False if an episode goes on to its time limit, whatever the environment says.
        reward: Makes the environment's own reward as an analytic `RewardFn`, if it can be written down.
        camera: From where frames are taken; None for the environment's own camera.
        subgoals: Short sentences in the order in which they are reached, where the way there is known.
        adds_up: An episode's fitness is the plain sum over its steps (points scored, goals reached), and it succeeds if
            one of them does.
        greedy: Policies are evaluated by their most likely actions; False for games in which one that never tries
            anything else gets stuck: they are evaluated by actions drawn, as in training.
        fitness_best: The highest `fitness` that a step can have; None where there is no limit, or nobody knows it.
    """

    env: str
    name: str
    env_id: str
    text: str
    goal_prompts: tuple[str, ...]
    baseline_prompts: tuple[str, ...]
    fields: Mapping[str, Field]
    fitness: FunctionReward
    fitness_unit: str
    max_episode_steps: int
    success: float | FunctionReward | None = None
    arrays: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    terminates: bool = True
    reward: Callable[[], RewardFn] | None = None
    camera: Camera | None = None
    subgoals: tuple[str, ...] = ()
    adds_up: bool = False
    greedy: bool = True
    fitness_best: float | None = None

    def episode_fitness(self, total: Any) -> Any:
        """An episode's fitness, from the sum over its steps (a number or an array)."""
        return total if self.adds_up else total / self.max_episode_steps

    def episode_success(self, steps: np.ndarray) -> np.ndarray:
        """Whether episodes succeeded (float64), from the number of successful steps in each."""
        needed = 1 if self.adds_up else self.max_episode_steps / 2
        return (steps >= needed).astype(np.float64)

"""Scoring of transitions: the reward with its components, and the ground truth beside it.

One `Scorer` stands behind each of the three ``ReplaceReward`` wrappers (single, vector, Stable-Baselines3), so that
they agree to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np

from envs.expose import StateTracker
from envs.task import Task
from reward_designers.base import Components, FunctionReward, RewardFn, Transition, as_reward
from reward_designers.evaluation import evaluate, evaluate_rows, total
from reward_designers.memory import EpisodeMemory

Rewardlike = RewardFn | Callable[..., Any] | str | None


class Scores(NamedTuple):
    """What a batch of transitions scored.

    Attributes:
        reward: ``(n,)`` float64.
        names: Of the parts of the reward.
        rows: Their values, ``(len(names), n)`` float64.
        measures: Ground truth by name, ``fitness`` and ``success``, each ``(n,)``; empty without a task.
    """

    reward: np.ndarray
    names: tuple[str, ...]
    rows: np.ndarray
    measures: dict[str, np.ndarray]

    @property
    def components(self) -> Components:
        """The parts of the reward by name, each ``(n,)``."""
        return dict(zip(self.names, self.rows, strict=True))


class Scorer:
    """Follows ``num_envs`` environments and scores each of their steps.

    Args:
        reward: A `RewardFn`, a plain function or an import path; None keeps the environment's own reward.
        num_envs: Number of environments.
        observation_space: Of one environment.
        task: Gives named fields and ground truth.
        envs: The environments, where this process can reach them; those that must be read are in `exposed` then.
        encode: See `StateTracker`.
        render: See `StateTracker`.
    """

    def __init__(
        self,
        reward: Rewardlike,
        num_envs: int,
        observation_space: gym.Space,
        *,
        task: Task | None = None,
        envs: Sequence[gym.Env] = (),
        encode: bool = True,
        render: Mapping[str, Any] | None = None,
    ):
        self.reward = None if reward is None else as_reward(reward)
        self.measures: dict[str, FunctionReward] = {}
        self._threshold: float | None = None
        if task and envs:
            self.measures["fitness"] = task.fitness
            if isinstance(task.success, FunctionReward):
                self.measures["success"] = task.success
            else:
                self._threshold = task.success
        self._truth = _Truth(self.measures)
        consumers = [*([self.reward] if self.reward else []), *self.measures.values()]
        self.tracker = StateTracker(
            num_envs, observation_space, consumers, task=task, envs=envs, encode=encode, render=render
        )
        self.memory = EpisodeMemory(num_envs)

    def reset(self, obs: Any, mask: np.ndarray | None = None) -> None:
        """Environments began new episodes at ``obs`` ``(num_envs, ...)``: all, or those in ``mask``."""
        self.tracker.reset(obs, mask)
        self.memory.reset(np.ones(self.memory.num_envs, bool) if mask is None else mask)

    def score(self, t: Transition, env_reward: np.ndarray) -> Scores:
        """Score the transitions that `tracker.step` gave; ``env_reward`` ``(n,)`` is the environments' own."""
        if self.reward is None:
            names: tuple[str, ...] = ("env",)
            rows = np.array(env_reward, dtype=np.float64)[None]
        else:
            names, rows = evaluate_rows(self.reward, t, self.memory)
        return Scores(total(rows), names, rows, self.measure(t) if self.measures else {})

    def measure(self, t: Transition) -> dict[str, np.ndarray]:
        """The ground truth of each transition by name, each ``(n,)``."""
        if not self.measures:
            return {}
        measures = evaluate(self._truth, t)
        if self._threshold is not None:
            measures["success"] = (measures["fitness"] >= self._threshold).astype(np.float64)
        return measures

    def advance(self, obs: Any, restarted: np.ndarray) -> None:
        """Go on to the next step; rows in ``restarted`` began a new episode at ``obs``."""
        self.tracker.advance(obs, restarted)
        if np.count_nonzero(restarted):
            self.memory.reset(restarted)


class _Truth(RewardFn):
    """All measures in one call, checked like a reward."""

    name = "ground truth"

    def __init__(self, measures: Mapping[str, FunctionReward]):
        self._measures = measures

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        return {name: measure(t)[measure.name] for name, measure in self._measures.items()}

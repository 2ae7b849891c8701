"""Wrappers for a single environment: the task that belongs to it, and a reward of your own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import RecordConstructorArgs

from envs.gl import ensure_gl
from envs.scoring import Rewardlike, Scorer
from envs.task import Task


class WithTask(gym.Wrapper, RecordConstructorArgs):
    """An environment that knows its `Task`; it changes nothing else."""

    def __init__(self, env: gym.Env, task: Task):
        RecordConstructorArgs.__init__(self, task=task, _disable_deepcopy=True)
        gym.Wrapper.__init__(self, env)
        self.task = task

    @property
    def state_arrays(self) -> dict[str, Callable[[], Any]]:
        """What the task lets rewards and fields read of the environment."""
        return {name: functools.partial(read, self.unwrapped) for name, read in self.task.arrays.items()}

    def render(self) -> Any:
        """Render as the environment does, after off-screen OpenGL has been found if it needs that."""
        if self.render_mode != "human" and hasattr(self.unwrapped, "mujoco_renderer"):
            ensure_gl()
        return self.env.render()


class WithoutTermination(gym.Wrapper, RecordConstructorArgs):
    """Lets episodes go on to their time limit; for environments whose physics goes on too."""

    def __init__(self, env: gym.Env):
        RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step; never terminated."""
        obs, reward, _, truncated, info = self.env.step(action)
        return obs, reward, False, truncated, info


def task_of(env: gym.Env) -> Task | None:
    """The task of an environment made by `envs.make`; None for any other environment."""
    return env.get_wrapper_attr("task") if env.has_wrapper_attr("task") else None


def require(env: object, kind: type) -> None:
    """Refuse an environment of another kind than a wrapper takes.

    Raises:
        TypeError: Naming the wrapper for it.
    """
    if isinstance(env, kind):
        return
    fitting = "envs.make or gymnasium.make gives one"
    if isinstance(env, gym.Env):
        fitting = "envs.ReplaceReward wraps that"
    elif isinstance(env, gym.vector.VectorEnv):
        fitting = "envs.vector.ReplaceReward wraps that"
    elif hasattr(env, "step_async"):
        fitting = "agents.sb3.VecReplaceReward wraps those of Stable-Baselines3"
    raise TypeError(f"expected a {kind.__module__.partition('.')[0]} {kind.__name__}, got {env!r:.200}; {fitting}")


def action_array(space: gym.Space, action: Any) -> np.ndarray:
    """An action as rewards read it: what has parts, such as a `Dict`, as `gymnasium.spaces.flatten` lays it out."""
    flat = isinstance(space, gym.spaces.Box | gym.spaces.Discrete | gym.spaces.MultiDiscrete | gym.spaces.MultiBinary)
    return np.asarray(action if flat else gym.spaces.flatten(space, action))


class ReplaceReward(gym.Wrapper, RecordConstructorArgs):
    """Replaces the reward of any Gymnasium environment.

    ``info["env_reward"]`` keeps the environment's own reward, ``info["reward_components"]`` has the named parts of the
    new one, and environments with a task add the ground truth, ``info["fitness"]`` and ``info["success"]``.

    Args:
        env: Any Gymnasium environment.
        reward: A `RewardFn`, a plain function of batched arrays by name, or an import path ``module:name`` or
            ``file.py:name``; None keeps the environment's reward.
        render: Options of `envs.rendering.frame_of`, for rewards that look at frames.

    Example:
        >>> import gymnasium as gym, envs
        >>> def upright(next_obs, action):
        ...     return {"upright": np.cos(next_obs[:, 2]), "effort": -0.01 * (action == 1)}
        >>> env = envs.ReplaceReward(gym.make("CartPole-v1"), upright)
        >>> obs, info = env.reset(seed=0)
        >>> obs, reward, terminated, truncated, info = env.step(0)
        >>> sorted(info["reward_components"])
        ['effort', 'upright']
    """

    def __init__(self, env: gym.Env, reward: Rewardlike = None, render: Mapping[str, Any] | None = None):
        RecordConstructorArgs.__init__(self, reward=reward, render=render, _disable_deepcopy=True)
        require(env, gym.Env)
        gym.Wrapper.__init__(self, env)
        self.scorer = Scorer(reward, 1, env.observation_space, task=task_of(env), envs=[env], render=render)
        self._observations = self.scorer.tracker.observations
        if self.scorer.tracker.exposed:
            self.env = self.scorer.tracker.exposed[0]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset the environment, and what the reward remembers."""
        obs, info = self.env.reset(seed=seed, options=options)
        self.scorer.reset(self._observations.single(obs))
        return obs, info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Step the environment and score the transition."""
        obs, env_reward, terminated, truncated, info = self.env.step(action)
        batch = self._observations.single(obs)
        actions = action_array(self.env.action_space, action)[None]
        t = self.scorer.tracker.step(actions, batch, np.array([terminated], bool), np.array([truncated], bool))
        scores = self.scorer.score(t, np.array([env_reward], np.float64))
        self.scorer.advance(batch, np.zeros(1, bool))
        info["env_reward"] = float(env_reward)
        info["reward_components"] = {name: values.item() for name, values in scores.components.items()}
        info.update({name: values.item() for name, values in scores.measures.items()})
        return obs, scores.reward.item(), terminated, truncated, info

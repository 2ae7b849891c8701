"""The vector twin of `envs.wrappers.ReplaceReward`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import AutoresetMode

from envs.scoring import Rewardlike, Scorer
from envs.wrappers import task_of


class ReplaceReward(gym.vector.VectorWrapper, RecordConstructorArgs):
    """Replaces the reward of any Gymnasium vector environment, in one batched call a step.

    It equals wrapping each environment before vectorising, to the bit for rewards that compute row by row, in all
    autoreset modes; the last transition of an episode is scored on its true successor. In NEXT_STEP mode the step
    that only resets an environment scores 0. ``infos`` gains ``env_reward``, ``reward_components`` (a dict of
    ``(num_envs,)`` arrays) and, with a task, ``fitness`` and ``success``, for every environment.

    Args:
        env: A vector environment. Rewards that read more than observations need its environments in this process.
        reward: See `envs.wrappers.ReplaceReward`.
        render: See `envs.wrappers.ReplaceReward`.
    """

    def __init__(self, env: gym.vector.VectorEnv, reward: Rewardlike = None, render: Mapping[str, Any] | None = None):
        RecordConstructorArgs.__init__(self, reward=reward, render=render)
        super().__init__(env)
        inner = env.unwrapped
        envs = list(getattr(inner, "envs", ()))
        self.scorer = Scorer(
            reward,
            env.num_envs,
            env.single_observation_space,
            task=task_of(envs[0]) if envs else None,
            envs=envs,
            render=render,
        )
        if self.scorer.tracker.exposed:
            inner.envs = list(self.scorer.tracker.exposed)
        self._autoreset = env.metadata.get("autoreset_mode", AutoresetMode.NEXT_STEP)
        self._restarting = np.zeros(env.num_envs, bool)

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset all environments, or those in ``options["reset_mask"]``."""
        mask = (options or {}).get("reset_mask")
        obs, infos = self.env.reset(seed=seed, options=options)
        self.scorer.reset(_copied(obs), mask)
        self._restarting &= False if mask is None else ~mask
        return obs, infos

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Step all environments and score their transitions."""
        obs, env_reward, terminated, truncated, infos = self.env.step(actions)
        done = terminated | truncated
        current = _copied(obs)
        t = self.scorer.tracker.step(np.asarray(actions), self._successors(current, done, infos), terminated, truncated)
        scores = self.scorer.score(t, env_reward)
        reward, components, measures = scores.reward, scores.components, scores.measures
        restarted = done if self._autoreset == AutoresetMode.SAME_STEP else np.zeros_like(done)
        if self._autoreset == AutoresetMode.NEXT_STEP:
            restarted, self._restarting = self._restarting, done
            if restarted.any():  # no transition took place there
                reward = np.where(restarted, 0.0, reward)
                components = {name: np.where(restarted, 0.0, values) for name, values in components.items()}
                measures = {name: np.where(restarted, 0.0, values) for name, values in measures.items()}
        self.scorer.advance(current, restarted)
        infos["env_reward"] = env_reward
        infos["reward_components"] = components
        infos.update(measures)
        return obs, reward, terminated, truncated, infos

    def _successors(self, obs: Any, done: np.ndarray, infos: dict[str, Any]) -> Any:
        """The observations of the true successors: after an automatic reset they are in ``infos``."""
        if self._autoreset != AutoresetMode.SAME_STEP or not done.any():
            return obs
        final = infos["final_obs"]
        if isinstance(obs, dict):
            return {name: _with_rows(values, done, [f[name] for f in final[done]]) for name, values in obs.items()}
        return _with_rows(obs, done, list(final[done]))


def _with_rows(array: np.ndarray, mask: np.ndarray, rows: list[np.ndarray]) -> np.ndarray:
    array = np.array(array)
    array[mask] = np.stack(rows)
    return array


def _copied(obs: Any) -> Any:
    """Vector environments made with ``copy=False`` reuse their observation arrays."""
    return {name: np.array(values) for name, values in obs.items()} if isinstance(obs, dict) else np.array(obs)

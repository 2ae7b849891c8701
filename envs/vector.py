"""The vector twin of `envs.wrappers.ReplaceReward`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import iterate

from envs.scoring import Rewardlike, Scorer
from envs.wrappers import action_array, require, task_of


class ReplaceReward(gym.vector.VectorWrapper, RecordConstructorArgs):
    """Replaces the reward of any Gymnasium vector environment, in one batched call a step.

    It equals wrapping each environment before vectorising, to the bit for rewards that compute row by row, in all
    autoreset modes; the last transition of an episode is scored on its true successor. In NEXT_STEP mode the step
    that only resets an environment scores 0.

    ``infos`` gains ``env_reward``, ``reward_components`` and, with a task, ``fitness`` and ``success``, arrays
    ``(num_envs,)`` with masks ``_env_reward``, ... as Gymnasium has them. They are about the transition just made, in
    SAME_STEP mode too, where the environments' own infos are about the new episode.

    Args:
        env: A vector environment. Rewards that read more than observations need its environments in this process.
        reward: See `envs.wrappers.ReplaceReward`.
        render: See `envs.wrappers.ReplaceReward`.
    """

    def __init__(self, env: gym.vector.VectorEnv, reward: Rewardlike = None, render: Mapping[str, Any] | None = None):
        RecordConstructorArgs.__init__(self, reward=reward, render=render, _disable_deepcopy=True)
        require(env, gym.vector.VectorEnv)
        super().__init__(env)
        inner: Any = env.unwrapped
        envs = list(getattr(inner, "envs", ()))
        self.scorer = Scorer(
            reward,
            env.num_envs,
            env.single_observation_space,
            task=task_of(envs[0]) if envs else None,
            envs=envs,
            render=render,
        )
        self._observations = self.scorer.tracker.observations
        if self.scorer.tracker.exposed:
            inner.envs = list(self.scorer.tracker.exposed)
        # Not from the metadata alone: all environments of a class share one dict, which Gymnasium writes into.
        mode = getattr(inner, "autoreset_mode", None) or env.metadata.get("autoreset_mode", AutoresetMode.NEXT_STEP)
        self._autoreset = AutoresetMode(mode)
        self._restarting = np.zeros(env.num_envs, bool)
        self._none = np.zeros(env.num_envs, bool)

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset all environments, or those in ``options["reset_mask"]``."""
        mask = (options or {}).get("reset_mask")
        obs, infos = self.env.reset(seed=seed, options=options)
        self.scorer.reset(self._observations.batch(obs), mask)
        self._restarting &= False if mask is None else ~mask
        return obs, infos

    def step(  # type: ignore[override]  # Gymnasium leaves the type of its arrays open
        self, actions: Any
    ) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Step all environments and score their transitions."""
        obs, env_reward, terminated, truncated, infos = self.env.step(actions)
        done = terminated | truncated
        current = successors = self._observations.batch(obs)
        restarted = reset_only = self._none
        if self._autoreset == AutoresetMode.NEXT_STEP:
            restarted = reset_only = self._restarting
            self._restarting = done
        elif self._autoreset == AutoresetMode.SAME_STEP and np.count_nonzero(done):
            successors = self._observations.replace(current, done, infos["final_obs"][done])
            restarted = done
        if isinstance(self.env.action_space, gym.spaces.Dict | gym.spaces.Tuple):
            single = self.env.single_action_space
            actions = np.stack([action_array(single, one) for one in iterate(self.env.action_space, actions)])
        t = self.scorer.tracker.step(np.asarray(actions), successors, terminated, truncated, reset_only)
        scores = self.scorer.score(t, env_reward)
        self.scorer.advance(current, restarted)
        given = {"env_reward": env_reward, **scores.measures}
        reward, components = scores.reward, scores.components
        if np.count_nonzero(reset_only):  # no transition took place there
            reward = np.where(reset_only, 0.0, reward)
            components = {name: np.where(reset_only, 0.0, values) for name, values in components.items()}
            given = {name: np.where(reset_only, 0.0, values) for name, values in given.items()}
        present = ~reset_only
        for name, values in {**given, "reward_components": _masked(components, present)}.items():
            infos[name], infos[f"_{name}"] = values, present
        return obs, reward, terminated, truncated, infos


def _masked(arrays: dict[str, np.ndarray], present: np.ndarray) -> dict[str, np.ndarray]:
    """Arrays ``(num_envs,)``, each with a mask that says which environments it is about."""
    return arrays | {f"_{name}": present for name in arrays}

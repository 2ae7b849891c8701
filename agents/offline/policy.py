"""Who plays while captions are collected."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.runs import RunDir

if TYPE_CHECKING:
    from agents.sb3 import VecReplaceReward


class Random:
    """Uniformly random actions."""

    def __init__(self, venv: VecReplaceReward, seed: int):
        self._space, self._num_envs = venv.action_space, venv.num_envs
        self._space.seed(seed)

    def __call__(self, obs: Any, starts: np.ndarray) -> np.ndarray:
        """Actions ``(num_envs, ...)``."""
        return np.stack([self._space.sample() for _ in range(self._num_envs)])


class Trained:
    """A run's policy, as it is evaluated."""

    def __init__(self, venv: VecReplaceReward, run: RunDir, seed: int):
        import torch

        from agents.build import make_player
        from agents.evaluation import is_greedy

        torch.manual_seed(seed)  # of drawn actions
        self._model = make_player(run.read_config(), venv, policy_of(run))
        self._normalizer = self._model.get_vec_normalize_env()
        self._memory: Any = None
        self._greedy = is_greedy(venv)

    def __call__(self, obs: Any, starts: np.ndarray) -> np.ndarray:
        """Actions ``(num_envs, ...)``."""
        seen = obs if self._normalizer is None else self._normalizer.normalize_obs(obs)
        actions, self._memory = self._model.predict(seen, self._memory, starts, deterministic=self._greedy)
        return actions


def policy_of(run: RunDir) -> Path:
    """The weights of a run's best policy, or of its last if it was never evaluated."""
    return run.best if run.best.exists() else run.last

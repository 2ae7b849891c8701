"""The policies that coverages are collected with: random ones, those of runs, and mixtures step by step."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np

from agents.build import make_player, make_venv
from agents.errors import UsageError
from agents.evaluation import random_state_kept
from agents.runs import RunDir

if TYPE_CHECKING:
    from pathlib import Path

    from stable_baselines3.common.base_class import BaseAlgorithm

    from agents.comparison.stage import Stage


class Random:
    """Uniformly random actions."""

    def __init__(self, stage: Stage):
        self._stage = stage

    def __call__(self, obs: Any, starts: np.ndarray) -> np.ndarray:
        """Actions ``(num_envs, ...)``."""
        return self._stage.random_actions()


class Trained:
    """A run's policy: its most likely action, on observations normalised as in its training."""

    def __init__(self, model: BaseAlgorithm):
        self._model = model
        self._normalizer = model.get_vec_normalize_env()
        self._memory: Any = None

    def __call__(self, obs: Any, starts: np.ndarray) -> np.ndarray:
        """Actions ``(num_envs, ...)``."""
        seen = obs if self._normalizer is None else self._normalizer.normalize_obs(obs)
        actions, self._memory = self._model.predict(seen, self._memory, starts, deterministic=True)
        return actions


class Noised:
    """Another policy whose action is replaced by a random one in a ``share`` of the steps."""

    def __init__(self, policy: Trained, stage: Stage, share: float, seed: int):
        self._policy = policy
        self._stage = stage
        self._share = share
        self._rng = np.random.default_rng(seed)

    def __call__(self, obs: Any, starts: np.ndarray) -> np.ndarray:
        """Actions ``(num_envs, ...)``."""
        actions = np.array(self._policy(obs, starts))
        random = self._rng.random(len(actions)) < self._share
        actions[random] = self._stage.random_actions()[random]
        return actions


def fingerprint(run: RunDir, weights: Path) -> str:
    """SHA-256 of all that a run's policy depends on."""
    digest = hashlib.sha256((run.path / "config.yaml").read_bytes())
    digest.update(weights.read_bytes())
    return digest.hexdigest()


def load(run: RunDir, weights: Path, env: gym.Env) -> Trained:
    """A run's policy, to act in environments like ``env``.

    Raises:
        UsageError: It was trained on other observations or actions, or its file is damaged.
    """
    with random_state_kept():
        config = replace(run.read_config(), device="cpu")
        venv = make_venv(config, 1, None)
        try:
            model = make_player(config, venv, weights)
        except ValueError as error:
            raise UsageError(str(error)) from error
        finally:
            venv.close()
    for what in ("observation", "action"):
        own, here = getattr(model, f"{what}_space"), getattr(env, f"{what}_space")
        if own != here:
            raise UsageError(
                f"{run.path} was trained on {config.env.id or config.env.name}, whose {what}s are {own}, but here "
                f"they are {here}: give a run in the same environment"
            )
    return Trained(model)

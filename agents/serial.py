"""The step of Stable-Baselines3's `DummyVecEnv`, with the same results for less time.

SB3 makes deep copies of all infos and observations at every step, for environments might write to them later. Numbers
and text cannot be written to: passing them on as they are saves about as much as a reward of arrays costs.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import DummyVecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn
from stable_baselines3.common.vec_env.util import dict_to_obs

_IMMUTABLE = frozenset({type(None), bool, int, float, str, bytes, np.bool_, np.float32, np.float64, np.int32, np.int64})


def step_wait(venv: DummyVecEnv) -> VecEnvStepReturn:
    """What ``venv.step_wait()`` does and returns (Stable-Baselines3 2.9)."""
    infos = venv.buf_infos
    for row, (env, action) in enumerate(zip(venv.envs, venv.actions, strict=True)):
        obs, venv.buf_rews[row], terminated, truncated, info = env.step(action)
        venv.buf_dones[row] = ended = terminated or truncated
        info["TimeLimit.truncated"] = truncated and not terminated
        if ended:
            info["terminal_observation"] = obs
            obs, venv.reset_infos[row] = env.reset()
        infos[row] = info
        venv._save_obs(row, obs)
    observations = {name: _copied(array) for name, array in venv.buf_obs.items()}
    return (
        dict_to_obs(venv.observation_space, observations),
        venv.buf_rews.copy(),
        venv.buf_dones.copy(),
        [{k: value if type(value) in _IMMUTABLE else _copied(value) for k, value in info.items()} for info in infos],
    )


def _copied(value: Any) -> Any:
    if type(value) is np.ndarray and not value.dtype.hasobject:
        return value.copy()
    return deepcopy(value)

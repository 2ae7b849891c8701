"""Everything that decides how training goes on: of the algorithm, its environments, its reward and its randomness."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.save_util import recursive_getattr
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from agents.capture import Node, NotCapturable, capture, capture_env, capture_layer, restore, restore_env, restore_layer

ATTRIBUTES: tuple[str, ...]
ATTRIBUTES = ("num_timesteps", "_n_updates", "_episode_num", "_current_progress_remaining", "_last_obs")
ATTRIBUTES += ("_last_episode_starts", "_last_original_obs", "ep_info_buffer", "ep_success_buffer", "action_noise")
"""Of SB3's algorithms, beside networks and optimizers."""


class SnapshotMismatch(ValueError):
    """A snapshot was applied to a model of another kind."""


@dataclass
class Snapshot:
    """The state of a training run, in memory.

    Attributes:
        meta: JSON-able: what kind of run it is, and the tree of its plain values.
        arrays: The arrays that the tree refers to.
        tensors: What torch owns: state dicts by name, and tensors.
        replay: Consecutive blocks of the replay buffer's arrays ``(rows, num_envs, ...)``: *not* copies, so use them at
            once.
    """

    meta: dict[str, Any]
    arrays: dict[str, np.ndarray]
    tensors: dict[str, Any]
    replay: Iterable[dict[str, np.ndarray]] = ()


def take_snapshot(
    model: BaseAlgorithm, extra: Mapping[str, Any], *, at_rollout_start: bool = False, restarted: int | None = None
) -> Snapshot:
    """The state of ``model`` between two rollouts.

    Args:
        model: Pending rewards are computed first.
        extra: Objects with ``state_dict`` and ``load_state_dict``, by name.
        at_rollout_start: Whether a rollout has begun but no step been made.
        restarted: The seed with which all episodes were just restarted, because they cannot be captured.

    Raises:
        NotCapturable: The environments, or something else, cannot be captured.
    """
    env = model.get_env()
    assert env is not None
    buffer: Any = _replay_buffer(model)
    if hasattr(buffer, "settle"):
        buffer.settle()
    arrays: dict[str, np.ndarray] = {}
    chain = [capture_layer(wrapper, arrays) for wrapper in _wrappers(env)]
    envs = None if restarted is not None else _capture_envs(env, arrays)
    state = {name: getattr(model, name) for name in ATTRIBUTES if hasattr(model, name)}
    meta: dict[str, Any] = {
        "algorithm": type(model).__name__,
        "num_envs": model.n_envs,
        "num_timesteps": model.num_timesteps,
        "at_rollout_start": at_rollout_start,
        "restarted": restarted,
        "state": capture(state, arrays, type(model).__name__),
        "wrappers": chain,
        "envs": envs,
        "random": capture(_random_state(model), arrays, "random"),
        "extra": {name: capture(part.state_dict(), arrays, name) for name, part in extra.items()},
    }
    snapshot = Snapshot(meta, arrays, _tensors(model))
    if buffer is not None:
        meta["replay"] = {"pos": buffer.pos, "full": buffer.full, "size": buffer.buffer_size}
        rows = buffer.size()
        snapshot.replay = [{name: array[:rows] for name, array in _replay_arrays(buffer).items()}]
    return snapshot


def apply_snapshot(model: BaseAlgorithm, snapshot: Snapshot, extra: Mapping[str, Any]) -> None:
    """Bring ``model`` and its environments to the snapshot's state.

    Raises:
        SnapshotMismatch: It was taken from another kind of model or environment.
    """
    meta, arrays = snapshot.meta, snapshot.arrays
    env = model.get_env()
    assert env is not None
    for what, here in (("algorithm", type(model).__name__), ("num_envs", model.n_envs)):
        if meta[what] != here:
            raise SnapshotMismatch(f"it was saved with {what}={meta[what]}, this run has {what}={here}")
    if set(meta["extra"]) != set(extra):
        raise SnapshotMismatch(f"it has extra parts {sorted(meta['extra'])}, this run has {sorted(extra)}")
    try:
        if meta["restarted"] is not None:
            _reset(model, meta["restarted"])
        else:
            for inner, state in zip(env.unwrapped.envs, meta["envs"], strict=True):
                restore_env(inner, state, arrays)
        for wrapper, state in zip(_wrappers(env), meta["wrappers"], strict=True):
            restore_layer(wrapper, state, arrays)
        _restore_tensors(model, snapshot.tensors)
        buffer = _replay_buffer(model)
        if buffer is not None:
            _restore_replay(buffer, meta["replay"], snapshot.replay)
    except (KeyError, ValueError, RuntimeError) as error:
        raise SnapshotMismatch(f"it does not fit this run: {error}") from error
    state = {name: getattr(model, name, None) for name in ATTRIBUTES}
    for name, value in restore(meta["state"], arrays, state).items():
        setattr(model, name, value)
    model._num_timesteps_at_start = model.num_timesteps  # frames per second count from here
    for name, part in extra.items():
        part.load_state_dict(restore(meta["extra"][name], arrays))
    apply_random_state(model, snapshot)


def restart_episodes(model: BaseAlgorithm) -> int:
    """Begin new episodes in all environments; the seed follows from the run's seed and timestep and is returned."""
    seed = int(np.random.SeedSequence([model.seed or 0, model.num_timesteps]).generate_state(1)[0] % 2**31)
    _reset(model, seed)
    return seed


def _reset(model: BaseAlgorithm, seed: int) -> None:
    env = model.get_env()
    assert env is not None
    env.seed(seed)
    model._last_obs = env.reset()
    model._last_episode_starts = np.ones(model.n_envs, bool)
    if model._vec_normalize_env is not None:
        model._last_original_obs = model._vec_normalize_env.get_original_obs()


# Environments


def _wrappers(env: VecEnv) -> list[VecEnvWrapper]:
    found = []
    while isinstance(env, VecEnvWrapper):
        found.append(env)
        env = env.venv
    return found


def _capture_envs(env: VecEnv, arrays: dict[str, np.ndarray]) -> list[Node]:
    inner = env.unwrapped
    if not hasattr(inner, "envs"):
        raise NotCapturable(f"{type(inner).__name__} keeps its environments in other processes")
    return [capture_env(one, arrays) for one in inner.envs]


# Randomness


def _random_state(model: BaseAlgorithm) -> dict[str, Any]:
    return {
        "python": random.getstate(),
        "numpy": np.random.get_state(legacy=False),  # noqa: NPY002 (SB3 draws from it)
        "action_space": model.action_space,
        "observation_space": model.observation_space,
    }


def apply_random_state(model: BaseAlgorithm, snapshot: Snapshot) -> None:
    """Restore the generators of Python, numpy and torch, and exploration noise already drawn."""
    state = restore(snapshot.meta["random"], snapshot.arrays, _random_state(model))
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])  # noqa: NPY002
    tensors = snapshot.tensors
    torch.set_rng_state(tensors["rng"])
    if tensors["rng_cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(tensors["rng_cuda"])
    distribution = _sde_distribution(model)
    for name, matrix in tensors["sde"].items():
        setattr(distribution, name, matrix.to(model.device))


def _sde_distribution(model: BaseAlgorithm) -> Any:
    """The distribution that holds gSDE's exploration matrices."""
    return getattr(model.policy, "action_dist", None) or getattr(getattr(model, "actor", None), "action_dist", None)


# Torch


def _tensors(model: BaseAlgorithm) -> dict[str, Any]:
    modules, variables = model._get_torch_save_params()
    states = getattr(model, "_last_lstm_states", None)
    distribution = _sde_distribution(model)
    matrices = ("exploration_mat", "exploration_matrices")
    return {
        "modules": {name: copy.deepcopy(recursive_getattr(model, name).state_dict()) for name in modules},
        "variables": {name: recursive_getattr(model, name).detach().clone() for name in variables},
        "lstm": [] if states is None else [tensor.clone() for pair in states for tensor in pair],
        "sde": {n: getattr(distribution, n).detach().clone() for n in matrices if hasattr(distribution, n)},
        "rng": torch.get_rng_state(),
        "rng_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def _restore_tensors(model: BaseAlgorithm, tensors: dict[str, Any]) -> None:
    for name, state in tensors["modules"].items():
        recursive_getattr(model, name).load_state_dict(state)
    for name, tensor in tensors["variables"].items():
        recursive_getattr(model, name).data.copy_(tensor)
    if tensors["lstm"]:
        states = model._last_lstm_states
        pi_h, pi_c, vf_h, vf_c = (tensor.to(model.device) for tensor in tensors["lstm"])
        model._last_lstm_states = type(states)((pi_h, pi_c), (vf_h, vf_c))


# Replay buffers


def _replay_buffer(model: BaseAlgorithm) -> ReplayBuffer | None:
    return getattr(model, "replay_buffer", None)


def _replay_arrays(buffer: ReplayBuffer) -> dict[str, np.ndarray]:
    """The buffer's arrays ``(buffer_size, num_envs, ...)`` by name, those of Dict observations as ``name/key``."""
    arrays = {}
    lead = (buffer.buffer_size, buffer.n_envs)
    for name, value in vars(buffer).items():
        parts = {f"{name}/{key}": part for key, part in value.items()} if isinstance(value, dict) else {name: value}
        for key, part in parts.items():
            if isinstance(part, np.ndarray) and part.shape[:2] == lead:
                arrays[key] = part  # noqa: PERF403
    return arrays


def _restore_replay(buffer: ReplayBuffer, where: dict[str, Any], blocks: Iterable[dict[str, np.ndarray]]) -> None:
    if where["size"] != buffer.buffer_size:
        raise SnapshotMismatch(f"its replay buffer has {where['size']} rows, this run's has {buffer.buffer_size}")
    arrays = _replay_arrays(buffer)
    start = 0
    for block in blocks:
        rows = len(block["rewards"])
        for name, array in arrays.items():
            array[start : start + rows] = block[name]
        start += rows
    buffer.pos, buffer.full = where["pos"], where["full"]

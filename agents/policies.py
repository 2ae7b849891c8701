"""A policy as a file: its weights and the statistics that its observations are normalised with, no pickle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecNormalize

from agents.files import replacing

NORMALIZER = "observations/"


def save_policy(model: BaseAlgorithm, path: Path) -> None:
    """Write the policy of ``model``, whole or not at all.

    Raises:
        OSError: It cannot be written, for the disk is full, say.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.policy.state_dict().items()}
    for key, statistics in _statistics(model.get_vec_normalize_env()).items():
        for part in ("mean", "var", "count"):
            tensors[f"{NORMALIZER}{key}/{part}"] = torch.from_numpy(np.asarray(getattr(statistics, part), np.float64))
    with replacing(path) as temporary:
        try:
            save_file({name: tensor.clone() for name, tensor in tensors.items()}, temporary)
        except SafetensorError as error:  # which knows no system errors
            raise OSError(f"cannot write {path}: {error}") from error
        temporary.chmod(0o644)


def load_policy(model: BaseAlgorithm, path: Path) -> None:
    """Give ``model``, built as the saved one was, the policy in ``path``.

    Raises:
        ValueError: The file is damaged, or belongs to another kind of policy.
    """
    try:
        tensors = load_file(path)
        statistics = _statistics(model.get_vec_normalize_env())
        model.policy.load_state_dict({n: t for n, t in tensors.items() if not n.startswith(NORMALIZER)})
        for key, target in statistics.items():
            target.mean = tensors[f"{NORMALIZER}{key}/mean"].numpy()
            target.var = tensors[f"{NORMALIZER}{key}/var"].numpy()
            target.count = float(tensors[f"{NORMALIZER}{key}/count"])
    except (SafetensorError, KeyError, RuntimeError) as error:
        raise ValueError(f"{path} is damaged, or belongs to another policy: {error}") from error


def _statistics(normalizer: VecNormalize | None) -> dict[str, RunningMeanStd]:
    if normalizer is None or not normalizer.norm_obs:
        return {}
    rms = normalizer.obs_rms
    return rms if isinstance(rms, dict) else {"obs": rms}

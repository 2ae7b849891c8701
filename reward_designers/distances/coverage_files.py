"""Transitions from elsewhere: plain ``.npz`` files, and HDF5 files as Minari writes them.

A plain file has the arrays ``obs``, ``action``, ``next_obs``, ``terminated``, ``truncated``; it may have ``episode``,
``env_reward`` and further state arrays ``state/<name>`` with ``next_state/<name>``. Without ``episode``, an episode
goes on as long as it neither ends nor jumps: every ``obs`` is the ``next_obs`` before.

An HDF5 file has groups ``episode_0``, ``episode_1``, ... with ``observations`` (T + 1 rows), ``actions``, ``rewards``,
``terminations`` and ``truncations`` (T rows); entries of ``infos`` with T + 1 rows (``qpos``, say) are states too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from reward_designers.base import Transition
from reward_designers.distances.coverage import Coverage, CoverageError, concatenate

NEEDED = ("action", "terminated", "truncated")
HDF5 = (".hdf5", ".h5")


def read(path: str | os.PathLike[str]) -> Coverage:
    """A coverage from a file: one that was saved, a plain ``.npz``, or HDF5.

    Raises:
        CoverageError: The file is damaged, or lacks what transitions consist of; it says what a file must have.
        ImportError: HDF5 needs the extra ``hdf5``.
        OSError: The file cannot be read.
    """
    path = Path(path)
    if path.suffix in HDF5:
        return _read_hdf5(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            names = set(file.files)
            arrays = {} if "header" in names else {name: file[name] for name in file.files}
    except OSError as error:
        raise error if error.errno else CoverageError(f"{path} cannot be read: {error}") from error
    except Exception as error:  # zip files and arrays can be damaged in many ways
        raise CoverageError(f"{path} is neither .npz without pickles nor {' or '.join(HDF5)}: {error}") from error
    return _plain(path, arrays) if arrays else Coverage.load(path)


def _plain(path: Path, arrays: Mapping[str, np.ndarray]) -> Coverage:
    state, next_state = ({k.partition("/")[2]: a for k, a in arrays.items() if k.startswith(s)} for s in SIDES)
    for name, side in (("obs", state), ("next_obs", next_state)):
        if name in arrays:
            side["obs"] = arrays[name]
    missing = [name for name in NEEDED if name not in arrays]
    if not state or state.keys() != next_state.keys():
        odd = sorted(state.keys() ^ next_state.keys())
        missing += [f"state/{name} or next_state/{name}" for name in odd] or ["obs, next_obs"]
    if missing:
        raise CoverageError(
            f"{path} lacks {', '.join(missing)}; it has {', '.join(sorted(arrays)) or 'nothing'}. Expected are obs, "
            "action, next_obs, terminated, truncated, and perhaps episode, env_reward, state/<name>, next_state/<name>"
        )
    n = len(arrays["terminated"])
    for name, array in arrays.items():
        if array.shape[:1] != (n,):
            raise CoverageError(f"{path}: {name} has shape {array.shape}, expected ({n}, ...) as in terminated")
    terminated, truncated = (_flags(path, name, arrays[name]) for name in ("terminated", "truncated"))
    t = Transition(state, arrays["action"], next_state, terminated, truncated)
    if "episode" in arrays:
        episode = np.unique(arrays["episode"], return_inverse=True)[1]
    else:
        joined = ~(terminated | truncated)[:-1]
        for name, before in state.items():
            same = before[1:] == next_state[name][:-1]
            joined &= same.reshape(len(same), int(np.prod(same.shape[1:]))).all(1)
        episode = np.cumsum(np.concatenate([[0], ~joined]))
    order = np.argsort(episode, kind="stable")
    paid = arrays["env_reward"][order] if "env_reward" in arrays else None
    return Coverage(path.stem, t[order], episode[order], paid, about={"file": str(path)})


SIDES = ("state/", "next_state/")


def _flags(path: Path, name: str, values: np.ndarray) -> np.ndarray:
    if values.dtype != bool and not np.isin(values, (0, 1)).all():
        raise CoverageError(f"{path}: {name} must be true or false, got {values[:5]}")
    return values.astype(bool)


def _read_hdf5(path: Path) -> Coverage:
    try:
        import h5py
    except ImportError as error:
        raise ImportError(f"{path} needs the extra 'hdf5': pip install 'reward-designers[hdf5]'") from error
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    try:
        with h5py.File(path, "r") as file:
            groups = {int(m[1]): file[name] for name in file if (m := re.fullmatch(r"episode_(\d+)", name))}
            if not groups:
                raise CoverageError(
                    f"{path} has no groups episode_0, episode_1, ...; it has {', '.join(file) or 'none'}"
                )
            episodes = [_hdf5_episode(f"{path}: episode_{number}", groups[number]) for number in sorted(groups)]
    except OSError as error:
        raise CoverageError(f"{path} is no HDF5 file, or is damaged: {error}") from error
    parts = [episode for episode in episodes if episode is not None]
    if not parts:
        raise CoverageError(f"{path} has no transitions")
    named = set.intersection(*(set(part.transitions.state) for part in parts))
    joined = concatenate([_only(part, named) for part in parts], path.stem)
    return Coverage(
        path.stem, joined.transitions, joined.episode, joined.env_reward, about={"file": str(path)}, step=joined.step
    )


def _hdf5_episode(where: str, group: Any) -> Coverage | None:
    """One episode; None if it has no steps."""
    needed = ("observations", "actions", "terminations", "truncations")
    if missing := [name for name in needed if name not in group]:
        raise CoverageError(f"{where} lacks {', '.join(missing)}; it has {', '.join(group)}")
    if hasattr(group["actions"], "keys"):
        raise CoverageError(f"{where}: actions are a group; rewards read actions that are one array")
    actions = group["actions"][()]
    n = len(actions)
    if not n:
        return None
    arrays = _leaves(group["observations"], "")
    for name, array in arrays.items():
        if len(array) != n + 1:
            raise CoverageError(
                f"{where}: {name} has {len(array)} rows, expected {n + 1}, one more than there are actions"
            )
    if "infos" in group:
        infos = _leaves(group["infos"], "")
        arrays |= {name: array for name, array in infos.items() if len(array) == n + 1 and name not in arrays}
    terminated, truncated = (group[name][()].astype(bool) for name in ("terminations", "truncations"))
    t = Transition(
        {name: array[:-1] for name, array in arrays.items()},
        actions,
        {name: array[1:] for name, array in arrays.items()},
        terminated,
        truncated,
    )
    return Coverage(where, t, np.zeros(n, int), group["rewards"][()] if "rewards" in group else None)


def _leaves(node: Any, name: str) -> dict[str, np.ndarray]:
    """Numeric arrays of a group by name, those of deeper ones joined, as observations are named everywhere."""
    if not hasattr(node, "keys"):
        array = node[()]
        return {name or "obs": array} if np.ndim(array) and array.dtype.kind in "biuf" else {}
    return {k: a for key in node for k, a in _leaves(node[key], f"{name}_{key}" if name else key).items()}


def _only(coverage: Coverage, names: set[str]) -> Coverage:
    t = coverage.transitions
    state, next_state = ({name: side[name] for name in names} for side in (t.state, t.next_state))
    kept = Transition(state, t.action, next_state, t.terminated, t.truncated)
    return Coverage(coverage.name, kept, coverage.episode, coverage.env_reward)

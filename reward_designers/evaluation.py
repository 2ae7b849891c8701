"""Calling a reward: real, finite numbers, one a row, or an error that names what is wrong with them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from reward_designers.base import Components, RewardFn, Transition
from reward_designers.errors import RewardError
from reward_designers.memory import EpisodeMemory


def call(reward: RewardFn, t: Transition, memory: EpisodeMemory | None = None) -> Components:
    """What ``reward`` returns, unchecked; an error that it raises becomes a `RewardError` that names it."""
    if memory is None and not reward.markov:
        raise RewardError(f"reward {reward.name!r} is not Markov: give it an EpisodeMemory, or relabel a rollout")
    try:
        components = reward(t, memory)
    except RewardError:
        raise
    except Exception as error:
        raise RewardError(f"reward {reward.name!r} raised {type(error).__name__}: {error}") from error
    if not (type(components) is dict or isinstance(components, Mapping)) or not components:
        raise RewardError(f"reward {reward.name!r} must return a dict of named components, got {components!r}")
    return components


def evaluate(
    reward: RewardFn, t: Transition, memory: EpisodeMemory | None = None, *, num_envs: int | None = None
) -> Components:
    """The components of ``reward`` as float64 arrays ``(n,)``, checked.

    Args:
        reward: What to evaluate.
        t: A batch with leading dimension n.
        memory: For rewards that are not Markov.
        num_envs: If the batch is a flattened rollout, how many environments it came from, for error messages.

    Raises:
        RewardError: It raised, or returned something of the wrong shape or type, or values that are not finite. The
            message names the reward, the component, the rows (environments) and the offending values.
    """
    names, rows = evaluate_rows(reward, t, memory, num_envs=num_envs)
    return dict(zip(names, rows, strict=True))


def evaluate_rows(
    reward: RewardFn, t: Transition, memory: EpisodeMemory | None = None, *, num_envs: int | None = None
) -> tuple[tuple[str, ...], np.ndarray]:
    """What `evaluate` returns as the components' names, and one array ``(components, n)`` float64 of their values."""
    components = call(reward, t, memory)
    # This runs at every step of training: one look at all components together, a closer one if anything is odd.
    n, values = len(t), tuple(components.values())
    for array in values:
        if type(array) is not np.ndarray or array.shape != (n,) or array.dtype.kind not in "fbiu":
            break
    else:
        rows = np.array(values, dtype=np.float64)  # a copy: rewards may return views of the state
        if math.isfinite(np.vdot(rows, rows)):  # in one pass, and quietly; where squares overflow, look closer
            return tuple(components), rows
    checked = [
        _checked(array, n, f"reward {reward.name!r}, component {name!r}", num_envs or n)
        for name, array in components.items()
    ]
    return tuple(components), np.stack(checked)


def _checked(values: Any, n: int, where: str, num_envs: int) -> np.ndarray:
    try:
        array = np.array(values)
        if array.dtype.kind not in "biuf":
            raise TypeError(array.dtype)
    except (TypeError, ValueError) as error:
        raise RewardError(f"{where}: expected real numbers, got {type(values).__name__} ({error})") from error
    if array.shape != (n,):
        raise RewardError(
            f"{where}: expected shape ({n},), one value per row, got {array.shape}; "
            "arrays are batched, so index features from the end (obs[:, 0]) and sum over the last axis"
        )
    with np.errstate(over="ignore"):  # of longer floats
        array = array.astype(np.float64)
    if len(rows := np.flatnonzero(~np.isfinite(array))):
        shown = ", ".join(f"{array[row]} in env {row % num_envs}" for row in rows[:5])
        raise RewardError(f"{where}: {len(rows)} of {n} values are not finite: {shown}")
    return array


def total(components: Components | np.ndarray) -> np.ndarray:
    """The reward ``(n,)`` float64: the sum of its components, a dict or ``(components, n)``, added in their order."""
    values = iter(components if isinstance(components, np.ndarray) else components.values())
    result = np.array(next(values), dtype=np.float64)
    for array in values:
        result += array
    return result

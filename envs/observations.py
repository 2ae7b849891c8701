"""Observations of any space as flat dicts of batched arrays, as states want them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import RecordConstructorArgs

Arrays = dict[str, np.ndarray]


class Observations:
    """Turns observations of one space into named arrays ``(n, ...)``, always copies.

    A plain observation is ``obs``; the entries of a Dict space have their own names, deeper ones are joined
    (``arm_angle``), those of a Tuple are numbered (``obs_0``). What is no array (text, graphs, sequences) comes in
    object arrays ``(n,)``.

    Args:
        space: Of a single environment's observations.

    Attributes:
        names: Of the arrays.

    Raises:
        ValueError: Two entries come to the same name.
    """

    def __init__(self, space: gym.Space):
        leaves = list(_leaves(space, (), ""))
        self._leaves = dict(leaves)
        self.names = tuple(self._leaves)
        if len(self.names) < len(leaves):
            raise ValueError(f"entries of the observation space come to the same name: {space}")

    def keep(self, names: Collection[str]) -> None:
        """Leave out all arrays but these from now on: what nobody reads need not be copied."""
        self._leaves = {name: leaf for name, leaf in self._leaves.items() if name in names}
        self.names = tuple(self._leaves)

    def single(self, obs: Any) -> Arrays:
        """One environment's observation as a batch of one."""
        return {
            name: np.array(_at(obs, path))[None] if numeric else _objects([_at(obs, path)])
            for name, (path, numeric) in self._leaves.items()
        }

    def batch(self, obs: Any) -> Arrays:
        """A vector environment's observations."""
        return {
            name: np.array(_at(obs, path)) if numeric else _objects(_at(obs, path))
            for name, (path, numeric) in self._leaves.items()
        }

    def replace(self, arrays: Arrays, mask: np.ndarray, obs: Sequence[Any]) -> Arrays:
        """Arrays ``(n, ...)`` with the rows in ``mask`` ``(n,)`` replaced by single observations."""
        replaced = {name: array.copy() for name, array in arrays.items()}
        for row, one in zip(np.flatnonzero(mask), obs, strict=True):
            for name, (path, _) in self._leaves.items():
                replaced[name][row] = _at(one, path)
        return replaced


def _leaves(space: gym.Space, path: tuple[Any, ...], name: str) -> Iterator[tuple[str, tuple[tuple[Any, ...], bool]]]:
    """Name, path and whether it is an array, of each entry of a space."""
    if isinstance(space, gym.spaces.Dict):
        for key, entry in space.items():
            yield from _leaves(entry, (*path, key), f"{name}_{key}" if name else str(key))
    elif isinstance(space, gym.spaces.Tuple):
        for number, entry in enumerate(space):
            yield from _leaves(entry, (*path, number), f"{name or 'obs'}_{number}")
    else:
        yield name or "obs", (path, space.shape is not None)


def _at(obs: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        obs = obs[key]
    return obs


def _objects(values: Sequence[Any]) -> np.ndarray:
    """``(n,)`` object array; numpy's constructor would look into the values."""
    array = np.empty(len(values), object)
    for row, value in enumerate(values):
        array[row] = value
    return array


def is_nested(space: gym.Space) -> bool:
    """Whether a space has parts within parts, or parts without names."""
    parts = space.values() if isinstance(space, gym.spaces.Dict) else ()
    return isinstance(space, gym.spaces.Tuple) or any(
        isinstance(part, gym.spaces.Dict | gym.spaces.Tuple) for part in parts
    )


class FlatObservation(gym.ObservationWrapper, RecordConstructorArgs):
    """Parts within parts as one `Dict` of all of them, under the names that rewards read (`Observations`).

    Stable-Baselines3 takes no others.
    """

    def __init__(self, env: gym.Env):
        RecordConstructorArgs.__init__(self)
        gym.ObservationWrapper.__init__(self, env)
        self._paths = {name: path for name, (path, _) in _leaves(env.observation_space, (), "")}
        self.observation_space = gym.spaces.Dict(
            {name: _at(env.observation_space, p) for name, p in self._paths.items()}
        )

    def observation(self, observation: Any) -> dict[str, Any]:
        """The entries by name."""
        return {name: _at(observation, path) for name, path in self._paths.items()}

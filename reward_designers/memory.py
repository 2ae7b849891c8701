"""What a reward that is not Markov remembers within an episode."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np


class EpisodeMemory:
    """What a non-Markov reward remembers within an episode: named arrays with leading dimension ``num_envs``.

    It belongs to the environment wrapper, so that one reward object can serve environments of different sizes.
    """

    def __init__(self, num_envs: int, prefix: str = "", _store: dict[str, tuple[np.ndarray, Any]] | None = None):
        self.num_envs = num_envs
        self._prefix = prefix
        self._store = {} if _store is None else _store

    def array(self, name: str, shape: tuple[int, ...] = (), dtype: Any = np.float64, fill: Any = 0) -> np.ndarray:
        """The array ``name``, ``(num_envs, *shape)``, created full of ``fill`` at its first use. Change it in place.

        For a table per row use ``array(name, dtype=object, fill=dict)`` (or ``list``): ``fill`` makes each row's own,
        which may hold what JSON can.
        """
        key = self._prefix + name
        if key not in self._store:
            array = np.empty((self.num_envs, *shape), dtype)
            self._store[key] = (array, fill)
            _empty(array, fill, np.arange(self.num_envs))
        array = self._store[key][0]
        if array.shape[1:] != shape:
            raise ValueError(f"episode memory {key!r} has rows of shape {array.shape[1:]}, asked for {shape}")
        return array

    def scope(self, name: str) -> EpisodeMemory:
        """A view whose names cannot collide with those of other scopes; a composite gives one to each part."""
        return EpisodeMemory(self.num_envs, f"{self._prefix}{name}/", self._store)

    def reset(self, mask: np.ndarray) -> None:
        """Empty the rows of finished episodes, here and in the scopes below; ``mask`` is ``(num_envs,)`` bool."""
        if not self._store:
            return
        rows = np.flatnonzero(mask)
        if len(rows):
            for name, (array, fill) in self._store.items():
                if name.startswith(self._prefix):
                    _empty(array, fill, rows)

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all arrays by full name, and of what their rows are emptied to; tables as JSON."""
        state = {}
        for name, (array, fill) in self._store.items():
            if array.dtype == object:
                state[f"table:{name}"] = np.array([json.dumps(row) for row in array])
            else:
                state[f"array:{name}"] = array.copy()
                state[f"fill:{name}"] = np.asarray(fill, dtype=array.dtype)
        return state

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Restore what `state_dict` returned."""
        self._store.clear()
        for key, array in state.items():
            kind, name = key.split(":", 1)
            if kind == "fill":
                continue
            if len(array) != self.num_envs:
                raise ValueError(f"episode memory {name!r} has {len(array)} rows, expected {self.num_envs}")
            if kind == "table":
                rows = [json.loads(str(row)) for row in array]
                self._store[name] = (np.empty(len(rows), object), type(rows[0]))
                for row, table in enumerate(rows):
                    self._store[name][0][row] = table
            else:
                self._store[name] = (np.array(array), state[f"fill:{name}"][()])


def _empty(array: np.ndarray, fill: Any, rows: np.ndarray) -> None:
    if array.dtype == object:
        for row in rows:
            array[row] = fill()
    else:
        array[rows] = fill

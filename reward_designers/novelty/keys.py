"""What of a state is counted, as one key: equal states have equal keys, and similar ones where numbers are continuous.

Text, whole numbers and glyphs count as they are. Continuous numbers are hashed by SimHash (Charikar 2002) as in Tang et
al. 2017 (arXiv 1611.04717, section 2.2): the signs of A g(s) for a random matrix A. Here g(s) is the standardized state
with a one appended, so that the planes which cut the space do not all meet in its middle.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b

import numpy as np

from reward_designers.base import State
from reward_designers.errors import RewardError

DIGEST = 16
"""Bytes of a key."""


class Keys:
    """Keys of states.

    Which arrays are continuous, and their means and standard deviations, are found in the first batch and stay as they
    are, since the counts of before would be lost otherwise. Until then everything counts as it is.

    Args:
        names: The state arrays that make up a key.
        bits: Signs in a SimHash. With n planes in d dimensions there are about n^d / d! cells: more bits tell apart
            more.
        seed: Of the planes.
    """

    def __init__(self, names: Sequence[str], bits: int, seed: int):
        self.names, self.bits, self.seed = tuple(names), bits, seed
        self.continuous: tuple[str, ...] | None = None  # None: nothing was seen yet
        self._mean = self._std = np.zeros(0)
        self._planes = np.zeros((1, bits))

    def fit(self, state: State) -> None:
        """Take the first batch ``(n, ...)`` as what states look like."""
        self.continuous = tuple(name for name in self.names if _continuous(state[name]))
        values = self._values(state)
        self._mean, std = values.mean(0), values.std(0)
        self._std = np.where(std > 1e-8, std, 1.0)
        self._draw()

    def __call__(self, state: State) -> list[str]:
        """A key for each row, in hexadecimal digits."""
        continuous = self.continuous or ()
        n = len(state[self.names[0]])
        parts = [_exact(name, state[name]) for name in self.names if name not in continuous]
        if continuous:
            standard = (self._values(state) - self._mean) / self._std
            signs = np.packbits(np.column_stack([standard, np.ones(n)]) @ self._planes > 0, axis=1)
            parts.append([row.tobytes() for row in signs])
        return [blake2b(b"\0".join(row), digest_size=DIGEST).hexdigest() for row in zip(*parts, strict=True)]

    def _values(self, state: State) -> np.ndarray:
        n = len(state[self.names[0]])
        columns = [state[name].reshape(n, -1).astype(np.float64) for name in self.continuous or ()]
        return np.concatenate(columns, axis=1) if columns else np.zeros((n, 0))

    def _draw(self) -> None:
        self._planes = np.random.default_rng(self.seed).standard_normal((len(self._mean) + 1, self.bits))

    def state_dict(self) -> dict[str, np.ndarray]:
        """What `fit` found."""
        return {"continuous": np.array(json.dumps(self.continuous)), "mean": self._mean, "std": self._std}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Restore what `state_dict` returned."""
        found = json.loads(str(state["continuous"]))
        self.continuous = None if found is None else tuple(found)
        self._mean, self._std = np.array(state["mean"]), np.array(state["std"])
        self._draw()


def _continuous(values: np.ndarray) -> bool:
    """Whether these are numbers of which not all are whole."""
    return values.dtype.kind == "f" and not np.array_equal(values, np.rint(values))


def _exact(name: str, values: np.ndarray) -> list[bytes]:
    """Each row's bytes."""
    if values.dtype.kind in "OU":
        return [str(text).encode("utf-8", "surrogatepass") for text in values]
    if values.dtype.kind not in "biuf":
        raise RewardError(f"state array {name!r} is of {values.dtype}, expected numbers or text to count")
    numbers = values + 0.0 if values.dtype.kind == "f" else values  # -0.0 becomes 0.0
    return [row.tobytes() for row in numbers]

"""The part of the map around the hero."""

from __future__ import annotations

import numpy as np

ROWS, COLUMNS = 21, 79
"""The size of NetHack's map."""


class Crop:
    """A square of a map array around the hero, made once however many read it.

    Args:
        source: ``(21, 79, ...)``, the live array.
        size: Rows and columns of the square, odd.
        outside: What lies beyond the map.

    Attributes:
        value: ``(size, size, ...)``, valid after `update`.
    """

    def __init__(self, source: np.ndarray, size: int, outside: int):
        self.value = np.full((size, size, *source.shape[2:]), outside, source.dtype)
        self._source, self._half, self._outside = source, size // 2, outside

    def update(self, x: int, y: int) -> None:
        """Take the square around column ``x`` and row ``y``."""
        half = self._half
        top, left, bottom, right = y - half, x - half, y + half + 1, x + half + 1
        if top >= 0 and left >= 0 and bottom <= ROWS and right <= COLUMNS:
            self.value[...] = self._source[top:bottom, left:right]
            return
        self.value.fill(self._outside)
        inside = self._source[max(top, 0) : bottom, max(left, 0) : right]
        down, along = max(-top, 0), max(-left, 0)
        self.value[down : down + inside.shape[0], along : along + inside.shape[1]] = inside

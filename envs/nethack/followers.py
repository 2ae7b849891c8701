"""What is counted along a game: made when a reader first asks for it, and kept up from then on."""

from __future__ import annotations

import functools
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from envs.nethack.crop import COLUMNS, ROWS
from envs.nethack.fields import AT
from envs.nethack.glyphs import CLOSED_DOORS, OPEN_DOORS
from envs.nethack.rules import BLANK

if TYPE_CHECKING:
    from envs.nethack.game import NetHackGame


class Follower(Protocol):
    """Follows one environment.

    Attributes:
        value: What it came to.
    """

    value: Any

    def begin(self) -> None:
        """A game began."""

    def step(self, over: bool) -> None:
        """A step was made; if the game is over, map and inventory are gone."""


class Map:
    """What changed on the map in a step, found once for all who want to know.

    Attributes:
        level: Branch of the dungeon, and level in it.
        moved: Whether the step led to another level; all of the map is new then.
        old: Glyphs of the squares that changed, before the step; of other levels' squares if it led to one.
        new: And after it. When a game begins, of all squares that are not blank.
    """

    def __init__(self, env: NetHackGame):
        self.value = self
        self._map = env.array("glyphs").reshape(-1)
        self._memory = self._map.data
        self._line = env.bottom_line.data
        self._bytes = bytearray(self._memory)  # which is compared with memory as it is; bytes or arrays take longer
        self._last = np.frombuffer(self._bytes, self._map.dtype)
        self._differs = np.zeros(self._map.shape, bool)
        self.begin()

    def begin(self) -> None:
        """See `Follower`."""
        self.level = self._line[_BRANCH], self._line[_FLOOR]
        self.moved = False
        self.old: Sequence[int] = ()
        self.new: Sequence[int] = self._map[self._map != BLANK].tolist()
        self._last[...] = self._map

    def step(self, over: bool) -> None:
        """See `Follower`."""
        if over or self._bytes == self._memory:
            self.old = self.new = ()
            self.moved = False
            return
        level = self._line[_BRANCH], self._line[_FLOOR]
        self.moved, self.level = level != self.level, level
        np.not_equal(self._map, self._last, self._differs)
        (changed,) = self._differs.nonzero()
        self.old, self.new = self._last[changed].tolist(), self._map[changed].tolist()
        self._last[...] = self._map


_BRANCH, _FLOOR = AT["dungeon_number"], AT["dungeon_level"]


class Explored:
    """How many squares of all levels were ever seen, as NetHackScout counts them: from the first step on."""

    def __init__(self, env: NetHackGame):
        self.value = np.zeros((), np.int64)
        self._glyphs, self._map = env.array("glyphs"), env.follow("map")
        self._levels: dict[tuple[int, int], int] = {}

    def begin(self) -> None:
        """See `Follower`."""
        self._levels.clear()
        self.value[...] = 0

    def step(self, over: bool) -> None:
        """See `Follower`."""
        if not over:
            self._levels[self._map.level] = int(np.count_nonzero(self._glyphs != BLANK))
            self.value[...] = sum(self._levels.values())


class DoorsOpened:
    """How many doors were seen to open, or to be broken."""

    def __init__(self, env: NetHackGame):
        self.value = np.zeros((), np.int64)
        self._map: Map = env.follow("map")

    def begin(self) -> None:
        """See `Follower`."""
        self.value[...] = 0

    def step(self, over: bool) -> None:
        """See `Follower`."""
        if self._map.new and (opened := doors_opened(self._map)):
            self.value += opened


def doors_opened(changes: Map) -> int:
    """How many doors were seen to open in a step, or to be broken."""
    if _CLOSED.isdisjoint(changes.old) or changes.moved:
        return 0
    return sum(old in _CLOSED and new in OPEN_DOORS for old, new in zip(changes.old, changes.new, strict=True))


_CLOSED = frozenset(CLOSED_DOORS)


class MapText:
    """The map around the hero as text, a line for each row; read from the game's memory by one call.

    Args:
        env: The environment.
        size: Rows and columns, odd.
    """

    def __init__(self, env: NetHackGame, size: int):
        self.value = ""
        self._chars, self._line = env.array("chars").reshape(-1).data, env.bottom_line.data
        self._size, self._half = size, size // 2
        self._square = _rows(min(size, ROWS), min(size, COLUMNS))

    def begin(self) -> None:
        """See `Follower`."""
        self.step(False)

    def step(self, over: bool) -> None:
        """See `Follower`."""
        if over:
            return
        size = self._size
        top, left = self._line[_Y] - self._half, self._line[_X] - self._half
        if 0 <= top <= ROWS - size and 0 <= left <= COLUMNS - size:
            rows: Sequence[bytes] = self._square.unpack_from(self._chars, top * COLUMNS + left)
        else:
            rows = self._at_the_border(top, left)
        self.value = b"\n".join(rows).decode("latin-1")

    def _at_the_border(self, top: int, left: int) -> list[bytes]:
        size = self._size
        first, first_column = max(top, 0), max(left, 0)
        inside = _rows(min(top + size, ROWS) - first, min(left + size, COLUMNS) - first_column)
        rows = [
            (b" " * (first_column - left) + row).ljust(size)
            for row in inside.unpack_from(self._chars, first * COLUMNS + first_column)
        ]
        return [b" " * size] * (first - top) + rows + [b" " * size] * (size - (first - top) - len(rows))


@functools.cache
def _rows(rows: int, columns: int) -> struct.Struct:
    """What takes that many rows and columns out of the map's bytes."""
    return struct.Struct(f"{COLUMNS - columns}x".join([f"{columns}s"] * rows))


_X, _Y = AT["x"], AT["y"]

"""What is counted along a game: made when a reader first asks for it, and kept up from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

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
        new: And after it.
    """

    def __init__(self, env: NetHackGame):
        self.value = self
        self._map = env.array("glyphs").reshape(-1)
        self._line = env.bottom_line.data
        self._last = self._map.copy()
        self._bytes = b""
        self.begin()

    def begin(self) -> None:
        """See `Follower`."""
        self.level = self._line[_BRANCH], self._line[_FLOOR]
        self.moved = False
        self.old: list[int] = []
        self.new: list[int] = self._map.tolist()
        self._last[...] = self._map
        self._bytes = self._map.tobytes()

    def step(self, over: bool) -> None:
        """See `Follower`."""
        latest = self._bytes if over else self._map.tobytes()
        if latest == self._bytes:  # bytes compare faster than arrays
            self.old, self.new, self.moved = [], [], False
            return
        level = self._line[_BRANCH], self._line[_FLOOR]
        self.moved, self.level = level != self.level, level
        (changed,) = (self._map != self._last).nonzero()
        self.old, self.new = self._last[changed].tolist(), self._map[changed].tolist()
        self._last[...] = self._map
        self._bytes = latest


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
        changes = self._map
        if not changes.new:
            return
        for old, new in zip(changes.old, changes.new, strict=True):
            if old in CLOSED_DOORS and new in OPEN_DOORS and not changes.moved:
                self.value += 1

"""What happened in a step, in words: the message, and what changed, so that events without a message are seen too.

A caption is made of parts, each by one small class; `PARTS` has them by name. It comes as the field
``caption``, and is made only where a reward reads it. A caption is a plain str: what a reward maps to a number is found
in a dict within 40 ns for each environment, means the same in every process and run, and is what a label store keeps.

    venv = envs.make_vec("MiniHack-KeyRoom-S5", 16, captions=("message", "inventory", "doors"))
    def found(next_caption): return np.array(["picked up a key" in text for text in next_caption], float)
"""

from __future__ import annotations

import ctypes
import re
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

from envs.nethack.fields import AT, ON_STAIRS
from envs.nethack.followers import Map, doors_opened
from envs.nethack.glyphs import sight
from envs.nethack.rules import BLANK
from reward_designers.errors import unknown_name

if TYPE_CHECKING:
    from envs.nethack.game import NetHackGame

HP, GOLD, DEPTH, LEVEL = AT["hp"], AT["gold"], AT["depth"], AT["experience_level"]
HUNGER, CONDITION, BURDEN = AT["hunger"], AT["condition"], AT["burden"]
X, Y = AT["x"], AT["y"]
SEPARATOR = "; "
_WATCHED = (HP, GOLD, DEPTH, LEVEL, HUNGER, BURDEN, CONDITION)
_watched = struct.Struct("".join("q" if place in _WATCHED else "8x" for place in AT.values())).unpack_from
_HUNGERS = ("satiated", "not hungry", "hungry", "weak from hunger", "faint from hunger", "fainted", "starved")
_BURDENS = ("unencumbered", "burdened", "stressed", "strained", "overtaxed", "overloaded")
_CONDITIONS = (
    *("turning to stone", "turning into slime", "strangled", "food poisoned", "ill", "blind", "deaf", "stunned"),
    *("confused", "hallucinating", "levitating", "flying", "riding"),
)


class Change:
    """One step, as the parts of a caption see it.

    Attributes:
        env: After the step.
        on_stairs: Whether the hero stood on a staircase down before it, and after it.
        over: Whether the game ended: map and inventory are gone then.
    """

    __slots__ = ("_after", "_before", "_internal", "_line", "env", "on_stairs", "over")

    def __init__(self, env: NetHackGame):
        self.env = env
        self._line, self._internal = env.bottom_line.data, env.array("internal").data
        self.begin()

    @property
    def before(self) -> tuple[int, ...]:
        """The bottom line before the step, see `envs.nethack.fields.BOTTOM_LINE`."""
        return _LINE.unpack(self._before)

    @property
    def after(self) -> tuple[int, ...]:
        """And after it."""
        return _LINE.unpack(self._after)

    def begin(self) -> None:
        """A game began."""
        self._before = self._after = self._line.tobytes()
        self.on_stairs = (False, self._internal[ON_STAIRS] != 0)
        self.over = False

    def step(self, over: bool) -> None:
        """A step was made."""
        self._before, self._after = self._after, self._line.tobytes()  # numbers are made of them where there is news
        self.on_stairs = (self.on_stairs[1], self._internal[ON_STAIRS] != 0)
        self.over = over


_LINE = struct.Struct(f"{len(AT)}q")


class Part:
    """One part of a caption, for one environment."""

    def __init__(self, env: NetHackGame):
        self.env = env

    def begin(self, change: Change) -> None:
        """A game began, as ``change.after`` says."""

    def __call__(self, change: Change) -> Sequence[str]:
        """What is new, in words."""
        raise NotImplementedError


class Message(Part):
    """What the game said, all of it."""

    def __call__(self, change: Change) -> Sequence[str]:
        """See `Part`."""
        said = self.env.said()
        return (said,) if said else ()


class Numbers(Part):
    """Changes of hit points, gold, depth, experience level, hunger, burden and condition."""

    def __init__(self, env: NetHackGame):
        super().__init__(env)
        self._line = env.bottom_line.data
        self._last = _watched(self._line)

    def begin(self, change: Change) -> None:
        """See `Part`."""
        self._last = _watched(self._line)

    def __call__(self, change: Change) -> Sequence[str]:
        """See `Part`."""
        latest = _watched(self._line)
        if latest == self._last:
            return ()
        self._last = latest
        before, after = change.before, change.after
        news = []
        if gained := after[HP] - before[HP]:
            news.append(f"HP rose by {gained}" if gained > 0 else f"HP fell by {-gained}")
        if gained := after[GOLD] - before[GOLD]:
            news.append(f"gold rose by {gained}" if gained > 0 else f"gold fell by {-gained}")
        if gained := after[DEPTH] - before[DEPTH]:
            news.append(f"{'descended' if gained > 0 else 'climbed'} to level {after[DEPTH]}")
        if gained := after[LEVEL] - before[LEVEL]:
            news.append(f"{'rose' if gained > 0 else 'fell'} to experience level {after[LEVEL]}")
        if after[HUNGER] != before[HUNGER]:
            news.append(f"now {_HUNGERS[after[HUNGER]]}")
        if after[BURDEN] != before[BURDEN]:
            news.append(f"now {_BURDENS[after[BURDEN]]}")
        if changed := after[CONDITION] ^ before[CONDITION]:
            for bit, name in enumerate(_CONDITIONS):
                if changed >> bit & 1:
                    news.append(f"{'now' if after[CONDITION] >> bit & 1 else 'no longer'} {name}")
        return news


class Inventory(Part):
    """What came into the pack, left it, or is carried otherwise now: worn, wielded, more of it."""

    def __init__(self, env: NetHackGame):
        super().__init__(env)
        strings, letters = env.array("inv_strs"), env.array("inv_letters")
        self._row = strings.shape[1]
        self._text, self._all_letters = strings.reshape(-1).data, letters.data
        self._rows = (ctypes.c_char * self._row * len(strings)).from_buffer(strings.data)
        self._hold({})

    def begin(self, change: Change) -> None:
        """See `Part`."""
        self._hold(self._carried())

    def __call__(self, change: Change) -> Sequence[str]:
        """See `Part`."""
        if change.over:
            return ()
        if self._texts == self._items_text and self._letters == self._all_letters:
            return ()  # without new letters, nothing but the texts of the items can have changed
        had, has = self._items, self._carried()
        self._hold(has)
        news = [f"lost {_item(had[letter])}" for letter in had if letter not in has]
        for letter, item in has.items():
            if letter not in had:
                news.append(f"picked up {_item(item)}")
            elif item != had[letter]:
                news.append(f"now carries {item}")
        return news

    def _hold(self, items: dict[int, str]) -> None:
        """What is carried now."""
        self._items = items
        self._items_text = self._text[: self._row * len(items)]
        # bytearrays are compared with the game's memory as it is, bytes only with a copy of it
        self._texts, self._letters = bytearray(self._items_text), bytearray(self._all_letters)

    def _carried(self) -> dict[int, str]:
        letters = self._all_letters.tobytes().rstrip(b"\0")
        return {letter: self._rows[row].value.decode("latin-1") for row, letter in enumerate(letters)}


def _item(text: str) -> str:
    """An item's name without what the hero does with it, as in ``a dagger (weapon in hand)``."""
    return re.sub(r" \([^()]*\)$", "", text)


class Doors(Part):
    """Doors that open in sight, by whatever means."""

    def __init__(self, env: NetHackGame):
        super().__init__(env)
        self._map: Map = env.follow("map")

    def __call__(self, change: Change) -> Sequence[str]:
        """See `Part`."""
        return ("door opened",) if self._map.new and doors_opened(self._map) else ()


class Sights(Part):
    """Creatures, things and features of the level that come into view, each kind once on a level."""

    def __init__(self, env: NetHackGame):
        super().__init__(env)
        self._map: Map = env.follow("map")
        self._glyphs = env.array("glyphs")
        self._seen: dict[tuple[int, int], set[int]] = {}

    def begin(self, change: Change) -> None:
        """See `Part`; what is in view already is no news."""
        self._known = {BLANK, *self._map.new}
        self._seen = {self._map.level: self._known}

    def __call__(self, change: Change) -> Sequence[str]:
        """See `Part`."""
        shown = self._map.new
        if not shown:
            return ()
        if self._map.moved:
            self._known = self._seen.setdefault(self._map.level, {BLANK})
        known = self._known
        if known.issuperset(shown):
            return ()
        hero = int(self._glyphs[change.after[Y], change.after[X]])
        names = dict.fromkeys(sight(glyph) for glyph in shown if glyph not in known and glyph != hero)
        known.update(shown)
        return [f"saw {name}" for name in names if name is not None]


class Stairs(Part):
    """Stepping on a staircase down."""

    def __call__(self, change: Change) -> Sequence[str]:
        """See `Part`."""
        return ("stepped on a staircase down",) if change.on_stairs == (False, True) else ()


class Death(Part):
    """The end of the hero."""

    def __call__(self, change: Change) -> Sequence[str]:
        """See `Part`."""
        return ("died",) if change.over and change.after[HP] <= 0 else ()


class View(Part):
    """The map around the hero as text, a line for each row."""

    def __init__(self, env: NetHackGame):
        super().__init__(env)
        env.follow("map_text")

    def __call__(self, change: Change) -> Sequence[str]:
        """See `Part`."""
        return (self.env.follow("map_text"),)


PARTS: dict[str, type[Part]] = {
    "message": Message,
    "numbers": Numbers,
    "inventory": Inventory,
    "doors": Doors,
    "sights": Sights,
    "stairs": Stairs,
    "death": Death,
    "view": View,
}
"""The parts of captions by name, in the order in which they are said."""
EVENTS = tuple(name for name in PARTS if name != "view")
"""What captions are made of unless asked for otherwise."""


class Captions:
    """The captions of one environment.

    Args:
        env: The environment.
        parts: Which of `PARTS`, or classes of your own.

    Attributes:
        value: The caption of the last step; at the start of a game its first message, and the view if wanted.
    """

    def __init__(self, env: NetHackGame, parts: Sequence[str | type[Part]] = EVENTS):
        for part in parts:
            if isinstance(part, str) and part not in PARTS:
                raise ValueError(unknown_name("part of captions", part, PARTS))
        self.value = ""
        self._change = Change(env)
        self._parts = [(PARTS[part] if isinstance(part, str) else part)(env) for part in parts]
        self._calls = [part.__call__ for part in self._parts]  # a bound method is called faster than an instance

    def begin(self) -> None:
        """A game began."""
        self._change.begin()
        for part in self._parts:
            part.begin(self._change)
        self.value = SEPARATOR.join(
            said for part in self._parts if isinstance(part, Message | View) for said in part(self._change)
        )

    def step(self, over: bool) -> None:
        """A step was made."""
        self._change.step(over)
        news: list[str] = []
        for call in self._calls:
            if said := call(self._change):
                news += said
        self.value = SEPARATOR.join(news)

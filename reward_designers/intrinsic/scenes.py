"""Transitions as a judge of subgoals sees them: texts before the action, the action, texts after it.

For NetHack that is the map around the hero, what the player did, the map again and the message, as in CALM
(arXiv 2409.12798). A language model reads a scene as JSON, a program as arrays of character codes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from reward_designers.base import Transition
from reward_designers.errors import RewardError

LENGTH = 512
"""Characters of a text that a program gets; the rest is cut off."""


@dataclass(frozen=True)
class Scene:
    """What is shown of a transition.

    Attributes:
        before: State arrays of text that are shown as they were before the action, ``(n,)`` str.
        after: And as they are after it.
        maps: Those of them that are maps: texts of several lines with the hero in the middle.
        size: Rows and columns of a map that are shown, odd; the fewer, the sooner the same scene is seen again.
        actions: Words for actions 0, 1, ...; empty: the action is not shown.
    """

    before: tuple[str, ...] = ("map_text",)
    after: tuple[str, ...] = ("map_text", "message")
    maps: tuple[str, ...] = ("map_text",)
    size: int = 3
    actions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("before", "after", "maps", "actions"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not self.after:
            raise RewardError("nothing would be shown of what became of an action")
        if self.size < 1 or self.size % 2 == 0:
            raise RewardError(f"size={self.size}, expected an odd number of rows and columns")

    @property
    def inputs(self) -> frozenset[str]:
        """The state arrays that are shown."""
        return frozenset({*self.before, *self.after})

    @property
    def reads(self) -> frozenset[str]:
        """What of a transition is shown, see `RewardFn.reads`."""
        shown = {"next_state": True, "state": bool(self.before), "action": bool(self.actions)}
        return frozenset(side for side, is_shown in shown.items() if is_shown)

    def keys(self, t: Transition) -> list[str]:
        """Each transition as JSON: the same text for what looks the same."""
        columns: list[tuple[str, list[object]]] = []
        columns += [(f"{_plain(name)} before", self._shown(name, t.state)) for name in self.before]
        if self.actions:
            columns.append(("action", [self._word(action) for action in np.asarray(t.action).tolist()]))
        columns += [(f"{_plain(name)} after", self._shown(name, t.next_state)) for name in self.after]
        names = [name for name, _ in columns]
        return [write_scene(dict(zip(names, row, strict=True))) for row in zip(*(c for _, c in columns), strict=True)]

    def codes_before(self, t: Transition) -> dict[str, np.ndarray]:
        """The texts before the action as arrays of character codes uint8, by name.

        Maps are whole, ``(n, rows, columns)``; other texts ``(n, LENGTH)``, filled up with zeros.

        Raises:
            RewardError: The maps are not alike in size.
        """
        return self._encoded(self.before, t.state)

    def codes_after(self, t: Transition) -> dict[str, np.ndarray]:
        """The same of the texts after it."""
        return self._encoded(self.after, t.next_state)

    def _encoded(self, names: tuple[str, ...], state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: (_grids if name in self.maps else _lines)(state[name].tolist()) for name in names}

    def _shown(self, name: str, state: Mapping[str, np.ndarray]) -> list[object]:
        texts = state[name].tolist()
        return [trimmed(text, self.size) for text in texts] if name in self.maps else texts

    def _word(self, action: int) -> str:
        try:
            return self.actions[action]
        except IndexError:
            raise RewardError(f"action {action} has no name, there are {len(self.actions)}") from None


def write_scene(scene: Mapping[str, object]) -> str:
    """A scene as the text that names it."""
    return json.dumps(scene, separators=(",", ":"))


def _plain(name: str) -> str:
    """The name of an array in words."""
    return name.removesuffix("_text").replace("_", " ")


def trimmed(text: str, size: int) -> list[str]:
    """The middle rows and columns of a map."""
    rows = text.split("\n")
    out = max(len(rows) - size, 0) // 2
    return [row[out : len(row) - out] for row in rows[out : len(rows) - out]]


def _lines(texts: list[str]) -> np.ndarray:
    """``(n, LENGTH)`` uint8; what is no Latin-1 becomes ``?``."""
    data = b"".join(text[:LENGTH].encode("latin-1", "replace").ljust(LENGTH, b"\0") for text in texts)
    return np.frombuffer(data, np.uint8).reshape(len(texts), LENGTH)


def _grids(texts: list[str]) -> np.ndarray:
    """``(n, rows, columns)`` uint8."""
    rows, columns = texts[0].count("\n") + 1, texts[0].find("\n")
    data = "".join(texts).replace("\n", "").encode("latin-1", "replace")
    if len(data) != len(texts) * rows * columns:
        raise RewardError(f"maps of different sizes, or not of several lines: {texts[0]!r:.80}")
    return np.frombuffer(data, np.uint8).reshape(len(texts), rows, columns)

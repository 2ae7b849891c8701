"""MiniHack's small levels in words: what is in sight and where, what happened, and commands such as "move north".

    game = Level("MiniHack-KeyRoom-S5", seed=1)
    print(game.goal, game.reset().feedback, game.expert())

The expert plans on the map that the hero has seen, no more: to the key, the door and the stairs once they are in sight,
and to the nearest unseen squares before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from envs.nethack.fields import AT
from envs.nethack.tasks import tasks_of
from envs.text.game import TextState, refuse_if_over

LEVELS = ("MiniHack-Room-Random-15x15", "MiniHack-KeyRoom-S5", "MiniHack-KeyRoom-Dark-S5",
          "MiniHack-MazeWalk-9x9")  # fmt: skip
"""Levels that the expert knows how to solve."""
_STEPS = {"north": (-1, 0), "east": (0, 1), "south": (1, 0), "west": (0, -1), "northeast": (-1, 1),
          "southeast": (1, 1), "southwest": (1, -1), "northwest": (-1, -1)}  # fmt: skip
_ACTIONS = {"N": "move north", "E": "move east", "S": "move south", "W": "move west", "NE": "move northeast",
            "SE": "move southeast", "SW": "move southwest", "NW": "move northwest", "PICKUP": "pick up",
            "APPLY": "apply key"}  # fmt: skip
_NAMED = ("a key", "a closed door", "a staircase down")
_COMMAND = {step: f"move {name}" for name, step in _STEPS.items()}
_Square = tuple[int, int]


class Level:
    """One level, as its seed makes it.

    Args:
        level: One of `LEVELS`.
        seed: Of the level and of everything in it.

    Raises:
        ValueError: There is no such level, or it has actions that have no words here.
        ModuleNotFoundError: The extra `nethack` is not installed.
    """

    def __init__(self, level: str, seed: int = 0):
        from envs.nethack.game import NetHackGame
        from envs.nethack.glyphs import CLOSED_DOORS, OPEN_DOORS, sight
        from envs.nethack.rules import BLANK

        task = next(iter(tasks_of(level).values()), None)
        if task is None:
            raise ValueError(f"{level} is no level of MiniHack: expected one such as {', '.join(LEVELS)}")
        self.name, self.goal = f"{level}-{seed}", task.text
        self._level, self._seed, self._keyed = level, seed, "KeyRoom" in level
        self._env: Any = NetHackGame(task.env_id.partition("/")[2], observation_keys=("glyphs", "chars"))
        unknown = [a.name for a in self._env.game.actions if a.name not in _ACTIONS]
        if unknown:
            raise ValueError(f"{level} has actions without words here ({', '.join(unknown)}): use one of {LEVELS}")
        self._commands = {_ACTIONS[a.name]: i for i, a in enumerate(self._env.game.actions)}
        self._closed, self._open, self._blank, self._sight = set(CLOSED_DOORS), set(OPEN_DOORS), BLANK, sight
        for follower in ("caption", "doors_opened"):
            self._env.follow(follower)

    def reset(self) -> TextState:
        """See `envs.text.game.TextGame`."""
        observed, _ = self._env.reset(seed=self._seed)
        self._under: dict[_Square, int] = {}
        self._visited: set[_Square] = set()
        self._given: list[str] = []
        self._state = self._look(observed, over=False, won=False, first=True)
        return self._state

    def step(self, command: str) -> TextState:
        """See `envs.text.game.TextGame`."""
        refuse_if_over(self._state, command)
        self._given.append(command)
        if command not in self._commands:
            text = f"Nothing happens. {self._scene}"
            was = self._state
            self._state = TextState(text, was.admissible, was.facts, was.score, was.won, was.over)
            return self._state
        observed, _, over, _, info = self._env.step(self._commands[command])
        self._state = self._look(observed, over, info.get("end_status") == "solved")
        return self._state

    def expert(self) -> str | None:
        """The next command of a shortest way over squares that were seen."""
        here = self._here
        keys, stairs = self._find("a key"), self._find("a staircase down")
        doors = [(int(y), int(x)) for y, x in np.argwhere(np.isin(self._glyphs, list(self._closed)))]
        if way := self._way(stairs.__contains__):
            return _COMMAND[way]
        if self._keyed and not self._has_key:
            if here in keys:
                return "pick up"
            if way := self._way(keys.__contains__):
                return _COMMAND[way]
        if self._keyed and self._has_key and doors:
            beside = {(y + dy, x + dx) for y, x in doors for dy, dx in ((1, 0), (-1, 0), (0, 1), (0, -1))}
            if here in beside:
                return "apply key"
            if way := self._way(beside.__contains__):
                return _COMMAND[way]
        way = self._way(self._borders_on_the_unseen)
        return None if way is None else _COMMAND[way]

    def copy(self) -> Level:
        """See `envs.text.game.TextGame`; NetHack cannot be copied, so the commands are given again."""
        other = Level(self._level, self._seed)
        other.reset()
        for command in self._given:
            other.step(command)
        return other

    def close(self) -> None:
        """End the game."""
        self._env.close()

    def _look(self, observed: dict[str, np.ndarray], over: bool, won: bool, first: bool = False) -> TextState:
        if not over:  # the map is gone with the game
            line = self._env.bottom_line
            self._here = int(line[AT["y"]]), int(line[AT["x"]])
            self._glyphs, self._chars = observed["glyphs"], observed["chars"]
            for y, x in np.argwhere(self._chars != ord("@")).tolist():
                self._under[y, x] = int(self._glyphs[y, x])
            self._visited.add(self._here)
            self._has_key = bool(self._env.state_arrays["key_carried"]())
            if self._has_key:
                for square in self._find("a key"):
                    del self._under[square]
            self._scene = self._describe()
        opened = int(self._env.follow("doors_opened"))
        facts = {f"at({self._here[1]}, {self._here[0]})"}
        facts |= {"carrying(key)"} if self._has_key else set()
        facts |= {"opened(door)"} if opened else set()
        facts |= {"on(staircase down)"} if won else set()
        done = [won, *([self._has_key or opened > 0, opened > 0] if self._keyed else [])]
        caption = str(self._env.follow("caption"))
        said = "" if first or not caption else f"{caption}{'' if caption.endswith(('.', '!', '?')) else '.'} "
        end = "You step on the staircase down." if won else "The game is over."
        text = f"{said}{end if over else self._scene}"
        admissible = () if over else tuple(sorted(self._commands))
        return TextState(text, admissible, frozenset(facts), 1.0 if won else sum(done) / len(done), won, over)

    def _describe(self) -> str:
        """What is in sight and where, the nearest first, and whether a key is carried."""
        seen = []
        for (y, x), glyph in self._under.items():
            name = self._sight(glyph)
            if name not in _NAMED:
                continue
            down, right = y - self._here[0], x - self._here[1]
            seen.append((max(abs(down), abs(right)), f"{name} {_where(down, right)}"))
        parts = [text for _, text in sorted(seen)]
        scene = f"You see {', '.join(parts)}." if parts else "You see nothing of interest."
        free = [name for name, step in _STEPS.items() if self._walkable(_plus(self._here, step))]
        scene += f" Free squares: {', '.join(free) or 'none'}."
        return scene + (" You carry a key." if self._has_key else "")

    # The expert's map: what was last seen on each square, for the hero hides what is under him

    def _find(self, name: str) -> set[_Square]:
        return {square for square, glyph in self._under.items() if self._sight(glyph) == name}

    def _walkable(self, square: _Square) -> bool:
        y, x = square
        if not (0 <= y < self._chars.shape[0] and 0 <= x < self._chars.shape[1]):
            return False
        return chr(self._chars[y, x]) in ".#<>({@" or int(self._glyphs[y, x]) in self._open

    def _neighbours(self, square: _Square) -> Iterator[tuple[_Square, _Square]]:
        """Steps that can be made, and where they lead; nobody walks through doors diagonally."""
        for step in _STEPS.values():
            there = _plus(square, step)
            if not self._walkable(there):
                continue
            if 0 not in step and {self._under.get(square), self._under.get(there)} & self._open:
                continue
            yield step, there

    def _way(self, wanted: Callable[[_Square], bool]) -> _Square | None:
        """The first step of a shortest way to a square that is wanted, other than the one here."""
        first: dict[_Square, _Square | None] = {self._here: None}
        queue = deque([self._here])
        while queue:
            square = queue.popleft()
            if square != self._here and wanted(square):
                return first[square]
            for step, there in self._neighbours(square):
                if there not in first:
                    first[there] = first[square] or step
                    queue.append(there)
        return None

    def _borders_on_the_unseen(self, square: _Square) -> bool:
        if square in self._visited:  # what is blank beside it is rock
            return False
        around = (_plus(square, step) for step in _STEPS.values())
        return any(
            0 <= y < self._glyphs.shape[0] and 0 <= x < self._glyphs.shape[1] and self._glyphs[y, x] == self._blank
            for y, x in around
        )


def _plus(square: _Square, step: _Square) -> _Square:
    return square[0] + step[0], square[1] + step[1]


def _where(down: int, right: int) -> str:
    parts = [
        f"{abs(n)} square{'s' if abs(n) != 1 else ''} {word}"
        for n, word in ((down, "south" if down > 0 else "north"), (right, "east" if right > 0 else "west"))
        if n
    ]
    return " and ".join(parts) or "under you"

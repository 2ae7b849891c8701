"""A player who knows the way through KeyRoom: breadth-first search on the map."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np

from envs.nethack.fields import AT
from envs.nethack.game import NetHackGame
from envs.nethack.glyphs import CLOSED_DOORS, OPEN_DOORS, SYMBOLS
from envs.nethack.rules import BLANK, KEY, nethack

Place = tuple[int, int]
MOVES = {"k": (-1, 0), "l": (0, 1), "j": (1, 0), "h": (0, -1), "y": (-1, -1), "u": (-1, 1), "b": (1, -1), "n": (1, 1)}
WALLS = {BLANK} | {BLANK + i for i, name in SYMBOLS.items() if name == "wall"} | set(CLOSED_DOORS)
STAIRS = BLANK + next(i for i, name in SYMBOLS.items() if name == "staircase down")


def moves_to(env: NetHackGame, targets: set[Place], doorways: frozenset[Place] | set[Place] = frozenset()) -> str:
    """The keys that lead to the nearest target on the map as it is seen; doorways are entered and left straight."""
    glyphs = env.array("glyphs")
    doorways = doorways | where(env, *OPEN_DOORS)
    start = int(env.bottom_line[AT["y"]]), int(env.bottom_line[AT["x"]])
    came: dict[Place, str] = {start: ""}
    queue = deque([start])
    while queue:
        place = queue.popleft()
        if place in targets:
            return came[place]
        for key, (down, right) in MOVES.items():
            to = place[0] + down, place[1] + right
            straight = not (down and right) or not {place, to} & doorways
            if to not in came and straight and (int(glyphs[to]) not in WALLS):
                came[to] = came[place] + key
                queue.append(to)
    raise AssertionError("there is no way")


def where(env: NetHackGame, *glyphs: int) -> set[Place]:
    return {(int(y), int(x)) for y, x in np.argwhere(np.isin(env.array("glyphs"), glyphs))}


def beside(places: set[Place]) -> set[Place]:
    return {(y + down, x + right) for y, x in places for down, right in ((1, 0), (-1, 0), (0, 1), (0, -1))}


def look_for(env: NetHackGame, *glyphs: int, doorways: frozenset[Place] | set[Place] = frozenset()) -> Iterator[int]:
    """Walk from corner to corner of what is seen until one of the glyphs is."""
    visited: set[Place] = set()
    floor = [BLANK + i for i, name in SYMBOLS.items() if name in ("floor of a room", "dark part of a room", "doorway")]
    while not where(env, *glyphs):
        visited.add((int(env.bottom_line[AT["y"]]), int(env.bottom_line[AT["x"]])))
        for key in moves_to(env, where(env, *floor) - visited, doorways):
            yield env._codes.index(ord(key))
            visited.add((int(env.bottom_line[AT["y"]]), int(env.bottom_line[AT["x"]])))


def solve_keyroom(env: NetHackGame) -> Iterator[int]:
    """Actions that solve a lit KeyRoom from its start; the environment is to be stepped with each."""
    number = {code: action for action, code in enumerate(env._codes)}
    yield from look_for(env, KEY)
    for key in moves_to(env, where(env, KEY)):
        yield number[ord(key)]
    yield number[int(nethack.Command.PICKUP)]
    yield from look_for(env, *CLOSED_DOORS)
    door = where(env, *CLOSED_DOORS)
    for key in moves_to(env, beside(door)):
        yield number[ord(key)]
    yield number[int(nethack.Command.APPLY)]
    for key in moves_to(env, door):
        yield number[ord(key)]
    yield from look_for(env, STAIRS, doorways=door)
    for key in moves_to(env, where(env, STAIRS), door):
        yield number[ord(key)]

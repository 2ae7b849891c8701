"""Games of ALFWorld: what one consists of, and how they are found on disk.

games = load_games("~/.cache/alfworld/json_2.1.1", split="valid_unseen", task_types="pick_two_obj_and_place")

`alfworld-download` leaves a folder with a file ``game.tw-pddl`` for each game, in ``train/``, ``valid_seen/`` and
``valid_unseen/``. Both generations of wording are in use ("put X in/on Y", "move X to Y"); each file has its own.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reward_designers.assets import asset
from reward_designers.errors import unknown_name

TASK_TYPES = (
    "pick_and_place_simple",
    "look_at_obj_in_light",
    "pick_clean_then_place_in_recep",
    "pick_heat_then_place_in_recep",
    "pick_cool_then_place_in_recep",
    "pick_two_obj_and_place",
)
"""In the order of ALFWorld's own numbers, 1 to 6."""
SPLITS = ("train", "valid_seen", "valid_unseen")
GAME_FILE = "game.tw-pddl"
UNKNOWN_GOAL = "UNKNOWN GOAL."
"""Stands in a `Game.grammar` for the goal's text."""
_SAYS_GOAL = re.compile(r'(Your task is to: )(.*)(?="[ \t]*$)', re.MULTILINE)
_NOT_PLAYED = ("movable", "Sliced")  # folders that ALFWorld's own environment passes over


@dataclass(frozen=True)
class Game:
    """One household with one thing to be done in it.

    Attributes:
        name: Such as ``pick_two_obj_and_place-SprayBottle-None-GarbageCan-419/trial_T20190908_164236_518264``.
        split: One of `SPLITS`.
        task_type: One of `TASK_TYPES`.
        goal: As the game says it, such as ``put a clean mug in desk.``
        problem: The room and the goal, in PDDL.
        domain: The rules, in PDDL.
        grammar: How commands and observations are worded (TextWorld's twl2), with `UNKNOWN_GOAL` for the goal, so that
            it is the same for all games of a generation.
        walkthrough: Commands that solve it; empty if none are known.
    """

    name: str
    split: str
    task_type: str
    goal: str
    problem: str
    domain: str
    grammar: str
    walkthrough: tuple[str, ...] = ()


def load_games(
    source: str | Path | None = None,
    *,
    split: str | Sequence[str] | None = None,
    task_types: str | Sequence[str] | None = None,
) -> list[Game]:
    """Find games, sorted by their place.

    Folders that ALFWorld itself does not play are passed over: movable receptacles, sliced objects, and games marked as
    unsolvable.

    Args:
        source: A folder with `GAME_FILE` somewhere below it, such a file, or an archive of `envs.alfworld.generate`;
            the embedded games by default.
        split: One or several of `SPLITS`; all by default. A game belongs to the split whose name is nearest in its
            path, and to ``train`` if there is none.
        task_types: One or several of `TASK_TYPES`; all by default.

    Raises:
        FileNotFoundError: There is nothing at ``source``.
        ValueError: No game is left, a file is no game, or its game is unsolvable; the message names the file.
    """
    from envs.alfworld.archive import read_archive  # which imports this module

    splits = _chosen("split", split, SPLITS)
    kinds = _chosen("task type", task_types, TASK_TYPES)
    path = asset("alfworld", "games.json.xz") if source is None else Path(source).expanduser()
    if path.is_file():
        games = read_archive(path) if path.name.endswith(".json.xz") else [_read(path)]
    elif path.is_dir():
        games = _read_folder(path, splits, kinds)
    else:
        raise FileNotFoundError(f"there is no folder or file of games at {path}")
    kept = [game for game in games if game.split in splits and game.task_type in kinds]
    if not kept:
        there = load_games(source) if splits != SPLITS or kinds != TASK_TYPES else games
        present = sorted({f"{game.split} {game.task_type}" for game in there})
        raise ValueError(
            f"{path} has no game of {', '.join(splits)} with a task of {', '.join(kinds)}: it has "
            f"{', '.join(present) or 'none that ALFWorld plays'}"
        )
    return kept


def _chosen(kind: str, wanted: str | Iterable[str] | None, known: tuple[str, ...]) -> tuple[str, ...]:
    if wanted is None:
        return known
    names = (wanted,) if isinstance(wanted, str) else tuple(wanted)
    for name in names:
        if name not in known:
            raise ValueError(unknown_name(kind, name, known))
    if not names:
        raise ValueError(f"expected at least one {kind} of {', '.join(known)}")
    return names


def _read_folder(folder: Path, splits: tuple[str, ...], kinds: tuple[str, ...]) -> list[Game]:
    files = sorted(folder.rglob(GAME_FILE))
    if not files:
        raise ValueError(
            f"{folder} has no playable game: there is no {GAME_FILE} in it or below it (ALFWorld's own data come with "
            "`alfworld-download`)"
        )
    games = []
    unsolvable = 0
    for file in files:
        place = str(file.relative_to(folder.parent))
        if any(word in place for word in _NOT_PLAYED) or _split_of(file) not in splits:
            continue
        kind = next((kind for kind in TASK_TYPES if kind in place), None)
        if kind is not None and kind not in kinds:
            continue  # reading the whole of ALFWorld's data for one type of six would take its time
        data = _json(file)
        if data.get("solvable", True):
            games.append(_game(file, data))
        else:
            unsolvable += 1
    if not games and unsolvable:
        raise ValueError(f"{folder} has no playable game: {unsolvable} are asked for, all marked as unsolvable")
    return games


def _read(file: Path) -> Game:
    data = _json(file)
    if not data.get("solvable", True):
        raise ValueError(f"{file} is marked as unsolvable: no commands reach its goal")
    return _game(file, data)


def _json(file: Path) -> dict[str, object]:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is no game of ALFWorld, or is cut off: {error}") from error
    if not isinstance(data, dict):
        raise ValueError(f"{file} is no game of ALFWorld: expected a JSON object, got a {type(data).__name__}")
    for key in ("pddl_domain", "pddl_problem", "grammar"):
        if not isinstance(data.get(key), str):
            raise ValueError(f"{file} is no game of ALFWorld: it has no text {key!r}")
    return data


def _game(file: Path, data: dict[str, object]) -> Game:
    grammar, problem = str(data["grammar"]), str(data["pddl_problem"])
    said = _SAYS_GOAL.search(grammar)
    if said is None:
        raise ValueError(f"{file} does not say its goal: its grammar has no line with 'Your task is to: '")
    walkthrough = data.get("walkthrough") or ()
    if not isinstance(walkthrough, (list, tuple)):
        raise ValueError(f"{file}: expected a list of commands as 'walkthrough', got {walkthrough!r}")
    return Game(
        name="/".join(file.parts[-3:-1]) or file.stem,
        split=_split_of(file),
        task_type=_task_type(file, problem),
        goal=said.group(2),
        problem=problem,
        domain=sys.intern(str(data["pddl_domain"])),
        grammar=sys.intern(_SAYS_GOAL.sub(rf"\g<1>{UNKNOWN_GOAL}", grammar)),
        walkthrough=tuple(map(str, walkthrough)),
    )


def _split_of(file: Path) -> str:
    return next((part for part in reversed(file.absolute().parts) if part in SPLITS), "train")


def _task_type(file: Path, problem: str) -> str:
    """What the goal asks for; folders may have other names."""
    _, found, goal = problem.lower().partition("(:goal")
    if not found:
        raise ValueError(f"{file} has no (:goal ...) in its problem")
    if "inreceptacleobject" not in goal:
        for word, kind in (("istoggled", 1), ("isclean", 2), ("ishot", 3), ("iscool", 4)):
            if f"({word} " in goal:
                return TASK_TYPES[kind]
        places = goal.count("(inreceptacle ")
        if places in (1, 2):
            return TASK_TYPES[0 if places == 1 else 5]
    raise ValueError(f"{file} has a goal that is none of ALFWorld's six types: {' '.join(goal.split())[:200]}")

"""Many games of ALFWorld in one compressed file: rules and wording, which they share, are in it once.

An archive is JSON in xz: ``{"format": FORMAT, "texts": [...], "games": [{"name": ..., "domain": 0, ...}]}``, where
domain and grammar are numbers of texts. The same games in the same order give the same bytes. `load_games` reads it
like a folder of `alfworld-download`, at a hundredth of its size.
"""

from __future__ import annotations

import json
import lzma
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from envs.alfworld.games import SPLITS, TASK_TYPES, Game

SUFFIX = ".json.xz"
FORMAT = "alfworld-games-1"
_SHARED = ("domain", "grammar")
_TEXTS = ("name", "split", "task_type", "goal", "problem")


def write_archive(path: str | Path, games: Iterable[Game]) -> None:
    """Write games to one file; it appears complete or not at all.

    Raises:
        ValueError: The file's name does not end in `SUFFIX`, so nothing would read it; or two games have one name.
    """
    path = Path(path)
    if not path.name.endswith(SUFFIX):
        raise ValueError(f"the name of an archive ends in {SUFFIX!r}: got {path}")
    texts: dict[str, int] = {}
    rows: dict[str, dict[str, Any]] = {}
    for game in games:
        if game.name in rows:
            raise ValueError(f"two games have the name {game.name!r}; an archive keeps them apart by name")
        rows[game.name] = {
            **{key: getattr(game, key) for key in _TEXTS},
            **{key: texts.setdefault(getattr(game, key), len(texts)) for key in _SHARED},
            "walkthrough": list(game.walkthrough),
        }
    data = {"format": FORMAT, "texts": list(texts), "games": list(rows.values())}
    packed = lzma.compress(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode(), preset=9)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        with temporary.open("wb") as file:
            file.write(packed)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_archive(path: str | Path) -> list[Game]:
    """The games of an archive, in its order.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no archive of games, or is damaged; the message names the file and what is wrong.
    """
    path = Path(path)
    try:
        data = json.loads(lzma.decompress(path.read_bytes()))
    except (lzma.LZMAError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no archive of games, or is damaged: {error}") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        found = data.get("format") if isinstance(data, dict) else type(data).__name__
        raise ValueError(f"{path} is no archive of games: expected the format {FORMAT!r}, got {found!r}")
    try:
        texts = [sys.intern(text) for text in data["texts"]]
        return [_game(row, texts) for row in data["games"]]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        text = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{path} is a damaged archive of games: {text}") from error


def _game(row: dict[str, Any], texts: list[str]) -> Game:
    values = {key: row[key] for key in _TEXTS}
    for key, value in values.items():
        if not isinstance(value, str):
            raise TypeError(f"expected text as {key!r}, got {value!r}")
    if values["split"] not in SPLITS or values["task_type"] not in TASK_TYPES:
        raise ValueError(f"{values['name']!r} has the split {values['split']!r} and the type {values['task_type']!r}")
    shared = {key: texts[row[key]] for key in _SHARED}
    return Game(**values, **shared, walkthrough=tuple(map(str, row["walkthrough"])))

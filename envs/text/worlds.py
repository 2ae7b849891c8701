"""The worlds in words by name, and which game of theirs a number is."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from envs.text.game import Maker, TextGame
from reward_designers.errors import unknown_name

if TYPE_CHECKING:
    from envs.alfworld.games import Game


def _blocks(number: int, folder: Path) -> TextGame:
    from envs.text.blocks import Blocks

    return Blocks(number, blocks=4 + number % 3)


def _textworld(number: int, folder: Path) -> TextGame:
    from envs.text.textworld import Quest

    return Quest(number, folder, rooms=2 + number % 3, objects=5 + number % 4, length=4 + number % 3)


def _minihack(number: int, folder: Path) -> TextGame:
    from envs.text.minihack import LEVELS, Level

    return Level(LEVELS[number % len(LEVELS)], number // len(LEVELS))


@functools.cache
def _games() -> list[Game]:
    """The embedded games that no training sees, of all types by turns."""
    from envs.alfworld.games import load_games

    games = load_games(split=("valid_seen", "valid_unseen"))
    return [games[place] for place in np.random.default_rng(0).permutation(len(games))]


def _alfworld(number: int, folder: Path) -> TextGame:
    from envs.text.alfworld import Household

    games = _games()
    return Household(games[number % len(games)])


WORLDS: dict[str, Callable[[int, Path], TextGame]] = {
    "alfworld": _alfworld,
    "blocksworld": _blocks,
    "minihack": _minihack,
    "textworld": _textworld,
}
"""By the names that the RewardPrediction data set has for its domains."""


def maker(world: str, number: int, folder: Path) -> Maker:
    """Makes game ``number`` of a world.

    Args:
        world: One of `WORLDS`.
        number: Which game; any number from 0.
        folder: Where games that must be compiled are kept.

    Raises:
        ValueError: There is no such world.
    """
    if world not in WORLDS:
        raise ValueError(unknown_name("world", world, WORLDS))
    return functools.partial(WORLDS[world], number, folder)

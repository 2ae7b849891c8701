"""Which games an evaluation plays: `env=` and `env.kwargs` to games in words."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from agents.config.worlds import EnvConfig
from agents.errors import UsageError
from envs.text.game import Maker, TextGame
from reward_designers.errors import unknown_name


def makers(env: EnvConfig, episodes: int, seed: int, folder: Path) -> list[Maker]:
    """As many games as episodes; the same seed gives the same ones.

    Args:
        env: The world, with its options: ALFWorld's ``games``, ``split`` and ``task_types``; BlocksWorld's ``blocks``;
            TextWorld's ``rooms``, ``objects`` and ``length``; MiniHack's ``level``.
        episodes: How many.
        seed: Of which games.
        folder: Where games that must be compiled are kept.

    Raises:
        UsageError: There is no such option, or no game.
        ModuleNotFoundError: The world's extra is not installed.
    """
    options = {**env.kwargs, **env.eval_kwargs}
    try:
        if env.name == "ALFWorld":
            return _households(options, episodes, seed)
        return [_maker(env.name or "", seed * 1000 + number, options, folder) for number in range(episodes)]
    except (ValueError, OSError) as error:
        raise UsageError(f"env={env.name}: {error}") from error


def _households(options: dict[str, Any], episodes: int, seed: int) -> list[Maker]:
    from envs.alfworld.games import load_games
    from envs.text.alfworld import Household

    _check(options, load_games, {"source": "games"})
    games = load_games(options.pop("games", None), **options)
    order = np.random.default_rng(seed).permutation(len(games))
    return [functools.partial(Household, games[order[number % len(games)]]) for number in range(episodes)]


def _maker(world: str, number: int, options: dict[str, Any], folder: Path) -> Maker:
    made: Callable[..., TextGame]
    own: dict[str, Any] = {"seed": number}
    if world == "BlocksWorld":
        from envs.text.blocks import Blocks

        made = Blocks
    elif world == "TextWorld":
        from envs.text.textworld import Quest

        made = Quest
        own |= {"folder": folder}
    else:
        from envs.text.minihack import LEVELS, Level

        made = Level
        own |= {"level": options.get("level", LEVELS[number % len(LEVELS)])}
    _check(options, made, dict.fromkeys(("seed", "folder"), ""))
    return functools.partial(made, **(options | own))


def _check(options: dict[str, Any], made: Callable[..., Any], renamed: dict[str, str]) -> None:
    """Refuse options that there are not; ``renamed`` gives those of other names, "" where they are not the user's."""
    known = [renamed.get(name, name) for name in inspect.signature(made).parameters]
    for name in options:
        if name not in filter(None, known):
            raise UsageError(unknown_name("option env.kwargs", name, list(filter(None, known))))

"""Play a game in TextWorld itself, as alfworld sets it up: slow, and the judge of everything that is faster.

Needs the extra alfworld. For checks only: it parses its rules anew in every step, and must not run in a thread.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from envs.alfworld.games import GAME_FILE, UNKNOWN_GOAL, Game


def game_file(game: Game) -> str:
    """The text of a ``game.tw-pddl``."""
    data = {
        "pddl_domain": game.domain,
        "grammar": game.grammar.replace(UNKNOWN_GOAL, game.goal),
        "pddl_problem": game.problem,
        "solvable": True,
        "walkthrough": list(game.walkthrough),
    }
    return json.dumps(data)


@contextlib.contextmanager
def stock_env() -> Iterator[Any]:
    """TextWorld's environment with alfworld's names for things; `load_game` and play."""
    with tempfile.TemporaryDirectory() as folder, _unchanged():
        os.environ.setdefault("ALFWORLD_DATA", folder)  # importing alfworld makes it, by default in the user's home
        try:
            from alfworld.agents.environment.alfred_tw_env import AlfredDemangler, AlfredInfos
            from textworld import EnvInfos
            from textworld.envs import PddlEnv
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f'playing in TextWorld itself needs {error.name}: pip install "reward-designers[alfworld]"'
            ) from error
        yield AlfredInfos(AlfredDemangler(PddlEnv(EnvInfos(won=True, feedback=True, admissible_commands=True))))


def load_game(env: Any, game: Game) -> None:
    """Load a game; `env.reset()` begins it."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()), _unchanged():
        path = Path(folder, GAME_FILE)
        path.write_text(game_file(game))
        env.load(str(path))


def wins(env: Any, game: Game) -> bool:
    """Whether the game's walkthrough wins it, and not before its last command."""
    load_game(env, game)
    state = env.reset()
    for number, command in enumerate(game.walkthrough):
        if state["won"] or command not in state["admissible_commands"]:
            return False
        state, _, done = env.step(command)
        if done and number + 1 < len(game.walkthrough):
            return False
    return bool(state["won"])


@contextlib.contextmanager
def _unchanged() -> Iterator[None]:
    """The translator of PDDL writes over `sys.argv`, and alfworld's import sets a variable."""
    argv, data = list(sys.argv), os.environ.get("ALFWORLD_DATA")
    try:
        yield
    finally:
        sys.argv[:] = argv
        if data is None:
            os.environ.pop("ALFWORLD_DATA", None)

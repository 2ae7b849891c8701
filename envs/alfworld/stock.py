"""What alfworld itself makes of a game: TextWorld, the judge of everything that is faster, and its hand-coded expert.

Needs the extra alfworld. For checks and comparisons only: TextWorld parses its rules anew in every step, and must not
run in a thread.
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
from random import Random
from types import SimpleNamespace
from typing import Any

from envs.alfworld.games import GAME_FILE, UNKNOWN_GOAL, Game
from envs.alfworld.simulator import State


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
    with _importing():
        from alfworld.agents.environment.alfred_tw_env import AlfredDemangler, AlfredInfos
        from textworld import EnvInfos
        from textworld.envs import PddlEnv
    with _unchanged():
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


class AlfworldExpert:
    """The expert that alfworld ships, in the kit's simulator. It is told the true facts.

    Args:
        game: Which it is going to play.
        seed: Of its choices among things of a class.
    """

    def __init__(self, game: Game, seed: int = 0):
        with _importing():
            from alfworld.agents.expert import HandCodedTWAgent, handcoded_expert
        handcoded_expert.random = self._random = Random(f"{seed} {game.name}")
        self._expert = HandCodedTWAgent(max_steps=1000)
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "traj_data.json").write_text(json.dumps(trajectory(game)))
            self._expert.reset(str(Path(folder, GAME_FILE)))
        self._command = ""

    def act(self, state: State) -> str:
        """The next command: as alfworld does, "look" at first, and where it says what is not possible."""
        if not self._command:
            self._expert.observe(state.feedback)
            self._command = "look"
            return self._command
        told = {
            "feedback": state.feedback,
            "admissible_commands": list(state.admissible),
            "facts": [_told(fact) for fact in sorted(state.facts)],
        }
        try:
            command = self._expert.act(told, 0, state.won, self._command)
        except IndexError:  # a place that it does not find
            command = "look"
        self._command = command if command in state.admissible else "look"
        return self._command


def trajectory(game: Game) -> dict[str, object]:
    """What alfworld reads of ALFRED's own records: the type of task, and what its expert is told of it."""
    task, _, trial = game.name.partition("/")
    _, thing, _, place, room = task.rsplit("-", 4)
    light = game.task_type == "look_at_obj_in_light"
    return {
        "task_id": trial,
        "task_type": game.task_type,
        "pddl_params": {
            "mrecep_target": "",
            "object_sliced": False,
            "object_target": thing,
            "parent_target": "" if light else place,
            "toggle_target": place if light else "",
        },
        "scene": {"floor_plan": f"FloorPlan{room}", "scene_num": int(room)},
        "turk_annotations": {"anns": [{"task_desc": game.goal}]},
    }


def _told(fact: str) -> SimpleNamespace:
    name, _, args = fact.removesuffix(")").partition("(")
    return SimpleNamespace(name=name, names=[arg.rpartition(":")[0] for arg in args.split(", ")])


@contextlib.contextmanager
def _importing() -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder, _unchanged():
        os.environ.setdefault("ALFWORLD_DATA", folder)  # importing alfworld makes it, by default in the user's home
        try:
            yield
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f'this needs the package {error.name}: pip install "reward-designers[alfworld]"'
            ) from error


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

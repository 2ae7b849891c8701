"""Quests made by TextWorld's own generator (arXiv 1806.11532): rooms, containers, keys and food, in words.

    game = Quest(seed=1, folder="games")
    print(game.goal, game.reset().feedback, game.expert())

A game is generated and compiled once (about two seconds), and kept in ``folder``. The compiler comes with the textworld
package, built for Linux on x86-64.
"""

from __future__ import annotations

import contextlib
import copy
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from envs.text.game import TextState, refuse_if_over

_PROMPT = re.compile(r"\n*>\s*(-=.*=-\s*\d+/\d+\s*)?$")
_END = re.compile(r"\n*Would you like to RESTART.*", re.S)
_SCORE = re.compile(r"^ *(Your score has just gone up by|You scored \d+ out of|\*\*\*).*$", re.M)
_TITLE = re.compile(r"^.*?(?=-= )", re.S)
_WORDS = {"P": "player", "I": "inventory"}


class Quest:
    """One generated game.

    Args:
        seed: Of the generator.
        folder: Where compiled games are kept.
        rooms: How many.
        objects: How many things lie about.
        length: Commands of the quest; each needs the one before.

    Attributes:
        name: Of the game.
        goal: The quest's last step, as TextWorld's grammar words it.

    Raises:
        ModuleNotFoundError: The extra `alfworld`, which brings textworld, is not installed.
        RuntimeError: The game cannot be compiled on this machine.
    """

    def __init__(self, seed: int, folder: str | os.PathLike[str], rooms: int = 3, objects: int = 6, length: int = 5):
        self.name = f"textworld-{rooms}-{objects}-{length}-{seed}"
        path = Path(folder) / f"{self.name}.z8"
        textworld = _textworld()
        if not path.exists():
            _compile(path, seed, rooms, objects, length)
        wanted = textworld.EnvInfos(
            feedback=True, admissible_commands=True, policy_commands=True, facts=True, win_facts=True, won=True,
            lost=True, objective=True,
        )  # fmt: skip
        with _quiet():
            self._env = textworld.start(str(path), request_infos=wanted)
        self._now: Any = self._env.reset()
        wanted_text = " ".join(self._now["objective"].split()).rpartition("! ")[2]  # greetings end with "! "
        self.goal = wanted_text[:1].upper() + wanted_text[1:]

    def reset(self) -> TextState:
        """See `envs.text.game.TextGame`."""
        self._now = self._env.reset()
        self._state = self._look(over=False, first=True)
        return self._state

    def step(self, command: str) -> TextState:
        """See `envs.text.game.TextGame`."""
        refuse_if_over(self._state, command)
        self._now, _, done = self._env.step(command)
        self._state = self._look(done)
        return self._state

    def expert(self) -> str | None:
        """The first command of TextWorld's own plan, which it mends after each command."""
        return next(iter(self._now["policy_commands"] or ()), None)

    def copy(self) -> Quest:
        """See `envs.text.game.TextGame`."""
        other = copy.copy(self)
        with _quiet():
            other._env = self._env.copy()
        return other

    def close(self) -> None:
        """Stop the interpreter."""
        self._env.close()

    def _look(self, over: bool, first: bool = False) -> TextState:
        now = self._now
        facts = frozenset(map(_fact, now["facts"]))
        wins = [[_fact(fact) for fact in way] for quest in now["win_facts"] for way in quest]
        share = max((sum(fact in facts for fact in way) / len(way) for way in wins), default=0.0)
        won = bool(now["won"])
        admissible = () if over else tuple(sorted(now["admissible_commands"]))
        feedback = _tidied(now["feedback"], first)
        return TextState(feedback, admissible, facts, 1.0 if won else share, won, over)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the warning of jericho, which only runs the game, that it knows no scores of it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is not fully supported")
        yield


def _tidied(text: str, first: bool) -> str:
    """What happened, without the banner, the prompt and the score, which would give the truth away."""
    text = _END.sub("", _PROMPT.sub("", text))
    text = _SCORE.sub("", text)
    if first:
        text = _TITLE.sub("", text)
    return re.sub(r"\n{2,}", "\n", text).strip()


def _fact(proposition: Any) -> str:
    names = (_WORDS.get(variable.name, variable.name) for variable in proposition.arguments)
    return f"{proposition.name}({', '.join(names)})"


def _compile(path: Path, seed: int, rooms: int, objects: int, length: int) -> None:
    from textworld import GameOptions, generator

    path.parent.mkdir(parents=True, exist_ok=True)
    options = GameOptions()
    options.nb_rooms, options.nb_objects, options.quest_length = rooms, objects, length
    options.seeds = seed
    options.grammar.only_last_action = True  # else the goal tells every command that leads there
    partial = path.with_name(f"{path.stem}.{os.getpid()}.z8")
    options.path = str(partial)
    game = generator.make_game(options)
    try:
        generator.compile_game(game, options)
    except Exception as error:  # of the compilers it starts: a missing binary, a wrong architecture
        raise RuntimeError(
            f"{path.stem} could not be compiled: {error}. TextWorld's compiler needs Linux on x86-64; leave the domain "
            "out, or use trajectories that were written elsewhere (data=DIR)"
        ) from error
    partial.with_suffix(".json").replace(path.with_suffix(".json"))
    partial.replace(path)
    with contextlib.suppress(FileNotFoundError):
        partial.with_suffix(".ni").unlink()


def _textworld() -> Any:
    try:
        import textworld
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"TextWorld's games need the extra 'alfworld' ({error}): python3 -m agents.setup alfworld, or "
            "pip install 'reward-designers[alfworld]'",
            name=error.name,
        ) from error
    return textworld

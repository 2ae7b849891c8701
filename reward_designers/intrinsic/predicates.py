"""Predicates: a program that says of transitions which subgoals they achieve, written once by a language model.

The model sees what a judge of single transitions would see, but as arrays, and is asked once for each task. The program
runs wherever whoever makes it puts it; `agents.rewarding.calm` puts it into the sandbox of `reward_designers.code`.
"""

from __future__ import annotations

import string
from dataclasses import dataclass, field

import numpy as np

from reward_designers.base import Components, RewardFn, Transition
from reward_designers.errors import RewardError
from reward_designers.evaluation import evaluate
from reward_designers.intrinsic.scenes import Scene
from reward_designers.intrinsic.subgoals import subgoal_names
from reward_designers.memory import EpisodeMemory

CHARACTERS = {character: ord(character) for character in string.printable if ord(character) >= 32}
PRELUDE = f'''\
import numpy as np

CODES = {CHARACTERS!r}


def code(character):
    """The code of a character in maps and messages."""
    return CODES[character]


def says(text, words):
    """(n,) bool: whether a text, such as next_message, contains the words, letter by letter."""
    last = text.shape[1] - len(words) + 1
    found = np.ones((text.shape[0], last), dtype=bool)
    for place, character in enumerate(words):
        found = found & (text[:, place : place + last] == CODES[character])
    return found.any(axis=1)


'''
"""What programs find defined: it is put before them."""


@dataclass(eq=False)
class PredicateJudge(RewardFn):
    """A program's verdicts, 1 or 0 for each subgoal.

    Attributes:
        subgoals: In words.
        program: Reads `Scene.codes_before` and `Scene.codes_after` as state arrays, and ``action``; returns a component
            for each subgoal, named by `subgoal_names`.
        before: See `Scene`.
        after: See `Scene`.
        maps: See `Scene`.
    """

    subgoals: tuple[str, ...]
    program: RewardFn
    before: tuple[str, ...] = Scene.before
    after: tuple[str, ...] = Scene.after
    maps: tuple[str, ...] = Scene.maps

    name = "predicate"
    _scene: Scene = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.subgoals = tuple(self.subgoals)
        self.names = subgoal_names(self.subgoals)
        self._scene = Scene(self.before, self.after, self.maps)
        self.inputs, self.reads = self._scene.inputs, self.program.reads

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        before = self._scene.codes_before(t) if "state" in self.reads else {}
        after = self._scene.codes_after(t) if "next_state" in self.reads else {}
        verdicts = evaluate(self.program, Transition(before, t.action, after, t.terminated, t.truncated))
        if set(verdicts) != set(self.names):
            raise RewardError(f"the program must return {', '.join(self.names)}, but returns {', '.join(verdicts)}")
        for name, values in verdicts.items():
            if not np.isin(values, (0, 1)).all():
                odd = values[~np.isin(values, (0, 1))][0]
                raise RewardError(f"the program's {name!r} must be True or False for each row, but {odd:g} is among it")
        return {name: verdicts[name] for name in self.names}

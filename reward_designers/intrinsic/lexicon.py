"""The embedded judge: rules over NetHack's messages and the kit's events. No model, no cost, no understanding.

A rule is a pattern, a value, and the words of a goal for which it holds; the largest value of those that match counts,
and nothing that matches is worth 0. The rules were written for this kit from NetHack's own messages. They know what the
game says when things go well; they do not know what you mean: read the table before you trust it with a goal.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from reward_designers.intrinsic.labels import Annotator, Label

VERSION = 1
"""Part of the name: labels of other rules are not mixed with these."""


class Rule(NamedTuple):
    """A caption that matches `caption` is worth `value` when the goal matches `goal` (empty: any goal)."""

    caption: str
    value: float
    goal: str = ""


KEYS = r"\bkeys?\b|\bunlock|\blocked\b|\bopen"
DOORS = r"\bdoors?\b|\broom|\bexit\b|\bescape|\bleave\b|" + KEYS
DOWN = r"\bdown|\bdescend|\bdeep|\bstair|\boracle\b|\bdelphi\b"
WATER = r"\briver|\bwater|\bboulder|\bcross\b"
EXPLORE = r"\bexplor|\bscout|\bdiscover|\bmaze\b|\bsee\b|\bmap\b"
RICHES = r"\bgold\b|\bmoney\b|\brich|\bcoins?\b|\btreasure"
FOOD = r"\beat|\bfood\b|\bhung|\bstarv"
FIGHT = r"\bkill|\bfight|\bmonsters?\b|\bdefeat|\bslay|\bexperience"
SCORE = r"\bscore\b|\bpoints\b|\bsurviv|\bwin\b"

# In what captions say, the kit's own events are: picked up X, now carries X, lost X, door opened, saw X, stepped on a
# staircase down, descended to level N, gold rose by N, rose to experience level N, HP fell by N, now hungry, died.
_KEY = r"^\w - .*\bkey\b|\bpicked up .*\bkey\b"
_OPEN = r"\byou (unlock|open) the\b|\bsucceed in (unlocking|picking)|\bdoor opened\b|\bdoor opens\b|\bcrashes open\b"
_DEEPER = r"\bdescended to level\b|\bfall through\b|\bfall down\b.*\bstairs\b"
_STAIRS = r"\bstepped on a staircase down\b|\bstaircase down here\b|\bladder down here\b"
_GOLD = r"^\$ - |\bgold rose by\b"
_ATE = r"\bfinish eating\b|\bfinished eating\b|\bdelicious\b|\btastes? (like|good|great|okay|terrible)|\bhit the spot\b"
_EDIBLE = r"(food ration|apple|orange(?! \w)|melon|banana|carrot|tripe|lembas|cram|candy bar|cookie|pancake|corpse)"
_KILL = r"\byou (kill|destroy)\b"
_LEVEL = r"\brose to experience level\b|\bwelcome to experience level\b"
_NEW = r"\bsaw \w|\bhidden (door|passage|corridor)"

# 1: the goal, or a step that it cannot do without; about 0.7: clear progress; about 0.3: a sign of it.
RULES = (
    # Keys, locks and doors
    Rule(_KEY, 1.0, DOORS),
    Rule(r"\b(see here|saw) .*\bkey\b", 0.2, DOORS),
    Rule(_OPEN, 0.9, DOORS),
    Rule(_OPEN, 0.3, DOWN + "|" + EXPLORE),
    Rule(r"\bhidden (door|passage|corridor)", 0.6, DOORS + "|" + DOWN + "|" + EXPLORE),
    # Stairs and depth
    Rule(_DEEPER, 1.0, DOWN),
    Rule(_DEEPER, 0.8, SCORE + "|" + EXPLORE),
    Rule(_STAIRS, 1.0, r"\bstaircase down\b|\bdownstairs\b|\bstairs down\b|\bdown the stairs\b"),
    Rule(_STAIRS, 0.7, DOWN),
    Rule(_STAIRS, 0.3, SCORE + "|" + EXPLORE),
    Rule(r"\bsaw a (staircase|ladder) down\b", 0.5, DOWN),
    Rule(r"\bclimbed to level\b|\bstaircase up here\b", 0.8, r"\bupstairs\b|\bgo up\b|\bclimb\b|\bascend"),
    Rule(r"\bwelcome to delphi\b|\bsaw .*\boracle\b", 1.0, r"\boracle\b|\bdelphi\b"),
    # Boulders and water
    Rule(r"\bnow you can cross\b|\bboulder fills\b|\bpush the boulder into\b", 1.0, WATER),
    Rule(r"\byou move the boulder\b", 0.3, WATER),
    # Gold and food
    Rule(_GOLD, 1.0, RICHES),
    Rule(_GOLD, 0.5, SCORE),
    Rule(r"\b(see here|saw) .*\bgold\b", 0.2, RICHES),
    Rule(_ATE, 1.0, FOOD),
    Rule(_ATE, 0.2, SCORE),
    Rule(r"\bpicked up .*\b" + _EDIBLE, 0.5, FOOD),
    Rule(r"\b(see here|saw) .*\b" + _EDIBLE, 0.2, FOOD),
    # Fights and growth
    Rule(_KILL, 0.8, FIGHT),
    Rule(_KILL, 0.4, SCORE),
    Rule(_LEVEL, 1.0, FIGHT),
    Rule(_LEVEL, 0.7, SCORE),
    # News
    Rule(_NEW, 0.3, EXPLORE),
    Rule(_NEW, 0.1, SCORE),
)
# Worth nothing whatever else the caption tells.
HARM = r"\bdied$|\byou (die|starve|drown|faint|choke|burn)\b|\bkilled by\b|\byou turn to stone\b"


@dataclass
class Lexicon(Annotator):
    """Judges by `RULES`; the embedded default, which needs nothing and knows little.

    Args:
        rules: Instead of the shipped ones, or in addition to them.
        name: Give rules of your own a name of their own.
    """

    rules: Sequence[Rule] = RULES
    name: str = f"lexicon-{VERSION}"

    batch = 1024

    def label(self, goal: str, captions: Sequence[str]) -> list[Label]:
        """The largest value of the rules that match, 0 without one."""
        rules = _for_goal(goal, tuple(self.rules))
        return [Label(caption, _value(caption, rules)) for caption in captions]

    def explain(self, goal: str, caption: str) -> list[Rule]:
        """The rules that match, the most valuable first."""
        found = [rule for pattern, rule in _for_goal(goal, tuple(self.rules)) if pattern.search(caption)]
        return sorted(found, key=lambda rule: -rule.value)


_Compiled = list[tuple[re.Pattern[str], Rule]]


@functools.lru_cache(maxsize=64)
def _for_goal(goal: str, rules: tuple[Rule, ...]) -> _Compiled:
    """The rules that hold for `goal`, the most valuable first."""
    held = [rule for rule in rules if re.search(rule.goal, goal, re.I)]
    return [(re.compile(rule.caption, re.I), rule) for rule in sorted(held, key=lambda rule: -rule.value)]


def _value(caption: str, rules: _Compiled) -> float:
    if re.search(HARM, caption, re.I):
        return 0.0
    return next((rule.value for pattern, rule in rules if pattern.search(caption)), 0.0)

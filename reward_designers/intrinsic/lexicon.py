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
DOWN = r"\bdown|\bdescend|\bdeep|\bstair|\boracle\b|\bdelphi\b|\bdungeon"
EXPLORE = r"\bexplor|\bscout|\bdiscover|\bmaze\b|\bsee\b|\bmap\b"
RICHES = r"\bgold\b|\bmoney\b|\brich|\bcoins?\b|\btreasure"
FOOD = r"\beat|\bfood\b|\bhung|\bstarv|\bapple"
FIGHT = r"\bkill|\bfight|\bmonsters?\b|\bdefeat|\bslay|\bexperience"
SCORE = r"\bscore\b|\bpoints\b|\bsurviv|\bwin\b"

# Values: 1 the goal or a step that it cannot do without, about 0.7 clear progress, about 0.3 a sign of it.
RULES = (
    # Keys, locks and doors
    Rule(r"^\w - .*\bkey\b|\bpick(ed|s)? up .*\bkey\b|\bnow have .*\bkey\b", 1.0, DOORS),
    Rule(r"\bsee here .*\bkey\b|\bkey (is )?here\b", 0.3, DOORS),
    Rule(r"\bunlock(s|ed)?\b|\bsucceed in (unlocking|picking)", 1.0, DOORS),
    Rule(
        r"\bdoor (opens|opened|is open(ed)?\b)|\bopen(ed|s)? (a|the) door\b|\bdoor.*crash(es)? open|\bbreaks? open",
        0.9,
        DOORS,
    ),
    Rule(
        r"\bunlock(s|ed)?\b|\bsucceed in (unlocking|picking)|\bdoor (opens|opened)|\bopened (a|the) door\b",
        0.5,
        DOWN + "|" + EXPLORE,
    ),
    Rule(r"\bhidden (door|passage|corridor)", 0.7, DOORS + "|" + DOWN + "|" + EXPLORE),
    # Stairs and depth
    Rule(
        r"\bdescend(ed|s)?\b|\b(reached|entered|arrived (at|on)) (dungeon )?level\b|\bfell? (down|through)\b", 1.0, DOWN
    ),
    Rule(r"\bdescend(ed|s)?\b|\b(reached|entered|arrived (at|on)) (dungeon )?level\b", 0.8, SCORE + "|" + EXPLORE),
    Rule(r"\bstaircase down here\b|\bstairs down\b|\bladder down\b|\bon the (down)?stairs\b", 0.7, DOWN),
    Rule(r"\bstaircase down here\b|\bstairs down\b", 0.3, SCORE + "|" + EXPLORE),
    Rule(r"\bstaircase up here\b|\bascend(ed|s)?\b|\bclimb(ed|s)? up\b", 0.8, r"\bup(stairs|wards?)?\b|\bascend"),
    Rule(r"\bwelcome to delphi\b|\bthe oracle\b", 1.0, r"\boracle\b|\bdelphi\b"),
    # Gold, food
    Rule(r"^\$ - |\bpick(ed|s)? up .*\bgold\b|\bgold (rose|increased|went up)", 1.0, RICHES),
    Rule(r"^\$ - |\bpick(ed|s)? up .*\bgold\b|\bgold (rose|increased|went up)", 0.5, SCORE),
    Rule(r"\bsee here .*\bgold\b", 0.3, RICHES),
    Rule(r"\b(finish|finished|done) eating\b|\bdelicious\b|\btastes\b|\b(ate|eats?|eaten)\b", 1.0, FOOD),
    Rule(r"\bno longer (hungry|weak)\b|\bhunger (fell|eased)", 0.8, FOOD + "|" + SCORE),
    Rule(r"\bsee here .*\b(food|apple|ration|corpse|carrot|melon|tripe|lembas|cram)\b", 0.3, FOOD),
    Rule(
        r"^\w - .*\b(food|apple|ration|carrot|melon|tripe|lembas|cram)\b|\bpick(ed|s)? up .*\b(food|apple|ration)",
        0.6,
        FOOD,
    ),
    # Fights and growth
    Rule(r"\byou (kill|destroy|killed|destroyed)\b|\bkilled an? ", 0.8, FIGHT),
    Rule(r"\byou (kill|destroy|killed|destroyed)\b|\bkilled an? ", 0.5, SCORE),
    Rule(
        r"\bwelcome to experience level\b|\bexperience level (rose|went up)|\b(gained|reached) experience level",
        0.8,
        FIGHT + "|" + SCORE,
    ),
    # The unknown
    Rule(r"\bnew (room|area|part|squares?)\b|\bexplored\b", 0.6, EXPLORE),
    Rule(r"\bnew (room|area|part|squares?)\b|\bexplored\b", 0.3, DOWN + "|" + SCORE),
)
# Worth nothing whatever else the caption tells.
HARM = r"\byou (die|died|starve|starved|drown|drowned|faint|choke|burn)\b|\bkilled by\b|\byou turn to stone\b"


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

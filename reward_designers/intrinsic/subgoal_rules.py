"""The embedded judge of subgoals: rules that say which caption reports which achievement. No model, no understanding.

A rule has two patterns: what a subgoal says, and what a caption says when that was achieved. They were written for this
kit from NetHack's messages and the kit's own events (`envs.nethack.captions`), which are found by comparing states: so
a door that opens without a word is seen. A subgoal that no rule knows is refused, never passed over.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from reward_designers.base import Components, RewardFn, Transition
from reward_designers.errors import RewardError
from reward_designers.intrinsic.subgoals import subgoal_names
from reward_designers.memory import EpisodeMemory


class SubgoalRule(NamedTuple):
    """A subgoal that matches `subgoal` is achieved where a caption matches `caption`.

    Groups of the first pattern may be used in the second, as ``{0}``.
    """

    subgoal: str
    caption: str


_TAKE = r"^(pick up|take|get|grab|fetch|collect|obtain|find and (take|pick up))\b.*"
RULES = (
    SubgoalRule(_TAKE + r"\bkey\b", r"(\b(picked up|you pick up)|(^|; )\w -) [^;]*\bkey\b"),
    SubgoalRule(_TAKE + r"\b(gold|coins)\b", r"\bgold rose by\b"),
    SubgoalRule(
        r"^(unlock|open|unlock and open|use the key)\b.*\bdoor\b",
        r"\bdoor opened\b|\bthe door opens\b|\bcrashes open\b",
    ),
    SubgoalRule(
        r"^((find and )?step on|stand on|reach|(get|go|walk) to|enter|take)\b.*\bstair(case|s)?( leading)? down",
        r"\bstepped on a staircase down\b",
    ),
    SubgoalRule(
        r"^(find|see|discover|locate|spot)\b[^,]*\bstair(case|s)?( leading)? down", r"\bsaw a staircase down\b"
    ),
    SubgoalRule(r"^(go|get|climb|walk|descend)\b[^,]* down to level (\d+)\b", r"\bdescended to level {1}\b"),
    SubgoalRule(r"^(descend to|reach|enter)\b[^,]*\blevel (\d+)\b", r"\b(descended|climbed) to level {1}\b"),
    SubgoalRule(
        r"^(push|move)\b.*\bboulders?\b.*\b(water|river)\b",
        r"\bnow you can cross\b|\bboulder fills\b|\bpush the boulder into\b",
    ),
    SubgoalRule(r"^reach the (oracle's|delphi)\b|^enter (delphi|the oracle's cent)", r"\bwelcome to delphi\b"),
)


@dataclass(eq=False)
class SubgoalRules(RewardFn):
    """Says from captions which subgoals were achieved, by `RULES`; the embedded default.

    Attributes:
        subgoals: In words.
        caption: The state array of captions, ``(n,)`` str.

    Raises:
        RewardError: No rule knows a subgoal.
    """

    subgoals: tuple[str, ...]
    caption: str = "caption"

    name = "rules"
    reads = frozenset({"next_state"})

    def __post_init__(self) -> None:
        self.subgoals = tuple(self.subgoals)
        self.names = subgoal_names(self.subgoals)
        self.inputs = frozenset({self.caption})
        self._patterns = [_patterns(text, RULES) for text in self.subgoals]
        self._known: dict[str, list[bool]] = {}
        unknown = [text for text, patterns in zip(self.subgoals, self._patterns, strict=True) if not patterns]
        if unknown:
            raise RewardError(
                f"the rules that ship with the kit know nothing of {' nor '.join(map(repr, unknown))}: let a language "
                "model judge (reward.judge=llm or predicate), or give other subgoals (reward.subgoals=[...])"
            )

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        captions = t.next_state[self.caption].tolist()
        for caption in captions:
            if caption not in self._known:
                self._known[caption] = [any(p.search(caption) for p in patterns) for patterns in self._patterns]
        verdicts = np.array([self._known[caption] for caption in captions], np.float64).reshape(-1, len(self.names))
        return dict(zip(self.names, verdicts.T, strict=True))


def _patterns(subgoal: str, rules: Sequence[SubgoalRule]) -> list[re.Pattern[str]]:
    """What captions say when ``subgoal`` was achieved."""
    found = ((rule, re.search(rule.subgoal, subgoal.strip(), re.I)) for rule in rules)
    return [re.compile(rule.caption.format(*match.groups()), re.I) for rule, match in found if match]

"""Factored states of the kit's own worlds in words (blocks, TextWorld's quests, MiniHack's levels), read by rules.

ALFWorld has its own, `reward_designers.factored.alfworld`. The rules know the texts of `envs.text` to the letter and
nothing else: a goal or an observation in other words is an error rather than a guess.
"""

from __future__ import annotations

import re
from typing import Any

from reward_designers.errors import RewardError
from reward_designers.factored import AlfworldGoals, AlfworldRules, Extractor, FactoredState, Goal, GoalInterpreter
from reward_designers.factored.extractor import Row, RowExtractor

HELD = "inventory"


class _Goals(GoalInterpreter):
    """Goals that are read one by one."""

    def begin(self, rows: Any) -> list[Goal]:
        """See `GoalInterpreter.begin`."""
        return [self.read(" ".join(str(row["goal"]).split())) for row in rows]

    def read(self, text: str) -> Goal:
        """The objects that a text wants."""
        raise NotImplementedError


# Blocks: each is on another, on the table or in the hand, and all is said at every step.

_ON = re.compile(r"[Tt]he (\w+) block is on the (?:(\w+) block|(table))")
_HOLDS = re.compile(r"[Yy]our hand holds the (\w+) block")


class BlocksRules(RowExtractor):
    """Where each block is."""

    def next(self, state: FactoredState, row: Row) -> FactoredState:
        """See `RowExtractor.next`."""
        text = str(row["observation"])
        found = [(block, under or table) for block, under, table in _ON.findall(text)]
        if not found:
            raise RewardError(f"no rule reads where blocks are in {text!r:.80}")
        seen = FactoredState()
        for block, under in found:
            seen.set(f"{block} block", on=under if under == "table" else f"{under} block")
        for block in _HOLDS.findall(text):
            seen.set(f"{block} block", on="hand")
        return seen


class BlocksGoals(_Goals):
    """Goals such as "Move the blocks so that the red block is on the blue block and ..."."""

    def read(self, text: str) -> Goal:
        """See `_Goals.read`."""
        wanted = [(f"{block} block", {"on": f"{under} block"}) for block, under, _ in _ON.findall(text) if under]
        if not wanted:
            raise RewardError(f"no rule reads the goal {text!r:.80}")
        return list(wanted)


# MiniHack's levels: what is carried, the door, and how far the stairs are.

_STAIRS = re.compile(r"a staircase down (under you|[^,.]*?)(?:,|\.)")
_NUMBER = re.compile(r"(\d+) square")
STAIRS = {"under": 1.0, "beside": 0.75, "near": 0.5, "in sight": 0.25}
"""What the hero's distance to the stairs counts for."""


class LevelRules(RowExtractor):
    """Whether the key is carried, the door open, and the stairs in sight."""

    def next(self, state: FactoredState, row: Row) -> FactoredState:
        """See `RowExtractor.next`."""
        state, text = state.edit(), str(row["observation"])
        if "You carry a key" in text:
            state.set("key", location=HELD)
        if "a closed door" in text and state.get("door", "state") is None:
            state.set("door", state="closed")
        if "door opened" in text:
            state.set("door", state="open")
        if "You step on the staircase down" in text:
            state.set("hero", stairs="under")
        elif match := _STAIRS.search(text):
            squares = max(map(int, _NUMBER.findall(match[1])), default=0)
            state.set("hero", stairs="beside" if squares <= 1 else "near" if squares <= 3 else "in sight")
        return state


class LevelGoals(_Goals):
    """The texts of MiniHack's tasks about a key, a door and a staircase."""

    def read(self, text: str) -> Goal:
        """See `_Goals.read`."""
        wanted: Goal = []
        if "the key" in text:
            wanted += [("key", {"location": HELD}), ("door", {"state": "open"})]
        if "staircase down" not in text:
            raise RewardError(f"no rule reads the goal {text!r:.80}")
        return [*wanted, ("hero", {"stairs": STAIRS})]


# TextWorld's quests: where things are, and what is open, locked or eaten.

_THE = r"(?:the )?(.+?)"
_TAKE = re.compile(rf"You (?:take|pick up) {_THE} from the .+?\.")
_PUT = re.compile(rf"You put {_THE} (?:on|into) the (.+?)\.")
_DROP = re.compile(rf"You drop {_THE} on the ground\.")
_OPEN = re.compile(rf"You open {_THE}(?:, revealing (.+?))?\.")
_LOCK = re.compile(rf"You (close|lock|unlock) {_THE}\.")
_EAT = re.compile(rf"You eat {_THE}\.")
_CARRY = re.compile(r"You are carrying: (.+?)\.")
_THINGS = re.compile(r"(?:^|, | and |, and )(?:an?|some) (.+?)(?=, | and |$)")


class QuestRules(RowExtractor):
    """What the player's own commands did, and what they revealed."""

    def next(self, state: FactoredState, row: Row) -> FactoredState:
        """See `RowExtractor.next`."""
        state, text = state.edit(), " ".join(str(row["observation"]).split())
        for thing in _TAKE.findall(text):
            state.set(_name(thing), location=HELD)
        for thing, place in _PUT.findall(text):
            state.set(_name(thing), location=_name(place))
        for thing in _DROP.findall(text):
            state.set(_name(thing), location="floor")
        for container, things in _OPEN.findall(text):
            state.set(_name(container), door="open")
            for thing in _THINGS.findall(things):
                state.set(_name(thing), location=_name(container))
        for verb, container in _LOCK.findall(text):
            state.set(_name(container), door="locked" if verb == "lock" else "closed")
        for thing in _EAT.findall(text):
            state.set(_name(thing), location="eaten")
        for things in _CARRY.findall(text):
            for thing in _THINGS.findall(things):
                state.set(_name(thing), location=HELD)
        return state


_PLACE = r"(?: (?:in|inside|within) the .+)?"
_LAST = r"(?:the )?(.+?)"
_QUESTS: list[tuple[str, str]] = [  # in this order: the first that matches
    (rf"\beat {_LAST}\.", "eaten"),
    (rf"\b(?:drop|ditch|toss|throw|deposit) {_LAST} on the floor\b", "floor"),
    (rf"\binto {_LAST}(?:'s lock)?{_PLACE} to (un)?lock it\.", "lock"),
    (rf"\bin {_LAST}'s lock to (un)?lock it\.", "lock"),
    (rf"\b(?:put|place|rest|sit|deposit) {_LAST} on (?:the )?(.+?){_PLACE}\.", "put"),
    (rf"\b(?:insert|put|place|deposit) {_LAST} (?:into|inside|in) (?:the )?(.+?){_PLACE}\.", "put"),
    (rf"\b(?:take|recover|retrieve|pick up|grab|get) {_LAST}(?: from .+)?\.", "take"),
    (rf"\b(?:unlock) {_LAST}{_PLACE}(?: with .+)?\.", "unlocked"),
    (rf"\b(?:lock) {_LAST}{_PLACE}(?: with .+)?\.", "locked"),
    (rf"\bclose {_LAST}{_PLACE}\.", "shut"),
    (rf"\bopen {_LAST}{_PLACE}\.", "open"),
    (rf"\b(?:that )?the (.+?){_PLACE} is (?:wide )?(unlocked|locked|opened|open|closed|shut)\b", "is"),
]
_COMPILED = [(re.compile(pattern, re.I), kind) for pattern, kind in _QUESTS]


class QuestGoals(_Goals):
    """The last command of a quest, as TextWorld's grammar words it."""

    def read(self, text: str) -> Goal:
        """See `_Goals.read`."""
        wanted = text.rpartition("! ")[2]  # TextWorld's greetings end so
        for pattern, kind in _COMPILED:
            if match := pattern.search(wanted):
                return [_quest(kind, match)]
        raise RewardError(f"no rule reads the goal {text!r:.120}")


_DOORS: dict[str, Any] = {
    "unlocked": {"closed": 1.0, "open": 1.0},
    "locked": "locked",
    "shut": {"closed": 1.0, "locked": 1.0},
    "open": "open",
}


def _quest(kind: str, match: re.Match[str]) -> tuple[str, dict[str, Any]]:
    """What is wanted; a thing that was found or is carried counts for a part, where it has to go elsewhere."""
    thing = _name(match[1])
    if kind in ("eaten", "floor"):
        return thing, {"location": {kind: 1.0, HELD: 0.5, "*": 0.25}}
    if kind == "put":
        return thing, {"location": {_name(match[2]): 1.0, HELD: 0.5, "*": 0.25}}
    if kind == "take":
        return thing, {"location": {HELD: 1.0, "*": 0.5}}
    if kind == "lock":
        kind = "unlocked" if match[2] else "locked"
    if kind == "is":
        kind = {"opened": "open", "closed": "shut"}.get(match[2], match[2])
    return thing, {"door": _DOORS[kind]}


def _name(text: str) -> str:
    return re.sub(r"^(?:the|an?|some) ", "", text.strip().casefold())


RULES: dict[str, tuple[type[Extractor], type[GoalInterpreter]]] = {
    "alfworld": (AlfworldRules, AlfworldGoals),
    "blocksworld": (BlocksRules, BlocksGoals),
    "minihack": (LevelRules, LevelGoals),
    "textworld": (QuestRules, QuestGoals),
}
"""By domain."""

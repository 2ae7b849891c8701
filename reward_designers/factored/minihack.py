"""NetHack and MiniHack by rules: the status line's numbers and the captions of what happened.

``hero`` has ``health`` (unhurt, hurt, dying, dead), ``depth``, ``gold``, ``hunger``, and ``on`` (floor, staircase
down). Things that captions name have ``location``: "pack" once picked up, "floor" where they were seen or left; a
``door`` is ``door``: locked, closed or open.
"""

from __future__ import annotations

import re

from reward_designers.factored.extractor import Row, RowExtractor
from reward_designers.factored.state import FactoredState

HUNGER = ("satiated", "not hungry", "hungry", "weak", "fainting", "fainted", "starved")
DYING = 1 / 3
"""Hit points left, as a share, below which the hero is dying."""
_ITEM = r"(?:an? |the )?(?:(?:blessed|uncursed|cursed|named) )*([^;().]+?)(?: named [^;.]+)?"
_PICKED_UP = re.compile(r"(?:^|; )picked up " + _ITEM + r"(?=;|$)")
_LOST = re.compile(r"(?:^|; )lost " + _ITEM + r"(?=;|$)")
_SEEN = re.compile(r"(?:(?:^|; )saw " + _ITEM + r"(?=;|$)|You see here " + _ITEM + r"\.)")
_DOORS = (
    (re.compile(r"[Dd]oor (?:is|was) locked|You succeed in locking"), "locked"),
    (re.compile(r"[Dd]oor closes|You unlock|succeed in (?:unlocking|picking)|door is closed"), "closed"),
    (re.compile(r"door opened|door opens|door is open|[Dd]oor crashes open|break(?:s)? (?:open|down)"), "open"),
)


class MinihackRules(RowExtractor):
    """What the game says, and what its bottom line shows."""

    inputs = frozenset({"caption", "hp", "max_hp", "depth", "gold", "hunger", "on_stairs_down"})

    def next(self, state: FactoredState, row: Row) -> FactoredState:
        """See `RowExtractor.next`; a caption that no rule knows changes nothing."""
        state = state.edit()
        hp, most = float(row["hp"]), max(float(row["max_hp"]), 1.0)
        health = "dead" if hp <= 0 else "dying" if hp < DYING * most else "hurt" if hp < most else "unhurt"
        state.set(
            "hero",
            health=health,
            depth=int(row["depth"]),
            gold=int(row["gold"]),
            hunger=HUNGER[int(row["hunger"])],
            on="staircase down" if row["on_stairs_down"] else "floor",
        )
        caption = str(row["caption"])
        if caption:
            for name in _PICKED_UP.findall(caption):
                state.set(name, location="pack")
            for name in _LOST.findall(caption):
                state.set(name, location="floor")
            for name in map("".join, _SEEN.findall(caption)):
                if state.get(name, "location") != "pack":  # it is another one
                    state.set(name, location="floor")
            for event, door in _DOORS:
                if event.search(caption):
                    state.set("door", door=door)
        return state

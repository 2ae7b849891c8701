"""An expert that reads what players read: it searches the room, remembers what it saw, and does what is asked for.

expert = Expert()
command = expert.act(observation)      # the game's text; a text with a new task begins anew

ALFWorld ships one (``agents/expert/handcoded_expert.py``), which is told the true facts, and whose memory looks for
"put" while games say "move", so that it loses track of what it holds. This one is told no facts, and knows both
wordings. Where to look first it knows from ALFRED's statistics, see `envs.alfworld.rooms`.
"""

from __future__ import annotations

import re
from functools import cache

from envs.alfworld.furnish import LAMP_STANDS
from envs.alfworld.goals import TREATMENTS, Goal, parse_goal
from envs.alfworld.rooms import statistics

_ITEM = re.compile(r"\ban? (\w+ \d+)")
_CONTENT = re.compile(r"(?:On the (\w+ \d+)|The (\w+ \d+) is open\. In it), you see ([^.]*)\.")
_CLOSED = re.compile(r"The (\w+ \d+) is closed\.|You close the (\w+ \d+)\.")
_TAKEN = re.compile(r"You pick up the (\w+ \d+) from the (\w+ \d+)\.")
_PUT = re.compile(r"You (?:move|put) the (\w+ \d+) (?:to|in/on) the (\w+ \d+)\.")
_TREATED = re.compile(r"You (?:clean|heat|cool) the (\w+ \d+) using")
_TASK = "Your task is to:"
_OLD_WORDING = "You arrive at loc "


class Expert:
    """Plays one game after the other, from texts alone.

    Raises:
        ValueError: In `act`, if the first text has no task, or one in a person's own words.
    """

    def __init__(self) -> None:
        self._goal: Goal | None = None

    def act(self, observation: str) -> str:
        """The next command.

        Args:
            observation: What the game said after the last one, or at its start.
        """
        if _TASK in observation:
            self._begin(observation)
        elif self._goal is None:
            raise ValueError(f"expected a text with {_TASK!r} at first, got {observation[:200]!r}")
        else:
            self._hear(observation)
        self._command = self._next()
        return self._command

    def _begin(self, observation: str) -> None:
        room, _, task = observation.partition(_TASK)
        self._goal = parse_goal(task)
        self._receptacles = _ITEM.findall(room)
        self._inside: dict[str, list[str]] = {}
        self._closed: set[str] = set()
        self._useless: set[str] = set()  # receptacles that did not serve
        self._place = ""
        self._hand = ""
        self._treated: set[str] = set()
        self._moves = "move {} to {}"
        self._command = ""

    def _hear(self, text: str) -> None:
        if text.startswith(_OLD_WORDING):
            self._moves = "put {} in/on {}"
        if self._command.startswith("go to "):
            # Where nothing happens, one is there already: it is next to where one was.
            self._place = self._command.removeprefix("go to ")
        for closed in _CLOSED.finditer(text):
            self._closed.add(closed[1] or closed[2])
        for seen in _CONTENT.finditer(text):
            self._inside[seen[1] or seen[2]] = _ITEM.findall(seen[3])
            self._closed.discard(seen[1] or seen[2])
        if match := _TAKEN.search(text):
            self._hand = match[1]
            for things in self._inside.values():  # some things are listed in two places
                if match[1] in things:
                    things.remove(match[1])
        elif match := _PUT.search(text):
            self._hand = ""
            self._inside.setdefault(match[2], []).append(match[1])
        elif match := _TREATED.search(text):
            self._treated.add(match[1])
        elif text.startswith("Nothing happens") and not self._command.startswith("go to "):
            self._useless.add(self._place)

    def _next(self) -> str:
        assert self._goal is not None
        if not self._hand:
            found = self._where_is(self._goal.thing)
            if found is None:
                return self._search(_holders(self._goal.thing))
            thing, place = found
            return self._at(place, f"take {thing} from {place}", inside=True)
        if self._goal.task_type == "look_at_obj_in_light":
            found = self._where_is(self._goal.place)
            if found is None:
                return self._search(frozenset(map(str.lower, LAMP_STANDS)))
            return self._at(found[1], f"use {found[0]}")
        command, machine, _, _ = TREATMENTS.get(self._goal.task_type, ("", "", "", ""))
        if command and self._hand not in self._treated:
            stands = self._of(machine)
            return self._at(stands[0], f"{command} {self._hand} with {stands[0]}") if stands else "look"
        target = self._target()
        if target is None:
            return "look"
        return self._at(target, self._moves.format(self._hand, target), inside=True)

    def _target(self) -> str | None:
        """Two things go to one place, so to where there is one already; else to where one is, or has been."""
        assert self._goal is not None

        def good(name: str) -> tuple[int, bool, bool]:
            return self._count(name), name == self._place, name in self._inside

        return max(self._of(self._goal.place), key=good, default=None)

    def _at(self, place: str, command: str, *, inside: bool = False) -> str:
        """The command, or what has to come before it."""
        if self._place != place:
            return f"go to {place}"
        if inside and place in self._closed:
            return f"open {place}"
        return command

    def _search(self, likely: frozenset[str]) -> str:
        """Look where it was not looked yet: first where the class may be, and where nothing has to be opened."""
        if self._place and self._place not in self._inside and self._place not in self._useless:
            return f"{'open' if self._place in self._closed else 'examine'} {self._place}"
        openable = {name.lower() for name in statistics().openable}
        unknown = [name for name in self._receptacles if name not in self._inside and name not in self._useless]
        if not unknown:
            return "look"
        return "go to " + min(unknown, key=lambda name: (_kind(name) not in likely, _kind(name) in openable))

    def _where_is(self, kind: str) -> tuple[str, str] | None:
        """A thing of a class that was seen, and where: rather here than elsewhere, and not in its place already."""
        assert self._goal is not None
        kept = None
        if self._goal.task_type == "pick_two_obj_and_place":
            targets = self._of(self._goal.place)
            kept = max(targets, key=lambda name: (self._count(name), name != self._place), default=None)
        found = [
            (thing, place)
            for place, things in self._inside.items()
            for thing in things
            if _kind(thing) == kind and place != kept and place not in self._useless
        ]
        return min(found, key=lambda pair: pair[1] != self._place, default=None)

    def _count(self, place: str) -> int:
        assert self._goal is not None
        return sum(_kind(thing) == self._goal.thing for thing in self._inside.get(place, ()))

    def _of(self, kind: str) -> list[str]:
        return [name for name in self._receptacles if _kind(name) == kind and name not in self._useless]


def _kind(name: str) -> str:
    return name.partition(" ")[0]


@cache
def _holders(thing: str) -> frozenset[str]:
    """Classes of receptacles where a class of things may be."""
    return frozenset(
        place.lower() for place, things in statistics().holds.items() if thing in {name.lower() for name in things}
    )

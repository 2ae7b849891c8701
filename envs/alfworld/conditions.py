"""How much of a goal is reached: the share of its conditions, as ALFRED and ALFWorld count them; and if it can be.

Source: ``goal_conditions_met`` of ``alfworld/env/tasks.py`` (from ALFRED, arXiv 1912.01734), written for the simulator
with pictures. Here it reads the same things from the facts.

| task type | conditions |
|---|---|
| pick_and_place_simple | an object of the kind is in a receptacle of the kind |
| pick_two_obj_and_place | two: how many objects are together in one such receptacle |
| look_at_obj_in_light | an object of the kind is held; such a lamp was switched on, where the agent is |
| pick_{clean,heat,cool}_then_place_in_recep | in its place; clean (hot, cool); both at once |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from envs.alfworld.facts import Facts, Relation
from envs.alfworld.pddl import Conjunction

_NONE = Relation()
_ASPECTS = {
    "pick_clean_then_place_in_recep": ("isclean", "cleanable", ("sinkbasin", "sink")),
    "pick_heat_then_place_in_recep": ("ishot", "heatable", ("microwave",)),
    "pick_cool_then_place_in_recep": ("iscool", "coolable", ("fridge",)),
}
"""What a thing is to become, what it must be for that, and where it becomes it."""


def conditions_of(task_type: str, goal: tuple[Conjunction, ...]) -> Place | Look:
    """The conditions of a goal.

    Raises:
        ValueError: The goal is not one of that type.
    """
    kinds = {(name, args[0]): args[1] for literals in goal for name, args, _ in literals if name.endswith("type")}
    of = {name: args for literals in goal for name, args, _ in literals}
    try:
        if task_type == "look_at_obj_in_light":
            return Look(kinds["objecttype", of["holds"][1]], kinds["objecttype", of["istoggled"][0]])
        thing, place = of["inreceptacle"]
        return Place(kinds["objecttype", thing], kinds["receptacletype", place], task_type)
    except KeyError as error:
        raise ValueError(f"its goal says nothing of {error}, so it is not of type {task_type}") from error


class Place:
    """Things of a kind belong in a receptacle of a kind, in some types after a treatment."""

    def __init__(self, thing: str, place: str, task_type: str):
        self.thing, self.place = thing, place
        self.aspect = _ASPECTS.get(task_type)
        self.number = 2 if task_type == "pick_two_obj_and_place" else 1

    def share(self, facts: Facts) -> float:
        """The share of the conditions that holds; 1 if and only if the goal is met."""
        things, there = _of_kind(facts, "objecttype", self.thing), self._there(facts)
        if self.aspect is None:
            together = Counter(place for _, place in there)
            return min(max(together.values(), default=0), self.number) / self.number
        done = {thing for (thing,) in _rows(facts, self.aspect[0]) if thing in things}
        return (bool(there) + bool(done) + any(thing in done for thing, _ in there)) / 3

    def missing(self, facts: Facts) -> str:
        """What the room lacks for the goal to be reached from its start; empty if nothing."""
        things = _takeable(facts, self.thing) | {thing for thing, _ in self._there(facts)}
        if self.aspect is not None:
            aspect, able, where = self.aspect
            things &= {thing for (thing,) in (*_rows(facts, able), *_rows(facts, aspect))}
            if not any(_of_kind(facts, "receptacletype", f"{kind}type") & _located(facts) for kind in where):
                return f"no {where[0]}"
        if len(things) < self.number:
            kind = f"{self.aspect[1]} {_said(self.thing)}" if self.aspect else _said(self.thing)
            return f"{len(things) or 'no'} {kind} that can be taken{', of two' * (self.number == 2)}"
        if not _of_kind(facts, "receptacletype", self.place) & _located(facts):
            return f"no {_said(self.place)}"
        if (self.place, self.thing) not in facts.get("cancontain", _NONE).rows and self.share(facts) < 1:
            return f"no {_said(self.place)} that can hold a {_said(self.thing)}"
        return ""

    def _there(self, facts: Facts) -> list[tuple[str, ...]]:
        things, places = _of_kind(facts, "objecttype", self.thing), _of_kind(facts, "receptacletype", self.place)
        return [row for row in _rows(facts, "inreceptacle") if row[0] in things and row[1] in places]


class Look:
    """A thing of a kind is to be held where a lamp of a kind was switched on."""

    def __init__(self, thing: str, lamp: str):
        self.thing, self.lamp = thing, lamp

    def share(self, facts: Facts) -> float:
        """The share of the conditions that holds; 1 if and only if the goal is met."""
        things, lamps = _of_kind(facts, "objecttype", self.thing), _of_kind(facts, "objecttype", self.lamp)
        held = any(thing in things for _, thing in _rows(facts, "holds"))
        on = {lamp for (lamp,) in _rows(facts, "istoggled") if lamp in lamps}
        here = {place for _, place in _rows(facts, "atlocation")}
        near = {receptacle for receptacle, place in _rows(facts, "receptacleatlocation") if place in here} if on else ()
        seen = any(lamp in on and receptacle in near for lamp, receptacle in _rows(facts, "inreceptacle"))
        return (held + seen) / 2

    def missing(self, facts: Facts) -> str:
        """What the room lacks for the goal to be reached from its start; empty if nothing."""
        if not _takeable(facts, self.thing):
            return f"no {_said(self.thing)} that can be taken"
        lamps = _of_kind(facts, "objecttype", self.lamp) & {lamp for (lamp,) in _rows(facts, "toggleable")}
        if not any(lamp in lamps and place in _located(facts) for lamp, place in _rows(facts, "inreceptacle")):
            return f"no {_said(self.lamp)} that can be switched on"
        return ""


def _rows(facts: Facts, name: str) -> Iterable[tuple[str, ...]]:
    return facts.get(name, _NONE).rows.values()


def _of_kind(facts: Facts, name: str, kind: str) -> set[str]:
    return {row[0] for row in facts.get(name, _NONE).grouped((1,)).get(kind, ())}


def _located(facts: Facts) -> set[str]:
    """Receptacles that one can go to."""
    return {receptacle for receptacle, _ in _rows(facts, "receptacleatlocation")}


def _takeable(facts: Facts, kind: str) -> set[str]:
    """Things of a kind that are held, or can be taken from somewhere."""
    loose = {thing for (thing,) in _rows(facts, "pickupable")}
    placed = {thing for thing, place in _rows(facts, "inreceptacle") if place in _located(facts)} & loose
    return _of_kind(facts, "objecttype", kind) & (placed | {thing for _, thing in _rows(facts, "holds")})


def _said(kind: str) -> str:
    """``mug`` for ``mugtype``."""
    return kind.removesuffix("type")

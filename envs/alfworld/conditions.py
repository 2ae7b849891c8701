"""How much of a goal is reached: the share of its conditions, as ALFRED and ALFWorld count them.

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
from collections.abc import Callable, Iterable

from envs.alfworld.facts import Facts, Relation
from envs.alfworld.pddl import Conjunction

_NONE = Relation()
_ASPECTS = {"pick_clean_then_place_in_recep": "isclean", "pick_heat_then_place_in_recep": "ishot"}
_ASPECTS["pick_cool_then_place_in_recep"] = "iscool"


def share_of_conditions(task_type: str, goal: tuple[Conjunction, ...]) -> Callable[[Facts], float]:
    """A function of facts that says which share of a goal's conditions holds; it is 1 if and only if the goal is met.

    Raises:
        ValueError: The goal is not one of that type.
    """
    kinds = {(name, args[0]): args[1] for literals in goal for name, args, _ in literals if name.endswith("type")}
    of = {name: args for literals in goal for name, args, _ in literals}
    try:
        if task_type == "look_at_obj_in_light":
            return _Look(kinds["objecttype", of["holds"][1]], kinds["objecttype", of["istoggled"][0]])
        thing, place = of["inreceptacle"]
        return _Place(kinds["objecttype", thing], kinds["receptacletype", place], task_type)
    except KeyError as error:
        raise ValueError(f"its goal says nothing of {error}, so it is not of type {task_type}") from error


class _Place:
    def __init__(self, thing: str, place: str, task_type: str):
        self.thing, self.place = thing, place
        self.aspect = _ASPECTS.get(task_type)
        self.two = task_type == "pick_two_obj_and_place"

    def __call__(self, facts: Facts) -> float:
        things, places = _of_kind(facts, "objecttype", self.thing), _of_kind(facts, "receptacletype", self.place)
        there = [(thing, place) for thing, place in _rows(facts, "inreceptacle") if thing in things and place in places]
        if self.two:
            return min(max(Counter(place for _, place in there).values(), default=0), 2) / 2
        if self.aspect is None:
            return float(bool(there))
        done = {thing for (thing,) in _rows(facts, self.aspect) if thing in things}
        return (bool(there) + bool(done) + any(thing in done for thing, _ in there)) / 3


class _Look:
    def __init__(self, thing: str, lamp: str):
        self.thing, self.lamp = thing, lamp

    def __call__(self, facts: Facts) -> float:
        things, lamps = _of_kind(facts, "objecttype", self.thing), _of_kind(facts, "objecttype", self.lamp)
        held = any(thing in things for _, thing in _rows(facts, "holds"))
        on = {lamp for (lamp,) in _rows(facts, "istoggled") if lamp in lamps}
        here = {place for _, place in _rows(facts, "atlocation")}
        near = {receptacle for receptacle, place in _rows(facts, "receptacleatlocation") if place in here} if on else ()
        seen = any(lamp in on and receptacle in near for lamp, receptacle in _rows(facts, "inreceptacle"))
        return (held + seen) / 2


def _rows(facts: Facts, name: str) -> Iterable[tuple[str, ...]]:
    return facts.get(name, _NONE).rows.values()


def _of_kind(facts: Facts, name: str, kind: str) -> set[str]:
    return {row[0] for row in facts.get(name, _NONE).grouped((1,)).get(kind, ())}

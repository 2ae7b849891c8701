"""Furnish a room of ALFRED for a goal: which receptacles are used, what lies where, and all of it in PDDL.

As in ALFRED's own scenes, a thing lies in any receptacle that can hold its class, all equally likely, and a class has
up to three instances. Small and medium rooms leave out most receptacles and things; full ones have all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from envs.alfworld.goals import TREATMENTS, Goal
from envs.alfworld.rooms import LAMP, Room, receptacle_class, statistics

LAMP_STANDS = ("CoffeeTable", "Desk", "DiningTable", "Dresser", "Shelf", "SideTable", "TVStand")
HOLDS_ONE = ("CoffeeMachine", "HandTowelHolder", "StoveBurner", "Toaster", "ToiletPaperHanger", "TowelHolder")
APPLIANCES = {"sinkbasin": "SinkBasin", "microwave": "Microwave", "fridge": "Fridge"}
_INSTANCES = ((1, 0.6), (2, 0.2), (3, 0.2))  # of a class of things in the six genuine games that were at hand
_MOST_OF_THE_GOAL = 4  # ALFRED's PICKUP_REPEAT_MAX
# ALFRED's rules name these classes, so a problem has to declare them.
_NEEDED_TYPES = ("Knife", "ButterKnife"), ("SinkBasin", "Microwave", "Fridge")


class Infeasible(ValueError):
    """The room cannot be furnished for the goal, at least not with these random choices."""


@dataclass(frozen=True)
class Size:
    """How large a room is.

    Attributes:
        receptacles: Fewest and most; None for all that the floor plan has.
        things: Likewise, of what can be picked up.
    """

    receptacles: tuple[int, int] | None
    things: tuple[int, int] | None


SIZES = {"small": Size((5, 7), (6, 10)), "medium": Size((9, 14), (15, 25)), "full": Size(None, None)}


@dataclass
class _Furniture:
    receptacles: list[str]
    inside: dict[str, str | None] = field(default_factory=dict)
    """The receptacle of each thing; None for what stands on the floor."""

    def of(self, *classes: str) -> list[str]:
        return [name for name in self.receptacles if receptacle_class(name) in classes]

    def put(self, thing: str, rng: Random, places: Sequence[str]) -> bool:
        """Lay one more of a class in one of the receptacles; whether there is room."""
        taken = set(self.inside.values())
        free = [place for place in places if receptacle_class(place) not in HOLDS_ONE or place not in taken]
        if not free:
            return False
        place = rng.choice(free)
        x, y, z = (float(number) for number in place.split("|")[1:4])
        while True:  # two things of a class on one spot would be one
            spot = (x + rng.uniform(-0.4, 0.4), y + rng.uniform(0.0, 0.2), z + rng.uniform(-0.4, 0.4))
            name = "|".join([thing, *(f"{number:+06.2f}" for number in spot)])
            if name not in self.inside:
                self.inside[name] = place
                return True


def furnish(room: Room, goal: Goal, size: Size, rng: Random) -> str:
    """A problem in PDDL: the room furnished at random such that the goal is not reached yet, but can be.

    Raises:
        Infeasible: It did not work out this time.
    """
    furniture = _Furniture(_choose_receptacles(room, goal, size, rng))
    _place_goal(furniture, goal, size, rng)
    if LAMP in room.things and furniture.of(*LAMP_STANDS):
        furniture.put(LAMP, rng, furniture.of(*LAMP_STANDS))
    _place_others(furniture, room, goal, size, rng)
    return _problem(room, goal, furniture, rng)


def sources(classes: Iterable[str], goal: Goal) -> list[str]:
    """Classes of receptacles where the goal's thing may lie at first."""
    holds = statistics().holds
    return [name for name in classes if goal.thing in holds[name] and name != goal.place]


def _choose_receptacles(room: Room, goal: Goal, size: Size, rng: Random) -> list[str]:
    names = list(room.receptacles)
    if size.receptacles is None:
        return names

    def one_of(classes: Iterable[str]) -> str:
        fitting = [name for name in names if receptacle_class(name) in classes]
        if not fitting:
            raise Infeasible(f"room {room.number} has none of {', '.join(classes)}")
        return rng.choice(fitting)

    chosen = {one_of(LAMP_STANDS if goal.place == LAMP else (goal.place,))}
    if goal.task_type in TREATMENTS:
        chosen.add(one_of((APPLIANCES[TREATMENTS[goal.task_type][1]],)))
    chosen.add(one_of(sources({receptacle_class(name): None for name in names}, goal)))
    others = [name for name in names if name not in chosen]
    wanted = rng.randint(*size.receptacles) - len(chosen)
    chosen.update(rng.sample(others, min(wanted, len(others))))
    return [name for name in names if name in chosen]


def _place_goal(furniture: _Furniture, goal: Goal, size: Size, rng: Random) -> None:
    least = 2 if goal.task_type == "pick_two_obj_and_place" else 1
    most = _MOST_OF_THE_GOAL if size.things is None else least + 1
    places = furniture.of(*sources(dict.fromkeys(map(receptacle_class, furniture.receptacles)), goal))
    for number in range(rng.randint(least, most)):
        if not furniture.put(goal.thing, rng, places) and number < least:
            raise Infeasible(f"no place for {least} of {goal.thing}")


def _place_others(furniture: _Furniture, room: Room, goal: Goal, size: Size, rng: Random) -> None:
    known = statistics()
    classes = [name for name in room.things if name != goal.thing and name in known.pickupable]
    rng.shuffle(classes)
    wanted = None if size.things is None else rng.randint(*size.things)
    for name in classes:
        for _ in range(_instances(rng)):
            if wanted is not None and len(furniture.inside) >= wanted:
                return
            holders = [place for place in furniture.receptacles if name in known.holds[receptacle_class(place)]]
            furniture.put(name, rng, holders)
    if size.things is None:  # windows, mirrors, chairs: seen by a robot, never reached in text
        for name in sorted(set(room.things) - known.pickupable - {LAMP}):
            for number in range(_instances(rng)):
                furniture.inside[f"{name}|-10.00|+01.00|{number:+06.2f}"] = None


def _instances(rng: Random) -> int:
    numbers, weights = zip(*_INSTANCES, strict=True)
    return int(rng.choices(numbers, weights)[0])


def _problem(room: Room, goal: Goal, furniture: _Furniture, rng: Random) -> str:
    known = statistics()
    here = {name: "loc|" + "|".join(map(str, room.receptacles[name])) for name in furniture.receptacles}
    where = {
        name: f"loc|-40|{number}|0|30" if place is None else here[place]
        for number, (name, place) in enumerate(sorted(furniture.inside.items()))
    }
    start = f"loc|{rng.randint(-8, 8)}|{rng.randint(-8, 8)}|{rng.randint(0, 3)}|15"  # no layout has a 15th degree
    things = {name: name.partition("|")[0] for name in sorted(furniture.inside)}
    classes = sorted(set(things.values()))
    kinds = sorted({receptacle_class(name) for name in here})
    facts: list[tuple[str, ...]]
    facts = [("receptacleType", name, f"{receptacle_class(name)}Type") for name in here]
    facts += [("objectType", name, f"{thing}Type") for name, thing in things.items()]
    facts += [("canContain", f"{k}Type", f"{c}Type") for k in kinds for c in classes if c in known.holds[k]]
    facts += [("pickupable", name) for name, thing in things.items() if thing in known.pickupable]
    facts += [(word, name) for word in known.able for name, thing in things.items() if thing in known.able[word]]
    facts += [("openable", name) for name in here if receptacle_class(name) in known.openable]
    facts += [("atLocation", "agent1", start)]
    facts += [("inReceptacle", name, place) for name in things if (place := furniture.inside[name]) is not None]
    facts += [("receptacleAtLocation", name, place) for name, place in here.items()]
    facts += [("objectAtLocation", name, place) for name, place in where.items()]
    objects: Mapping[str, Iterable[str]] = {
        "agent": ["agent1"],
        "otype": [f"{name}Type" for name in sorted({*classes, *_NEEDED_TYPES[0]})],
        "rtype": [f"{name}Type" for name in sorted({*kinds, *_NEEDED_TYPES[1]})],
        "object": things,
        "receptacle": here,
        "location": sorted({start, *here.values(), *where.values()}),
    }
    lines = ["(define (problem alfred-room)", "(:domain alfred)", "(:objects"]
    lines += [f"    {_mangled(name)} - {kind}" for kind, names in objects.items() for name in names]
    lines += [")", "(:init"]
    lines += [f"    ({' '.join(map(_mangled, fact))})" for fact in facts]
    lines += [")", goal.pddl(), ")", ""]
    return "\n".join(lines)


def _mangled(name: str) -> str:
    """As names of ALFRED are spelled in PDDL, which has no such signs: ``Bed_bar__minus_01_dot_04_bar_...``."""
    for sign, word in (("|", "_bar_"), ("-", "_minus_"), ("+", "_plus_"), (".", "_dot_")):
        name = name.replace(sign, word)
    return name

"""The shortest way to a game's goal for somebody who knows where everything is.

Every choice of things and receptacles that leads to the goal is written out as commands, and the shortest kept:
ALFWorld's six types of tasks are too simple for more. That a plan works is shown by playing it (`python -m
envs.alfworld.generate --check` does so in TextWorld itself).
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from envs.alfworld.games import Game
from envs.alfworld.goals import TREATMENTS

_FACT = re.compile(r"\((\w+)([^()]*)\)")
_THING = re.compile(r"\(objecttype \?o1? (\w+)type\)")
_PLACE = re.compile(r"\(receptacletype \?r (\w+)type\)|\(objecttype \?ot (\w+)type\)")


@dataclass(frozen=True)
class Household:
    """What a plan needs to know of a game, with names as in commands (``mug 1``).

    Attributes:
        receptacles: Class of each.
        things: Class of each.
        at: Location of each receptacle.
        inside: Receptacles that a thing is in: genuine games list some in two at once.
        able: Things by predicate: pickupable, cleanable, ...; closed: receptacles that must be opened first.
        holds: Pairs of classes that may be put into another.
        start: Where one is at first.
        thing: Class of the goal's thing.
        place: Class of the goal's receptacle or lamp.
    """

    receptacles: Mapping[str, str]
    things: Mapping[str, str]
    at: Mapping[str, str]
    inside: Mapping[str, tuple[str, ...]]
    able: Mapping[str, frozenset[str]]
    holds: frozenset[tuple[str, str]]
    start: str
    thing: str
    place: str


def plan(game: Game) -> tuple[str, ...]:
    """The fewest commands that win the game.

    Raises:
        ValueError: There are none.
    """
    house = household(game.problem)
    moves = "put {} in/on {}" if "put {o} in/on {r}" in game.grammar else "move {} to {}"
    plans = (_commands(house, visits, moves) for visits in _ways(house, game.task_type))
    best = min(plans, key=lambda commands: (len(commands), commands), default=None)
    if best is None:
        raise ValueError(f"{game.name} cannot be solved: nothing in the room leads to {game.goal!r}")
    return best


def household(problem: str) -> Household:
    """Read a problem in PDDL."""
    init, _, goal = problem.lower().partition("(:init")[2].partition("(:goal")
    facts: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for name, args in _FACT.findall(init):
        facts[name].append(tuple(args.split()))
    names = display_names(problem)
    able = {
        name: frozenset(names[row[0]] for row in facts[name])
        for name in ("pickupable", "cleanable", "heatable", "coolable", "toggleable")
    }
    closed = {row[0] for row in facts["openable"]} - {row[0] for row in facts["opened"]}
    inside: dict[str, list[str]] = defaultdict(list)
    for thing, place in facts["inreceptacle"]:
        inside[names[thing]].append(names[place])
    wanted, target = _THING.search(goal), _PLACE.search(goal)
    if wanted is None or target is None:
        raise ValueError(f"cannot read the goal {' '.join(goal.split())[:200]!r}")
    return Household(
        receptacles={names[name]: kind.removesuffix("type") for name, kind in facts["receptacletype"]},
        things={names[name]: kind.removesuffix("type") for name, kind in facts["objecttype"]},
        at={names[name]: place for name, place in facts["receptacleatlocation"]},
        inside={name: tuple(places) for name, places in inside.items()},
        able={**able, "closed": frozenset(names[name] for name in closed)},
        holds=frozenset((kind.removesuffix("type"), of.removesuffix("type")) for kind, of in facts["cancontain"]),
        start=facts["atlocation"][0][1],
        thing=wanted[1],
        place=target[1] or target[2],
    )


def display_names(problem: str) -> dict[str, str]:
    """Names as players read them by names in PDDL, for all that has a position.

    ALFWorld numbers things of a class against the order of their names in PDDL: the last is the first.
    """
    names = sorted(set(re.findall(r"^\s*(\w+_bar_\w+)\s+-\s", problem.lower(), re.MULTILINE)), reverse=True)
    counts: dict[str, int] = defaultdict(int)
    shown = {}
    for name in names:
        kind = name.partition("_bar_")[0] + ("basin" if "basin" in name else "")
        counts[kind] += 1
        shown[name] = f"{kind} {counts[kind]}"
    return shown


Visit = tuple[str, str, str]
"""Which receptacle to stand at, what to do there (take, put, use, clean, heat, cool), and with which thing."""


def _ways(house: Household, task_type: str) -> Iterator[list[Visit]]:
    things = [name for name, kind in house.things.items() if kind == house.thing]
    places = [name for name, kind in house.receptacles.items() if kind == house.place]
    if (house.place, house.thing) not in house.holds:
        places = []
    if task_type == "look_at_obj_in_light":
        lamps = [name for name in house.able["toggleable"] if house.things[name] == house.place]
        for thing, lamp in itertools.product(things, lamps):
            for stand, taking in itertools.product(house.inside.get(lamp, ()), _takings(house, thing)):
                yield [taking, (stand, "use", lamp)]
    elif task_type == "pick_two_obj_and_place":
        for place in places:
            there = [name for name in things if place in house.inside.get(name, ())]
            others = [name for name in things if name not in there]
            for chosen in itertools.permutations(others, max(0, 2 - len(there))):
                for takings in itertools.product(*(_takings(house, thing) for thing in chosen)):
                    yield [visit for taking in takings for visit in (taking, (place, "put", taking[2]))]
    else:
        command, appliance, able, _ = TREATMENTS.get(task_type, ("", "", "pickupable", ""))
        appliances = [name for name, kind in house.receptacles.items() if kind == appliance] if command else [""]
        if not command and any(place in house.inside.get(thing, ()) for thing in things for place in places):
            yield []
        for thing, place, machine in itertools.product(things, places, appliances):
            if thing in house.able[able]:
                for taking in _takings(house, thing):
                    treating = [(machine, command, thing)] if machine else []
                    yield [taking, *treating, (place, "put", thing)]


def _takings(house: Household, thing: str) -> Iterator[Visit]:
    if thing in house.able["pickupable"]:
        for place in house.inside.get(thing, ()):
            yield place, "take", thing


def _commands(house: Household, visits: list[Visit], moves: str) -> tuple[str, ...]:
    commands = []
    location = house.start
    opened: set[str] = set()
    for place, action, thing in visits:
        if house.at[place] != location:
            location = house.at[place]
            commands.append(f"go to {place}")
        if action in ("take", "put") and place in house.able["closed"] and place not in opened:
            opened.add(place)
            commands.append(f"open {place}")
        if action == "take":
            commands.append(f"take {thing} from {place}")
        elif action == "put":
            commands.append(moves.format(thing, place))
        elif action == "use":
            commands.append(f"use {thing}")
        else:
            commands.append(f"{action} {thing} with {place}")
    return tuple(commands)

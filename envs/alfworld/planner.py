"""The shortest way to a game's goal for somebody who knows where everything is.

Every choice of things and receptacles that leads to the goal is written out as commands, and the shortest kept:
ALFWorld's six types of tasks are too simple for more.
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from envs.alfworld.games import Game
from envs.alfworld.goals import TREATMENTS, Goal, goal_of
from envs.alfworld.simulator import Simulator, State

_FACT = re.compile(r"(\w+)\((.*)\)")
_ABLE = ("pickupable", "cleanable", "heatable", "coolable", "toggleable", "isclean", "ishot", "iscool", "istoggled")


@dataclass(frozen=True)
class Household:
    """What a plan needs to know of a state, with names as in commands (``mug 1``).

    Attributes:
        receptacles: Class of each that one can stand at.
        things: Class of each.
        at: Location of each receptacle.
        inside: Receptacles that a thing is in; genuine games list some things in two at once.
        able: Things by predicate: pickupable, cleanable, isclean, istoggled, ...
        closed: Receptacles that must be opened first.
        holds: Pairs of classes: a receptacle, and what may be put into it.
        here: Where one is.
        hand: What one holds; None for nothing.
    """

    receptacles: Mapping[str, str]
    things: Mapping[str, str]
    at: Mapping[str, str]
    inside: Mapping[str, Sequence[str]]
    able: Mapping[str, Collection[str]]
    closed: Collection[str]
    holds: Collection[tuple[str, str]]
    here: str
    hand: str | None

    def accepts(self, place: str, thing: str) -> bool:
        """Whether a thing may be put into a receptacle."""
        return (self.receptacles[place], self.things[thing]) in self.holds


def household(facts: Iterable[str]) -> Household:
    """Read the facts of a state, see `State.facts`."""
    rows: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for fact in sorted(facts):
        if match := _FACT.fullmatch(fact):
            rows[match[1]].append(tuple(arg.rpartition(":")[0].strip() for arg in match[2].split(", ")))
    at: dict[str, str] = {name: location for name, location in rows["receptacleatlocation"]}  # noqa: C416
    inside: dict[str, list[str]] = defaultdict(list)
    for thing, place in rows["inreceptacle"]:
        if place in at:
            inside[thing].append(place)
    return Household(
        receptacles={name: kind.removesuffix("type") for name, kind in rows["receptacletype"] if name in at},
        things={name: kind.removesuffix("type") for name, kind in rows["objecttype"]},
        at=at,
        inside=dict(inside),
        able={word: {name for (name,) in rows[word]} for word in _ABLE},
        closed={name for (name,) in rows["openable"]} - {name for (name,) in rows["opened"]},
        holds={(kind.removesuffix("type"), thing.removesuffix("type")) for kind, thing in rows["cancontain"]},
        here=rows["atlocation"][0][1],
        hand=next((thing for _, thing in rows["holds"]), None),
    )


def plan(game: Game, state: State | None = None) -> tuple[str, ...]:
    """The fewest commands that win the game.

    Args:
        game: Which.
        state: From where on; the start by default.

    Raises:
        ValueError: There are none.
    """
    state = state or Simulator(game).reset()
    if state.won:
        return ()
    house = household(state.facts)
    moves = "put {} in/on {}" if '"put {o} in/on {r}"' in game.grammar else "move {} to {}"
    plans = (_commands(house, visits, moves) for visits in _ways(house, goal_of(game)))
    best = min((each for each in plans if each), key=lambda commands: (len(commands), commands), default=None)
    if best is None:
        raise ValueError(f"{game.name} cannot be solved: nothing in the room leads to {game.goal!r}")
    return best


Visit = tuple[str, str, str]
"""Which receptacle to stand at, what to do there (take, put, use, clean, heat, cool, go), and with which thing."""


def _ways(house: Household, goal: Goal) -> Iterator[list[Visit]]:
    things = [name for name, kind in house.things.items() if kind == goal.thing]
    if goal.task_type == "look_at_obj_in_light":
        lamps = [name for name in house.able["toggleable"] if house.things[name] == goal.place]
        for thing, lamp in itertools.product(things, lamps):
            use = "go" if lamp in house.able["istoggled"] else "use"
            for stand, taking in itertools.product(house.inside.get(lamp, ()), _takings(house, thing)):
                yield [*taking, (stand, use, lamp)]
        return
    places = [name for name, kind in house.receptacles.items() if kind == goal.place]
    places = [name for name in places if (goal.place, goal.thing) in house.holds]
    if goal.task_type == "pick_two_obj_and_place":
        for place in places:
            there = [name for name in things if place in house.inside.get(name, ())]
            others = [name for name in things if name not in there]
            for chosen in itertools.permutations(others, max(0, 2 - len(there))):
                if house.hand in chosen[1:]:
                    continue
                for takings in itertools.product(*(_takings(house, thing, place) for thing in chosen)):
                    yield [visit for taking in takings for visit in taking]
        return
    command, machine, able, done = TREATMENTS.get(goal.task_type, ("", "", "pickupable", ""))
    machines = [name for name, kind in house.receptacles.items() if kind == machine]
    for thing in set(things) & set(house.able[able]):
        treatments = [[(name, command, thing)] for name in machines]
        if not command or thing in house.able[done]:
            treatments = [[]]
        for treatment, place in itertools.product(treatments, places):
            for taking in _takings(house, thing):
                yield [*taking, *treatment, (place, "put", thing)]


def _takings(house: Household, thing: str, place: str | None = None) -> Iterator[list[Visit]]:
    """Ways to have a thing in the hand, and then to put it somewhere if so asked."""
    after = [(place, "put", thing)] if place is not None else []
    if thing == house.hand:
        yield after
    elif thing in house.able["pickupable"]:
        for source in house.inside.get(thing, ()):
            yield [(source, "take", thing), *after]


def _commands(house: Household, visits: list[Visit], moves: str) -> tuple[str, ...] | None:
    """A way in words; None if what one holds cannot be put down."""
    commands: list[str] = []
    here, hand = house.here, house.hand
    closed = set(house.closed)

    def visit(place: str, *, inside: bool) -> None:
        nonlocal here
        if house.at[place] != here:
            here = house.at[place]
            commands.append(f"go to {place}")
        if inside and place in closed:
            closed.remove(place)
            commands.append(f"open {place}")

    for place, action, thing in visits:
        if action == "take" and hand is not None:  # it is in the way
            stand = _somewhere(house, hand, here, closed)
            if stand is None:
                return None
            visit(stand, inside=True)
            commands.append(moves.format(hand, stand))
        visit(place, inside=action in ("take", "put"))
        if action == "take":
            commands.append(f"take {thing} from {place}")
            hand = thing
        elif action == "put":
            commands.append(moves.format(thing, place))
            hand = None
        elif action == "use":
            commands.append(f"use {thing}")
        elif action != "go":
            commands.append(f"{action} {thing} with {place}")
    return tuple(commands)


def _somewhere(house: Household, thing: str, here: str, closed: Collection[str]) -> str | None:
    """The nearest receptacle to put a thing into."""
    places = [name for name in house.receptacles if house.accepts(name, thing)]
    return min(places, key=lambda name: ((house.at[name] != here) + (name in closed), name), default=None)

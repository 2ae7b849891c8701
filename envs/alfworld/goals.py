"""What is asked for in a game: its words, its condition in PDDL, and what of it is true already.

Words and conditions are those of ALFRED's ``gen/goal_library.py`` in the package ``alfworld`` (MIT).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from envs.alfworld.games import TASK_TYPES, Game

TEMPLATES = {
    "pick_and_place_simple": ("put a {thing} in {place}.", "put some {thing} on {place}."),
    "look_at_obj_in_light": ("look at {thing} under the {place}.", "examine the {thing} with the {place}."),
    "pick_clean_then_place_in_recep": ("put a clean {thing} in {place}.", "clean some {thing} and put it in {place}."),
    "pick_heat_then_place_in_recep": ("put a hot {thing} in {place}.", "heat some {thing} and put it in {place}."),
    "pick_cool_then_place_in_recep": ("put a cool {thing} in {place}.", "cool some {thing} and put it in {place}."),
    "pick_two_obj_and_place": ("put two {thing} in {place}.", "find two {thing} and put them in {place}."),
}
"""Two ways to ask for each type of task."""
TREATMENTS = {
    "pick_clean_then_place_in_recep": ("clean", "sinkbasin", "cleanable", "isclean"),
    "pick_heat_then_place_in_recep": ("heat", "microwave", "heatable", "ishot"),
    "pick_cool_then_place_in_recep": ("cool", "fridge", "coolable", "iscool"),
}
"""What has to be done to the object first: the command, the class of receptacles for it, who can, what it then is."""

_LIGHT = """(:goal
    (and
        (exists (?ot - object ?r - receptacle ?a - agent ?l - location)
            (and
                (objectType ?ot {place}Type)
                (toggleable ?ot)
                (isToggled ?ot)
                (receptacleAtLocation ?r ?l)
                (atLocation ?a ?l)
                (inReceptacle ?ot ?r)))
        (exists (?o - object ?a - agent)
            (and
                (objectType ?o {thing}Type)
                (holds ?a ?o)))))"""
_PLACE = """(:goal
    (and
        (exists (?r - receptacle)
            (exists (?o - object)
                (and
                    {able}
                    (objectType ?o {thing}Type)
                    (receptacleType ?r {place}Type)
                    {state}
                    (inReceptacle ?o ?r))))))"""
_TWO = """(:goal
    (and
        (exists (?r - receptacle)
            (exists (?o1 - object)
                (and
                    (objectType ?o1 {thing}Type)
                    (receptacleType ?r {place}Type)
                    (inReceptacle ?o1 ?r)
                    (exists (?o2 - object)
                        (and
                            (not (= ?o1 ?o2))
                            (objectType ?o2 {thing}Type)
                            (receptacleType ?r {place}Type)
                            (inReceptacle ?o2 ?r))))))))"""
_STATES = {"isclean": "isClean", "ishot": "isHot", "iscool": "isCool"}

_THING = re.compile(r"\(objecttype \?o1? (\w+)type\)")
_LAMP = re.compile(r"\(objecttype \?ot (\w+)type\)")
_RECEPTACLE = re.compile(r"\(receptacletype \?r (\w+)type\)")


@dataclass(frozen=True)
class Goal:
    """What is asked for.

    Attributes:
        task_type: One of `TASK_TYPES`.
        thing: Class of the object, as in ``Mug``, or ``mug`` where it was read from text.
        place: Class of the receptacle to put it in, or of the lamp to look at it under.
    """

    task_type: str
    thing: str
    place: str

    def text(self, wording: int) -> str:
        """As a game says it, in one of two ways (0 or 1)."""
        return TEMPLATES[self.task_type][wording].format(thing=self.thing.lower(), place=self.place.lower())

    def pddl(self) -> str:
        """The condition, as a section of a problem."""
        names = {"thing": self.thing, "place": self.place}
        if self.task_type == "look_at_obj_in_light":
            return _LIGHT.format(**names)
        if self.task_type == "pick_two_obj_and_place":
            return _TWO.format(**names)
        if self.task_type not in TREATMENTS:
            lines = _PLACE.format(**names, able="", state="").splitlines()
            return "\n".join(line for line in lines if line.strip())
        _, _, able, state = TREATMENTS[self.task_type]
        return _PLACE.format(**names, able=f"({able} ?o)", state=f"({_STATES[state]} ?o)")


def parse_goal(text: str) -> Goal:
    """Read a goal as games say it.

    Args:
        text: Such as ``put a clean mug in desk.``; the final dot and what stands before ``Your task is to:`` are
            optional.

    Raises:
        ValueError: It is worded in none of the twelve ways, as goals that people wrote are.
    """
    words = text.rpartition("Your task is to:")[2].strip().rstrip(".")
    for task_type, pattern in _PATTERNS:
        if match := pattern.fullmatch(words):
            return Goal(task_type, match["thing"], match["place"])
    ways = "; ".join(template for templates in TEMPLATES.values() for template in templates)
    raise ValueError(f"cannot read the goal {words!r}: it is worded in none of ALFWorld's ways ({ways})")


def goal_of(game: Game) -> Goal:
    """What a game asks for, from its condition; its words may be a person's own.

    Raises:
        ValueError: It is none of the six types.
    """
    _, _, condition = game.problem.lower().partition("(:goal")
    thing, place = _THING.search(condition), _LAMP.search(condition) or _RECEPTACLE.search(condition)
    if thing is None or place is None:
        raise ValueError(f"{game.name} has a goal that cannot be read: {' '.join(condition.split())[:200]}")
    return Goal(game.task_type, thing[1], place[1])


def _pattern(template: str) -> re.Pattern[str]:
    text = re.escape(template[:-1])
    for name in ("thing", "place"):
        text = text.replace(rf"\{{{name}\}}", rf"(?P<{name}>\w+)")
    return re.compile(text)


_PATTERNS = [(task_type, _pattern(template)) for task_type in TASK_TYPES for template in TEMPLATES[task_type]]

"""ALFWorld in words: its closed grammar read by rules, its six kinds of goals, and its facts for comparison.

The texts are those of alfworld's ``alfred.twl2`` in both generations of wording ("You put the mug 1 in/on the desk 1."
and "You move ..."; "You arrive at loc 12." and "You arrive at desk 1."). What they leave open stays unknown.

Attributes of a thing are ``location`` (a list: the games have things that lie in two places at once, and "hand"),
``temperature`` (hot, cold), ``cleanliness`` (clean), ``power`` (on, off), ``sliced``, and for lamps ``near``, if the
agent stands where the lamp is. A receptacle has ``door`` (open, closed) and ``place``: those with the same one are
reached from the same spot. ``agent`` has ``place``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from reward_designers.errors import RewardError
from reward_designers.factored.extractor import GoalInterpreter, Row, RowExtractor
from reward_designers.factored.score import ANYTHING
from reward_designers.factored.state import FactoredState, Goal, kind_and_number

HAND = "hand"
LAMPS = ("desklamp", "floorlamp")
_STATE = {"hot": "temperature", "cool": "temperature", "cold": "temperature", "clean": "cleanliness"}
_MADE = {"heat": "hot", "cool": "cold", "clean": "clean"}
_THING = r"([a-z]+ \d+)"
_LISTED = re.compile(r"\b(?:a|an|some) ([a-z]+ \d+)")
_RULES: list[tuple[re.Pattern[str], Callable[..., None]]] = []


class AlfworldRules(RowExtractor):
    """What an agent can know from the game's own words."""

    inputs = frozenset({"observation"})

    def next(self, state: FactoredState, row: Row) -> FactoredState:
        """See `RowExtractor.next`; what no rule knows changes nothing."""
        state = state.edit()
        text = str(row["observation"])
        if "agent" not in state.objects:
            state.set("agent", place="middle of the room")
        for pattern, rule in _RULES:
            for match in pattern.finditer(text):
                rule(state, *match.groups())
        _see_lamps(state)
        return state


def _reads(pattern: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """What to do where a text matches; in the order in which a text tells it."""

    def register(rule: Callable[..., None]) -> Callable[..., None]:
        _RULES.append((re.compile(pattern), rule))
        return rule

    return register


@_reads(r"Looking quickly around you, you see (.+)\.")
def _room(state: FactoredState, receptacles: str) -> None:
    for name in _LISTED.findall(receptacles):
        if name not in state.objects:
            state.set(name)


@_reads(r"You arrive at (loc \d+)\. (?:On the|The) " + _THING)
def _arrive_at_spot(state: FactoredState, spot: str, receptacle: str) -> None:
    state.set("agent", place=spot)
    _stand_at(state, receptacle)


@_reads(r"You arrive at (?!loc \d)" + _THING + r"\.")
def _arrive(state: FactoredState, receptacle: str) -> None:
    place = state.get(receptacle, "place", receptacle)
    state.set("agent", place=place)
    _stand_at(state, receptacle)


@_reads(r"You are facing the ((?:" + _THING + r"(?:, and |, | and )?(?:the )?)+)\. Next to it")
def _face(state: FactoredState, receptacles: str, _last: str) -> None:
    for name in re.findall(_THING, receptacles):
        _stand_at(state, name)


@_reads(r"You open the " + _THING + r"\.")
def _open(state: FactoredState, receptacle: str) -> None:
    _stand_at(state, receptacle)
    state.set(receptacle, door="open")


@_reads(r"You close the " + _THING + r"\.")
def _close(state: FactoredState, receptacle: str) -> None:
    _stand_at(state, receptacle)
    state.set(receptacle, door="closed")


@_reads(r"The " + _THING + r" is closed\.")
def _closed(state: FactoredState, receptacle: str) -> None:
    _stand_at(state, receptacle)
    state.set(receptacle, door="closed")


@_reads(r"(?:On the " + _THING + r"|The " + _THING + r" is open\. In it), you see (.+?)\.")
def _contents(state: FactoredState, surface: str | None, inside: str | None, things: str) -> None:
    receptacle = surface or inside or ""
    _stand_at(state, receptacle)
    if inside:
        state.set(inside, door="open")
    seen = set(_LISTED.findall(things))
    for name, attributes in list(state):
        known = attributes.get("location", [])
        if name not in seen and receptacle in known:  # it has been taken from here
            state.set(name, location=[place for place in known if place != receptacle])
    for name in seen:
        _lies_in(state, name, receptacle)


@_reads(r"You pick up the " + _THING + r" from the " + _THING + r"\.")
def _take(state: FactoredState, thing: str, receptacle: str) -> None:
    _stand_at(state, receptacle)
    elsewhere = [place for place in state.get(thing, "location", []) if place not in (receptacle, HAND)]
    state.set(thing, location=[*elsewhere, HAND])


@_reads(r"You (?:put|move) the " + _THING + r" (?:in/on|to) the " + _THING + r"\.")
def _put(state: FactoredState, thing: str, receptacle: str) -> None:
    _stand_at(state, receptacle)
    state.set(thing, location=[place for place in state.get(thing, "location", []) if place != HAND])
    _lies_in(state, thing, receptacle)


@_reads(r"You (heat|cool|clean) the " + _THING + r" using the " + _THING + r"\.")
def _change(state: FactoredState, verb: str, thing: str, receptacle: str) -> None:
    _stand_at(state, receptacle)
    made = _MADE[verb]
    state.set(thing, **{_STATE[made]: made})


@_reads(r"You turn (on|off) the " + _THING + r"\.")
def _switch(state: FactoredState, power: str, lamp: str) -> None:
    state.set(lamp, power=power)
    known = state.get(lamp, "location", [])
    if len(known) == 1:
        _stand_at(state, known[0])  # else it lies in something that is also here
    elif not known:
        state.set(lamp, place=state.get("agent", "place"))


@_reads(r"You sliced the " + _THING + r" with")
def _slice(state: FactoredState, thing: str) -> None:
    state.set(thing, sliced=True)


@_reads(r"You are carrying: (?:a|an|some) " + _THING)
def _carry(state: FactoredState, thing: str) -> None:
    if HAND not in (known := state.get(thing, "location", [])):
        state.set(thing, location=[*known, HAND])


@_reads(r"This is an? ((?:(?:hot|cool|cold|clean|and|sliced) )+)" + _THING + r"\.")
def _described(state: FactoredState, words: str, thing: str) -> None:
    said = set(words.split())
    if "hot" in said:
        state.set(thing, temperature="hot")
    if said & {"cool", "cold"}:
        state.set(thing, temperature="cold")
    if "clean" in said:
        state.set(thing, cleanliness="clean")
    if "sliced" in said:
        state.set(thing, sliced=True)


@_reads(r"This " + _THING + r" is (on|off)\.")
def _lit(state: FactoredState, lamp: str, power: str) -> None:
    state.set(lamp, power=power)


def _stand_at(state: FactoredState, receptacle: str) -> None:
    """The agent reaches `receptacle` from where it stands, so it is at this place."""
    here, known = state.get("agent", "place"), state.get(receptacle, "place")
    if known == here:
        return
    if known is not None:  # two names of one place
        for name, attributes in list(state):
            if attributes.get("place") == known:
                state.set(name, place=here)
    state.set(receptacle, place=here)


def _lies_in(state: FactoredState, thing: str, receptacle: str) -> None:
    if receptacle not in (known := state.get(thing, "location", [])):
        state.set(thing, location=[*known, receptacle])


def _see_lamps(state: FactoredState) -> None:
    here = state.get("agent", "place")
    for name, attributes in list(state):
        if kind_and_number(name)[0] in LAMPS:
            places = [state.get(receptacle, "place") for receptacle in attributes.get("location", ())]
            if here in [*places, attributes.get("place")]:
                state.set(name, near=True)
            else:
                state.unset(name, "near")


_THINGS_THAT_ARE = {
    "ishot": ("temperature", "hot"),
    "iscool": ("temperature", "cold"),
    "isclean": ("cleanliness", "clean"),
    "istoggled": ("power", "on"),
    "issliced": ("sliced", True),
}
_TOLD = ("inreceptacle", "holds", "atlocation", "receptacleatlocation", "openable", "opened", "toggleable")
_FACT = re.compile(rf"\b({'|'.join((*_TOLD, *_THINGS_THAT_ARE))})\(([^()]*)\)")


class AlfworldFacts(RowExtractor):
    """The whole truth, from the simulator's facts: privileged, since no agent sees them.

    A field ``facts`` holds one a line, such as ``inreceptacle(mug 1: object, desk 1: receptacle)``.
    """

    inputs = frozenset({"facts"})
    privileged = True

    def next(self, state: FactoredState, row: Row) -> FactoredState:
        """See `RowExtractor.next`; what was believed before makes no difference."""
        found = [(name, _names(arguments)) for name, arguments in _FACT.findall(str(row["facts"]))]
        if not found:
            raise RewardError(
                f"expected facts such as 'opened(fridge 1: receptacle)', one a line: {row['facts']!r:.80}"
            )
        state = FactoredState()
        lists: dict[str, list[str]] = {}
        for name, arguments in found:
            match name, arguments:
                case "inreceptacle", [thing, receptacle]:
                    lists.setdefault(thing, []).append(receptacle)
                case "holds", [_, thing]:
                    lists.setdefault(thing, []).append(HAND)
                case "atlocation", [_, place]:
                    state.set("agent", place=place)
                case "receptacleatlocation", [receptacle, place]:
                    state.set(receptacle, place=place)
                case "openable", [receptacle]:
                    state.set(receptacle, door=state.get(receptacle, "door", "closed"))
                case "opened", [receptacle]:
                    state.set(receptacle, door="open")
                case "toggleable", [thing]:
                    state.set(thing, power=state.get(thing, "power", "off"))
                case (("ishot" | "iscool" | "isclean" | "istoggled" | "issliced"), [thing]):
                    key, value = _THINGS_THAT_ARE[name]
                    state.set(thing, **{key: value})
        for thing, places in lists.items():
            state.set(thing, location=sorted(places))
        _see_lamps(state)
        return state


def _names(arguments: str) -> list[str]:
    return [argument.partition(":")[0].strip() for argument in arguments.split(",")]


_IN = r" (?:in|on|in/on) (?:a |the )?(\w+)"
_GOALS = {
    "place": re.compile(r"put (?:a|an|some|the) (?:(hot|cool|cold|clean) )?(?:(slice|sliced) (?:of )?)?(\w+)" + _IN),
    "make": re.compile(r"(heat|cool|clean) (?:a|an|some|the) (sliced )?(\w+) and put (?:it|them)" + _IN),
    "two": re.compile(r"(?:put|find) two (sliced )?(\w+)(?: and put them)?" + _IN),
    "look": re.compile(r"(?:look at|examine) (?:a |an |the )?(\w+) (?:under|with) (?:a |the )?(\w+)"),
}
EXAMPLES = (
    "put a hot mug in sidetable.",
    "clean some cloth and put it in cabinet.",
    "find two cd and put them in safe.",
)


@dataclass
class AlfworldGoals(GoalInterpreter):
    """ALFWorld's six kinds of goals, in the templates that its games use.

    Args:
        credit: A wanted thing that is held counts half of being where it belongs, one that was seen a quarter; else it
            counts only there. Either way the score is 1 just when the game is won.
    """

    credit: bool = True

    def begin(self, rows: Sequence[Row]) -> list[Goal]:
        """See `GoalInterpreter.begin`."""
        return [self(str(row["goal"])) for row in rows]

    def __call__(self, text: str) -> Goal:
        """The goal of one text.

        Raises:
            RewardError: It is none of the templates, such as a goal in a person's own words.
        """
        plain = " ".join(text.casefold().split()).removeprefix("your task is to: ").rstrip(".")
        found = {name: match.groups() for name, pattern in _GOALS.items() if (match := pattern.fullmatch(plain))}
        match found:
            case {"look": (thing, lamp)}:
                return [(thing, {"location": self._graded(HAND)}), (lamp, {"power": "on", "near": True})]
            case {"make": (verb, sliced, thing, receptacle)}:
                return [self._wanted(thing, receptacle, _MADE[verb], sliced)]
            case {"place": (made, sliced, thing, receptacle)}:
                return [self._wanted(thing, receptacle, made, sliced)]
            case {"two": (sliced, thing, receptacle)}:
                return [self._wanted(thing, f"{receptacle} ?r", None, sliced)] * 2
        raise RewardError(
            f"{text!r} is none of ALFWorld's goals as rules know them, such as {'; '.join(map(repr, EXAMPLES))} "
            "Goals in other words need a language model: extractor=llm"
        )

    def _wanted(
        self, thing: str, receptacle: str, made: str | None, sliced: str | None
    ) -> tuple[str, dict[str, object]]:
        wanted: dict[str, object] = {}
        if made is not None:
            wanted[_STATE[made]] = _MADE.get(made, made)
        if sliced:
            wanted["sliced"] = True
        return thing, wanted | {"location": self._graded(receptacle)}

    def _graded(self, place: str) -> object:
        if not self.credit:
            return place
        return {place: 1.0, ANYTHING: 0.25} if place == HAND else {place: 1.0, HAND: 0.5, ANYTHING: 0.25}


def contradictions(belief: FactoredState, truth: FactoredState) -> Iterable[str]:
    """What `belief` holds that `truth`, the same world's facts, does not; for tests and checks of one's own rules.

    Places are compared by what is reached from where, since words name them otherwise than the simulator does.
    """
    for name, attributes in belief:
        if name != "agent" and name not in truth.objects:
            yield f"{name} does not exist"
            continue
        for key, value in attributes.items():
            if key == "location":
                wrong = [place for place in value if place not in truth.get(name, "location", [])]
                if wrong:
                    yield f"{name} is not in {', '.join(wrong)} but in {truth.get(name, 'location')}"
            elif key != "place" and truth.get(name, key) != value:
                yield f"{name}: {key} is {truth.get(name, key)!r}, believed {value!r}"
    spots: dict[str, set[str]] = {}
    for name, attributes in belief:
        if (place := attributes.get("place")) is not None and (spot := truth.get(name, "place")) is not None:
            spots.setdefault(place, set()).add(spot)
    for place, found in spots.items():
        if len(found) > 1:
            yield f"{place} is not one place: {', '.join(sorted(found))}"

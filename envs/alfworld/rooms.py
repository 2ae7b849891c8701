"""What stands in the 120 rooms of ALFRED, and which thing can lie where: the statistics that games are made from.

They are distilled from the package ``alfworld`` (MIT), which has them as ALFRED's generator used them, into a shipped
file, so that making games needs no extra:

    python -m envs.alfworld.rooms          # writes assets/alfworld/rooms.json anew; needs the extra alfworld

A layout lists the receptacles that a robot has to stand at precisely; bins, burners and hangers, which it reaches from
anywhere, are only named. They get places of their own here, in the numbers that games of ALFWorld have them.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import runpy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from reward_designers.assets import asset

KINDS = ("Kitchen", "LivingRoom", "Bedroom", "Bathroom")
LAMP = "DeskLamp"
"""The lamp that stands on something. Floor lamps do not, and the rules know no way to switch these on."""
MIN_RECEPTACLES = 6  # of the smallest genuine game; one bedroom has fewer
_WITHOUT_PLACE = {
    "CoffeeMachine": 1,
    "GarbageCan": 1,
    "HandTowelHolder": 1,
    "LaundryHamper": 1,
    "StoveBurner": 4,
    "Toaster": 1,
    "Toilet": 1,
    "ToiletPaperHanger": 1,
    "TowelHolder": 1,
}


@dataclass(frozen=True)
class Room:
    """One room of ALFRED.

    Attributes:
        number: Of its floor plan: 1-30 kitchens, 201-230 living rooms, 301-330 bedrooms, 401-430 bathrooms.
        kind: One of `KINDS`.
        receptacles: By name, as in ``Bed|-01.04|+00.01|-00.69``, where one has to stand: x, z, direction, horizon.
        things: Classes of objects seen there.
    """

    number: int
    kind: str
    receptacles: Mapping[str, tuple[int, int, int, int]]
    things: tuple[str, ...]


@dataclass(frozen=True)
class Statistics:
    """What the generator knows.

    Attributes:
        rooms: By number.
        holds: For each class of receptacles the classes of objects that it can hold.
        openable: Classes of receptacles that open and close.
        able: For each of cleanable, heatable, coolable, sliceable, toggleable, isReceptacleObject (a thing that could
            hold things) the classes of objects that are.
    """

    rooms: Mapping[int, Room]
    holds: Mapping[str, frozenset[str]]
    openable: frozenset[str]
    able: Mapping[str, frozenset[str]]

    @functools.cached_property
    def pickupable(self) -> frozenset[str]:
        """Classes of objects that some receptacle can hold; lamps stay where they are."""
        return frozenset().union(*self.holds.values())


def receptacle_class(name: str) -> str:
    """``Bed`` for ``Bed|-01.04|+00.01|-00.69``, and ``SinkBasin`` for ``Sink|...|SinkBasin``."""
    first, *rest = name.split("|")
    return rest[-1] if rest and rest[-1].isalpha() else first


@functools.cache
def statistics() -> Statistics:
    """Read the shipped file."""
    data = json.loads(asset("alfworld", "rooms.json").read_text())
    return Statistics(
        rooms={
            room["number"]: Room(
                room["number"],
                room["kind"],
                {name: (x, z, direction, horizon) for name, (x, z, direction, horizon) in room["receptacles"].items()},
                tuple(room["things"]),
            )
            for room in data["rooms"]
        },
        holds={name: frozenset(things) for name, things in data["holds"].items()},
        openable=frozenset(data["openable"]),
        able={word: frozenset(things) for word, things in data["able"].items()},
    )


def distil(package: Path) -> str:
    """The statistics as the text of ``rooms.json``.

    Args:
        package: The folder of the installed ``alfworld``.
    """
    # Read past `import alfworld`, which would make a folder in the user's home.
    constants = SimpleNamespace(**runpy.run_path(str(package / "gen" / "constants.py")))
    movable = set(constants.MOVABLE_RECEPTACLES)
    whole = {thing for thing in constants.OBJECTS if not thing.endswith("Sliced")}
    holds = {
        name: sorted(things & whole)
        for name, things in sorted(constants.VAL_RECEPTACLE_OBJECTS.items())
        if name not in movable
    }
    able = {"isReceptacleObject": sorted(movable)}
    for name, things in constants.VAL_ACTION_OBJECTS.items():
        able[name.lower()] = sorted(things & whole)
    receptacles = set(constants.RECEPTACLES) - movable
    lines = []
    for kind, numbers in constants.SCENE_TYPE.items():
        for number in numbers:
            layout = json.loads((package / "gen" / "layouts" / f"FloorPlan{number}-openable.json").read_text())
            things = json.loads((package / "gen" / "layouts" / f"FloorPlan{number}-objects.json").read_text())
            room = {
                "number": number,
                "kind": kind,
                "receptacles": {
                    **{name: _place(point) for name, point in sorted(layout.items())},
                    **_without_place(set(things) - {receptacle_class(name) for name in layout}),
                },
                "things": sorted(set(things) & whole - receptacles),
            }
            if len(room["receptacles"]) >= MIN_RECEPTACLES:
                lines.append(json.dumps(room))
    head = {"holds": holds, "openable": sorted(constants.OPENABLE_CLASS_SET - movable - {"Box"}), "able": able}
    parts = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    return "{\n" + ",\n".join([*parts, '  "rooms": [\n    ' + ",\n    ".join(lines) + "\n  ]"]) + "\n}\n"


def _place(point: tuple[float, float, float, float]) -> list[int]:
    """Metres and degrees as ALFWorld's names of locations have them: quarter metres and quarter turns."""
    x, z, direction, horizon = point
    return [round(4 * x), round(4 * z), round(direction / 90) % 4, round(horizon)]


def _without_place(missing: set[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for name, count in _WITHOUT_PLACE.items():
        for number in range(count if name in missing else 0):
            place = 40 + len(found)  # ten metres off, where no layout reaches
            found[f"{name}|+10.00|+00.50|{place / 4:+06.2f}"] = [40, place, number % 4, 30]
    return found


def main() -> None:
    """Write the shipped file anew."""
    spec = importlib.util.find_spec("alfworld")
    if spec is None or spec.origin is None:
        raise SystemExit('this reads the package alfworld: pip install "reward-designers[alfworld]"')
    path = asset("alfworld") / "rooms.json"
    path.write_text(distil(Path(spec.origin).parent))
    print(f"wrote {path}: {len(json.loads(path.read_text())['rooms'])} rooms")


if __name__ == "__main__":
    main()

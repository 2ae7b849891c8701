"""NetHack's bottom line and captions as belief."""

from __future__ import annotations

from typing import Any

import pytest

from reward_designers.factored import FactoredState, MinihackRules

CALM = {"hp": 15, "max_hp": 15, "depth": 1, "gold": 0, "hunger": 1, "on_stairs_down": 0.0, "caption": ""}


def believe(*rows: dict[str, Any]) -> FactoredState:
    rules = MinihackRules()
    (state,) = rules.begin([CALM])
    for row in rows:
        (state,) = rules.observe([state], [CALM | row])
    return state


def test_the_bottom_line() -> None:
    hero = {"health": "unhurt", "depth": 1, "gold": 0, "hunger": "not hungry", "on": "floor"}
    assert believe().objects == {"hero": hero}
    changed = believe({"hp": 4, "depth": 2, "gold": 7, "hunger": 2, "on_stairs_down": 1.0})
    assert changed.objects["hero"] == {
        "health": "dying",
        "depth": 2,
        "gold": 7,
        "hunger": "hungry",
        "on": "staircase down",
    }
    assert [believe({"hp": hp}).get("hero", "health") for hp in (0, 4, 5, 15)] == ["dead", "dying", "hurt", "unhurt"]


@pytest.mark.parametrize(
    ("captions", "thing", "location"),
    [
        (["saw a key"], "key", "floor"),
        (["You see here a key.; saw an apple"], "key", "floor"),
        (["saw a key", "g - a key.; picked up a key"], "key", "pack"),
        (["picked up a key", "saw a key"], "key", "pack"),
        (["picked up a key named The Master Key of Thievery; door opened"], "key", "pack"),
        (["picked up a key", "You drop a key.; lost a key"], "key", "floor"),
        (["HP fell by 2; picked up an uncursed scroll of light; door opened"], "scroll of light", "pack"),
    ],
)
def test_things(captions: list[str], thing: str, location: str) -> None:
    assert believe(*({"caption": caption} for caption in captions)).get(thing, "location") == location


@pytest.mark.parametrize(
    ("caption", "door"),
    [
        ("This door is locked.", "locked"),
        ("You succeed in unlocking the door.", "closed"),
        ("The door opens.; door opened", "open"),
        ("door opened", "open"),
        ("It's a wall.", None),
    ],
)
def test_doors(caption: str, door: str | None) -> None:
    assert believe({"caption": caption}).get("door", "door") == door

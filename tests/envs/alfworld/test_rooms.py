from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from envs.alfworld.rooms import KINDS, distil, receptacle_class, statistics
from reward_designers.assets import asset


def test_the_shipped_statistics_are_the_packages() -> None:
    spec = importlib.util.find_spec("alfworld")
    if spec is None or spec.origin is None:
        pytest.skip("the package alfworld is not installed")
    before = set(os.listdir(Path.home()))
    assert distil(Path(spec.origin).parent) == asset("alfworld", "rooms.json").read_text()
    assert set(os.listdir(Path.home())) == before
    for name in ("alfred.pddl", "alfred.twl2"):
        assert asset("alfworld", name).read_bytes() == (Path(spec.origin).parent / "data" / name).read_bytes()


def test_rooms() -> None:
    rooms = statistics().rooms
    assert {room.kind for room in rooms.values()} == set(KINDS)
    assert min(len(room.receptacles) for room in rooms.values()) == 6
    assert max(len(room.receptacles) for room in rooms.values()) == 54
    for number, room in rooms.items():
        assert KINDS.index(room.kind) == {0: 0, 2: 1, 3: 2, 4: 3}[number // 100]
        for name, (_, _, direction, horizon) in room.receptacles.items():
            assert receptacle_class(name) in statistics().holds
            assert direction in range(4)
            assert -60 <= horizon <= 60
    assert all("Microwave" in map(receptacle_class, rooms[n].receptacles) for n in range(1, 31))


def test_classes_of_receptacles() -> None:
    assert receptacle_class("Bed|-01.04|+00.01|-00.69") == "Bed"
    assert receptacle_class("Sink|-02.10|00.00|-02.03|SinkBasin") == "SinkBasin"


def test_what_can_be_done_with_things() -> None:
    known = statistics()
    assert "Apple" in known.able["heatable"]
    assert "Fork" not in known.able["heatable"]
    assert known.holds["LaundryHamper"] == {"Cloth"}
    assert "Bowl" not in known.holds  # things may hold things in ALFRED; ALFWorld's rules leave that out
    assert "DeskLamp" not in known.pickupable
    assert known.openable == {"Cabinet", "Drawer", "Fridge", "Microwave", "Safe"}

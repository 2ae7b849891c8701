"""How far programs are from each other, measured once, and the plane on which they are shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents.designing.distances import OWN, Distances, lay_out, matrix
from agents.designing.duplicates import Duplicates
from agents.designing.journal import Journal
from reward_designers.base import Transition, reward_fn

SPEED = "def reward(next_speed):\n    return next_speed\n"
TRIPLE = "def reward(next_speed):\n    return 3.0 * next_speed + 1.0\n"
AGAINST = "def reward(next_speed):\n    return -next_speed\n"
HEIGHT = "def reward(next_height):\n    return next_height\n"
CONSTANT = "def reward(next_speed):\n    return 0.0 * next_speed\n"
FAILS = "def reward(next_speed):\n    return next_speed / (len(next_speed) < 100)\n"


@reward_fn
def own(next_speed: np.ndarray) -> np.ndarray:
    return 2.0 * next_speed


def duplicates(entry: str = "reward") -> Duplicates:
    rng = np.random.default_rng(0)

    def state() -> dict[str, np.ndarray]:
        return {"obs": rng.normal(size=(1024, 2)), "speed": rng.normal(size=1024), "height": rng.normal(size=1024)}

    t = Transition(state(), rng.normal(size=(1024, 1)), state(), np.zeros(1024, bool), np.zeros(1024, bool))
    options = {"gamma": 0.9, "threshold": 0.01, "seconds": 5.0, "sandbox": "available"}
    return Duplicates(t, ("speed", "height"), entry=entry, **options)  # type: ignore[arg-type]


def test_distances_are_epic_and_written_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    programs = {"speed": SPEED, "triple": TRIPLE, "against": AGAINST, "constant": CONSTANT, "fails": FAILS}
    Distances(duplicates(), own).update(journal, programs)
    again = Distances(duplicates(), own)
    again.update(journal, programs)
    assert not again._directions  # nothing was run
    again.update(journal, programs | {"height": HEIGHT})
    rows = journal.all("distance")
    assert list(rows["height"]) == [OWN, *programs]
    assert rows["speed"] == {OWN: 0.0}
    assert rows["triple"] == {OWN: 0.0, "speed": 0.0}
    assert rows["against"] == {OWN: 1.0, "speed": 1.0, "triple": 1.0}
    assert set(rows["constant"].values()) == set(rows["fails"].values()) == {None}
    assert rows["height"]["speed"] == pytest.approx(np.sqrt(0.5), abs=0.03)  # independent
    names, values = matrix(rows)
    assert names == [OWN, *programs, "height"]
    assert np.array_equal(values, values.T, equal_nan=True)
    assert lay_out(names, values).lost == ("constant", "fails")


def test_potentials_are_not_measured(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    Distances(duplicates("potential"), None).update(journal, {"a": "def potential(speed):\n    return speed\n"})
    assert journal.all("distance") == {}


def test_points_of_a_plane_come_back_up_to_rotation(rng: np.random.Generator) -> None:
    places = rng.normal(size=(9, 2))
    apart = np.sqrt(np.square(places[:, None] - places[None]).sum(-1))
    plane = lay_out([str(i) for i in range(9)], apart)
    shown = np.sqrt(np.square(plane.places[:, None] - plane.places[None]).sum(-1))
    np.testing.assert_allclose(shown, apart, atol=1e-9)
    assert plane.share == pytest.approx(1)
    assert plane.stress == pytest.approx(0, abs=1e-6)


def test_what_the_plane_cannot_show_is_said() -> None:
    corners = np.sqrt(0.5) * (1 - np.eye(4))  # a regular tetrahedron: a third of it is lost
    plane = lay_out(list("abcd"), corners)
    assert plane.share == pytest.approx(2 / 3)
    assert plane.stress > 0.1
    assert lay_out(["a", "b"], np.zeros((2, 2))).share == 1.0
    assert lay_out(["a"], np.zeros((1, 1))).names == ("a",)

"""The labeled transitions of KeyRoom."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

pytest.importorskip("minihack")

from envs.nethack import transitions
from reward_designers.assets import asset


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return transitions.load(asset("keyroom_transitions.jsonl.gz"))


def test_the_shipped_file_is_what_its_seeds_give(rows: list[dict[str, Any]]) -> None:
    for level in transitions.LEVELS:
        shipped = [row for row in rows if row["level"] == level]
        played = transitions.scripted(level, 1000)
        kept = list({json.dumps(row): row for row in played if row in shipped}.values())
        assert len(kept) > 5
        assert kept == shipped[: len(kept)]


def test_there_are_enough_of_each_and_no_two_look_alike(rows: list[dict[str, Any]]) -> None:
    assert len(rows) >= 500
    assert (np.sum([row["achieved"] for row in rows], 0) >= 40).all()
    assert len({(row["before"], row["action"], row["after"], row["message"]) for row in rows}) == len(rows)
    kinds = {row["kind"] for row in rows if not any(row["achieved"])}
    assert kinds >= {"bump into the locked door", "kick the door", "close the door", "walk onto the key"}
    assert {row["level"] for row in rows} == {*transitions.LEVELS}


def test_labels_agree_with_what_can_be_seen_on_the_maps(rows: list[dict[str, Any]]) -> None:
    """The key comes where its letter is said; a `+` turns into a door; a staircase was in sight before it."""
    key, door, stairs = np.array([row["achieved"] for row in rows]).T
    said = np.array([" - a key" in row["message"] for row in rows])
    assert (key == said).all()
    for row, opened in zip(rows, door, strict=True):
        squares = zip(row["before"], row["after"], strict=True)
        if row["action"] in ("APPLY", "OPEN"):  # the hero stays: squares can be compared
            assert opened == any(a == "+" and b in "|-" for a, b in squares), row
        elif opened:
            assert "The door opens." in row["message"]
    for row, stepped in zip(rows, stairs, strict=True):
        if stepped:
            assert ">" in row["before"]
            assert row["action"] in transitions.MOVES


def test_what_upstream_clicks_away_is_there_to_try_judges_without_it(rows: list[dict[str, Any]]) -> None:
    unlocked = [row for row in rows if row["achieved"][1] and row["action"] == "APPLY"]
    assert all("The door opens." in row["message"] for row in unlocked)
    assert {row["upstream"] for row in unlocked} == {"Never mind."}
    batch, labels = transitions.as_transitions(unlocked[:2], upstream=True)
    assert batch.next_state["message"].tolist() == ["Never mind."] * 2
    assert all(text.startswith("Never mind.; door opened") for text in batch.next_state["caption"])
    assert labels[:, 1].all()


def test_a_door_that_is_kicked_in_is_nobodys_example(monkeypatch: pytest.MonkeyPatch) -> None:
    player = transitions.Player("MiniHack-KeyRoom-S5", 3)
    (door,) = player.seen("closed door")
    (doorway,) = transitions._glyphs("doorway")

    def kicked(action: int) -> tuple[None, float, bool, bool, dict[str, Any]]:
        player.game.array("glyphs")[door] = doorway
        return None, 0.0, False, False, {}

    monkeypatch.setattr(player.env, "step", kicked)
    player.do("KICK", "kick the door")
    assert player.rows == []

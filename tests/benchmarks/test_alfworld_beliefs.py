"""A sample of the audit of beliefs, and that it would find mistakes."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from benchmarks.alfworld_beliefs import audit, reworded
from envs.alfworld.games import TASK_TYPES, load_games
from reward_designers.factored import alfworld
from tests.envs.alfworld.conftest import genuine

__all__ = ["genuine"]


@pytest.mark.parametrize("kind", TASK_TYPES)
def test_belief_is_true_and_won_is_known(kind: str) -> None:
    game = load_games(split="valid_unseen", task_types=kind)[0]
    for version in (game, reworded(game)):
        check = audit(version, 15, random.Random(0))
        assert not check.found
        assert check.counts["won"] >= 2


def test_genuine_games(genuine: Path) -> None:
    for game in load_games(genuine):
        for version in (game, reworded(game)):
            check = audit(version, 40, random.Random(1))
            assert not check.found
            assert check.counts["won"] >= 1  # the walk may pick up what no receptacle takes


def test_rewording_twice_changes_nothing() -> None:
    game = load_games(split="train", task_types="pick_two_obj_and_place")[0]
    assert reworded(game) != game
    assert reworded(reworded(game)) == game


def test_a_wrong_rule_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thing that is taken stays where it was, in this belief."""

    def forgetful(state: Any, thing: str, receptacle: str) -> None:
        state.set(thing, location=[receptacle, alfworld.HAND])

    rules = [(pattern, forgetful if rule is alfworld._take else rule) for pattern, rule in alfworld._RULES]
    monkeypatch.setattr(alfworld, "_RULES", rules)
    game = load_games(split="valid_seen", task_types="pick_and_place_simple")[0]
    assert any("is not in" in line for line in audit(game, 0, random.Random(0)).found)

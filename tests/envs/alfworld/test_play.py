from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from envs.alfworld.games import load_games
from envs.alfworld.play import main


def answers(monkeypatch: pytest.MonkeyPatch, lines: list[str]) -> None:
    given: Iterator[str] = iter(lines)

    def answer(prompt: str) -> str:
        try:
            return next(given)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", answer)


def test_a_game_is_won_by_hand(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--split", "valid_seen", "--task-type", "pick_heat_then_place_in_recep", "--seed", "1"]
    games = load_games(split="valid_seen", task_types="pick_heat_then_place_in_recep")
    game = random.Random(1).choice(games)
    answers(monkeypatch, ["dance", *game.walkthrough])
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert game.goal in said
    assert "Nothing happens.   [0% of the goal]" in said
    assert said.endswith(f"[100% of the goal]\n\nWon, in {len(game.walkthrough) + 1} commands.\n")


def test_numbers_are_commands_and_giving_up_shows_a_way(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(monkeypatch, ["1"])
    assert main(["--seed", "0"]) == 0
    said = capsys.readouterr().out
    assert "> go to " in said
    assert "Not won after 1 commands. This would have done it: go to" in said


def test_a_wrong_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--split", "valid"]) == 2
    assert "Did you mean 'valid_seen'" in capsys.readouterr().err

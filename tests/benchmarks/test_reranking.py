"""The agent that guesses: possible commands only, different ones while there are enough, the same for the same seed."""

from __future__ import annotations

from agents.acting.react import prompt, read_reply
from benchmarks.reranking import Guesses

COMMANDS = ("go to desk 1", "inventory", "look")


def commands(seed: int, n: int) -> list[str | None]:
    asked = prompt("find a mug", "You are in a room.", [], COMMANDS, n=n)
    (replies,) = Guesses(seed).sample_all([asked])
    return [read_reply(reply.text, COMMANDS).command for reply in replies]


def test_guesses_are_possible_and_different() -> None:
    assert sorted(filter(None, commands(0, 3))) == list(COMMANDS)
    assert commands(0, 7).count(None) == 0
    assert commands(0, 3) == commands(0, 3)
    assert len({tuple(commands(seed, 3)) for seed in range(20)}) > 2

"""Replies are read to the letter, and the conversation is what the model is told."""

from __future__ import annotations

import pytest

from agents.acting.react import Proposal, Turn, prompt, read_reply, rejected

COMMANDS = ("go to desk 1", "look", "take mug 1 from desk 1")


@pytest.mark.parametrize(
    ("text", "thought", "command"),
    [
        ("Thought: The mug may be there.\nAction: go to desk 1", "The mug may be there.", "go to desk 1"),
        ("**Thought**: two\nlines\n**Action:** `Go to Desk 1.`", "two lines", "go to desk 1"),
        ("action: LOOK", "", "look"),
        ("Thought: first\nAction: look\nThought: no, better\nAction: go to desk 1", "no, better", "go to desk 1"),
        ("Thought: x\nAction: go to  desk 1\n", "x", "go to desk 1"),
        ("Thought: x\nAction: go to desk 2", "x", None),
        ("I would go to desk 1.", "", None),
        ("", "", None),
    ],
)
def test_replies(text: str, thought: str, command: str | None) -> None:
    found = read_reply(text, COMMANDS)
    assert (found.thought, found.command) == (thought, command)


def test_what_is_not_possible_is_told() -> None:
    assert rejected(read_reply("Action: dance", COMMANDS)) == (
        "Nothing happens: 'dance' is not one of the possible commands."
    )
    assert rejected(read_reply("", COMMANDS)) == "Nothing happens: there was no command."


def test_the_conversation_holds_all_that_happened() -> None:
    went = Proposal("It may be there.", "go to desk 1", "go to desk 1")
    failed = Proposal("", None, "dance")
    turns = [Turn([went], went, "You arrive at desk 1."), Turn([failed], failed, rejected(failed))]
    asked = prompt("find a mug", "You are in a room.", turns, ("inventory", "look"), n=3, label="game/3")
    assert (asked.n, asked.label) == (3, "game/3")
    assert [message["role"] for message in asked.messages] == ["system", *["user", "assistant"] * 2, "user"]
    texts = [message["content"] for message in asked.messages[1:]]
    assert texts == [
        "Goal: find a mug\n\nObservation: You are in a room.",
        "Thought: It may be there.\nAction: go to desk 1",
        "Observation: You arrive at desk 1.",
        "Thought: \nAction: dance",
        f"Observation: {rejected(failed)}\n\nPossible commands:\ninventory\nlook",
    ]

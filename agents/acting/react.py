"""A language model as the agent: a thought and a command at each step (ReAct, arXiv 2210.03629), in words of our own.

The model sees the goal, everything that it thought, did and observed so far, and the commands that do something now. A
command that is not among them does nothing, as in the games themselves: the model is told so, and the step counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from reward_designers.llm import Message, Prompt

SYSTEM = """\
You play a game in words. Reach the goal in as few steps as you can. At each step you read what was observed and which
commands are possible. First think: what is known, what is still missing, what to do next. Then give one command, copied
exactly from the list. Answer in this form and with nothing else:

Thought: one or two sentences
Action: the command"""
_ACTION = re.compile(r"^\W*action\W*:\s*(.+?)\s*$", re.I | re.M)
_THOUGHT = re.compile(r"thought\W*:\s*(.+?)\s*(?=^\W*action\W*:|\Z)", re.I | re.M | re.S)


@dataclass(frozen=True)
class Proposal:
    """What a reply says.

    Attributes:
        thought: The reasons given; may be empty.
        command: One of the admissible commands; None if the reply has none.
        said: The command as it was written, or the beginning of a reply without one.
    """

    thought: str
    command: str | None
    said: str


@dataclass
class Turn:
    """One step: what was proposed, what was done, and what came of it.

    Attributes:
        proposals: In the order of the replies.
        chosen: The one that was done.
        observation: What was observed after it.
        worth: What the judge said of each different command; empty without a judge.
    """

    proposals: list[Proposal]
    chosen: Proposal
    observation: str
    worth: dict[str, float] = field(default_factory=dict)


def read_reply(text: str, admissible: Sequence[str]) -> Proposal:
    """The proposal in a reply: its last line with an action, as one of the admissible commands."""
    thoughts = _THOUGHT.findall(text)
    thought = " ".join(thoughts[-1].split()) if thoughts else ""
    actions = _ACTION.findall(text)
    if not actions:
        return Proposal(thought, None, " ".join(text.split())[:80])
    said = " ".join(actions[-1].strip("\"'`*.> ").split())
    by_name = {command.casefold(): command for command in admissible}
    return Proposal(thought, by_name.get(said.casefold()), said)


def prompt(
    goal: str, first: str, turns: Sequence[Turn], admissible: Sequence[str], *, n: int = 1, label: str = ""
) -> Prompt:
    """What the model is asked for its next step.

    Args:
        goal: Of the game.
        first: What was observed at the start.
        turns: What happened since.
        admissible: Commands that do something now.
        n: How many replies.
        label: See `reward_designers.llm.Prompt`.
    """
    messages: list[Message] = [{"role": "system", "content": SYSTEM}]
    told = f"Goal: {goal}\n\nObservation: {first}"
    for turn in turns:
        messages.append({"role": "user", "content": told})
        messages.append({"role": "assistant", "content": _written(turn.chosen)})
        told = f"Observation: {turn.observation}"
    messages.append({"role": "user", "content": f"{told}\n\nPossible commands:\n" + "\n".join(admissible)})
    return Prompt(messages, n, label)


def rejected(proposal: Proposal) -> str:
    """What is observed after a reply without an admissible command."""
    if proposal.said and proposal.command is None:
        return f"Nothing happens: {proposal.said!r} is not one of the possible commands."
    return "Nothing happens: there was no command."


def _written(proposal: Proposal) -> str:
    return f"Thought: {proposal.thought}\nAction: {proposal.command or proposal.said}"

"""What a language model is asked once for a task: its subgoals, and a program that tells when they are achieved.

Replies are kept in a reply store, so that a task is paid for once. One that cannot be used is answered with the reason,
once; then it is an error, and nothing is trained.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TypeVar

from reward_designers.intrinsic.scenes import LENGTH, Scene
from reward_designers.intrinsic.subgoals import subgoal_names
from reward_designers.llm import LLM, LLMError, Message

MOST = 8
"""Subgoals of a task."""
T = TypeVar("T")

DECOMPOSE = f"""\
You break the task of a player of a video game into subgoals: what has to be achieved on the way, in order, the last
being the task itself. A subgoal is an event that either has happened or has not, and that can be seen in a single step
of the game (what the player saw before an action, the action, and what the player saw after it). Name no more of them
than the task needs, {MOST} at most: leave out what happens by itself, such as looking around or walking somewhere.

Answer with one JSON object of the form {{"subgoals": ["Do this.", "Do that."]}}, and with nothing else."""

PREDICATES = """\
You write a program that watches a player of a video game and says when a subgoal is achieved.

Write one Python file with a function `achieved`, of the form

def achieved(next_NAME, NAME, action):
    return {{"name-of-a-subgoal": ..., "name-of-another": ...}}

- Arrays are numpy's, with n rows: one for each step of the game. Work on all rows at once: no loops over rows, no `if`
  on arrays. What a row gets may depend on that row only.
- Each value is a bool array of shape (n,): whether this very step achieved the subgoal. A subgoal counts only in the
  step in which it comes true, not while it stays true, and an attempt that failed does not count.
- Each argument names an array that the function reads, out of these. No other arguments.
{arrays}
- You may import numpy and math, and write constants and helper functions. No other imports, no classes, no randomness,
  no printing, no state kept between calls.
- Two helpers are there already: code("+") is the code of a character, and says(next_NAME, "some words") is a bool array
  (n,), whether a text contains the words, letter by letter.
{legend}
First say in a few sentences how each subgoal can be recognized. Then give the complete file in one ```python block."""


def decompose(llm: LLM, goal: str) -> tuple[str, ...]:
    """The subgoals of a task.

    Args:
        llm: Who is asked.
        goal: What is wanted, in words.

    Raises:
        LLMError: Nobody answers, or twice with something else.
    """
    messages = [
        {"role": "system", "content": DECOMPOSE},
        {"role": "user", "content": f"The task: {goal}"},
    ]
    return ask(llm, messages, f"decompose/{goal}", read_subgoals)


def read_subgoals(reply: str) -> tuple[str, ...]:
    """The subgoals in a reply.

    Raises:
        ValueError: It is not of the form that was asked for.
    """
    text = reply.rpartition("</think>")[2]
    try:
        found = json.loads(text[text.index("{") : text.rindex("}") + 1])
    except ValueError:
        raise ValueError("it holds no JSON object") from None
    listed = found.get("subgoals") if isinstance(found, dict) else None
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        raise ValueError('the JSON object must have a list of texts under "subgoals"')
    if len(listed) > MOST:
        raise ValueError(f"these are {len(listed)} subgoals, more than {MOST}")
    subgoals = tuple(item.strip() for item in listed)
    subgoal_names(subgoals)
    return subgoals


def write_program(
    llm: LLM, goal: str, subgoals: Sequence[str], scene: Scene, read: Callable[[str], T], legend: str = ""
) -> T:
    """A program that says which transitions achieve which subgoal.

    Args:
        llm: Who is asked.
        goal: What is wanted in the end.
        subgoals: The steps to it.
        scene: What the program may read.
        read: Makes something of a reply; raises ValueError, fit for the model's eyes, if it is no use.
        legend: How to read what is seen.

    Raises:
        LLMError: Nobody answers, or twice with something that is no use.
    """
    names = subgoal_names(subgoals)
    listed = "\n".join(f'- "{name}": {text}' for name, text in zip(names, subgoals, strict=True))
    system = PREDICATES.format(arrays="\n".join(_arrays(scene)), legend=f"- {legend}\n" if legend else "")
    user = f"The task: {goal}\n\nThe subgoals, by the names under which to return them:\n{listed}"
    messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
    return ask(llm, messages, f"predicates/{goal}", read)


def _arrays(scene: Scene) -> list[str]:
    lines = []
    for prefix, names in (("", scene.before), ("next_", scene.after)):
        when = "after the step" if prefix else "before the step"
        for name in names:
            if name in scene.maps:
                shape, what = "n, rows, columns", "a map as character codes, the player in the middle"
            else:
                shape, what = f"n, {LENGTH}", "a text as character codes, filled up with zeros"
            lines.append(f"  {prefix}{name}: uint8[{shape}]  # {what}, {when}")
    if scene.actions:
        numbered = ", ".join(f"{number} {word}" for number, word in enumerate(scene.actions))
        lines.append(f"  action: int64[n]  # {numbered}")
    return lines


def ask(llm: LLM, messages: Sequence[Message], label: str, read: Callable[[str], T]) -> T:
    """What ``read`` makes of the reply; if that raises ValueError, of a second one that was told why.

    Raises:
        LLMError: Nobody answers, or twice with something that is no use.
    """
    (first,) = llm.sample(messages, label=label)
    try:
        return read(first.text)
    except ValueError as error:
        problem = f"This cannot be used: {error}\n\nAnswer again, in the form that was asked for."
    again = [*messages, {"role": "assistant", "content": first.text}, {"role": "user", "content": problem}]
    (second,) = llm.sample(again, label=f"{label}/again")
    try:
        return read(second.text)
    except ValueError as error:
        raise LLMError(
            f"{second.written_by} was asked twice for {label.partition('/')[0]}, in vain: {error}"
        ) from error

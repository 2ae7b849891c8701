"""A language model reads: StateFactory's three steps (arXiv 2603.09400), in words of our own.

Recall what is known of the world from the last belief and the new observation, without being told the goal, so that
nothing can be copied from it; keep what matters to the goal; and bring the goal up to date: milestones may be added and
words made definite, nothing is taken away. Answers are JSON of one form; one that is not, at the second attempt either,
leaves everything as it was, and is counted (`reward_designers.llm.Questions`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from reward_designers.errors import RewardError
from reward_designers.factored.extractor import Extractor, GoalInterpreter, Row
from reward_designers.factored.state import FactoredState, Goal, Objects, kind_and_number
from reward_designers.llm import Prompt, Questions

FORM = """\
Answer with one JSON object of this form, and nothing else:
{"objects": [{"name": "mug 1", "attributes": {"location": "desk 1", "temperature": "hot"}}]}
A name says what a thing is, with its number where the text has one. Attributes and values are short: a word or two, a
number, true or false, or a list of these."""

RECALL = """\
You keep track of a world that you know only from text. You get what was known before, the last action, and what was
observed after it. Say what is known now, of every thing that was ever observed: what is not in view is still where it
was. Take in what the action changed if the observation confirms it. Do not guess what was never observed.

"""
KEEP = """\
You get a task and all that is known of a world. Repeat those things that matter to the task, with the attributes that
matter: what it is about, what it takes to do it, and where it ends. Leave out all others. Names and values stay as they
are.

"""
INTERPRET = """\
You get a task and the first observation of the world in which it is to be done. Describe the world as it is when the
task is done: the things that the task is about, each with only those attributes that must hold then. If two of a kind
are needed, list two. A thing of which any will do gets no number. Do not list what does not matter.

"""
UPDATE = """\
You get a task, how the world should be when it is done, and what is known of the world now. Repeat how it should be.
Where something is now known, make it definite (which one, where). If a step has turned out to be necessary on the way,
you may add it, as a further attribute or thing. Take nothing away, and change nothing that is wanted.

"""


class LLMExtractor(Extractor):
    """A language model says what is known, and what of it matters.

    Args:
        questions: Whom to ask.
        text: The field with the observation in words.
    """

    def __init__(self, questions: Questions, text: str = "observation"):
        self.questions, self.text = questions, text
        self.inputs = frozenset({text, "command", "goal"} if text == "observation" else {text, "goal"})

    def begin(self, rows: Sequence[Row]) -> list[FactoredState]:
        """See `Extractor.begin`; without a valid answer nothing is known."""
        return self.observe([FactoredState() for _ in rows], rows)

    def observe(self, states: Sequence[FactoredState], rows: Sequence[Row]) -> list[FactoredState]:
        """See `Extractor.observe`; without a valid answer all stays as it was.

        Raises:
            LLMError: The model cannot be asked.
        """
        told = [
            {
                "known before": _nodes(state.listed()),
                "action": str(row.get("command", "")),
                "observation": str(row[self.text]),
            }
            for state, row in zip(states, rows, strict=True)
        ]
        after = self.questions.ask([_prompt("recall", RECALL, item) for item in told], lambda said, _: _state(said))
        recalled = [(row, found) for row, found in enumerate(after) if found is not None]
        asked = [row for row, _ in recalled]

        def subset(said: Any, position: int) -> FactoredState | None:
            found, known = _state(said), after[asked[position]]
            return (
                found if found is not None and known is not None and set(found.objects) <= set(known.objects) else None
            )

        told = [{"task": str(rows[row]["goal"]), "known": _nodes(found.listed())} for row, found in recalled]
        kept = self.questions.ask([_prompt("keep", KEEP, item) for item in told], subset)
        result = list(states)
        for row, found in zip(asked, kept, strict=True):
            if found is not None:
                result[row] = found
        return result


class LLMGoals(GoalInterpreter):
    """A language model says how the world is when the task is done.

    Args:
        questions: Whom to ask.
        text: The field with the observation in words.
    """

    def __init__(self, questions: Questions, text: str = "observation"):
        self.questions, self.text = questions, text
        self.inputs = frozenset({text, "goal"})

    def begin(self, rows: Sequence[Row]) -> list[Goal]:
        """See `GoalInterpreter.begin`.

        Raises:
            RewardError: There was no valid answer: without a goal nothing can be scored.
            LLMError: The model cannot be asked.
        """
        told = [{"task": str(row["goal"]), "first observation": str(row[self.text])} for row in rows]
        prompts = [_prompt("goal", INTERPRET, item) for item in told]
        goals = self.questions.ask(prompts, lambda said, _: _objects(said) or None)
        for row, goal in zip(rows, goals, strict=True):
            if goal is None:
                raise RewardError(f"the language model gave no valid description of the goal {str(row['goal'])!r}")
        return [goal or [] for goal in goals]

    def update(self, goals: Sequence[Goal], states: Sequence[FactoredState], rows: Sequence[Row]) -> list[Goal]:
        """See `GoalInterpreter.update`; without a valid answer the goal stays as it was.

        Raises:
            LLMError: The model cannot be asked.
        """

        def extended(said: Any, position: int) -> Goal | None:
            found = _objects(said)
            return _extended(goals[position], found) if found is not None else None

        told = [
            {"task": str(row["goal"]), "wanted": _nodes(goal), "known": _nodes(state.listed())}
            for goal, state, row in zip(goals, states, rows, strict=True)
        ]
        answers = self.questions.ask([_prompt("update", UPDATE, item) for item in told], extended)
        return [goal if answer is None else answer for goal, answer in zip(goals, answers, strict=True)]


def _prompt(step: str, system: str, told: dict[str, Any]) -> Prompt:
    return Prompt(
        [{"role": "system", "content": system + FORM}, {"role": "user", "content": json.dumps(told, indent=0)}],
        label=f"factored/{step}",
    )


def _nodes(objects: Objects) -> list[dict[str, Any]]:
    return [{"name": name, "attributes": dict(attributes)} for name, attributes in objects]


def _objects(said: Any) -> Goal | None:
    """The objects in an answer; None if it is not of the form asked for."""
    nodes = said.get("objects")
    if not isinstance(nodes, list):
        return None
    found: Goal = []
    for node in nodes:
        if not isinstance(node, dict) or not isinstance(name := node.get("name"), str) or not name.strip():
            return None
        attributes = node.get("attributes", {})
        if not isinstance(attributes, dict) or not all(_is_value(value) for value in attributes.values()):
            return None
        found.append((" ".join(name.split()), attributes))
    return found


def _state(said: Any) -> FactoredState | None:
    """The objects in an answer as a state; None if it is not of the form asked for, or two things share a name."""
    found = _objects(said)
    return None if found is None or len(dict(found)) < len(found) else FactoredState(dict(found))


def _is_value(value: Any) -> bool:
    plain = (str, int, float, bool, type(None))
    return isinstance(value, plain) or (isinstance(value, list) and all(isinstance(item, plain) for item in value))


def _extended(goal: Goal, found: Goal) -> Goal | None:
    """`found`, if it wants all that `goal` wants, in its order: more definite at most, with more at the end."""
    if len(found) < len(goal):
        return None
    for (name, wanted), (same, attributes) in zip(goal, found, strict=False):
        if not _as_definite(name, same) or not wanted.keys() <= attributes.keys():
            return None
        if not all(_as_definite(value, attributes[key]) for key, value in wanted.items()):
            return None
    return found


def _as_definite(wanted: Any, said: Any) -> bool:
    """The same, or an instance where any would do."""
    if not isinstance(wanted, str) or not isinstance(said, str):
        return bool(wanted == said)
    (kind, number), (same, instance) = kind_and_number(wanted), kind_and_number(said)
    return kind == same and number in ("", instance)

"""`JudgeReward`: what a language model says about how far an episode has come, as a reward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reward_designers.base import Transition
from reward_designers.errors import RewardError, unknown_name
from reward_designers.judges.forms import FORMS, Form, Step
from reward_designers.llm import Questions
from reward_designers.progress import ProgressReward, Row, Table


def rate(
    form: Form, questions: Questions, goal: str, steps: Sequence[Step], window: int | None = None
) -> list[float | None]:
    """A judge's value of a whole episode after each of its steps, asked for concurrently.

    Args:
        form: The question.
        questions: Whom to ask.
        goal: The task in words.
        steps: What was done and observed; the first has done nothing.
        window: The judge sees so many steps at most; None: all.

    Returns:
        One value from 0 to 1 for each step; None where there was no valid answer.

    Raises:
        LLMError: The model cannot be asked.
    """
    first = [max(0, end - window) if window else 0 for end in range(1, len(steps) + 1)]
    prompts = [form.prompt(goal, steps[start : end + 1], start) for end, start in enumerate(first)]
    return questions.ask(prompts, lambda said, _: form.read(said))


@dataclass(eq=False)
class JudgeReward(ProgressReward):
    """A language model's opinion after every step, see `ProgressReward` for modes.

    A step without a valid answer, at the second attempt either, keeps the value before it; `update` tells how many.

    Attributes:
        form: ``progress`` (a score from 1 to 10) or ``critic`` (a cost), see `forms`.
        goal: The task in words; None: what the environment's field ``goal`` holds.
        text: The state array with what is observed, in words.
        action: The state array with what was done, in words; None: observations tell.
        window: The judge sees so many of the last steps.
        llm: Options of a language model, see `reward_designers.llm.connect`.
        store: Where its replies are kept.
    """

    form: str = "progress"
    goal: str | None = None
    text: str = "observation"
    action: str | None = "command"
    window: int = 30
    llm: Mapping[str, Any] | None = None
    store: str | None = None

    name = "judge"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.form not in FORMS:
            raise RewardError(unknown_name("form of judgement", self.form, FORMS))
        if self.window < 1:
            raise RewardError(f"window={self.window}, expected at least 1 step")
        self.questions = Questions(self.llm, self.store)
        names = (self.text, self.action, None if self.goal else "goal")
        self.inputs = frozenset(name for name in names if name)

    def __str__(self) -> str:
        who = (self.llm or {}).get("model") or "nobody"
        return f"{self.form} by {who}, {self.mode}{f', goal {self.goal}' if self.goal else ''}"

    def open(self) -> None:
        """Connect to the language model: it is better to know before training.

        Raises:
            LLMError: It cannot be asked.
        """
        self.questions.open()

    def begin(self, rows: Sequence[Row]) -> list[Table]:
        """See `ProgressReward.begin`; an episode whose start gets no valid answer begins at 0."""
        tables = [
            {"goal": self.goal or str(row["goal"]), "steps": [["", str(row[self.text])]], "left_out": 0, "value": 0.0}
            for row in rows
        ]
        return self._judged(tables)

    def follow(self, tables: Sequence[Table], rows: Sequence[Row]) -> list[Table]:
        """See `ProgressReward.follow`."""
        longer = []
        for table, row in zip(tables, rows, strict=True):
            done = str(row[self.action]) if self.action else ""
            steps = [*table["steps"], [done, str(row[self.text])]]
            gone = max(0, len(steps) - self.window)
            longer.append({**table, "steps": steps[gone:], "left_out": table["left_out"] + gone})
        return self._judged(longer)

    def update(self, rollout: Transition) -> dict[str, float]:
        """Learns nothing; tells what share of answers was not valid."""
        return self.questions.metrics()

    def _judged(self, tables: Sequence[Table]) -> list[Table]:
        form = FORMS[self.form]
        prompts = [
            form.prompt(table["goal"], [(done, seen) for done, seen in table["steps"]], table["left_out"])
            for table in tables
        ]
        values = self.questions.ask(prompts, lambda said, _: form.read(said))
        return [
            table if value is None else {**table, "value": value} for table, value in zip(tables, values, strict=True)
        ]

"""A person at the terminal as the judge."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reward_designers.intrinsic.forms import LabelForm
from reward_designers.intrinsic.memory import Memory, Remembered
from reward_designers.llm import LLMError

LABELS = {"y": 1.0, "n": 0.0, "s": None}
CHOICES = {"1": 1.0, "2": 0.0, "=": 0.5, "s": None}


@dataclass
class Person(Remembered):
    """Asks whoever sits at the terminal that the training was started from, one caption after the other.

    Every answer is stored at once. At the end of input (Ctrl-D) nothing is asked for a while, then again.

    Args:
        name: Whose answers these are.
        terminal: Where to ask.
    """

    name: str = "person"
    terminal: str = "/dev/tty"

    batch = 1
    attempts = 1

    def open(self, store: str | os.PathLike[str] | None) -> None:
        """See `Annotator.open`.

        Raises:
            LLMError: There is no terminal.
        """
        super().open(store)
        try:
            # Two files, since what can be read and written as text must be seekable, and a terminal is not.
            self._output = open(self.terminal, "w", encoding="utf-8")  # noqa: SIM115
            self._input = open(self.terminal, encoding="utf-8", errors="replace")  # noqa: SIM115
        except OSError as error:
            raise LLMError(
                f"nobody can be asked: {self.terminal} cannot be opened ({error.strerror}). A person answers at the "
                "terminal of the training; in the background use another annotator"
            ) from None

    def settle(self, memory: Memory, items: Sequence[Any]) -> None:
        """See `Remembered.settle`.

        Raises:
            LLMError: Nobody answers.
        """
        for item in items:
            if memory.attempt(item) is None:
                continue
            if isinstance(memory.form, LabelForm):
                text = f"Does this help to: {memory.form.goal}\n  {item!r}\n[y]es, [n]o, [s]kip? "
                answers: dict[str, float | None] = LABELS
            else:
                first, second = item
                text = f"Which is nearer to: {memory.form.goal}\n  1 {first!r}\n  2 {second!r}\n[1], [2], [=], [s]kip? "
                answers = CHOICES
            memory.write(self.store, {item: self._ask(text, answers)}, self.name)

    def _ask(self, text: str, answers: dict[str, float | None]) -> float | None:
        while True:
            self._output.write(f"\n{text}")
            self._output.flush()
            line = self._input.readline()
            if not line:
                raise LLMError("nobody answers at the terminal")
            said = line.strip().lower()[:1]
            if said in answers:
                return answers[said]

    def close(self) -> None:
        """See `Annotator.close`."""
        if self._store is not None:
            self._output.close()
            self._input.close()
        super().close()

"""Answers that were given before, by a model or a person: no key, no cost, and nothing about captions that are new."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reward_designers.errors import unknown_name
from reward_designers.intrinsic.memory import Memory, Remembered
from reward_designers.llm import LLMError, open_store


@dataclass
class Replay(Remembered):
    """Repeats a recorded judge; a caption that it was never asked about is invalid.

    Args:
        path: A store, a YAML file that ``python -m reward_designers.llm export`` wrote, or a folder of such files.
        by: Whose answers, where several models or people are recorded.
    """

    path: str | os.PathLike[str]
    by: str | None = None

    name = "replay"
    batch = 1024
    exact = False

    @property
    def model(self) -> str | None:
        """See `Remembered.model`."""
        return self.by

    def open(self, store: str | os.PathLike[str] | None) -> None:
        """See `Annotator.open`; `store` stays as it is, for there is nothing new to keep.

        Raises:
            FileNotFoundError: There is nothing at `path`.
            LLMError: Several judges are recorded there, and none was chosen.
        """
        super().open(None)
        self._store = open_store(self.path)
        judges = sorted({request.model for request in self._store.requests() if _is_form(request.prompt.label)})
        if self.by is not None and self.by not in judges:
            raise LLMError(f"{self.path} has no answers of that judge: {unknown_name('judge', self.by, judges)}")
        if self.by is None and len(judges) > 1:
            raise LLMError(f"{self.path} has answers of several judges ({', '.join(judges)}): choose one with by=")

    def settle(self, memory: Memory, items: Sequence[Any]) -> None:
        """See `Remembered.settle`; there is nobody to ask.

        Raises:
            LLMError: Nothing is recorded for this goal.
        """
        labels = {request.prompt.label for request in self.store.requests()}
        if memory.form.label not in labels:
            raise LLMError(f"{self.path}: {unknown_name('record', memory.form.label, filter(_is_form, labels))}")


def _is_form(label: str) -> bool:
    return label.startswith(("labels/", "preferences/", "subgoals/"))

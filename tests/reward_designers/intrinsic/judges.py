"""Annotators for tests, in a module that an annotator's process can import."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reward_designers.intrinsic import Annotator, Label
from reward_designers.llm import BudgetError, LLMError


@dataclass
class Judge(Annotator):
    """A caption is worth a tenth of its length; calls are written to a file, which also tells it to misbehave.

    Args:
        folder: ``calls`` holds a line for each caption asked about; while ``fail``, ``broke``, ``bug`` or ``die``
            exists, it does that (``die`` once: the file is removed).
        seconds: How long a call takes.
    """

    folder: Path
    seconds: float = 0.0
    batch: int = 4
    concurrency: int = 1

    name = "judge"

    def label(self, goal: str, captions: Sequence[str]) -> list[Label]:
        time.sleep(self.seconds)
        if (self.folder / "fail").exists():
            raise LLMError("the server is down")
        if (self.folder / "broke").exists():
            raise BudgetError("nothing left")
        if (self.folder / "bug").exists():
            raise ZeroDivisionError("a bug")
        if (self.folder / "die").exists():
            (self.folder / "die").unlink()
            os._exit(7)
        with (self.folder / "calls").open("a") as file:
            file.writelines(f"{caption}\n" for caption in captions)
        return [Label(caption, None if caption == "?" else min(len(caption) / 10, 1.0)) for caption in captions]

    def asked(self) -> list[str]:
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []


@dataclass
class Importer(Annotator):
    """Tells what its process has loaded: 1 for a caption that names such a module."""

    name = "importer"

    def label(self, goal: str, captions: Sequence[str]) -> list[Label]:
        return [Label(caption, float(caption in sys.modules)) for caption in captions]


def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for something that happens in another process."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


@dataclass
class Letters:
    """Embeds a text as its numbers of a and b, negative after a minus."""

    flat: bool = False

    def encode(self, texts: list[str]) -> list[Any]:
        rows = [[(-1) ** ("-" in text) * text.count(letter) for letter in "ab"] for text in texts]
        return rows[0][:1] if self.flat else rows

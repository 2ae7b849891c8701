"""What is asked about captions and what comes back: labels, preferences, and whoever gives them."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

Pair = tuple[str, str]


@dataclass(frozen=True)
class Label:
    """How much what a caption tells helps with the goal.

    Attributes:
        caption: What was judged.
        value: 0 (not at all) to 1; None: no valid answer. Such a caption is never trained on, and is no zero.
    """

    caption: str
    value: float | None


@dataclass(frozen=True)
class Preference:
    """Which of two captions tells of more progress towards the goal.

    Attributes:
        first: A caption.
        second: Another.
        outcome: 1: the first, 0: the second, 0.5: they are alike; None: no valid answer, never trained on.
    """

    first: str
    second: str
    outcome: float | None


@dataclass(frozen=True)
class Spent:
    """What an annotator has used up; with a store, all that the store ever paid for.

    Attributes:
        calls: How many calls; 0 where nothing is called.
        tokens: Sent and received.
        usd: US dollars; None if a price is not known.
    """

    calls: int = 0
    tokens: int = 0
    usd: float | None = 0.0


class Annotator(ABC):
    """Someone or something that judges captions by a goal.

    It is pickled into a process of its own before `open`: connections and models are made there, not in the
    constructor. An `LLMError` from `label` or `prefer` means "ask again later", a `BudgetError` "no more"; any other
    exception is a bug.

    Attributes:
        name: Who judges; part of what the store keeps, so judges that answer differently need different names.
        batch: Captions (or pairs) in one call of `label` (or `prefer`).
        concurrency: How many calls may run at once, each in a thread.
    """

    name: str = "annotator"
    batch: int = 64
    concurrency: int = 1

    @abstractmethod
    def label(self, goal: str, captions: Sequence[str]) -> list[Label]:
        """A label for each of `captions`, in their order."""

    def prefer(self, goal: str, pairs: Sequence[Pair]) -> list[Preference]:
        """An answer for each of `pairs`, in their order; unless overridden, whichever label is larger."""
        captions = list(dict.fromkeys(caption for pair in pairs for caption in pair))
        values = {label.caption: label.value for label in self.label(goal, captions)}
        return [Preference(first, second, _outcome(values[first], values[second])) for first, second in pairs]

    def open(self, store: str | os.PathLike[str] | None) -> None:  # noqa: B027
        """Get ready: connect, load, look for the terminal.

        Args:
            store: The reply store in which answers that cost something are kept; None: nothing outlives the process.
        """

    def known(self, goal: str) -> tuple[list[Label], list[Preference]]:
        """What the store holds already; asked once, after `open`."""
        return [], []

    def spent(self) -> Spent:
        """What it has used up until now."""
        return Spent()

    def close(self) -> None:  # noqa: B027
        """Let go of what `open` made."""

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def _outcome(first: float | None, second: float | None) -> float | None:
    if first is None or second is None:
        return None
    return 0.5 if first == second else float(first > second)

"""Eureka: K programs a round, the best one and how its training went into the next prompt (arXiv 2310.12931).

Two deliberate differences: "best" is the highest mean over seeds in held-out episodes of the whole search so far, not
the highest score that any checkpoint of a single training touched in the last round, and a round that fails as a whole
is repeated with its errors in the prompt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from reward_designers.code.search.candidates import Candidate, History
from reward_designers.code.search.designer import (
    Designer,
    Proposal,
    SearchError,
    attempts,
    failed_rounds,
    iterations,
    last_failures,
)
from reward_designers.code.search.prompts import Prompts


@dataclass
class Eureka(Designer):
    """Evolution of reward programs.

    Attributes:
        prompts: What the author is told.
        samples: Programs a round (K; 16 in the paper).
        iterations: Rounds (N; 5 in the paper), the start not counted.
        start: A program to begin with, written by a person; it is trained first and then improved.
        feedback: Ask a person for a sentence about the best policy after each round, which goes into the next prompt.
    """

    prompts: Prompts
    samples: int = 16
    iterations: int = 5
    start: str | None = None
    feedback: bool = False

    name: ClassVar[str] = "eureka"

    def __post_init__(self) -> None:
        """Refuse searches without programs."""
        if self.samples < 1 or self.iterations < 1:
            raise ValueError(f"samples={self.samples}, iterations={self.iterations}: expected at least 1 of each")

    def propose(self, history: History) -> list[Proposal]:
        """The start, then a round of samples, then a question to a person, and so on."""
        if self.start is not None and not history.rounds:
            return [Proposal("start", program=self.start)]
        failed = failed_rounds(history)
        done = iterations(history)
        if self.start is not None and 0 not in done:
            raise SearchError(f"the program to start with could not be trained: {'; '.join(last_failures(history))}")
        if len(done) - (self.start is not None) >= self.iterations:
            return []
        best = self.best(history)
        if best is None:
            return [self._sample(history, "retry" if failed else "first", None)]
        if self.feedback and not history.said("feedback", best.key):
            return [Proposal("feedback", "sentence", (best.key,))]
        return [self._sample(history, "improve", best)]

    def _sample(self, history: History, operation: str, best: Candidate | None) -> Proposal:
        others = last_failures(history)
        if best is None:
            messages = self.prompts.ask(operation, others=others, examples=(), **attempts(history))
        else:
            said = [note.text for note in history.said("feedback", best.key) if note.text]
            first = self.prompts.ask("first", examples=())
            earlier = attempts(history, best.key, everything=True)
            messages = self.after(best, operation, first, others=others, feedback=said, analysis="", **earlier)
        about = () if best is None else (best.key,)
        return Proposal(operation, about=about, prompt=self.ask(history, operation, messages, self.samples))

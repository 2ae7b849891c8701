"""Text2Reward: one program from a description, with the most similar solved task as an example, then a person's words.

Xie et al. 2024, arXiv 2309.11489. The task itself is never among its examples.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from reward_designers.code.search.candidates import History
from reward_designers.code.search.designer import (
    Designer,
    Proposal,
    attempts,
    failed_rounds,
    iterations,
    last_failures,
)
from reward_designers.code.search.prompts import Prompts
from reward_designers.code.search.selection import select
from reward_designers.code.search.world import WorldDescription
from reward_designers.llm import Message


@dataclass(frozen=True)
class Example:
    """A solved task.

    Attributes:
        world: Name of its environment.
        task: Its sentence.
        program: A reward that worked.
    """

    world: str
    task: str
    program: str


@dataclass
class Text2Reward(Designer):
    """One program, refined by what a person says about the policy that was trained on it.

    Attributes:
        prompts: What the author is told.
        examples: Solved tasks to choose from; empty for zero-shot.
        shots: How many of them a prompt shows (1 in the paper).
        samples: Programs a round.
        refinements: How often a person is asked; an empty sentence ends the search.
    """

    prompts: Prompts
    examples: Sequence[Example] = ()
    shots: int = 1
    samples: int = 1
    refinements: int = 3

    name: ClassVar[str] = "text2reward"

    def __post_init__(self) -> None:
        """Refuse options that mean nothing."""
        if self.samples < 1 or self.shots < 0 or self.refinements < 0:
            raise ValueError(
                f"samples={self.samples}, shots={self.shots}, refinements={self.refinements}: expected at least 1, 0, 0"
            )

    def propose(self, history: History) -> list[Proposal]:
        """A first program, a question to a person, a refinement, a question, ..."""
        failed = failed_rounds(history)
        found = iterations(history)
        if not found:
            return [self._first(history, failed)]
        current = self._current(history, found[-1])
        said = history.said("feedback", current)
        if not said and len(found) <= self.refinements:
            return [Proposal("feedback", "sentence", (current,))]
        if not said or not said[-1].text:
            return []
        messages = self.after(
            history[current],
            "improve",
            self._opening(),
            others=last_failures(history) if failed else [],
            feedback=[said[-1].text],
            analysis="",
            **attempts(history, current, everything=True),
        )
        prompt = self.ask(history, "refine", messages, self.samples)
        return [Proposal("refine", about=(current,), prompt=prompt)]

    def _current(self, history: History, round: int) -> str:
        """The program to be judged: the best of the latest round. A person may prefer what scores less."""
        key = select(history.new(round)).best
        assert key is not None
        return key

    def _first(self, history: History, failed: int) -> Proposal:
        if failed:
            operation = "retry"
            messages = self.prompts.ask(operation, others=last_failures(history), **attempts(history))
        else:
            operation, messages = "first", self._opening()
        return Proposal(operation, prompt=self.ask(history, operation, messages, self.samples))

    def _opening(self) -> list[Message]:
        return self.prompts.ask("first", examples=retrieve(self.examples, self.prompts.world, self.shots))


def retrieve(examples: Sequence[Example], world: WorldDescription, k: int) -> list[Example]:
    """The ``k`` examples whose task is worded most alike, the current task excluded.

    Likeness is the cosine of word counts weighted by rarity (tf-idf), the environment's name being one of the words.
    """
    words = [_words(f"{example.world} {example.task}") for example in examples]
    wanted = _words(f"{world.name} {world.task}")
    total = Counter(word for counts in [*words, wanted] for word in counts)
    rarity = {word: math.log((2 + len(words)) / count) for word, count in total.items()}
    others = [
        (_cosine(counts, wanted, rarity), i)
        for i, (example, counts) in enumerate(zip(examples, words, strict=True))
        if _words(example.task) != _words(world.task)
    ]
    return [examples[i] for _, i in sorted(others, key=lambda pair: (-pair[0], pair[1]))[:k]]


def _words(text: str) -> Counter[str]:
    return Counter(re.findall(r"[a-z0-9]+", text.lower()))


def _cosine(a: Counter[str], b: Counter[str], rarity: dict[str, float]) -> float:
    dot = sum(a[word] * b[word] * rarity[word] ** 2 for word in a.keys() & b.keys())
    norms = math.prod(math.sqrt(sum((c[word] * rarity[word]) ** 2 for word in c)) for c in (a, b))
    return dot / norms if norms else 0.0

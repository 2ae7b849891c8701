"""What all designers have in common: they propose, the search does the rest.

    while proposals := designer.propose(history):
        ...  # ask the model for each; a program: history.add(designer.read(proposal, reply, i)), then check it;
        ...  # an answer or a person's sentence: designer.observe(history, proposal, text)
        ...  # train designer.ready(history): history.update(candidate.trained(scores, steps, record))
        history.end_round()

A designer has options but no state: what it proposes is a function of the history, which is plain data. Reading the
history back resumes a search exactly.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from reward_designers.code.allowlist import ProgramRejected
from reward_designers.code.reply import parse_reply
from reward_designers.code.search.candidates import Candidate, History, Note, Origin, Rejection
from reward_designers.code.search.prompts import Prompts, fenced, slug
from reward_designers.code.search.reflection import failures, reflect
from reward_designers.code.search.selection import select
from reward_designers.code.search.tried import tried
from reward_designers.code.text import sanitized
from reward_designers.llm import Message, Prompt

PATIENCE = 3
"""Rounds in a row without a program that could be trained before a search gives up."""


class SearchError(RuntimeError):
    """A search cannot go on; the message says why."""


@dataclass(frozen=True)
class Proposal:
    """One thing that a designer wants.

    Attributes:
        operation: What it does, such as ``mutate_structure``.
        wants: ``program``: candidates; ``answer``: a text from the model, for `Designer.observe`; ``sentence``: one
            from a person who watched the candidate's video, for `Designer.observe` as well (empty: nothing to say).
        about: Keys of the candidates that it is made from, or asks about.
        prompt: What to ask the model, and for how many replies.
        program: A program that is ready, in place of a prompt.
    """

    operation: str
    wants: Literal["program", "answer", "sentence"] = "program"
    about: tuple[str, ...] = ()
    prompt: Prompt | None = None
    program: str | None = None

    def __post_init__(self) -> None:
        """A program or an answer comes from a prompt, or the program is there; a sentence comes from a person."""
        given = (self.prompt is not None, self.program is not None)
        allowed = {"program": [(True, False), (False, True)], "answer": [(True, False)], "sentence": [(False, False)]}
        if given not in allowed[self.wants]:
            raise ValueError(f"proposal {self.operation!r} wants a {self.wants}: (prompt, program) given: {given}")

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        asked = None
        if self.prompt is not None:
            asked = {**vars(self.prompt), "messages": [dict(message) for message in self.prompt.messages]}
        return {**vars(self), "about": list(self.about), "prompt": asked}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Proposal:
        """What `to_json` gave, also after a trip through a file."""
        prompt = None if data["prompt"] is None else Prompt(**data["prompt"])
        return cls(**{**data, "about": tuple(data["about"]), "prompt": prompt})

    def origin(self, reply: int = 0, idea: str = "") -> Origin:
        """Where the candidate of one reply comes from; ``idea`` is what the reply says besides the code."""
        prompt = "" if self.prompt is None else self.prompt.hash
        return Origin(self.operation, self.about, prompt, reply, sanitized(idea, 1000))


class Designer(ABC):
    """A way to search for reward programs.

    Attributes:
        name: As it is called on the command line and in labels.
        prompts: What it says to the model.
    """

    name: ClassVar[str]
    prompts: Prompts

    @abstractmethod
    def propose(self, history: History) -> list[Proposal]:
        """What to try or to ask next; nothing at the end of the search.

        Raises:
            SearchError: Round after round, no program could be trained.
        """

    def observe(self, history: History, proposal: Proposal, text: str) -> None:
        """Take an answer, or a person's sentence, into the history."""
        history.note(Note(proposal.operation, proposal.about, text.strip()))

    def ready(self, history: History) -> list[Candidate]:
        """The candidates that may be trained now."""
        return history.pending

    def read(self, proposal: Proposal, reply: str, index: int = 0) -> Candidate:
        """The candidate in a reply; a rejected one, with the reason for its author, if there is no program."""
        fields, entry = self.prompts.world.field_names, self.prompts.entry
        origin = proposal.origin(index, idea(reply))
        try:
            source = self.finish(parse_reply(reply, self.function))
        except ProgramRejected as error:
            return Candidate.unusable(reply, origin, Rejection("reply", str(error)))
        return Candidate.of(source, origin, fields=fields, entry=entry)

    @property
    def function(self) -> str:
        """The function by which a program in a reply is known."""
        return self.prompts.entry

    def finish(self, source: str) -> str:
        """The program that is made of what the model wrote.

        Raises:
            ProgramRejected: It cannot be.
        """
        return source

    def best(self, history: History) -> Candidate | None:
        """The candidate with the highest mean score of those trained longest; None if there is none."""
        key = select(history.candidates.values()).best
        return None if key is None else history[key]

    # For the designers.

    def ask(
        self, history: History, operation: str, messages: Sequence[Message], n: int = 1, index: int | None = None
    ) -> Prompt:
        """A prompt with a label of its own in this search: environment, task, designer, round, operation."""
        world = self.prompts.world
        label = f"{world.name}/{slug(world.task)}/{self.name}/{len(history.rounds)}/{operation}"
        return Prompt(messages, n, label if index is None else f"{label}/{index}")

    def after(self, candidate: Candidate, template: str, messages: list[Message], **values: object) -> list[Message]:
        """The conversation of `messages`, its answer (the candidate's program), and what is said to that."""
        said = self.prompts.render(template, reflection=reflect(candidate), **values)
        answer = f"{candidate.origin.idea}\n\n{fenced(candidate.source)}".strip()
        return [*messages, {"role": "assistant", "content": answer}, {"role": "user", "content": said}]


def idea(reply: str) -> str:
    """What a reply says before its code, thoughts left out."""
    spoken = re.sub(r"(?is)<(think|thinking|reasoning)>.*?(</\1>|\Z)", "", reply)
    before, fence, _ = re.sub(r"(?is)^.*</(think|thinking|reasoning)>", "", spoken).partition("```")
    return before.strip() if fence else ""


def iterations(history: History) -> list[int]:
    """The rounds in which something new was trained and has a score: those that count against a designer's budget."""
    return [i for i in range(len(history.rounds)) if any(c.values is not None for c in history.new(i))]


def failed_rounds(history: History) -> int:
    """How many of the last rounds that proposed programs brought nothing that could be trained, in a row.

    Raises:
        SearchError: `PATIENCE` of them. An iteration that failed is repeated and reported, never silently used up.
    """
    proposing = [i for i, keys in enumerate(history.rounds) if keys]
    good = set(iterations(history))
    count = next((n for n, i in enumerate(reversed(proposing)) if i in good), len(proposing))
    if count >= PATIENCE:
        reasons = failures([c for i in proposing[-count:] for c in history.new(i)])
        repeats = "they only repeated earlier programs"
        raise SearchError(
            f"{count} rounds in a row brought no program that could be trained:\n"
            + "\n".join(f"- {reason}" for reason in reasons or [repeats])
        )
    return count


def attempts(history: History, key: str = "", *, everything: bool = False) -> dict[str, Any]:
    """What a prompt says of earlier attempts at the same thing, for its template: their number, and what they scored.

    Replies are stored under their prompt, so that the same words would bring the same replies again.

    Args:
        history: What happened.
        key: The program that is to be changed; empty for a first one.
        everything: List all programs of the search, not only the attempts.
    """
    made = [c for c in history.candidates.values() if c.origin.parents[:1] == ((key,) if key else ())]
    repeats = [i for i, keys in enumerate(history.rounds) if keys and not history.new(i)]
    rounds = {*repeats, *(c.origin.round for c in made)}
    listed = tried(history.candidates.values(), key) if everything else tried(made)
    return {"attempt": 1 + len(rounds), "tried": listed}


def last_failures(history: History) -> list[str]:
    """Why programs of the last round that proposed some were not trained."""
    proposing = [i for i, keys in enumerate(history.rounds) if keys]
    if not proposing:
        return []
    repeated = [key for key in history.rounds[proposing[-1]] if history[key].origin.round < proposing[-1]]
    told = [f"{len(repeated)} repeated what had been tried before"] if repeated else []
    return failures(history.new(proposing[-1])) + told

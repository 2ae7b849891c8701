"""Candidates of a search: reward programs under the hash of what they compute, and all that became of them.

A candidate's key is never its place in a list of replies: a reply that cannot be parsed shifts nothing, and the same
program written twice, with other comments, is one candidate that is trained once.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from reward_designers.code.allowlist import ProgramRejected
from reward_designers.code.program import Entry, parse_program
from reward_designers.code.search.training import TrainingRecord
from reward_designers.code.validate import Validation
from reward_designers.errors import unknown_name

Status = Literal["proposed", "rejected", "trained"]


@dataclass(frozen=True)
class Rejection:
    """Why a program was not trained, or not to the end.

    Attributes:
        stage: Where: ``reply``, a rung of the ladder (`validate`), ``critic``, ``training``, ...
        reason: For its author.
    """

    stage: str
    reason: str


@dataclass(frozen=True)
class Origin:
    """Where a candidate comes from.

    Attributes:
        operation: What was asked for, such as ``mutate``.
        parents: Keys of the candidates that were shown; the first is the one to be changed.
        prompt: Hash of the prompt; empty for programs that no model wrote.
        reply: Which of the prompt's samples it is.
        idea: What its author said about it, besides the code.
        round: The round of the search in which it first appeared.
    """

    operation: str
    parents: tuple[str, ...] = ()
    prompt: str = ""
    reply: int = 0
    idea: str = ""
    round: int = 0


@dataclass(frozen=True)
class Candidate:
    """A reward program in a search. Immutable: a history replaces it by what became of it.

    Attributes:
        key: Hash of what the program computes; of its text, if it is no program.
        source: The program as it was written.
        origin: Where it comes from.
        status: ``proposed`` (it passed all checks so far), ``rejected`` or ``trained``.
        rejection: Why it was rejected.
        warnings: What the checks before training found suspicious.
        steps: Environment steps that each seed was trained for.
        scores: Seed to the mean task score of the policy *at the end* of that training, over episodes that are used for
            nothing else; None where it is not a finite number. Never a maximum over the training.
        record: How its training went, for the next prompt.
    """

    key: str
    source: str
    origin: Origin
    status: Status = "proposed"
    rejection: Rejection | None = None
    warnings: tuple[str, ...] = ()
    steps: int = 0
    scores: Mapping[int, float | None] = field(default_factory=dict)
    record: TrainingRecord | None = None

    @classmethod
    def of(cls, source: str, origin: Origin, *, fields: Sequence[str], entry: Entry = "reward") -> Candidate:
        """The candidate of a program; rejected, under the hash of its text, if it is no allowed one."""
        try:
            return cls(parse_program(source, fields=fields, entry=entry).hash, source, origin)
        except ProgramRejected as error:
            return cls.unusable(source, origin, Rejection("program", str(error)))

    @classmethod
    def unusable(cls, text: str, origin: Origin, rejection: Rejection) -> Candidate:
        """The candidate of a text that holds no program, such as a reply without code."""
        key = "text-" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
        return cls(key, text, origin, "rejected", rejection)

    def checked(self, validation: Validation) -> Candidate:
        """It, after the checks: rejected for the error that was found, or with their warnings."""
        error = next((finding for finding in validation.findings if finding.error), None)
        checked = replace(self, warnings=tuple(f.text for f in validation.findings if not f.error))
        return checked if error is None else checked.rejected(error.stage, error.text)

    def rejected(self, stage: str, reason: str) -> Candidate:
        """It, rejected."""
        return replace(self, status="rejected", rejection=Rejection(stage, reason))

    def trained(
        self, scores: Mapping[int, float | None], steps: int, record: TrainingRecord | None = None
    ) -> Candidate:
        """It, trained: one score a seed, NaN and None where there is none.

        Raises:
            ValueError: There are no seeds, or no steps.
        """
        if not scores or steps < 1:
            raise ValueError(f"a training has seeds and steps, got scores {dict(scores)} after {steps} steps")
        kept = {int(seed): float(s) if s is not None and math.isfinite(s) else None for seed, s in scores.items()}
        return replace(self, status="trained", rejection=None, steps=steps, scores=kept, record=record)

    @property
    def values(self) -> tuple[float, ...] | None:
        """Its scores in the order of their seeds; None unless it is trained and every seed has one."""
        scores = [self.scores[seed] for seed in sorted(self.scores)]
        if self.status != "trained" or not scores or any(score is None for score in scores):
            return None
        return tuple(float(score) for score in scores if score is not None)

    @property
    def mean(self) -> float | None:
        """Mean of its scores over seeds; None unless every seed has one."""
        return None if self.values is None else math.fsum(self.values) / len(self.values)

    @property
    def failure(self) -> str | None:
        """Why it has no score; None if it has one, or is not done."""
        if self.rejection is not None:
            return f"{self.rejection.stage}: {self.rejection.reason}"
        if self.status == "trained" and self.values is None:
            seeds = [str(seed) for seed, score in sorted(self.scores.items()) if score is None]
            return f"training: no finite task score with seed {', '.join(seeds)}"
        return None

    def to_json(self) -> dict[str, Any]:
        """Plain data, without NaN."""
        data = asdict(self)
        data["scores"] = {str(seed): score for seed, score in self.scores.items()}
        return data | {"record": None if self.record is None else self.record.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Candidate:
        """What `to_json` gave, also after a trip through a file."""
        origin, rejection, record = data["origin"], data["rejection"], data["record"]
        return cls(
            **{
                **data,
                "origin": Origin(**{**origin, "parents": tuple(origin["parents"])}),
                "warnings": tuple(data["warnings"]),
                "rejection": None if rejection is None else Rejection(**rejection),
                "scores": {int(seed): score for seed, score in data["scores"].items()},
                "record": None if record is None else TrainingRecord.from_json(record),
            }
        )


@dataclass(frozen=True)
class Note:
    """A text that is no program: what a critic, a verifier or a person said.

    Attributes:
        operation: What was asked for.
        about: Keys of the candidates that it is about.
        text: What was said; empty for nothing.
        value: The number in it, where one was asked for and given.
    """

    operation: str
    about: tuple[str, ...]
    text: str
    value: float | None = None


@dataclass
class History:
    """All that happened in a search, in rounds. A designer's next proposals depend on nothing else.

    Attributes:
        candidates: By key, in the order in which they appeared.
        rounds: The keys that each finished round proposed, those seen before included.
        notes: What was said.
    """

    candidates: dict[str, Candidate] = field(default_factory=dict)
    rounds: list[tuple[str, ...]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)

    def add(self, candidate: Candidate) -> bool:
        """Take a proposed candidate into this round; False if it is known already, so needs no training."""
        if candidate.key not in self._open:
            self._open.append(candidate.key)
        if candidate.key in self.candidates:
            return False
        origin = replace(candidate.origin, round=len(self.rounds))
        for parent in origin.parents:
            self[parent]
        self.candidates[candidate.key] = replace(candidate, origin=origin)
        return True

    def update(self, candidate: Candidate) -> None:
        """Replace a candidate by what became of it."""
        self[candidate.key]
        self.candidates[candidate.key] = candidate

    def reject(self, key: str, stage: str, reason: str) -> None:
        """Say that a candidate is not to be trained."""
        self.update(self[key].rejected(stage, reason))

    def note(self, note: Note) -> None:
        """Remember what was said."""
        for key in note.about:
            self[key]
        self.notes.append(note)

    def end_round(self) -> None:
        """All proposals of this round are settled."""
        self.rounds.append(tuple(self._open))
        self._open = []

    def __getitem__(self, key: str) -> Candidate:
        if key not in self.candidates:
            raise KeyError(unknown_name("candidate", key, self.candidates))
        return self.candidates[key]

    def said(self, operation: str, key: str) -> list[Note]:
        """The notes of one kind about a candidate, the oldest first."""
        return [note for note in self.notes if note.operation == operation and key in note.about]

    @property
    def pending(self) -> list[Candidate]:
        """Candidates that passed all checks so far and are not trained."""
        return [candidate for candidate in self.candidates.values() if candidate.status == "proposed"]

    @property
    def proposed(self) -> list[tuple[str, ...]]:
        """`rounds`, and the one that is not finished."""
        return [*self.rounds, tuple(self._open)]

    def new(self, round: int) -> list[Candidate]:
        """The candidates that appeared in a round for the first time."""
        return [candidate for candidate in self.candidates.values() if candidate.origin.round == round]

    def to_json(self) -> dict[str, Any]:
        """Plain data, without NaN; a round that is not finished included."""
        return {
            "candidates": [candidate.to_json() for candidate in self.candidates.values()],
            "rounds": [list(keys) for keys in self.rounds],
            "open": list(self._open),
            "notes": [asdict(note) for note in self.notes],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> History:
        """What `to_json` gave, also after a trip through a file."""
        candidates = [Candidate.from_json(each) for each in data["candidates"]]
        notes = [Note(**{**note, "about": tuple(note["about"])}) for note in data["notes"]]
        rounds = [tuple(keys) for keys in data["rounds"]]
        return cls({candidate.key: candidate for candidate in candidates}, rounds, notes, list(data["open"]))

"""All that is known about a search, from its folder alone: what its page and its figures are made of."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from agents.designing.folder import DesignDir
from agents.designing.halving import Rung, ladder
from agents.designing.journal import Journal
from agents.designing.setting import default_steps, named_task
from reward_designers.code.search import Candidate, Origin, Score, score, select, tied
from reward_designers.llm import LLMError, ReplyStore
from reward_designers.llm.budget import Budget, Usage

STATES = {
    "best": "the best",
    "tied": "cannot be told from the best",
    "trained": "trained to the end",
    "stopped": "stopped early by successive halving",
    "twin": "not trained: it repeats another program",
    "failed": "failed in training",
    "rejected": "rejected before training",
    "waiting": "not trained yet",
}
"""What can become of a program."""


@dataclass(frozen=True)
class RoundCost:
    """What a round took.

    Attributes:
        name: ``1``, ``2``, ... or ``final``.
        programs: New ones.
        trainings: Stages of trainings that ended.
        steps: Environment steps of those.
        seconds: Of trainings, one thread each.
        wall: Seconds on the clock in which a process worked on it.
    """

    name: str
    programs: int
    trainings: int
    steps: int
    seconds: float
    wall: float


class Results:
    """A search, finished or not.

    Args:
        folder: Its directory.
        journal: In it.

    Raises:
        UsageError: Its options are damaged.
    """

    def __init__(self, folder: DesignDir, journal: Journal):
        self.folder, self.journal = folder, journal
        self.config = folder.read_config()
        self.meta = folder.read_meta()
        self.history = journal.history()
        self.candidates = list(self.history.candidates.values())
        self.number = {candidate.key: i for i, candidate in enumerate(self.candidates, 1)}
        self.task, self.wanted = named_task(self.config)
        self.judged_by = "env_reward" if self.task is None else "fitness"
        self.env = self.config.env.id or self.config.env.name or ""
        self.designer = self.config.designer.name
        self.selection = select(self.candidates)
        self.twins = {key: (found[0], float(found[1])) for key, found in journal.all("duplicate").items() if found}

    @cached_property
    def rungs(self) -> list[Rung]:
        """Stages of a training."""
        rungs = self.config.rungs or (1 if self.designer == "tree" else 3)
        return ladder(default_steps(self.config), self.config.seeds, rungs, self.config.halving)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """What came out; empty as long as the search goes on."""
        if not self.folder.summary.exists():
            return {}
        summary = json.loads(self.folder.summary.read_text())
        return summary if summary["rounds"] == len(self.history.rounds) else {}

    @property
    def state(self) -> str:
        """``finished``, ``failed`` (nothing could be trained) or ``partial``."""
        return self.summary.get("state", "partial")

    @property
    def final(self) -> dict[str, Any]:
        """The final trainings: ``best``, ``env``, ``zero``; empty if there are none yet."""
        return self.summary.get("final", {})

    @property
    def best(self) -> Candidate | None:
        """The best program so far."""
        key = self.summary.get("best", self.selection.best)
        return None if key is None else self.history[key]

    def what(self, candidate: Candidate) -> str:
        """What became of a program, one of `STATES`."""
        if self.best is not None and candidate.key == self.best.key:
            return "best"
        if candidate.key in self.twins:
            return "twin"
        if candidate.failure is not None:
            before = candidate.rejection is not None and candidate.rejection.stage != "training"
            return "rejected" if before else "failed"
        if candidate.values is None:
            return "waiting"
        if candidate.steps < self.rungs[-1].steps:
            return "stopped"
        return "tied" if candidate.key in self.selection.tied else "trained"

    def score(self, candidate: Candidate) -> Score | None:
        """See `reward_designers.code.search.score`."""
        return score(candidate)

    def rung(self, candidate: Candidate) -> int:
        """The stage that a program went through last, from 1."""
        return 1 + next((i for i, r in enumerate(self.rungs) if r.steps >= candidate.steps), len(self.rungs) - 1)

    @cached_property
    def rounds(self) -> list[int]:
        """Numbers (from 0) of the rounds that brought new programs; others only asked."""
        return sorted({candidate.origin.round for candidate in self.candidates})

    def final_scores(self, name: str) -> tuple[Score | None, list[float]]:
        """Of the final trainings on ``best``, ``env`` or ``zero``: the score, and that of each seed."""
        row = self.final.get(name, {})
        values = [value for value in row.get("scores", {}).values() if value is not None]
        return (Score(row["mean"], row["low"], row["high"], row["seeds"]) if "mean" in row else None), values

    def apart(self, a: str, b: str) -> bool | None:
        """Whether the final scores of two of ``best``, ``env``, ``zero`` can be told apart; None if one is missing."""
        if any(self.final_scores(name)[0] is None for name in (a, b)):
            return None
        return not tied(*(_scored(self.final_scores(name)[1]) for name in (a, b)))

    def curves(self, run: str, seeds: Sequence[int], steps: int) -> dict[int, dict[str, Any]]:
        """Seed to the curves of a training, see `agents.designing.training.curves`."""
        outcomes = {seed: self.journal.get("training", f"{run}/{seed}/{steps}") for seed in seeds}
        return {seed: outcome["curves"] for seed, outcome in outcomes.items() if outcome and outcome["curves"]}

    @cached_property
    def checked(self) -> list[Candidate]:
        """Programs that passed the checks."""
        return [c for c in self.candidates if _passed(self.journal.get("check", c.key))]

    @cached_property
    def rejections(self) -> list[dict[str, Any]]:
        """Why programs failed, by stage and kind of reason, the most frequent first.

        Returns:
            Rows with ``stage``, ``reason`` (of the first of them) and ``programs``. Reasons that differ in names and
            numbers alone are of one kind.
        """
        rows: dict[tuple[str, str], dict[str, Any]] = {}
        for candidate in self.candidates:
            if candidate.failure is None:
                continue
            stage, _, reason = candidate.failure.partition(": ")
            row = rows.setdefault((stage, _kind(reason)), {"stage": stage, "reason": reason, "programs": []})
            row["programs"].append(candidate)
        return sorted(rows.values(), key=lambda row: -len(row["programs"]))

    @cached_property
    def authors(self) -> list[dict[str, Any]]:
        """Who wrote how many replies, and when."""
        found: dict[str, list[str]] = {}
        for reply in self.replies:
            found.setdefault(reply["written_by"], []).append(reply["created"])
        return [{"name": name, "replies": len(d), "first": min(d), "last": max(d)} for name, d in found.items()]

    @cached_property
    def replies(self) -> list[dict[str, Any]]:
        """All replies."""
        return [reply for value in self.journal.all("reply").values() for reply in value["replies"]]

    # Costs

    @cached_property
    def usages(self) -> list[Usage]:
        """Tokens that a server was paid for, by model."""
        if not self.folder.replies.exists():
            return []
        try:
            with ReplyStore(self.folder.replies, read_only=True) as store:
                return store.spent()
        except LLMError:
            return []

    @property
    def usd(self) -> float | None:
        """What that cost; None if a price is not known."""
        if self.config.llm.name != "openai":
            return Budget().usd(self.usages, "")
        price = self.config.llm.price
        return Budget(price=None if price is None else tuple(price)).usd(self.usages, self.config.llm.model)

    @cached_property
    def costs(self) -> list[RoundCost]:
        """What each round took, the trainings at the end last. Outcomes taken over from earlier searches are free."""
        begun = [self.meta["created"], *self.meta.get("begun", [])] if self.meta else []
        began = [datetime.fromisoformat(text) for text in begun]
        rows: list[RoundCost] = []
        reached: dict[str, int] = {}
        before = began[0] if began else None
        row = RoundCost("1", 0, 0, 0, 0.0, 0.0)
        for kind, key, at in self.journal.log():
            pause = max((b for b in began if before is not None and before < b <= at), default=before)
            row = replace(row, wall=row.wall + (0.0 if pause is None else (at - pause).total_seconds()))
            before = at
            value = self.journal.get(kind, key)
            if kind == "training" and not value.get("recalled"):
                run, _, steps = key.rpartition("/")
                new = int(steps) - reached.get(run, 0)
                reached[run] = int(steps)
                row = replace(
                    row, trainings=row.trainings + 1, steps=row.steps + new, seconds=row.seconds + value["seconds"]
                )
            elif kind == "round":
                programs = len(self.history.new(int(key)))
                rows.append(replace(row, programs=programs))
                row = RoundCost(str(len(rows) + 1), 0, 0, 0, 0.0, 0.0)
        if row.trainings:
            rows.append(replace(row, name="final" if self.state == "finished" else f"{row.name}, so far"))
        return rows

    @property
    def searched(self) -> int:
        """Environment steps of the rounds, without the trainings at the end."""
        return sum(row.steps for row in self.costs if row.name != "final")

    @property
    def unhalved(self) -> int:
        """Environment steps that whole trainings of the same candidates would have taken."""
        trained = {key.split("/")[0] for key in self.journal.all("training")} & set(self.number)
        return len(trained) * self.rungs[-1].steps * self.rungs[-1].seeds

    @property
    def counts(self) -> list[tuple[int, str]]:
        """How many programs came to what, in words."""
        found = Counter(map(self.what, self.candidates))
        found["trained"] += found.pop("best", 0) + found.pop("tied", 0)
        words = {"twin": "not trained, for they repeat others"}
        return [(found[what], words.get(what, STATES[what])) for what in STATES if found[what]]


def _passed(check: dict[str, Any] | None) -> bool:
    return check is not None and not any(finding["error"] for finding in check["findings"])


def _kind(reason: str) -> str:
    """A reason without names and numbers."""
    first = reason.strip().splitlines()[0] if reason.strip() else ""
    return re.sub(r"'[^']*'|\"[^\"]*\"|`[^`]*`|[-+]?\d[\d.e+-]*", "*", first)


def _scored(values: Sequence[float]) -> Candidate:
    return Candidate("", "", Origin("")).trained(dict(enumerate(values)), 1)

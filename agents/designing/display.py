"""What a search shows while it runs, where there is no terminal: a line for everything, a table after each round."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from agents.designing.halving import Rung
from agents.designing.training import Outcome, Training
from reward_designers.code.search import Candidate, History, Proposal, score, select
from reward_designers.llm import LLM, OpenAILLM

WIDTH = 100


class Display:
    """Lines on standard error. Within ``with display:`` a search is going on; see `agents.designing.live`.

    Args:
        judged_by: Name of the score.
        rungs: Of the trainings.
    """

    def __init__(self, judged_by: str, rungs: Sequence[Rung]):
        self.judged_by, self.rungs = judged_by, tuple(rungs)
        self._began = time.monotonic()
        self._done = 0
        self._cost = ""

    def __enter__(self) -> Display:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left on the screen."""

    def paused(self) -> AbstractContextManager[object]:
        """While somebody else needs the terminal."""
        return nullcontext()

    def say(self, text: str) -> None:
        """One line."""
        print(text, file=sys.stderr, flush=True)

    def resumed(self, history: History) -> None:
        """What is there already."""
        if history.rounds:
            self.say(f"going on after round {len(history.rounds)}")
            self.end_round(history)

    def round(self, number: int, proposals: Sequence[Proposal]) -> None:
        """A round begins."""
        wanted: dict[str, int] = {}
        for proposal in proposals:
            count = proposal.prompt.n if proposal.prompt is not None else 1
            wanted[proposal.operation] = wanted.get(proposal.operation, 0) + count
        self.phase(f"round {number + 1}: {', '.join(f'{count} x {name}' for name, count in wanted.items())}")

    def phase(self, text: str) -> None:
        """A part of the search begins."""
        self.say(f"\n{text}")

    def asking(self, replies: int) -> None:
        """The model is being asked."""
        self.say(f"  asking for {replies} {'reply' if replies == 1 else 'replies'}")

    def cost(self, llm: LLM) -> None:
        """What the model has cost so far."""
        if isinstance(llm, OpenAILLM):
            usages, usd = llm.spent()
            tokens = sum(usage.tokens for usage in usages)
            self._cost = f"{tokens:,} tokens" + ("" if usd is None else f", ${usd:.4f}")

    def candidate(self, candidate: Candidate, more: str = "") -> None:
        """What became of a candidate."""
        self.say(f"  {candidate.key:<21} {_state(candidate)}{f' ({more})' if more else ''}"[: WIDTH * 2])

    def trainings(self, trainings: Sequence[Training], rung: Rung | None) -> None:
        """Trainings begin; ``rung``: for which stage of the search, if for any."""
        self._done, self._began = 0, time.monotonic()
        self.say(f"  {self.stage(trainings, rung)}")

    def stage(self, trainings: Sequence[Training], rung: Rung | None) -> str:
        """What they are."""
        steps = ", ".join(sorted({f"{training.config.total_timesteps:,}" for training in trainings}))
        several = len(self.rungs) > 1
        of = f"stage {self.rungs.index(rung) + 1} of {len(self.rungs)}: " if rung is not None and several else ""
        return f"{of}{len(trainings)} training{'s' if len(trainings) > 1 else ''} to {steps} steps"

    def training(self, training: Training, outcome: Outcome, of: int) -> None:
        """A training has ended."""
        self._done += 1
        left = (time.monotonic() - self._began) / self._done * (of - self._done)
        result = outcome["failure"] or f"{self.judged_by} {number(outcome['score'])}"
        line = f"    [{self._done}/{of}] {training.name} seed {training.config.seed}: {result}"
        self.say(f"{line.splitlines()[0][: WIDTH + 20]}" + (f", {left:.0f} s left" if self._done < of else ""))

    def end_round(self, history: History) -> None:
        """The table: each program that has a score, the best first."""
        if history.rounds and history.rounds[-1]:
            self.say("\n".join(table(history, self.judged_by)))
            new = history.new(len(history.rounds) - 1)
            if not any(candidate.values is not None for candidate in new):
                self.say("  nothing of this round could be trained; the search goes on")
        if self._cost:
            self.say(f"  cost so far: {self._cost}")


def table(history: History, judged_by: str) -> list[str]:
    """Candidates with a score, the best first, and how many have none."""
    candidates = list(history.candidates.values())
    found = select(candidates)
    lines = [f"  {'program':<21} {'round':>5} {'steps':>11}  {judged_by}"]
    for key in [*found.ranking, *found.stopped][:10]:
        candidate = history[key]
        mark = "  best" if key == found.best else "  cannot be told from the best" if key in found.tied else ""
        lines.append(f"  {key:<21} {candidate.origin.round + 1:>5} {candidate.steps:>11,}  {score(candidate)}{mark}")
    failed = len(found.failed)
    lines.append(f"  {len(candidates)} programs, {failed} of them failed")
    return lines


def _state(candidate: Candidate) -> str:
    if candidate.rejection is not None:
        return f"rejected: {candidate.rejection.stage}: {' '.join(candidate.rejection.reason.split())}"[:WIDTH]
    if candidate.status == "trained":
        return f"{score(candidate) or candidate.failure} after {candidate.steps:,} steps"
    warnings = len(candidate.warnings)
    return "passed the checks" + (f", {warnings} warning{'s' if warnings > 1 else ''}" if warnings else "")


def number(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.4g}"

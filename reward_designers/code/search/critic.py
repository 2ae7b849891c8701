"""Auto MC-Reward: a critic reads each program before it is trained, an analyser looks at the worst episodes after.

Li et al. 2024, arXiv 2312.09238. What the model writes is `sparse` and `dense`; the reward is bounded,
sign(sparse) + 0.1 sign(dense), so that no component can drown the other.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from reward_designers.code.allowlist import ProgramRejected, parse
from reward_designers.code.search.candidates import Candidate, History, Note
from reward_designers.code.search.designer import (
    Designer,
    Proposal,
    attempts,
    failed_rounds,
    last_failures,
)
from reward_designers.code.search.prompts import Prompts
from reward_designers.code.search.reflection import episodes
from reward_designers.code.text import sanitized
from reward_designers.llm import Message

SPARSE, DENSE = 1.0, 0.1
"""Weights of the signs."""
MARK = "# Added: sign(sparse) + 0.1 sign(dense)"


@dataclass
class Critic(Designer):
    """Reviewed, bounded rewards, improved by what an analysis of bad episodes says.

    Attributes:
        prompts: What the author is told.
        samples: Programs a round.
        iterations: Rounds that were trained, after which the search ends; revisions belong to their program's round.
        revisions: How often a program may be sent back; after that its round has failed.
    """

    prompts: Prompts
    samples: int = 4
    iterations: int = 3
    revisions: int = 2

    name: ClassVar[str] = "critic"

    def __post_init__(self) -> None:
        """Refuse searches without programs; a critic's stage is never reached with a potential."""
        if self.samples < 1 or self.iterations < 1 or self.revisions < 0:
            raise ValueError(
                f"samples={self.samples}, iterations={self.iterations}, revisions={self.revisions}: "
                "expected at least 1, 1, 0"
            )
        if self.prompts.entry != "reward":
            raise ValueError("the critic's reward is bounded by its own rule, so it cannot be a potential's difference")

    def propose(self, history: History) -> list[Proposal]:
        """Programs; a critic's questions about each; revisions; after the training, questions about bad episodes."""
        unread = [c for c in history.pending if not history.said("critique", c.key)]
        if unread:
            return [self._critique(history, candidate, i) for i, candidate in enumerate(unread)]
        revised = [self._revision(history, c, i) for i, c in enumerate(self._sent_back(history))]
        if revised:
            return revised
        failed = failed_rounds(history)
        trained = [c for c in history.candidates.values() if c.values is not None]
        if len({self._revisions(history, c)[-1].origin.round for c in trained}) >= self.iterations:
            return []
        best = self.best(history)
        if best is None:
            operation = "retry" if failed else "first"
            messages = self._messages(operation, others=last_failures(history), **attempts(history))
            return [Proposal(operation, prompt=self.ask(history, operation, messages, self.samples))]
        if self._episodes(best) and not history.said("analyse", best.key):
            return [self._analysis(history, best)]
        analysis = "\n\n".join(sanitized(note.text, 2000) for note in history.said("analyse", best.key))
        messages = self.after(
            best,
            "improve",
            self._messages("first"),
            others=last_failures(history),
            feedback=[],
            analysis=analysis,
            **attempts(history, best.key, everything=True),
        )
        prompt = self.ask(history, "improve", messages, self.samples)
        return [Proposal("improve", about=(best.key,), prompt=prompt)]

    def observe(self, history: History, proposal: Proposal, text: str) -> None:
        """A critique whose verdict is to revise rejects its program; without a verdict that can be read, it is kept."""
        history.note(Note(proposal.operation, proposal.about, text.strip(), verdict(text)))
        if proposal.operation == "critique" and verdict(text) == 0.0:
            (key,) = proposal.about
            history.reject(key, "critic", text.strip())

    def ready(self, history: History) -> list[Candidate]:
        """Those that the critic let pass, once no program of the round is to be read or revised."""
        if self._sent_back(history) or any(not history.said("critique", c.key) for c in history.pending):
            return []
        return history.pending

    @property
    def function(self) -> str:
        """See `Designer.function`; `dense` is beside it."""
        return "sparse"

    def finish(self, source: str) -> str:
        """See `bounded`."""
        return bounded(source)

    def after(self, candidate: Candidate, template: str, messages: list[Message], **values: object) -> list[Message]:
        """See `Designer.after`; the model sees what it wrote, without what was added."""
        return super().after(
            replace(candidate, source=candidate.source.partition(MARK)[0]), template, messages, **values
        )

    def _messages(self, operation: str, **values: Any) -> list[Message]:
        return self.prompts.ask(operation, system="system_bounded", examples=(), **values)

    def _critique(self, history: History, candidate: Candidate, index: int) -> Proposal:
        messages = self.prompts.ask("critique", system="system_judge", source=candidate.source)
        return Proposal("critique", "answer", (candidate.key,), self.ask(history, "critique", messages, index=index))

    def _analysis(self, history: History, best: Candidate) -> Proposal:
        messages = self.prompts.ask("analyse", system="system_judge", source=best.source, episodes=self._episodes(best))
        return Proposal("analyse", "answer", (best.key,), self.ask(history, "analyse", messages))

    def _revision(self, history: History, candidate: Candidate, index: int) -> Proposal:
        messages = self.after(candidate, "repair", self._messages("first"), others=[])
        prompt = self.ask(history, "revise", messages, index=index)
        return Proposal("revise", about=(candidate.key,), prompt=prompt)

    def _sent_back(self, history: History) -> list[Candidate]:
        """New programs of the latest round of programs that the critic rejected, to be revised now."""
        latest = max((i for i, keys in enumerate(history.proposed) if keys), default=0)
        back = [c for c in history.new(latest) if c.rejection is not None and c.rejection.stage == "critic"]
        return [c for c in back if len(self._revisions(history, c)) <= self.revisions]

    def _revisions(self, history: History, candidate: Candidate) -> list[Candidate]:
        """A program, that which it is a revision of, and so on to the first."""
        line = [candidate]
        while line[-1].origin.operation == "revise":
            line.append(history[line[-1].origin.parents[0]])
        return line

    @staticmethod
    def _episodes(candidate: Candidate) -> str:
        return "" if candidate.record is None else episodes(candidate.record)


def verdict(text: str) -> float | None:
    """1 if a critique accepts, 0 if it asks for a revision; None without a verdict that can be read."""
    found = re.findall(r"verdict\W{1,6}(accept|revise)", text, re.IGNORECASE)
    return None if not found else float(found[-1].lower() == "accept")


def bounded(source: str) -> str:
    """A program whose reward is sign(sparse) + 0.1 sign(dense) of the functions in ``source``.

    Raises:
        ProgramRejected: It does not define both, or has a function `reward` of its own.
    """
    functions = {node.name: node for node in parse(source).body if isinstance(node, ast.FunctionDef)}
    for name in ("sparse", "dense"):
        if name not in functions:
            raise ProgramRejected(f"there is no function {name!r}; there is {', '.join(functions) or 'none at all'}")
    if "reward" in functions:
        raise ProgramRejected("function 'reward' is added by itself: write sparse and dense alone")
    arguments = {name: _reads(functions[name]) for name in ("sparse", "dense")}
    together = ", ".join(dict.fromkeys([*arguments["sparse"], *arguments["dense"]]))
    calls = {name: f"{name}({', '.join(f'{a}={a}' for a in reads)})" for name, reads in arguments.items()}
    return (
        f"{source.rstrip()}\n\n\n"
        f"{MARK}\nimport numpy as bounded_np\n\n\n"
        f"def reward({together}):\n"
        f'    return {{"sparse": {SPARSE} * bounded_np.sign({calls["sparse"]}), '
        f'"dense": {DENSE} * bounded_np.sign({calls["dense"]})}}\n'
    )


def _reads(function: ast.FunctionDef) -> list[str]:
    """Arguments that have no default."""
    given = function.args
    if given.vararg or given.kwarg or given.posonlyargs:
        raise ProgramRejected(
            f"{function.name} must name the arrays that it reads, without *, ** and /", function.lineno
        )
    plain = given.args[: len(given.args) - len(given.defaults)]
    return [a.arg for a in plain] + [
        a.arg for a, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default is None
    ]

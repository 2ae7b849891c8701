"""Answers from a record: no key, no network, no cost; what was not recorded is an error that says what to do."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from reward_designers.llm.messages import LLM, LLMError, MissingReplyError, Prompt, Reply, Request, Sampling
from reward_designers.llm.store import ReplyStore
from reward_designers.llm.text import open_store, write

log = logging.getLogger(__name__)
MATCHES = ("exact", "label")


class ReplayLLM(LLM):
    """A language model that only repeats itself.

    Args:
        path: A store or recording, see `open_store`.
        match: ``exact``: the prompt must be the recorded one, to the letter. ``label``: failing that, replies to the
            same step of the same search serve, though the numbers in the prompt differ, as they do between machines;
            such replies are marked ``exact=False`` and logged.
        model: Which model's replies, where there are several.
        pending: A folder to which prompts without replies are written, for someone to answer.

    Raises:
        FileNotFoundError: There is nothing at `path`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        match: str = "exact",
        model: str | None = None,
        pending: str | os.PathLike[str] | None = None,
    ):
        if match not in MATCHES:
            raise ValueError(f"match={match!r}, expected {' or '.join(MATCHES)}")
        self.path = Path(path)
        self.match = match
        self.model = model
        self.pending = None if pending is None else Path(pending)
        self._store = open_store(path)

    def sample_all(self, prompts: Sequence[Prompt]) -> list[list[Reply]]:
        """Recorded replies to each prompt; every prompt is looked up before the first missing one is an error."""
        answers, missing = [], []
        for prompt in prompts:
            replies = self._find(prompt)
            answers.append(replies[: prompt.n])
            if len(replies) < prompt.n:
                missing.append((prompt, len(replies)))
        if missing:
            notes = [self._write_pending(prompt) for prompt, _ in missing]
            raise MissingReplyError(self._explain(*missing[0], others=len(missing) - 1) + notes[0])
        return answers

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def _find(self, prompt: Prompt) -> list[Reply]:
        found = self._choose(prompt, self._store.requests(prompt=prompt.hash))
        if found is not None:
            return self._in_order(found)
        if self.match == "label" and prompt.label:
            found = self._choose(prompt, self._store.requests(label=prompt.label))
            if found is not None:
                log.warning(
                    "replies to %s were written for a prompt with other numbers (%s instead of %s)",
                    prompt.label,
                    found.prompt.hash[:12],
                    prompt.hash[:12],
                )
                return [replace(reply, exact=False) for reply in self._in_order(found)]
        return []

    def _choose(self, prompt: Prompt, requests: list[Request]) -> Request | None:
        requests = [r for r in requests if self.model in (None, r.model)]
        if len(requests) > 1:
            known = "; ".join(f"model {r.model}, {r.sampling.to_json()}, prompt {r.prompt.hash[:12]}" for r in requests)
            raise LLMError(
                f"{self.path} has several recordings for {prompt.label or prompt.hash[:12]} ({known}): "
                "choose with llm.model=, or export one of them to a file of its own"
            )
        return requests[0] if requests else None

    def _in_order(self, request: Request) -> list[Reply]:
        """Replies 0, 1, ... up to the first gap."""
        stored = self._store.replies(request.hash)
        replies: list[Reply] = []
        while len(replies) in stored:
            replies.append(stored[len(replies)])
        return replies

    def _explain(self, prompt: Prompt, have: int, others: int) -> str:
        more = f" ({others} more prompts lack replies.)" if others else ""
        what = f"prompt {prompt.hash[:12]} {f'[{prompt.label}] ' if prompt.label else ''}{prompt.first_words!r}"
        if have:
            return f"{self.path} holds {have} of {prompt.n} replies to {what}.{more} Ask for {have}, or use llm=openai."
        return (
            f"{self.path} holds no reply to {what}.{more} {self._nearest(prompt)} "
            "Repeat the recorded run's options, let match=label accept prompts that differ in numbers, or ask a "
            "server: llm=openai."
        )

    def _nearest(self, prompt: Prompt) -> str:
        """The stored prompt that shares most words with `prompt`, and where the two part."""

        def alike(request: Request) -> float:
            words = set(_text(request.prompt).split())
            return len(wanted & words) / max(len(wanted | words), 1)

        wanted = set(_text(prompt).split())
        near = max(self._store.requests(), key=alike, default=None)
        if near is None:
            return "Nothing is recorded there."
        pairs = itertools.zip_longest(_text(near.prompt).splitlines(), _text(prompt).splitlines(), fillvalue="")
        recorded, here = next(((a, b) for a, b in pairs if a != b), ("", ""))
        return (
            f"The nearest recorded prompt is {near.prompt.hash[:12]} [{near.prompt.label}], {alike(near):.0%} of words "
            f"alike; it first differs where it has {recorded!r:.80} instead of {here!r:.80}."
        )

    def _write_pending(self, prompt: Prompt) -> str:
        if self.pending is None:
            return ""
        request = Request(self.model or "unknown", prompt, Sampling())
        file = self.pending / f"{request.prompt.hash[:12]}.yaml"
        with ReplyStore(None) as store:
            store.add(request, [])
            write(file, store)
        return (
            f" The prompt was written to {file}; answer it with "
            f"`python -m reward_designers.llm record {file} REPLY.txt ... --by NAME`."
        )


def _text(prompt: Prompt) -> str:
    return "\n".join(message["content"] for message in prompt.messages)

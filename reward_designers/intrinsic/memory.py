"""What a judge has said, as its record in a reply store tells it; and judges that are remembered in this way."""

from __future__ import annotations

import json
import os
import threading
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from reward_designers.intrinsic.forms import Form, LabelForm, PairForm
from reward_designers.intrinsic.labels import Annotator, Label, Pair, Preference
from reward_designers.llm import Reply, ReplyStore, Request
from reward_designers.llm.store import now

REFRESH_SECONDS = 10.0
"""How often a store is looked at for answers of other runs; less often where that takes long."""


class Memory:
    """Answers to one form's questions, and how often each question was asked in vain.

    Args:
        form: The questions.
        model: Whose answers; None: anyone's.
        attempts: After how many without a valid answer a question is given up.
        exact: Only answers to the form's own system message, not to an older one for the same goal.
    """

    def __init__(self, form: Form, model: str | None, *, attempts: int = 2, exact: bool = True):
        self.form, self.model, self.attempts, self.exact = form, model, attempts, exact
        self._answers: dict[Any, float] = {}
        self._vain: dict[Any, int] = {}
        self._read: set[tuple[str, int]] = set()
        self._next_look = 0.0
        self._lock = threading.Lock()

    def read(self, store: ReplyStore) -> None:
        """Take in what is new in a store, in the order in which it arrived; unless that was done a moment ago."""
        with self._lock:
            start = time.monotonic()
            if start < self._next_look:
                return
            for request in store.requests(label=self.form.label):
                if self.model not in (None, request.model):
                    continue
                if self.exact and request.prompt.messages[0]["content"] != self.form.system:
                    continue
                for reply in store.replies(request.hash).values():
                    self._take(self.form.items(request.prompt), reply)
            end = time.monotonic()
            self._next_look = end + max(REFRESH_SECONDS, 50 * (end - start))

    def take(self, items: Sequence[Any], reply: Reply) -> None:
        """Take in a reply about `items`."""
        with self._lock:
            self._take(items, reply)

    def _take(self, items: Sequence[Any], reply: Reply) -> None:
        if (reply.request, reply.index) in self._read or reply.finish_reason == "length":
            return  # what was cut off says nothing about the captions
        self._read.add((reply.request, reply.index))
        answers = self.form.answers(reply.text, len(items))
        for position, item in enumerate(items):
            if position in answers:
                self._answers.setdefault(item, answers[position])
            else:
                self._vain[item] = self._vain.get(item, 0) + 1

    def attempt(self, item: Any) -> int | None:
        """Which attempt is next, from 1; None if the item is settled, with an answer or without."""
        vain = self._vain.get(item, 0)
        return None if item in self._answers or vain >= self.attempts else vain + 1

    def settled(self) -> list[Any]:
        """All items with a valid answer, or none to come."""
        with self._lock:
            return [item for item in dict.fromkeys([*self._answers, *self._vain]) if self.attempt(item) is None]

    def get(self, item: Any) -> float | None:
        """The answer; None without a valid one."""
        return self._answers.get(item)

    def write(self, store: ReplyStore, answers: Mapping[Any, float | None], by: str) -> None:
        """Record answers that came through no client; None as none."""
        items = list(answers)
        said = {str(n): self.form.write(a) for n, a in enumerate(answers.values(), 1) if a is not None}
        request = Request(by, self.form.prompt(items))
        reply = Reply(json.dumps(said), request.hash, 0, by, now())
        store.add(request, [reply])
        self.take(items, reply)


class Remembered(Annotator):
    """A judge whose answers are kept in a reply store, and are asked for once.

    Attributes:
        attempts: See `Memory`.
        exact: See `Memory`.
    """

    attempts = 2
    exact = True

    _store: ReplyStore | None = None

    @abstractmethod
    def settle(self, memory: Memory, items: Sequence[Any]) -> None:
        """Ask until `memory` has settled all of `items`."""

    @property
    def model(self) -> str | None:
        """Whose answers count; None: anyone's."""
        return self.name

    @property
    def store(self) -> ReplyStore:
        """Where the answers are kept; in memory, unless `open` was told otherwise."""
        if self._store is None:
            self.open(None)
        assert self._store is not None
        return self._store

    def open(self, store: str | os.PathLike[str] | None) -> None:
        """See `Annotator.open`."""
        self._store = ReplyStore(store)
        self._memories: dict[str, Memory] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """See `Annotator.close`."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def form(self, goal: str) -> Form:
        """The questions that `label` asks."""
        return LabelForm(goal)

    def label(self, goal: str, captions: Sequence[str]) -> list[Label]:
        """See `Annotator.label`."""
        memory = self._memory(self.form(goal))
        self.settle(memory, captions)
        return [Label(caption, memory.get(caption)) for caption in captions]

    def prefer(self, goal: str, pairs: Sequence[Pair]) -> list[Preference]:
        """See `Annotator.prefer`."""
        memory = self._memory(PairForm(goal))
        self.settle(memory, pairs)
        return [Preference(first, second, memory.get((first, second))) for first, second in pairs]

    def known(self, goal: str) -> tuple[list[Label], list[Preference]]:
        """See `Annotator.known`."""
        captions, pairs = self._memory(self.form(goal)), self._memory(PairForm(goal))
        return (
            [Label(caption, captions.get(caption)) for caption in captions.settled()],
            [Preference(first, second, pairs.get((first, second))) for first, second in pairs.settled()],
        )

    def _memory(self, form: Form) -> Memory:
        store = self.store
        with self._lock:
            memory = self._memories.get(form.label)
            if memory is None:
                memory = Memory(form, self.model, attempts=self.attempts, exact=self.exact)
                self._memories[form.label] = memory
        memory.read(store)
        return memory

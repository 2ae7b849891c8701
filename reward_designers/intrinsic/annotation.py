"""The service that has captions judged while training runs, and never holds it up.

    annotation = Annotation(LLMAnnotator("gpt-5-mini", budget=Budget(max_usd=2)), goal, store="labels.sqlite")
    annotation.submit(captions, counts)          # after each rollout: what was seen in it
    labels, preferences = annotation.collect()   # what has arrived meanwhile
    print(annotation.status())

What waits is kept here, in a bounded queue that holds every caption once; calls are made by a process of its own, since
each costs 2 to 3 ms of Python. Whatever happens to that process or to a server behind it, training goes on with what is
known, and the status says so.
"""

from __future__ import annotations

import json
import os
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from reward_designers.intrinsic.breaker import Breaker
from reward_designers.intrinsic.desk import Desk, LabelDesk, PairDesk
from reward_designers.intrinsic.labels import Annotator, Label, Preference, Spent
from reward_designers.intrinsic.process import Inline, Message, Process, Worker

RESTARTS = 3
"""How often a process that died is started again."""
WINDOW = 32
"""Of how many of the last calls of `submit` the coverage is told."""


@dataclass(frozen=True)
class Status:
    """How it stands; as text, a line for a progress bar.

    Attributes:
        state: ``working``, ``waiting`` (nothing to ask), ``open circuit`` (the judge fails; it is asked again after a
            pause), ``out of budget``, or ``dead: `` and why.
        coverage: Share of the steps seen lately whose caption had a valid answer before; None before the first.
        known: Captions with a valid answer.
        invalid: Answers that were not valid, after a second try.
        queue: Captions that wait.
        in_flight: Captions (or pairs) being asked about.
        forgotten: Captions that were dropped since the queue was full.
        lag: Seconds from a caption's first sight to its answer, the median of the last 100; None before the first.
        calls: That the annotator has made; with a store, all that the store ever paid for.
        tokens: Of these calls.
        usd: Their cost in US dollars; None if a price is not known.
        restarts: How often the annotator's process was started again.
        problem: What went wrong last; empty if nothing.
    """

    state: str
    coverage: float | None
    known: int
    invalid: int
    queue: int
    in_flight: int
    forgotten: int
    lag: float | None
    calls: int
    tokens: int
    usd: float | None
    restarts: int
    problem: str

    def __str__(self) -> str:
        """One line."""
        parts = [] if self.state in ("working", "waiting") else [self.state.upper()]
        parts.append(f"{self.known} captions known" + (f", {self.invalid} invalid" if self.invalid else ""))
        if self.coverage is not None:
            parts.append(f"{self.coverage:.0%} of steps")
        parts.append(f"{self.queue} waiting" + (f", {self.in_flight} asked" if self.in_flight else ""))
        if self.lag is not None:
            parts.append(f"lag {self.lag:.1f} s")
        if self.calls:
            parts.append(f"{self.calls} calls")
        if self.tokens:
            parts.append(f"{self.tokens:,} tokens" + ("" if self.usd is None else f", ${self.usd:.4f}"))
        return " · ".join(parts)

    def metrics(self) -> dict[str, float]:
        """The numbers, to be logged."""
        names = ("coverage", "known", "invalid", "queue", "lag", "calls", "tokens", "usd")
        values = {name: getattr(self, name) for name in names}
        return {name: float(value) for name, value in values.items() if value is not None}


class Annotation:
    """Captions in, answers out, calls in between.

    Args:
        annotator: Who judges.
        goal: What captions are judged by, in words.
        store: SQLite file for answers that cost something, made if it does not exist; runs may share it. None: nothing
            outlives this object but what `state_dict` holds.
        order: Which captions are asked about first: ``priority``, ``fifo`` or ``newest``, see `queue`.
        capacity: How many captions may wait.
        pairs: Ask for preferences between two captions instead of labels.
        comparisons: With `pairs`, in how many comparisons a caption takes part at least.
        sync: Ask within `submit`, in this process, so that runs repeat exactly; training waits for every answer.
        seed: For the draw of pairs.

    Raises:
        LLMError: The annotator cannot get ready: no key, no package, no terminal.
        ValueError: A malformed option.
    """

    def __init__(
        self,
        annotator: Annotator,
        goal: str,
        *,
        store: str | os.PathLike[str] | None = None,
        order: str = "priority",
        capacity: int = 4096,
        pairs: bool = False,
        comparisons: int = 4,
        sync: bool = False,
        seed: int = 0,
    ):
        if not goal.strip():
            raise ValueError("goal is empty: captions are judged by it, so say what is wanted")
        self.goal, self.pairs, self.sync = goal, pairs, sync
        self._batch, self._concurrency = annotator.batch, 1 if sync else annotator.concurrency
        self._desk: Desk = PairDesk(order, capacity, comparisons, seed) if pairs else LabelDesk(order, capacity)
        self._breaker = Breaker()
        self._spent = Spent()
        self._steps: deque[tuple[int, int]] = deque(maxlen=WINDOW)  # with a known caption, all
        self._calls: dict[int, list[Any]] = {}
        self._next = 0
        self._dead = ""
        self._restarts, self._revive = 0, False
        self._lock = threading.RLock()
        where = None if store is None else Path(store)
        self._worker: Worker = Inline(annotator, goal, where, pairs) if sync else Process(annotator, goal, where, pairs)
        self._receive(self._worker.receive())
        self._closed = False
        self._thread: threading.Thread | None = None
        if not sync:
            self._thread = threading.Thread(target=self._serve, name="annotation", daemon=True)
            self._thread.start()

    def submit(
        self, captions: Sequence[str], counts: Sequence[int], uncertainty: Sequence[float] | None = None
    ) -> None:
        """Captions that were seen since the last call.

        Args:
            captions: Each once.
            counts: In how many steps each was seen.
            uncertainty: How unsure the reward model is of each, any scale.
        """
        if len(captions) != len(counts) or (uncertainty is not None and len(uncertainty) != len(captions)):
            raise ValueError(
                f"{len(captions)} captions, {len(counts)} counts and "
                f"{'no' if uncertainty is None else len(uncertainty)} uncertainties: expected as many of each"
            )
        with self._lock:
            known = steps = 0
            for index, (caption, count) in enumerate(zip(captions, counts, strict=True)):
                caption, count = str(caption), int(count)  # numpy's are slow to hash and cannot be written as JSON
                steps += count
                if self._desk.see(caption, count, None if uncertainty is None else float(uncertainty[index])):
                    known += count
            self._desk.end_rollout()
            self._steps.append((known, steps))
            if self.sync:
                self._call_all()
        self._wake()

    def collect(self) -> tuple[list[Label], list[Preference]]:
        """Answers that arrived since the last call, each once; invalid ones among them."""
        with self._lock:
            arrived = self._desk.collect()
        return ([], arrived) if self.pairs else (arrived, [])

    def status(self) -> Status:
        """How it stands."""
        with self._lock:
            steps = sum(steps for _, steps in self._steps)
            return Status(
                state=self._state(),
                coverage=sum(known for known, _ in self._steps) / steps if steps else None,
                known=self._desk.known,
                invalid=self._desk.invalid,
                queue=len(self._desk.queue),
                in_flight=sum(map(len, self._calls.values())),
                forgotten=self._desk.queue.forgotten,
                lag=self._desk.lag,
                calls=self._spent.calls,
                tokens=self._spent.tokens,
                usd=self._spent.usd,
                restarts=self._restarts,
                problem=self._dead or self._breaker.problem,
            )

    def _state(self) -> str:
        if self._dead:
            return f"dead: {self._dead}"
        if self._breaker.state != "closed":
            return self._breaker.state
        return "working" if self._calls else "waiting"

    def close(self, wait: float = 10.0) -> None:
        """Ask nothing more; answers that are on their way are waited for, `wait` seconds at most."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        if self._thread is not None:
            self._worker.wake()
            self._thread.join(wait)
        self._worker.close()
        if self._thread is not None:
            self._thread.join()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    # What outlives the process

    def state_dict(self) -> dict[str, np.ndarray]:
        """What waits, what is being asked about, and what is known, as JSON in an array of bytes."""
        with self._lock:
            state = {"goal": self.goal, "pairs": self.pairs, "desk": self._desk.state_dict(), "steps": [*self._steps]}
            return {"annotation": np.frombuffer(json.dumps(state).encode(), np.uint8).copy()}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Restore what `state_dict` returned; `collect` then brings all that is known, what it brought before as well.

        Raises:
            ValueError: The state belongs to another goal, or to the other kind of question.
        """
        read = json.loads(np.asarray(state["annotation"], np.uint8).tobytes())
        if read["goal"] != self.goal or read["pairs"] != self.pairs:
            raise ValueError(
                f"the saved answers are {'preferences' if read['pairs'] else 'labels'} for the goal {read['goal']!r}, "
                f"not {'preferences' if self.pairs else 'labels'} for {self.goal!r}"
            )
        with self._lock:
            self._calls.clear()  # their answers come too late; the store has them
            self._desk.load_state_dict(read["desk"])
            self._steps.extend((known, steps) for known, steps in read["steps"])
        self._wake()

    # Calls

    def _wake(self) -> None:
        if self._thread is not None and not self._closed:
            self._worker.wake()

    def _call_all(self) -> None:
        """Sync: ask until nothing waits, or nothing can be asked."""
        while self._start():
            self._receive(self._worker.receive())

    def _start(self) -> bool:
        """Begin calls while there is room; whether any is under way."""
        while not self._closed and not self._dead and len(self._calls) < self._breaker.room(self._concurrency):
            items = self._desk.take(self._batch)
            if not items:
                break
            self._next += 1
            self._calls[self._next] = items
            self._worker.send(self._next, items)
        return bool(self._calls)

    def _receive(self, message: Message) -> None:
        """Take in what the worker says."""
        if message.spent is not None:
            self._spent = message.spent
        if message.kind == "ready":
            self._desk.store(message.answers)
            return
        if message.kind == "died":
            self._died(message.text)
            return
        items = self._calls.pop(message.call, None)
        if items is None:
            return
        if message.kind == "answered":
            self._desk.answer(message.answers)
            self._breaker.succeeded()
            return
        self._desk.give_back(items)
        if message.kind == "out of budget":
            self._breaker.spent(message.text)
        else:
            self._breaker.failed(message.text)

    def _died(self, reason: str) -> None:
        for items in self._calls.values():
            self._desk.give_back(items)
        self._calls.clear()
        if self._closed:
            return
        if self._restarts == RESTARTS:
            self._dead = f"{reason} (after {RESTARTS} restarts)"
            return
        self._restarts += 1
        self._breaker.failed(reason)
        self._revive = True

    def _serve(self) -> None:
        """The thread that starts calls and takes in what comes back; it sleeps in between."""
        try:
            self._loop()
        except Exception as error:  # a bug of ours must not end unseen either
            with self._lock:
                self._dead = f"{type(error).__name__}: {error}"

    def _loop(self) -> None:
        while True:
            with self._lock:
                revive, self._revive = self._revive and not self._closed, False
            if revive:
                self._worker.restart()  # takes its time, so that nobody may have to wait for the lock
            with self._lock:
                busy = self._start()
                if self._dead or (self._closed and not busy):
                    return
                pause = (self._breaker.pause or None) if len(self._desk.queue) else None
            for message in self._worker.messages(pause):
                with self._lock:
                    self._receive(message)

"""What is known and what is still to be asked: for labels of captions, and for preferences between two of them.

Both desks speak the same few words, so that the service that makes the calls need not care which it serves.
"""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reward_designers.intrinsic.labels import Label, Pair, Preference
from reward_designers.intrinsic.queue import CaptionQueue


class Desk(ABC):
    """Items (captions or pairs) go out, answers come in and wait to be collected.

    Attributes:
        queue: The captions without an answer, or without enough of them.
        known: How many captions have a valid answer.
        invalid: How many items had no valid answer.
    """

    def __init__(self, order: str, capacity: int):
        self.queue = CaptionQueue(order, capacity)
        self.known = self.invalid = 0
        self._arrived: list[Any] = []
        self._lags: deque[float] = deque(maxlen=100)

    @property
    def lag(self) -> float | None:
        """Seconds from a caption's first sight to its answer, the median of the last 100; None before the first."""
        return sorted(self._lags)[len(self._lags) // 2] if self._lags else None

    @abstractmethod
    def see(self, caption: str, count: int, uncertainty: float | None) -> bool:
        """`caption` was seen in `count` steps; returns whether it has a valid answer."""

    @abstractmethod
    def store(self, answers: Iterable[Any]) -> None:
        """Answers from earlier runs, used as soon as their captions are seen."""

    @abstractmethod
    def take(self, most: int) -> list[Any]:
        """What to ask next, `most` items at most."""

    @abstractmethod
    def give_back(self, items: Sequence[Any]) -> None:
        """They were asked about in vain."""

    @abstractmethod
    def answer(self, answers: Iterable[Any]) -> None:
        """Answers to items that were taken."""

    def end_rollout(self) -> None:
        """All captions of a rollout were seen."""
        self.queue.end_rollout()

    def collect(self) -> list[Any]:
        """Answers that arrived since the last call."""
        arrived, self._arrived = self._arrived, []
        return arrived

    def _done(self, caption: str) -> None:
        entry = self.queue.done(caption)
        if entry is not None:
            self._lags.append(time.monotonic() - entry.since)

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Plain data: what waits, and what is known."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore; all that is known arrives anew, since whoever learns from it starts anew as well."""


class LabelDesk(Desk):
    """One label for each caption."""

    def __init__(self, order: str, capacity: int):
        super().__init__(order, capacity)
        self._labels: dict[str, float | None] = {}
        self._stored: dict[str, float | None] = {}

    def see(self, caption: str, count: int, uncertainty: float | None) -> bool:
        """See `Desk.see`."""
        if caption in self._labels:
            return self._labels[caption] is not None
        if caption in self._stored:
            self._settle(caption, self._stored[caption])
        else:
            self.queue.see(caption, count, uncertainty)
        return False

    def store(self, answers: Iterable[Label]) -> None:
        """See `Desk.store`."""
        self._stored |= {label.caption: label.value for label in answers}
        self._serve()

    def _serve(self) -> None:
        for caption in [caption for caption in self.queue.waiting if caption in self._stored]:
            self.queue.done(caption)
            self._settle(caption, self._stored[caption])

    def take(self, most: int) -> list[str]:
        """See `Desk.take`."""
        return self.queue.take(most)

    def give_back(self, items: Sequence[str]) -> None:
        """See `Desk.give_back`."""
        self.queue.give_back(items)

    def answer(self, answers: Iterable[Label]) -> None:
        """See `Desk.answer`."""
        for label in answers:
            self._done(label.caption)
            self._settle(label.caption, label.value)

    def _settle(self, caption: str, value: float | None) -> None:
        self._labels[caption] = value
        self._arrived.append(Label(caption, value))
        self.known += value is not None
        self.invalid += value is None

    def state_dict(self) -> dict[str, Any]:
        """See `Desk.state_dict`."""
        return {"queue": self.queue.state_dict(), "labels": self._labels}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `Desk.load_state_dict`."""
        self.queue.load_state_dict(state["queue"])
        self._labels, self._arrived, self.known, self.invalid = {}, [], 0, 0
        for caption, value in state["labels"].items():
            self._settle(caption, value)
        self._serve()


class PairDesk(Desk):
    """Comparisons: each caption with several others, drawn at random, no two captions twice.

    Args:
        comparisons: In how many a caption takes part at least, as far as there are others.
        seed: For the draws.
    """

    def __init__(self, order: str, capacity: int, comparisons: int, seed: int):
        super().__init__(order, capacity)
        if comparisons < 1:
            raise ValueError(f"comparisons={comparisons}, expected at least 1")
        self.comparisons, self.seed = comparisons, seed
        self._draws = 0
        self._met: dict[str, dict[str, float | None]] = {}  # caption: {other: outcome for it}; of those seen
        self._preferences: list[Preference] = []
        self._asked: dict[Pair, str] = {}  # pair: the caption on whose behalf
        self._stored: dict[str, dict[str, Preference]] = {}
        self._valid: dict[str, int] = {}

    def see(self, caption: str, count: int, uncertainty: float | None) -> bool:
        """See `Desk.see`."""
        if caption not in self._met:
            self._met[caption] = {}
            self._serve(caption)
        if len(self._met[caption]) < self.comparisons:
            self.queue.see(caption, count, uncertainty)
        return caption in self._valid

    def store(self, answers: Iterable[Preference]) -> None:
        """See `Desk.store`."""
        for answer in answers:
            self._stored.setdefault(answer.first, {}).setdefault(answer.second, answer)
            self._stored.setdefault(answer.second, {}).setdefault(answer.first, answer)
        for caption in [*self._met]:
            self._serve(caption)

    def _serve(self, caption: str) -> None:
        for other, answer in self._stored.get(caption, {}).items():
            if other in self._met:
                self._settle(answer)

    def end_rollout(self) -> None:
        """See `Desk.end_rollout`; a forgotten caption is nobody's partner."""
        before = self.queue.forgotten
        self.queue.end_rollout()
        if self.queue.forgotten > before:
            kept = {*self.queue}
            self._met = {caption: met for caption, met in self._met.items() if met or caption in kept}

    def take(self, most: int) -> list[Pair]:
        """See `Desk.take`."""
        pairs, alone = [], []
        others = [*self._met]
        for caption in self.queue.take(most):
            pair = self._draw(caption, others)
            if pair is None:
                alone.append(caption)
            else:
                self._asked[pair] = caption
                pairs.append(pair)
        self.queue.give_back(alone)
        return pairs

    def _draw(self, caption: str, others: Sequence[str]) -> Pair | None:
        """A partner that it has not met and is not about to meet; None without one."""
        self._draws += 1
        rng = random.Random(f"{self.seed}/{self._draws}")
        for other in rng.sample(others, len(others)) if len(others) < 32 else rng.choices(others, k=32):
            if other != caption and other not in self._met[caption]:
                pair = (caption, other) if rng.random() < 0.5 else (other, caption)  # judges favor a position
                if pair not in self._asked and pair[::-1] not in self._asked:
                    return pair
        return None

    def give_back(self, items: Sequence[Pair]) -> None:
        """See `Desk.give_back`."""
        self.queue.give_back([self._asked.pop(pair) for pair in items])

    def answer(self, answers: Iterable[Preference]) -> None:
        """See `Desk.answer`."""
        for answer in answers:
            caption = self._asked.pop((answer.first, answer.second))
            self.queue.give_back([caption])
            self._settle(answer)

    def _settle(self, answer: Preference) -> None:
        first, second, outcome = answer.first, answer.second, answer.outcome
        met = self._met.setdefault(first, {})  # it may have been forgotten meanwhile
        if second in met:
            return  # another run's, and ours
        met[second] = outcome
        self._met.setdefault(second, {})[first] = None if outcome is None else 1.0 - outcome
        self._preferences.append(answer)
        self._arrived.append(answer)
        for caption in (first, second):
            if outcome is not None:
                self.known += caption not in self._valid
                self._valid[caption] = self._valid.get(caption, 0) + 1
            if len(self._met[caption]) >= self.comparisons and caption not in self._asked.values():
                self._done(caption)
        self.invalid += outcome is None

    def state_dict(self) -> dict[str, Any]:
        """See `Desk.state_dict`."""
        rows = [[answer.first, answer.second, answer.outcome] for answer in self._preferences]
        return {"queue": self.queue.state_dict(), "seen": [*self._met], "draws": self._draws, "preferences": rows}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `Desk.load_state_dict`."""
        self.queue.load_state_dict(state["queue"])
        self._draws = state["draws"]
        self._met = {caption: {} for caption in state["seen"]}
        self._asked, self._valid, self.known, self.invalid = {}, {}, 0, 0
        self._preferences, self._arrived = [], []
        for first, second, outcome in state["preferences"]:
            self._settle(Preference(first, second, outcome))
        for caption in state["seen"]:
            self._serve(caption)

"""Which captions to ask about next: every caption waits once, however often it is seen.

Orders:
    priority: of four captions two are the most frequent, one is the newest, one is what the reward model is least sure
        of (a third frequent one where it does not say). Frequency covers most steps with few calls, but frequent
        captions are mostly neutral, so part of the calls goes to news and doubts.
    fifo: the first seen first.
    newest: the last seen first, as ONI (arXiv 2410.23022) does; but here no caption is asked about twice.

Of captions that are alike in this, the more frequent comes first, or the one that was named first.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reward_designers.errors import unknown_name

ORDERS = ("priority", "fifo", "newest")
TURNS = ("frequent", "newest", "frequent", "doubtful")


@dataclass(slots=True)
class Entry:
    """A caption without an answer.

    Attributes:
        caption: The text.
        first: In which rollout it was first seen.
        last: In which it was last seen.
        count: In how many steps.
        uncertainty: The reward model's, None if it has said nothing.
        since: When it came, seconds of `time.monotonic`.
    """

    caption: str
    first: int
    last: int
    count: int = 0
    uncertainty: float | None = None
    since: float = field(default_factory=time.monotonic)


KEYS: dict[str, Callable[[Entry], Any]] = {
    "frequent": lambda entry: (entry.count, entry.last),
    "newest": lambda entry: (entry.first, entry.count),
    "doubtful": lambda entry: -1.0 if entry.uncertainty is None else entry.uncertainty,
    "first seen": lambda entry: -entry.first,
    "last seen": lambda entry: (entry.last, entry.count),  # of one rollout the order is not known
}
WORTH = {"priority": "frequent", "fifo": "first seen", "newest": "last seen"}
"""By which key a caption of an order keeps its place when there are too many."""


class CaptionQueue:
    """Captions that wait for an answer, and those being asked about.

    Args:
        order: One of `ORDERS`.
        capacity: How many may wait. Of too many, those that would be asked last are forgotten; seen again, they come
            back.
    """

    def __init__(self, order: str = "priority", capacity: int = 4096):
        if order not in ORDERS:
            raise ValueError(unknown_name("order", order, ORDERS))
        if capacity < 1:
            raise ValueError(f"capacity={capacity}, expected at least 1")
        self.order, self.capacity = order, capacity
        self.forgotten = 0
        self._waiting: dict[str, Entry] = {}
        self._asked: dict[str, Entry] = {}
        self._clock = self._turn = 0

    def __len__(self) -> int:
        """How many wait, those being asked about not counted."""
        return len(self._waiting)

    @property
    def waiting(self) -> Iterator[str]:
        """The captions that wait."""
        return iter(self._waiting)

    def __iter__(self) -> Iterator[str]:
        """The captions that wait or are being asked about."""
        return itertools.chain(self._waiting, self._asked)

    def see(self, caption: str, count: int = 1, uncertainty: float | None = None) -> None:
        """`caption` was seen in `count` steps."""
        entry = self._waiting.get(caption) or self._asked.get(caption)
        if entry is None:
            entry = self._waiting[caption] = Entry(caption, self._clock, self._clock)
        entry.last = self._clock
        entry.count += count
        if uncertainty is not None:
            entry.uncertainty = uncertainty

    def end_rollout(self) -> None:
        """All captions of a rollout were seen; forget what is beyond `capacity`."""
        self._clock += 1
        excess = len(self._waiting) - self.capacity
        if excess > 0:
            for entry in heapq.nsmallest(excess, self._waiting.values(), key=KEYS[WORTH[self.order]]):
                del self._waiting[entry.caption]
            self.forgotten += excess

    def take(self, most: int) -> list[str]:
        """The next captions, `most` at most; from now on they are being asked about."""
        taken = self._mixed(most) if self.order == "priority" else self._best(WORTH[self.order], most)
        self._asked |= {entry.caption: entry for entry in taken}
        return [entry.caption for entry in taken]

    def give_back(self, captions: Iterable[str]) -> None:
        """They were asked about in vain, and wait again with the place that they had."""
        for caption in captions:
            self._waiting[caption] = self._asked.pop(caption)

    def done(self, caption: str) -> Entry | None:
        """It is answered; returns its entry, None if there was none."""
        return self._asked.pop(caption, None) or self._waiting.pop(caption, None)

    def _best(self, key: str, most: int) -> list[Entry]:
        best = heapq.nlargest(most, self._waiting.values(), key=KEYS[key])
        for entry in best:
            del self._waiting[entry.caption]
        return best

    def _mixed(self, most: int) -> list[Entry]:
        """Take turns, so that calls of any size have the same mixture in the long run."""
        most = min(most, len(self._waiting))
        turns = [TURNS[turn % len(TURNS)] for turn in range(self._turn, self._turn + most)]
        self._turn = (self._turn + most) % len(TURNS)
        if all(entry.uncertainty is None for entry in self._waiting.values()):
            turns = ["frequent" if turn == "doubtful" else turn for turn in turns]
        return list(itertools.chain.from_iterable(self._best(turn, turns.count(turn)) for turn in dict.fromkeys(turns)))

    def state_dict(self) -> dict[str, Any]:
        """Plain data; what is being asked about waits again after a restart."""
        entries = sorted([*self._waiting.values(), *self._asked.values()], key=lambda entry: entry.first)
        rows = [[e.caption, e.first, e.last, e.count, e.uncertainty] for e in entries]
        return {"rows": rows, "clock": self._clock, "turn": self._turn, "forgotten": self.forgotten}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._waiting = {row[0]: Entry(*row) for row in state["rows"]}
        self._asked = {}
        self._clock, self._turn, self.forgotten = state["clock"], state["turn"], state["forgotten"]

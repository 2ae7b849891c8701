"""Asking a judge until every caption was compared often enough, or nothing more can be asked."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reward_designers.intrinsic import Annotation, Preference, Status

POLL_SECONDS = 0.05
QUIET_POLLS = 20
"""After so many polls without a call under way, what still waits has nobody left to be compared with."""
PATIENCE_SECONDS = 600.0
"""How long a judge may fail before it is given up."""


@dataclass
class Answers:
    """What came of it.

    Attributes:
        preferences: All that is known, what earlier calls of the command paid for included.
        status: How it stood at the end.
        stopped: Why not all was asked; empty if it was.
    """

    preferences: Sequence[Preference]
    status: Status
    stopped: str = ""


def ask(annotation: Annotation, counts: Mapping[str, int], *, patience: float = PATIENCE_SECONDS) -> Answers:
    """Have captions compared; a line tells how far it is.

    Args:
        annotation: With ``pairs=True``.
        counts: Captions, and how often each occurred.
        patience: Seconds that the judge may fail on end.
    """
    preferences: list[Preference] = []
    progress = Progress(len(counts))
    quiet, failing, stopped = 0, None, ""
    try:
        annotation.submit([*counts], [*counts.values()])
        while True:
            preferences += annotation.collect()[1]
            status = annotation.status()
            progress.show(status)
            if not status.queue and not status.in_flight:
                break
            now = time.monotonic()
            failing = (failing or now) if status.state == "open circuit" else None
            quiet = 0 if status.in_flight or failing else quiet + 1
            if status.state == "out of budget" and not status.in_flight:
                stopped = f"out of budget: {status.problem}"
            elif status.state.startswith("dead"):
                stopped = status.state
            elif failing and now - failing > patience:
                stopped = f"the judge has failed for {patience:.0f} s: {status.problem}"
            if stopped or quiet > QUIET_POLLS:
                break
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        stopped = "interrupted"
    finally:
        progress.close()
        annotation.close()
    preferences += annotation.collect()[1]
    return Answers(preferences, annotation.status(), stopped)


class Progress:
    """Captions that were compared often enough, as a bar on a terminal, elsewhere as a line now and then.

    Args:
        total: How many captions there are.
        seconds: Between lines.
    """

    def __init__(self, total: int, seconds: float = 10.0):
        self._total, self._seconds, self._printed = total, seconds, time.monotonic()
        self._bar: Any = None
        if sys.stderr.isatty():
            from tqdm import tqdm

            form = "{percentage:3.0f}%|{bar:24}| {n_fmt}/{total_fmt} captions [{remaining} left{postfix}]"
            self._bar = tqdm(total=total, bar_format=form, ncols=shutil.get_terminal_size().columns, nrows=20)

    def show(self, status: Status) -> None:
        """Tell how it stands."""
        done = self._total - status.queue - status.in_flight
        if self._bar is not None:
            self._bar.set_postfix_str(str(status), refresh=False)
            self._bar.update(max(done, 0) - self._bar.n)
        elif (now := time.monotonic()) - self._printed >= self._seconds:
            self._printed = now
            print(f"{max(done, 0):,}/{self._total:,} captions: {status}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """End the bar's line."""
        if self._bar is not None:
            self._bar.close()

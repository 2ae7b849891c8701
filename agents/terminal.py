"""What a person at a terminal sees and does while a command works."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def tell(text: str) -> None:
    """A line that the next one is written over; nothing where there is no terminal."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM is as good as Ctrl-C: what was done is saved."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, old)

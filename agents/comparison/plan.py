"""The parts of a comparison's work, one after the other: with a progress bar, and until somebody interrupts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

BAR: dict[str, Any] = {
    "file": sys.stderr,
    "bar_format": "{desc:<28.28} {percentage:3.0f}%|{bar}| {elapsed} < {remaining}",
    "mininterval": 0.3,
    "dynamic_ncols": True,
}


@dataclass(frozen=True)
class Part:
    """A part of the work.

    Attributes:
        name: Of its result.
        compute: Makes the result, which JSON can hold.
        weight: Its share of the progress bar; about the seconds it takes for a small comparison.
    """

    name: str
    compute: Callable[[], Any]
    weight: float = 1.0


class Progress:
    """The bar: parts that are done, and how far the running one is.

    Args:
        parts: All that there is to do.
    """

    def __init__(self, parts: Sequence[Part]):
        self._bar = tqdm(total=sum(part.weight for part in parts), **BAR)
        self._before, self._weight = 0.0, 0.0

    def begin(self, part: Part) -> None:
        """The part before is done, this one begins."""
        self._before, self._weight = self._before + self._weight, part.weight
        self._bar.set_description_str(part.name)
        self(0, 1)

    def __call__(self, done: int, total: int) -> None:
        """So much of the running part is done."""
        self._bar.n = min(self._bar.total, self._before + self._weight * min(1.0, done / max(1, total)))
        self._bar.update(0)

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.refresh()
        self._bar.close()

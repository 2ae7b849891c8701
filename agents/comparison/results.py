"""What is in a comparison's `report.json`, looked up by the report: any key may be missing, any distance unknown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from agents.errors import UsageError

LABEL = 26
"""Longest name (characters) in a figure; longer ones are cut in their middle there, and whole in every table."""
SYMBOLS = {"epic": "EPIC", "dard": "DARD", "starc": "STARC", "erc": "ERC"}

Json = Mapping[str, Any]


class Results:
    """A comparison's results.

    Args:
        data: The content of `report.json`.
    """

    def __init__(self, data: Json):
        self.data = data
        self.rewards: list[Json] = list(data.get("rewards") or [])
        self.distances: list[Json] = list(data.get("distances") or [])
        pairs = [entry for key in ("distances", "returns") for entry in data.get(key) or []]
        self.names = _unique([*(r["name"] for r in self.rewards), *(e[end] for e in pairs for end in ("a", "b"))])
        self.coverages = _unique(
            [*(c["name"] for c in data.get("coverages") or []), *(e["coverage"] for e in self.distances)]
        )
        self._about_method = {m["name"]: m for m in data.get("methods") or []}
        self.methods = _unique([*self._about_method, *(e["method"] for e in self.distances)])
        self.reference: str | None = data.get("reference") if data.get("reference") in self.names else None
        self._by_pair = {(e["method"], e["coverage"], frozenset((e["a"], e["b"]))): e for e in self.distances}

    @classmethod
    def read(cls, folder: Path) -> Results:
        """The results in a comparison's folder.

        Raises:
            UsageError: There are none, or the file is damaged.
        """
        path = folder / "report.json"
        try:
            return cls(json.loads(path.read_text()))
        except FileNotFoundError:
            raise UsageError(f"{folder} has no report.json, so it is not the folder of a comparison") from None
        except json.JSONDecodeError as error:
            raise UsageError(f"{path} is damaged: {error}") from error

    def distance(self, method: str, coverage: str, a: str, b: str) -> Json | None:
        """The distance of a pair, in either order; None if it was not computed."""
        return self._by_pair.get((method, coverage, frozenset((a, b))))

    def why_unknown(self, method: str, *names: str) -> str:
        """Why a distance between some rewards was not computed, as far as is known."""
        for reward in self.rewards:
            if reward["name"] in names:
                reason = (reward.get("unsupported") or {}).get(method) or reward.get("error")
                if reason:
                    return f"not computed: {reward['name']}: {reason}"
        return "not computed"

    def value(self, method: str, coverage: str, a: str, b: str) -> float | None:
        """The number alone; None if the distance is undefined or was not computed."""
        return (self.distance(method, coverage, a, b) or {}).get("value")

    @cached_property
    def ordered(self) -> list[str]:
        """The names, the reference first."""
        return sorted(self.names, key=lambda name: name != self.reference)

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """Every pair, those with the reference first."""
        return [(a, b) for i, a in enumerate(self.ordered) for b in self.ordered[i + 1 :]]

    @property
    def method(self) -> str | None:
        """The method that conclusions are drawn from: the first whose values mean something by themselves."""
        return next((m for m in self.methods if not self.ranking_only(m)), next(iter(self.methods), None))

    def ranking_only(self, method: str) -> bool:
        """Whether only the order of a method's distances means anything."""
        marked = self._about_method.get(method, {}).get("ranking_only")
        return bool(marked) or any(e["method"] == method and e.get("ranking_only") for e in self.distances)

    def top(self, method: str) -> float:
        """The largest distance that a method can give."""
        return float((self._about_method.get(method, {}).get("range") or [0, 1])[1])

    def has(self, method: str, coverage: str) -> bool:
        """Whether any pair of a method and a coverage was computed."""
        return any(e["method"] == method and e["coverage"] == coverage for e in self.distances)

    @cached_property
    def labels(self) -> dict[str, str]:
        """Names for figures, none longer than `LABEL`, no two alike."""
        labels: dict[str, str] = {}
        for name in self.names:
            label, number = shorten(name), 1
            while label in labels.values():
                number += 1
                label = f"{shorten(name, LABEL - 3)} {number}"
            labels[name] = label
        return labels


def shorten(name: str, length: int = LABEL) -> str:
    """The name without its middle if it is longer than ``length``: names of variants differ at the end."""
    if len(name) <= length:
        return name
    head = (length - 1) // 2
    return f"{name[:head]}…{name[head + 1 - length :]}"


def symbol(method: str) -> str:
    """A method's name as it is written in text."""
    return SYMBOLS.get(method, method.replace("_", " "))


def number(value: float | None, digits: int = 3) -> str:
    """A number as the page shows it."""
    if value is None:
        return "–"
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def interval(entry: Json | None, digits: int = 3) -> str:
    """The interval of a distance or a mean; empty if there is none."""
    if not entry or entry.get("low") is None or entry.get("high") is None:
        return ""
    return f"{number(entry['low'], digits)} to {number(entry['high'], digits)}"


def listed(names: Sequence[str]) -> str:
    """Names as a sentence has them."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def file_stem(*parts: str) -> str:
    """A file's name, less its ending, made of what people typed."""
    return "_".join(re.sub(r"[^\w.+-]+", "-", part).strip("-.") or "x" for part in parts)


def known(matrix: np.ndarray) -> list[int]:
    """Rows of a symmetric matrix that have a number for every pair among them: the worst are left out, one by one.

    Args:
        matrix: ``(n, n)``, NaN where unknown.
    """
    rows = list(range(len(matrix)))
    while rows:
        missing = np.isnan(matrix[np.ix_(rows, rows)]).sum(1)
        if not missing.any():
            return rows
        del rows[int(missing.argmax())]
    return rows


def matrix(results: Results, method: str, coverage: str, names: Sequence[str]) -> np.ndarray:
    """Distances of every pair, ``(n, n)`` float64, NaN where undefined or unknown, zero on the diagonal."""
    rows = np.full((len(names), len(names)), np.nan)
    np.fill_diagonal(rows, 0.0)
    for i, a in enumerate(names):
        for j, b in enumerate(names[:i]):
            value = results.value(method, coverage, a, b)
            rows[i, j] = rows[j, i] = np.nan if value is None else value
    return rows


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))

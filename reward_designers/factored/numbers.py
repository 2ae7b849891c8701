"""Numbers in words: named fields of a body as attributes such as ``uprightness: upright``.

    NumberWords.of({"body": {"torso_height": "high"}}, {"torso_height": ["low", 0.9, "middle", 1.2, "high"]})

A scale is its words from low to high with the edges between them: a number equal to an edge belongs to the word above.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

from reward_designers.errors import RewardError, unknown_name
from reward_designers.factored.extractor import Row, RowExtractor
from reward_designers.factored.state import FactoredState, Goal

Scale = Sequence[Any]
"""Word, edge, word, edge, ..., word."""

WORDS: Mapping[str, Scale] = {
    "forward_velocity": ("backward", -0.1, "still", 0.1, "slow", 1.0, "fast"),
    "lateral_velocity": ("to the right", -0.1, "straight", 0.1, "to the left"),
    "vertical_velocity": ("falling", -0.5, "level", 0.5, "rising"),
    "uprightness": ("upside down", -0.5, "lying", 0.5, "leaning", 0.9, "upright"),
    "distance_to_target": ("there", 0.02, "near", 0.1, "far"),
}
"""Scales that mean the same for every body: velocities in m/s, distances in m, uprightness from -1 to 1."""


class NumberWords(RowExtractor):
    """Fields as words.

    Args:
        fields: Which fields belong to which object.
        scales: Of each of these fields.
    """

    def __init__(self, fields: Mapping[str, Sequence[str]], scales: Mapping[str, Scale]):
        self.fields = fields
        self.inputs = frozenset(name for names in fields.values() for name in names)
        self._scales = {name: _parsed(name, scales[name]) for name in self.inputs}

    @classmethod
    def of(cls, goal: object, words: Mapping[str, Scale]) -> NumberWords:
        """What it takes to see whether `goal` holds, with scales of one's own beside those in `WORDS`.

        Raises:
            RewardError: The goal is not objects with fields, a field has no scale, or a scale no such word.
        """
        if not isinstance(goal, Mapping) or not all(isinstance(wanted, Mapping) and wanted for wanted in goal.values()):
            raise RewardError(
                f"goal={goal!r}, expected an object with fields and what they should be, such as "
                "{'body': {'uprightness': 'upright', 'forward_velocity': 'fast'}}"
            )
        scales = {**WORDS, **words}
        for wanted in goal.values():
            for name, word in wanted.items():
                if name not in scales:
                    raise RewardError(
                        f"{unknown_name('field with words', name, scales)} "
                        f"Give its words and the edges between them: words={{'{name}': ['low', 0.9, 'high']}}"
                    )
                for option in word if isinstance(word, Mapping) else (word,):
                    if option not in (known := _parsed(name, scales[name])[0]):
                        raise RewardError(unknown_name(f"word for {name}", option, known))
        return cls({str(thing): list(wanted) for thing, wanted in goal.items()}, scales)

    def graded(self, goal: Goal) -> Goal:
        """`goal` with credit for neighbouring words: 1 for the one that is wanted, 0 for the farthest on its scale."""
        return [
            (
                thing,
                {name: word if isinstance(word, Mapping) else self._near(name, word) for name, word in wanted.items()},
            )
            for thing, wanted in goal
        ]

    def _near(self, name: str, word: str) -> dict[str, float]:
        words = self._scales[name][0]
        at = words.index(word)
        farthest = max(at, len(words) - 1 - at)
        return {other: 1.0 - abs(place - at) / farthest for place, other in enumerate(words)}

    def next(self, state: FactoredState, row: Row) -> FactoredState:
        """See `RowExtractor.next`; what was before makes no difference."""
        return FactoredState(
            {thing: {name: self._word(name, row[name]) for name in names} for thing, names in self.fields.items()}
        )

    def _word(self, name: str, value: Any) -> str:
        words, edges = self._scales[name]
        return words[bisect_right(edges, float(value))]


def _parsed(name: str, scale: Scale) -> tuple[list[str], list[float]]:
    """Words and edges of a scale.

    Raises:
        RewardError: It is none.
    """
    words, edges = list(scale[::2]), list(scale[1::2])
    numbers = all(isinstance(edge, Real) and not isinstance(edge, bool) for edge in edges)
    distinct = all(isinstance(word, str) for word in words) and len(set(words)) == len(words)
    if len(words) < 2 or len(words) != len(edges) + 1 or not (numbers and distinct) or sorted(set(edges)) != edges:
        raise RewardError(
            f"words for {name}: {list(scale)!r}, expected different words with rising numbers between them, "
            "such as ['low', 0.9, 'middle', 1.2, 'high']"
        )
    return words, [float(edge) for edge in edges]

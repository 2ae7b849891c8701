"""How alike two phrases are: the same words, embeddings, or a function of one's own.

What has a structure (numbers, instances, lists, graded values) is compared by `score` itself; only phrases come here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from typing import Any

from reward_designers.embeddings import ENCODERS, Embedder
from reward_designers.errors import RewardError, unknown_name

SIMILARITIES = ("exact", "embedding", *ENCODERS[1:])


class Similarity:
    """Exact: 1 for the same words, else 0. Phrases come in small letters and without their instance's number."""

    def prepare(self, phrases: Iterable[str]) -> None:
        """What will be compared, so that it can be worked on in one batch."""

    def __call__(self, wanted: str, known: str) -> float:
        """From 0 to 1."""
        return float(wanted == known)

    def best(self, name: str, known: Mapping[str, Any]) -> str | None:
        """The attribute that answers to `name`; None if there is none."""
        if name in known:
            return name
        return next((key for key in known if _plain(key) == _plain(name)), None)


class _Graded(Similarity):
    """By degrees: the best-matching attribute is the most similar one."""

    def best(self, name: str, known: Mapping[str, Any]) -> str | None:
        """See `Similarity.best`."""
        same = super().best(name, known)
        return same if same is not None else max(known, key=lambda key: self(name, key), default=None)


class FunctionSimilarity(_Graded):
    """A function of two phrases, the goal's and the state's."""

    def __init__(self, function: Callable[[str, str], float]):
        self.function = function

    def __call__(self, wanted: str, known: str) -> float:
        """See `Similarity`.

        Raises:
            RewardError: The function returns something else than a number from 0 to 1.
        """
        value = float(self.function(wanted, known))
        if not 0.0 <= value <= 1.0:
            raise RewardError(f"similarity of {wanted!r} and {known!r} is {value}, expected a number from 0 to 1")
        return value


class EmbeddingSimilarity(_Graded):
    """The cosine of two phrases' embeddings, 0 where it is negative; 1 for the same words."""

    def __init__(self, embedder: Embedder):
        self.embedder = embedder
        self._cosine = lru_cache(maxsize=2**18)(embedder.cosine)

    def prepare(self, phrases: Iterable[str]) -> None:
        """See `Similarity.prepare`."""
        if new := list(dict.fromkeys(phrase for phrase in phrases if phrase.strip())):
            self.embedder(new)

    def __call__(self, wanted: str, known: str) -> float:
        """See `Similarity`."""
        if super().__call__(wanted, known):
            return 1.0
        if not wanted.strip() or not known.strip():
            return 0.0  # nothing is not like anything
        return min(max(self._cosine(wanted, known), 0.0), 1.0)


def make_similarity(similarity: str | Similarity | Callable[[str, str], float]) -> Similarity:
    """The similarity that a name, or a function, stands for; see `score`.

    Raises:
        ValueError: There is none of that name.
    """
    if isinstance(similarity, Similarity):
        return similarity
    if callable(similarity):
        return FunctionSimilarity(similarity)
    return _named(similarity)


@cache
def _named(name: str) -> Similarity:
    """One for the process, so that each text is embedded once."""
    if name == "exact":
        return Similarity()
    try:
        return EmbeddingSimilarity(Embedder("wordllama" if name == "embedding" else name))
    except ValueError as error:
        raise ValueError(unknown_name("similarity", name, SIMILARITIES)) from error


def _plain(phrase: str) -> str:
    return " ".join(phrase.casefold().split())

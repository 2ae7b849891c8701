"""Similarity to the goal as the judge (ELLM, arXiv 2302.06692): what a caption is about, not whether it helps.

Sentence embeddings tell topics apart, and hardly success from failure ("this door is locked" is near "open the door"):
a baseline, and a judge for games whose messages name what was achieved.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from reward_designers.base import unknown_name
from reward_designers.intrinsic.labels import Annotator, Label
from reward_designers.llm import LLMError

ENCODERS = ("wordllama", "sentence-transformers/MODEL")


class TextEncoder(Protocol):
    """Anything that turns texts into vectors."""

    def encode(self, texts: list[str]) -> Any:
        """Vectors ``(len(texts), d)``."""


@dataclass
class EmbeddingAnnotator(Annotator):
    """A caption's value is the cosine of its embedding and the goal's, 0 where that is negative.

    Args:
        encoder: ``wordllama`` (static embeddings of 256 numbers that come with the package, 33 MB, without torch; extra
            ``embedding``), ``sentence-transformers/MODEL`` with that package installed (a name of the Hugging Face hub
            or a folder), or any object with ``encode(list of n texts) -> (n, d)``.
        name: Give an encoder of your own a name of its own.

    Raises:
        ValueError: There is no encoder of that name.
    """

    encoder: str | TextEncoder = "wordllama"
    name: str = ""

    batch = 256

    def __post_init__(self) -> None:
        """Find out early whether the encoder exists."""
        if isinstance(self.encoder, str) and self.encoder != "wordllama" and not self._sentence_transformer():
            raise ValueError(unknown_name("encoder", self.encoder, ENCODERS))
        if not self.name:
            self.name = self.encoder if isinstance(self.encoder, str) else type(self.encoder).__name__

    def _sentence_transformer(self) -> str:
        prefix, _, model = str(self.encoder).partition("/")
        return model if prefix == "sentence-transformers" else ""

    def open(self, store: str | os.PathLike[str] | None) -> None:
        """See `Annotator.open`; nothing is kept, since nothing costs much.

        Raises:
            LLMError: The encoder's package is not installed.
        """
        self._encode = self.encoder.encode if not isinstance(self.encoder, str) else _load(self._sentence_transformer())
        self._goals: dict[str, np.ndarray] = {}

    def label(self, goal: str, captions: Sequence[str]) -> list[Label]:
        """See `Annotator.label`; a caption without text is worth nothing."""
        if not hasattr(self, "_goals"):
            self.open(None)
        if goal not in self._goals:
            self._goals[goal] = self._embed([goal])[0]
        values = np.zeros(len(captions))
        spoken = [index for index, caption in enumerate(captions) if caption.strip()]
        if spoken:
            values[spoken] = self._embed([captions[index] for index in spoken]) @ self._goals[goal]
        return [Label(c, v) for c, v in zip(captions, np.clip(values, 0.0, 1.0).tolist(), strict=True)]

    def _embed(self, texts: list[str]) -> np.ndarray:
        vectors = np.asarray(self._encode(texts), float)
        if vectors.ndim != 2 or len(vectors) != len(texts):
            raise ValueError(f"{self.name} made {vectors.shape} of {len(texts)} texts, expected ({len(texts)}, d)")
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _load(model: str) -> Any:
    """The function that embeds: a sentence transformer's, or WordLlama's if `model` is empty."""
    try:
        if model:
            return importlib.import_module("sentence_transformers").SentenceTransformer(model, device="cpu").encode
        import wordllama
    except ImportError as error:
        package = "sentence-transformers" if model else "wordllama"
        extra = "" if model else ", or 'reward-designers[embedding]'"
        raise LLMError(f"this encoder needs a package: pip install {package}{extra} ({error})") from error
    # Weights and tokenizer lie beside its code, but it looks for the latter in a cache: so that is where the cache is.
    folder = Path(wordllama.__file__).parent
    return wordllama.WordLlama.load(cache_dir=folder, disable_download=True).embed

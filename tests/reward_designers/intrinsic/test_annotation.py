"""The service: nothing asked twice, nothing lost, whatever the judge does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reward_designers.intrinsic import Annotation, Label, Lexicon
from reward_designers.intrinsic import breaker as breaker_module
from tests.reward_designers.intrinsic.judges import Judge


def test_sync_answers_within_submit_and_asks_once(tmp_path: Path) -> None:
    judge = Judge(tmp_path)
    with Annotation(judge, "long words", sync=True) as annotation:
        annotation.submit(["a", "bb", "?"], [5, 2, 1])
        labels, preferences = annotation.collect()
        assert sorted(labels, key=str) == [Label("?", None), Label("a", 0.1), Label("bb", 0.2)]
        assert preferences == []
        annotation.submit(np.array(["a", "?", "ccc"]), np.array([4, 4, 2]))
        assert annotation.collect() == ([Label("ccc", 0.3)], [])
        status = annotation.status()
    assert judge.asked() == ["a", "bb", "?", "ccc"]  # by frequency, each once, the invalid one as well
    assert (status.known, status.invalid, status.state) == (3, 1, "waiting")
    assert status.coverage == 4 / 18  # before the call only `a` had a valid answer


def test_pairs_are_asked_once_each_and_enough(tmp_path: Path) -> None:
    words = ["a", "bb", "ccc", "dddd", "eeeee", "ffffff"]
    with Annotation(Judge(tmp_path), "long words", sync=True, pairs=True, comparisons=3) as annotation:
        annotation.submit(words, [1] * 6)
        labels, preferences = annotation.collect()
        assert labels == []
        met = [frozenset((p.first, p.second)) for p in preferences]
        assert len(set(met)) == len(met)
        assert all(sum(word in pair for pair in met) >= 3 for word in words)
        assert all(p.outcome == float(len(p.first) > len(p.second)) for p in preferences)
        assert {p.outcome for p in preferences} == {0.0, 1.0}  # no position is preferred
        annotation.submit(words, [1] * 6)
        assert annotation.collect() == ([], [])
        assert annotation.status().coverage == 0.5


def test_a_caption_without_a_partner_waits_for_one(tmp_path: Path) -> None:
    with Annotation(Judge(tmp_path), "long words", sync=True, pairs=True) as annotation:
        annotation.submit(["a"], [1])
        assert annotation.collect() == ([], [])
        annotation.submit(["bb"], [1])
        assert len(annotation.collect()[1]) == 1


@pytest.mark.parametrize("pairs", [False, True])
def test_state_brings_back_all_that_is_known(tmp_path: Path, pairs: bool) -> None:
    words = ["a", "bb", "?", "ccc"]
    first = Annotation(Judge(tmp_path), "long words", sync=True, pairs=pairs)
    first.submit(words, [1] * 4)
    known = first.collect()
    state = first.state_dict()
    assert all(array.dtype != object for array in state.values())
    second = Annotation(Judge(tmp_path), "long words", sync=True, pairs=pairs)
    second.load_state_dict(state)
    assert second.collect() == known
    asked = len(Judge(tmp_path).asked())
    second.submit(words, [1] * 4)
    assert len(Judge(tmp_path).asked()) == asked
    assert second.status().known == first.status().known
    assert second.status().invalid == first.status().invalid
    other = Annotation(Judge(tmp_path), "short words", sync=True, pairs=pairs)
    with pytest.raises(ValueError, match="'long words'"):
        other.load_state_dict(state)


@pytest.mark.parametrize("pairs", [False, True])
def test_sync_repeats_exactly_and_so_does_what_is_resumed(tmp_path: Path, pairs: bool) -> None:
    """Three rollouts in one go, twice, and with a stop before the third."""

    def made() -> Annotation:
        return Annotation(Judge(tmp_path), "long words", sync=True, pairs=pairs, comparisons=2, capacity=20, seed=3)

    def rollout(annotation: Annotation, number: int) -> list[object]:
        words = [f"{number * (i % 2)} {'x' * (7 * i % 11)} {i}" for i in range(12)]
        annotation.submit(words, range(12), [i / 12 for i in range(12)])
        return [*map(tuple, annotation.collect())]

    whole, again, first = made(), made(), made()
    answers = [rollout(whole, number) for number in range(3)]
    assert [rollout(again, number) for number in range(3)] == answers
    assert [rollout(first, number) for number in range(2)] == answers[:2]
    resumed = made()
    resumed.load_state_dict(first.state_dict())
    assert [*map(tuple, resumed.collect())] == [a + b for a, b in zip(*answers[:2], strict=True)]
    assert rollout(resumed, 2) == answers[2]
    assert any(answers[2])
    assert replace(resumed.status(), lag=None) == replace(whole.status(), lag=None)


def test_a_failing_judge_is_left_alone_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(breaker_module.time, "monotonic", lambda: now[0])
    judge = Judge(tmp_path)
    (tmp_path / "fail").touch()
    with Annotation(judge, "long words", sync=True) as annotation:
        annotation.submit(["a"], [1])
        assert annotation.status().state == "open circuit"
        assert annotation.status().problem == "the server is down"
        assert annotation.status().queue == 1
        (tmp_path / "fail").unlink()
        annotation.submit(["bb"], [1])
        assert judge.asked() == []  # not yet
        now[0] += breaker_module.FIRST_PAUSE
        annotation.submit(["ccc"], [1])
        assert sorted(judge.asked()) == ["a", "bb", "ccc"]
        assert annotation.status().state == "waiting"
        assert annotation.status().problem == ""


def test_pauses_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(breaker_module.time, "monotonic", lambda: now[0])
    breaker = breaker_module.Breaker()
    pauses = []
    for _ in range(8):
        assert breaker.room(4) == (1 if breaker.state != "closed" else 4)  # one call decides
        breaker.failed("down")
        breaker.failed("down")  # a call that was made at the same time
        assert breaker.room(4) == 0
        pauses.append(breaker.pause)
        now[0] += breaker.pause
    assert pauses == [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0]
    breaker.succeeded()
    assert breaker.room(4) == 4
    breaker.failed("down")
    assert breaker.pause == 5.0


def test_out_of_budget_is_said(tmp_path: Path) -> None:
    (tmp_path / "broke").touch()
    with Annotation(Judge(tmp_path), "long words", sync=True) as annotation:
        annotation.submit(["a"], [1])
        status = annotation.status()
    assert (status.state, status.problem, status.queue) == ("out of budget", "nothing left", 1)
    assert "OUT OF BUDGET" in str(status)


def test_a_bug_of_the_judge_is_raised_in_sync(tmp_path: Path) -> None:
    (tmp_path / "bug").touch()
    with Annotation(Judge(tmp_path), "long words", sync=True) as annotation, pytest.raises(ZeroDivisionError):
        annotation.submit(["a"], [1])


def test_malformed_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="goal is empty"):
        Annotation(Lexicon(), " ", sync=True)
    with (
        Annotation(Lexicon(), "gold", sync=True) as annotation,
        pytest.raises(ValueError, match="2 captions, 1 counts"),
    ):
        annotation.submit(["a", "b"], [1])

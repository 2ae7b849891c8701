"""Language models as judges, against a server on the loopback interface."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reward_designers.intrinsic import Label, LLMAnnotator, Preference, Replay
from reward_designers.llm import Budget, BudgetError, LLMError, Sampling
from reward_designers.llm.__main__ import main as command
from tests.reward_designers.intrinsic.llm_server import answered, captions_of, judge
from tests.reward_designers.llm.chat_server import ChatServer, answer, completion, status

GOAL = "find every e"
CAPTIONS = ["tree", "door", "key", "eerie elephant"]
LABELS = [Label("tree", 0.5), Label("door", 0.0), Label("key", 0.25), Label("eerie elephant", 1.0)]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "labels.sqlite"


def annotator(server: ChatServer, store: Path | None, **options: Any) -> LLMAnnotator:
    made = LLMAnnotator(**{"name": "tiny", "base_url": server.url, "timeout": 10.0, "retries": 0} | options)
    made.open(store)
    return made


def test_many_captions_one_call(server: ChatServer, store: Path) -> None:
    server.default = judge()
    with annotator(server, store) as llm:
        assert llm.label(GOAL, CAPTIONS) == LABELS
        assert llm.label(GOAL, CAPTIONS[::-1]) == LABELS[::-1]
        assert llm.prefer(GOAL, [("tree", "door"), ("door", "tree"), ("door", "oak")]) == [
            Preference("tree", "door", 1.0),
            Preference("door", "tree", 0.0),
            Preference("door", "oak", 0.5),
        ]
        assert llm.spent().calls == 2
        assert llm.spent().tokens == 1000
    assert [len(captions_of(body)) for body in server.bodies] == [4, 3]
    assert GOAL in server.bodies[0]["messages"][0]["content"]


def test_another_run_pays_only_for_what_is_new_in_any_mixture(server: ChatServer, store: Path) -> None:
    server.default = judge()
    with annotator(server, store) as first:
        first.label(GOAL, CAPTIONS[:3])
        with annotator(server, store, sampling=Sampling(100, temperature=0.5)) as second:
            assert second.known(GOAL) == (LABELS[:3], [])
            assert second.label(GOAL, CAPTIONS[::-1]) == LABELS[::-1]
            assert second.known("another goal") == ([], [])
    with annotator(server, store, name="other") as other:
        assert other.known(GOAL) == ([], [])
    assert answered(server) == dict.fromkeys(CAPTIONS, 1)


def test_runs_at_once_learn_from_each_other(server: ChatServer, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reward_designers.intrinsic.memory.REFRESH_SECONDS", 0.0)
    server.default = judge()
    with annotator(server, store) as first, annotator(server, store) as second:
        assert second.known(GOAL) == ([], [])
        first.label(GOAL, CAPTIONS)
        assert second.label(GOAL, CAPTIONS) == LABELS
    assert answered(server) == dict.fromkeys(CAPTIONS, 1)


def test_one_retry_then_invalid(server: ChatServer, store: Path) -> None:
    """The first reply misses two captions; those alone are asked about again, and one of them is missed again."""
    server.script.extend([answer('{"1": 2, "2": 7, "4": 4}'), answer('{"1": 0}'), answer("never asked for")])
    expected = [LABELS[0], LABELS[1], Label("key", None), LABELS[3]]
    with annotator(server, store) as llm:
        assert llm.label(GOAL, CAPTIONS) == expected
        assert llm.label(GOAL, CAPTIONS) == expected
    assert [captions_of(body) for body in server.bodies] == [CAPTIONS, ["door", "key"]]
    assert "Answer again" in server.bodies[1]["messages"][-1]["content"]
    with annotator(server, store) as again:
        assert sorted(again.known(GOAL)[0], key=str) == sorted(expected, key=str)
    assert len(server.bodies) == 2


def test_a_run_that_ended_between_the_attempts_makes_the_second_one(server: ChatServer, store: Path) -> None:
    server.script.extend([answer("garbage"), status(400, "go away")])
    with annotator(server, store) as llm, pytest.raises(LLMError, match="go away"):
        llm.label(GOAL, ["tree"])
    server.default = judge()
    with annotator(server, store) as again:
        assert again.known(GOAL) == ([], [])
        assert again.label(GOAL, ["tree", "key"]) == [LABELS[0], LABELS[2]]
    assert [captions_of(body) for body in server.bodies[2:]] == [["key"], ["tree"]]


def test_a_reply_that_is_cut_off_is_no_answer_and_says_what_to_do(server: ChatServer, store: Path) -> None:
    cut = completion(['{"1": 2, "2"'])
    cut["choices"][0]["finish_reason"] = "length"
    server.script.append(lambda handler, body: handler.send(200, json.dumps(cut).encode()))
    server.default = judge()
    with annotator(server, store) as llm, pytest.raises(LLMError, match="max_completion_tokens=2048"):
        llm.label(GOAL, CAPTIONS)
    with annotator(server, store, sampling=Sampling(4096)) as longer:
        assert longer.label(GOAL, CAPTIONS) == LABELS


def test_limits_on_calls_hold(server: ChatServer, store: Path) -> None:
    server.default = judge()
    with annotator(server, store, budget=Budget(max_calls=2)) as llm:
        for caption in CAPTIONS[:2]:
            llm.label(GOAL, [caption])
        with pytest.raises(BudgetError, match="2 of max_calls=2"):
            llm.label(GOAL, ["one more"])
        assert llm.label(GOAL, CAPTIONS[:2]) == LABELS[:2]
    assert len(server.bodies) == 2


def test_a_recorded_judge_repeats_itself(server: ChatServer, store: Path, tmp_path: Path) -> None:
    server.script.append(answer('{"1": 2, "2": 0}'))
    with annotator(server, store) as llm:
        llm.label(GOAL, CAPTIONS[:2])
    command(["export", str(store), str(tmp_path / "judge.yaml")])
    for path in (store, tmp_path / "judge.yaml"):
        with Replay(path) as replay:
            assert replay.label(GOAL, ["door", "tree", "new"]) == [LABELS[1], LABELS[0], Label("new", None)]
            with pytest.raises(LLMError, match=f"labels/{GOAL}"):
                replay.label("find every a", ["tree"])
    other = LLMAnnotator("other", server.url)
    other.open(store)
    server.default = judge()
    other.label(GOAL, ["door"])
    other.close()
    with pytest.raises(LLMError, match="several judges"):
        Replay(store).open(None)
    with pytest.raises(LLMError, match="Did you mean 'tiny'"):
        Replay(store, by="tyni").open(None)
    with Replay(store, by="tiny") as replay:
        assert replay.label(GOAL, ["tree"]) == LABELS[:1]

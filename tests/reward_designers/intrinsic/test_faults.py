"""The service and a language model that fails in every way: no lost label, no call twice, limits that hold."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from reward_designers.intrinsic import Annotation, Label, LLMAnnotator
from reward_designers.intrinsic import breaker as breaker_module
from reward_designers.llm import Budget, ReplyStore
from tests.reward_designers.intrinsic.judges import until
from tests.reward_designers.intrinsic.llm_server import captions_of, judge, score, troubled
from tests.reward_designers.llm.chat_server import ChatServer, Handler, hang, hang_up, serving

ROOT = Path(__file__).resolve().parents[3]
GOAL = "find every e"
CAPTIONS = [f"{'e' * (index % 6)} caption {index}" for index in range(60)]
LABELS = {caption: score(caption) / 4 for caption in CAPTIONS}


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker_module, "FIRST_PAUSE", 0.02)


def made(server: ChatServer, **options: Any) -> LLMAnnotator:
    return LLMAnnotator(
        **{"name": "tiny", "base_url": server.url, "batch": 4, "concurrency": 4, "timeout": 10, "retries": 0} | options
    )


def collected(annotation: Annotation) -> dict[str, float | None]:
    labels = annotation.collect()[0]
    assert len({label.caption for label in labels}) == len(labels)
    return {label.caption: label.value for label in labels}


class Tally:
    """Passes calls on to a judge, and counts how often each caption got a valid answer."""

    def __init__(self, behavior: Any):
        self.behavior, self.valid = behavior, Counter[str]()

    def __call__(self, handler: Handler, body: dict[str, Any]) -> None:
        self.behavior(handler, body)
        self.valid.update(captions_of(body))


def test_a_third_of_calls_fails_and_nothing_is_lost_or_paid_twice(server: ChatServer, tmp_path: Path) -> None:
    good = Tally(judge(median=0.01, rng=random.Random(1)))
    server.default = troubled(good, seed=0, faults=0.3)
    with Annotation(made(server), GOAL, store=tmp_path / "labels.sqlite") as annotation:
        annotation.submit(CAPTIONS, [1] * 60)
        until(lambda: annotation.status().known + annotation.status().invalid == 60)
        labels = collected(annotation)
        assert annotation.status().state == "waiting"
    invalid = {caption for caption, value in labels.items() if value is None}
    assert {caption: value for caption, value in labels.items() if value is not None} == {
        caption: value for caption, value in LABELS.items() if caption not in invalid
    }
    assert set(good.valid) == set(CAPTIONS) - invalid
    assert set(good.valid.values()) == {1}
    assert len(invalid) < 30  # garbage twice in a row


def test_a_server_that_hangs_then_breaks_then_comes_back(server: ChatServer, tmp_path: Path) -> None:
    good = Tally(judge())
    server.script.append(hang)
    server.default = good
    with Annotation(made(server, timeout=0.5, concurrency=1), GOAL, store=tmp_path / "labels.sqlite") as annotation:
        annotation.submit(CAPTIONS[:8], [1] * 8)
        until(lambda: "no answer within 0.5 s" in annotation.status().problem)
        until(lambda: annotation.status().known == 8)
        server.default = hang_up
        annotation.submit(CAPTIONS, [1] * 60)
        until(lambda: annotation.status().state == "open circuit")
        assert "OPEN CIRCUIT" in str(annotation.status())
        assert collected(annotation) == {caption: LABELS[caption] for caption in CAPTIONS[:8]}
        assert annotation.status().queue + annotation.status().in_flight == 52
        server.default = good
        until(lambda: annotation.status().known == 60)
        assert annotation.status().state == "waiting"
    assert set(good.valid.values()) == {1}


def test_a_dead_endpoint_is_said(tmp_path: Path) -> None:
    with serving() as server:
        url = server.url
    with Annotation(LLMAnnotator("tiny", url, retries=0), GOAL, store=tmp_path / "labels.sqlite") as annotation:
        annotation.submit(CAPTIONS, [1] * 60)
        until(lambda: "cannot be reached" in annotation.status().problem)
        status = annotation.status()
        assert (status.state, status.queue + status.in_flight, status.calls) == ("open circuit", 60, 0)


@pytest.mark.parametrize("limit", [{"max_calls": 5}, {"max_tokens": 8_000}])
def test_limits_hold_exactly_with_calls_at_once(server: ChatServer, tmp_path: Path, limit: dict[str, int]) -> None:
    """A call takes 500 tokens here; what it could take at worst, some 3,700, must fit as well."""
    server.default = judge(median=0.02)
    with Annotation(made(server, budget=Budget(**limit)), GOAL, store=tmp_path / "labels.sqlite") as annotation:
        annotation.submit(CAPTIONS, [1] * 60)
        until(lambda: annotation.status().state == "out of budget" and not annotation.status().in_flight)
        status = annotation.status()
        assert status.calls == len(server.bodies)
        assert status.tokens == 500 * len(server.bodies)
        assert status.known == 4 * len(server.bodies)
        assert status.queue == 60 - status.known
        if "max_calls" in limit:
            assert status.calls == 5
        else:
            assert status.tokens <= 8_000 < status.tokens + 4_000
        assert len(collected(annotation)) == status.known


def test_after_kill_9_a_run_goes_on_with_what_was_paid_for(server: ChatServer, tmp_path: Path) -> None:
    """The training and its annotator are killed in the midst of calls; the next run asks only for what is missing."""
    good = Tally(judge(median=0.1))
    server.default = good
    store = tmp_path / "labels.sqlite"
    module = "tests.reward_designers.intrinsic.trainer"
    with subprocess.Popen([sys.executable, "-m", module, server.url, store], cwd=ROOT, process_group=0) as trainer:
        until(lambda: len(good.valid) >= 16)
        os.killpg(trainer.pid, signal.SIGKILL)
    time.sleep(0.5)  # calls that the server was busy with
    with ReplyStore(store, read_only=True) as kept:
        paid = {
            caption
            for request in kept.requests()
            if kept.replies(request.hash)
            for caption in json.loads(request.prompt.messages[-1]["content"]).values()
        }
    assert len(paid) >= 8
    before = len(server.bodies)
    with Annotation(made(server), GOAL, store=store) as annotation:
        annotation.submit(CAPTIONS, [1] * 60)
        assert {label.caption for label in annotation.collect()[0]} == paid  # at once
        until(lambda: annotation.status().known == 60)
        assert collected(annotation) == {c: v for c, v in LABELS.items() if c not in paid}
    again = Counter(caption for body in server.bodies[before:] for caption in captions_of(body))
    assert again == dict.fromkeys(set(CAPTIONS) - paid, 1)


def test_when_the_training_is_killed_the_annotator_ends_and_keeps_what_it_was_asking(
    server: ChatServer, tmp_path: Path
) -> None:
    server.default = judge(median=0.5, sigma=0.0)
    store = tmp_path / "labels.sqlite"
    module = "tests.reward_designers.intrinsic.trainer"
    with subprocess.Popen([sys.executable, "-m", module, server.url, store], cwd=ROOT, process_group=0) as trainer:
        until(lambda: len(server.bodies) >= 1)
        trainer.kill()
    until(lambda: not alive(trainer.pid), 20)
    with ReplyStore(store, read_only=True) as kept:
        assert sum(len(kept.replies(request.hash)) for request in kept.requests()) == len(server.bodies)
        assert not sum(usage.unsettled_tokens for usage in kept.spent())


def alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_labels_of_an_earlier_run_come_at_once(server: ChatServer, tmp_path: Path) -> None:
    server.default = judge()
    for sync in (True, False):
        with Annotation(made(server), GOAL, store=tmp_path / "labels.sqlite", sync=sync) as annotation:
            annotation.submit(["tree"], [1])
            assert annotation.collect()[0] == [Label("tree", 0.5)]
    assert len(server.bodies) == 1

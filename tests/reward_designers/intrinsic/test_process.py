"""A judge in a process of its own: it dies, hangs and is stopped, and training neither waits nor loses a label."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from reward_designers.intrinsic import Annotation, Label
from reward_designers.intrinsic import annotation as annotation_module
from reward_designers.intrinsic import breaker as breaker_module
from reward_designers.intrinsic.process import Process
from reward_designers.llm import LLMError
from tests.reward_designers.intrinsic.judges import Importer, Judge, until

WORDS = [f"word {'x' * index}" for index in range(12)]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker_module, "FIRST_PAUSE", 0.02)


def pid(annotation: Annotation) -> int:
    assert isinstance(annotation._worker, Process)
    return annotation._worker.pid


def gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{process}/stat").read_text().split()[2] == "Z"


def test_training_does_not_wait_and_nothing_is_asked_twice(tmp_path: Path) -> None:
    with Annotation(Judge(tmp_path, seconds=0.3, concurrency=2), "long words") as annotation:
        start = time.monotonic()
        annotation.submit(WORDS[:8], [1] * 8)
        assert annotation.collect() == ([], [])
        assert time.monotonic() - start < 0.3
        until(lambda: annotation.status().in_flight == 8)
        annotation.submit(WORDS, [1] * 12)  # eight of these are being asked about
        until(lambda: annotation.status().known == 12)
        assert annotation.status().lag > 0.2
        labels, _ = annotation.collect()
        assert {label.caption for label in labels} == set(WORDS)
        assert annotation.collect() == ([], [])
        worker = pid(annotation)
    assert sorted(Judge(tmp_path).asked()) == sorted(WORDS)
    assert gone(worker)


def test_the_process_loads_nothing_of_the_training() -> None:
    with Annotation(Importer(), "loaded modules") as annotation:
        annotation.submit(["torch", "stable_baselines3", "mujoco", "numpy"], [1] * 4)
        until(lambda: annotation.status().known == 4)
        assert {label.caption for label in annotation.collect()[0] if label.value} == {"numpy"}


@pytest.mark.parametrize("death", ["exit", "kill -9"])
def test_a_process_that_dies_is_replaced(tmp_path: Path, death: str) -> None:
    judge = Judge(tmp_path, seconds=0.05)
    with Annotation(judge, "long words") as annotation:
        if death == "exit":
            (tmp_path / "die").touch()
        annotation.submit(WORDS, [1] * 12)
        if death == "kill -9":
            until(lambda: annotation.status().known == 4)
            os.kill(pid(annotation), signal.SIGKILL)
        until(lambda: annotation.status().known == 12)
        assert annotation.status().restarts == 1
        assert {label.caption for label in annotation.collect()[0]} == set(WORDS)
    # A call that was cut off may have been made; of those before and after it none was made twice.
    assert len(judge.asked()) <= 12 + 4 * (death == "kill -9")


def test_a_bug_is_seen_after_a_bounded_number_of_restarts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotation_module, "RESTARTS", 1)
    with Annotation(Judge(tmp_path), "long words") as annotation:
        annotation.submit(WORDS[:4], [1] * 4)
        until(lambda: annotation.status().known == 4)
        (tmp_path / "bug").touch()
        annotation.submit(WORDS, [1] * 12)
        until(lambda: annotation.status().state.startswith("dead"))
        status = annotation.status()
        assert status.state == "dead: ZeroDivisionError: a bug (after 1 restarts)"
        assert (status.known, status.queue, status.in_flight, status.restarts) == (4, 8, 0, 1)
        annotation.submit(WORDS, [1] * 12)  # training goes on with what is known
        assert annotation.status().coverage == pytest.approx((4 + 4) / 28)
        assert len(annotation.collect()[0]) == 4
        state = annotation.state_dict()
    (tmp_path / "bug").unlink()
    with Annotation(Judge(tmp_path), "long words") as again:  # and the next run asks about what was left
        again.load_state_dict(state)
        until(lambda: again.status().known == 12)
        assert len(again.collect()[0]) == 12
    assert sorted(Judge(tmp_path).asked()) == sorted(WORDS)


def test_a_process_that_hangs_does_not_hold_up_training(tmp_path: Path) -> None:
    with Annotation(Judge(tmp_path), "long words") as annotation:
        os.kill(pid(annotation), signal.SIGSTOP)
        try:
            start = time.monotonic()
            for step in range(200):
                annotation.submit([f"{step} {'x' * 500} {i}" for i in range(50)], [1] * 50)
                annotation.collect()
            assert time.monotonic() - start < 5
            assert annotation.status().queue + annotation.status().in_flight + annotation.status().forgotten == 10_000
        finally:
            os.kill(pid(annotation), signal.SIGCONT)
        until(lambda: annotation.status().known > 0)


def test_failures_pause_and_pass(tmp_path: Path) -> None:
    (tmp_path / "fail").touch()
    with Annotation(Judge(tmp_path, concurrency=3), "long words") as annotation:
        annotation.submit(WORDS, [1] * 12)
        until(lambda: annotation.status().state == "open circuit")
        assert annotation.status().problem == "the server is down"
        assert annotation.status().queue + annotation.status().in_flight == 12
        (tmp_path / "fail").unlink()
        until(lambda: annotation.status().known == 12)
        assert annotation.status().state == "waiting"
        assert annotation.status().restarts == 0
    assert sorted(Judge(tmp_path).asked()) == sorted(WORDS)


def test_closing_waits_for_answers_that_are_on_their_way(tmp_path: Path) -> None:
    annotation = Annotation(Judge(tmp_path, seconds=0.3), "long words")
    annotation.submit(WORDS, [1] * 12)
    until(lambda: annotation.status().in_flight > 0)
    annotation.close()
    annotation.close()
    assert len(annotation.collect()[0]) == len(Judge(tmp_path).asked()) == 4
    assert annotation.status().queue == 8


def test_a_fork_of_the_training_does_not_keep_the_process(tmp_path: Path) -> None:
    with Annotation(Judge(tmp_path), "long words") as annotation:
        worker = pid(annotation)
        child = os.fork()
        if not child:
            time.sleep(60)
            os._exit(0)
    try:
        until(lambda: gone(worker), 5)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_what_cannot_start_says_why_at_once(tmp_path: Path) -> None:
    from reward_designers.intrinsic import Replay

    with pytest.raises(LLMError, match="the annotator cannot start: FileNotFoundError: no recorded replies"):
        Annotation(Replay(tmp_path / "none.yaml"), "long words")


def test_arrays_of_captions(tmp_path: Path) -> None:
    """As `np.unique` gives them; what comes back are plain strings."""
    with Annotation(Judge(tmp_path), "long words", sync=True) as annotation:
        annotation.submit(*np.unique(np.array([["a", "bb"], ["a", "a"]]), return_counts=True))
        labels, _ = annotation.collect()
    assert labels == [Label("a", 0.1), Label("bb", 0.2)]
    assert all(type(label.caption) is str for label in labels)

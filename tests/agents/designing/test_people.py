"""Asking a person at a terminal that is a real one, as far as the kernel is concerned."""

from __future__ import annotations

import os
import pty
import sys
import termios
import threading
import time
from pathlib import Path

import pytest

from agents.designing.people import AtTerminal, FromFile
from reward_designers.code.search import Candidate, Origin

CANDIDATE = Candidate.of("def reward(obs):\n    return obs[:, 0]", Origin("first"), fields=())


def test_what_was_typed_before_the_question_is_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    video = tmp_path / "watched" / "video.mp4"
    video.parent.mkdir()
    video.touch()
    keyboard, terminal = pty.openpty()
    try:
        with os.fdopen(terminal, closefd=False) as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            os.write(keyboard, b"\n")  # out of impatience
            flush, asked = termios.tcflush, threading.Event()

            def flushed(*arguments: object) -> None:
                flush(*arguments)  # type: ignore[arg-type]
                asked.set()

            monkeypatch.setattr(termios, "tcflush", flushed)

            def answer() -> None:
                asked.wait(60)
                time.sleep(0.05)
                os.write(keyboard, "Stay in the middle, s'il te plaît. \n".encode())

            thread = threading.Thread(target=answer)
            thread.start()
            said = AtTerminal()(CANDIDATE.trained({0: 0.5}, 10), tmp_path, 0)
            thread.join()
    finally:
        os.close(keyboard)
        os.close(terminal)
    assert said == "Stay in the middle, s'il te plaît."
    assert f"{CANDIDATE.key}: 0.5 (1 seed)\nvideo: {video}" in capsys.readouterr().err


def test_nobody_at_the_terminal_says_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert AtTerminal()(CANDIDATE, tmp_path, 0) == ""
    assert "feedback=FILE" in capsys.readouterr().err


def test_a_file_has_a_line_for_each_question(tmp_path: Path) -> None:
    (tmp_path / "said.txt").write_text("higher \n\nslower\n")
    person = FromFile(str(tmp_path / "said.txt"))
    assert [person(CANDIDATE, tmp_path, asked) for asked in range(4)] == ["higher", "", "slower", ""]

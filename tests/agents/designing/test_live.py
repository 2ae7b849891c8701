"""What a terminal shows: states of programs, bars of trainings, the size of the screen, and who else writes to it."""

from __future__ import annotations

import io
import os
import re
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from agents.config.commands import TrainConfig
from agents.designing.display import Display
from agents.designing.halving import Rung
from agents.designing.live import LiveDisplay, Running, make_display
from agents.designing.training import Training, failed
from reward_designers.code.search import Candidate, History, Origin, Rejection

RUNGS = [Rung(1000, 1), Rung(2000, 2)]
FIELDS = ("up",)


class Screen(io.StringIO):
    """A terminal, as far as a program can tell."""

    def isatty(self) -> bool:
        return True


def program(number: int) -> Candidate:
    return Candidate.of(f"def reward(up):\n    return up * {number}", Origin("first", round=0), fields=FIELDS)


def training(folder: Path, name: str, seed: int = 0, steps: int = 1000) -> Training:
    run = folder / name / f"seed_{seed}"
    return Training(name, TrainConfig(run_dir=str(run), seed=seed, total_timesteps=steps), episodes=1, heldout=0)


def write_progress(of: Training, *rows: tuple[int, float]) -> None:
    run = Path(of.config.run_dir or "")
    run.mkdir(parents=True, exist_ok=True)
    lines = ["time/total_timesteps,time/fps", *(f"{steps},{fps}" for steps, fps in rows)]
    (run / "progress.csv").write_text("\n".join(lines) + "\n")
    later = time.time() + len(rows)
    os.utime(run / "progress.csv", (later, later))


@pytest.fixture(autouse=True)
def a_terminal_that_moves_its_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever these tests run in."""
    monkeypatch.setenv("TERM", "xterm-256color")


def display(width: int = 100, height: int = 30) -> LiveDisplay:
    return LiveDisplay("fitness", RUNGS, Console(file=io.StringIO(), width=width, height=height, force_terminal=True))


def shown(display: LiveDisplay) -> list[str]:
    with display.console.capture() as capture:
        display.console.print(display.draw())
    return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", capture.get()).splitlines()]


@dataclass
class Scene:
    history: History
    best: str
    stopped: str
    busy: str
    checked: str


def scene(display: LiveDisplay) -> Scene:
    """One program of each kind, as a search would tell of them."""
    history = History()
    best, stopped, busy, checked = (program(n) for n in range(4))
    wrong = Candidate.unusable("nothing", Origin("first"), Rejection("reply", "there is no\nprogram in it"))
    display.phase("round 1: 5 x first")
    for each in (best, stopped, busy, wrong, checked):
        history.add(each)
        display.candidate(each)
    for key, scores, steps in [(best.key, {0: 0.5, 1: 0.7}, 2000), (stopped.key, {0: 0.25}, 1000)]:
        history.update(history[key].trained(scores, steps))
        display.candidate(history[key])
    return Scene(history, best.key, stopped.key, busy.key, checked.key)


def test_every_state_has_a_row_and_running_trainings_have_bars(tmp_path: Path) -> None:
    live = display()
    found = scene(live)
    runs = [training(tmp_path, found.busy), training(tmp_path, found.busy, seed=1)]
    live.trainings(runs, RUNGS[0])
    write_progress(runs[0], (0, 0), (400, 200))
    (Path(runs[0].config.run_dir or "") / "lock").touch()
    lines = shown(live)
    rows = {line.split()[0]: line for line in lines if line}
    assert re.search(r"trained 2/2 +0.6 \[-0.671, 1.87\] +best", rows[found.best])
    assert "stopped 1/2" in rows[found.stopped]
    assert "reply: there is no program in it" in next(line for line in lines if "rejected" in line)
    assert "checked" in rows[found.checked]
    (state, bar) = [line for line in lines if line.startswith(found.busy)]
    assert "training 1/2" in state
    assert re.search(r"seed 0 ━+.* 400/1,000 200 fps 0:03$", bar)
    assert any(line.startswith("stage 1 of 2: 2 trainings to 1,000 steps, 0 done") for line in lines)
    assert lines[-1].startswith(f"best so far 0.6 [-0.671, 1.87] (2 seeds) by {found.best}")


@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 12), (120, 40)])
def test_it_fits_the_screen_while_it_runs_and_shows_all_at_the_end(tmp_path: Path, width: int, height: int) -> None:
    live = display(width, height)
    live.phase("round 1: 50 x first, and a great many other things that do not fit on one line of such a terminal")
    candidates = [program(n) for n in range(50)]
    for candidate in candidates:
        live.candidate(candidate.rejected("laws", "a long reason " * 20))
    runs = [training(tmp_path, candidate.key) for candidate in candidates[:3]]
    live.trainings(runs, RUNGS[0])
    for run in runs:
        write_progress(run, (0, 0), (1000, 10))
    lines = shown(live)
    assert len(lines) < height
    assert max(map(len, lines)) <= width
    assert sum("scoring" in line for line in lines) == 3
    assert any(re.search(r"and \d+ more", line) for line in lines)
    with live:
        pass
    assert sum("rejected" in line for line in shown(live)) == 50


def test_time_left_counts_the_steps_that_this_stage_has_to_make(tmp_path: Path) -> None:
    once, other = training(tmp_path, "a", steps=2000), training(tmp_path, "b", steps=2000)
    for run in (once, other):
        write_progress(run, (0, 0), (1000, 100))  # of the stage before
    live = display()
    live.trainings([once, other], RUNGS[1])
    live._began -= 60
    assert "left" not in "\n".join(shown(live))  # nothing is known yet
    write_progress(once, (0, 0), (1000, 100), (1500, 50))
    assert any("0 done, 3:00 left" in line for line in shown(live))  # 500 of 2,000 steps in a minute
    live.training(once, failed("it died\nof a long story"), 2)
    assert any("1 done, 1:00 left" in line for line in shown(live))


def test_a_lock_that_a_killed_process_left_behind_is_no_running_training(tmp_path: Path) -> None:
    run = training(tmp_path, "a")
    write_progress(run, (0, 0), (400, 100))
    lock = Path(run.config.run_dir or "") / "lock"
    lock.touch()
    os.utime(lock, (time.time() - 100, time.time() - 100))
    seen = Running(run)
    assert (seen.state, seen.steps, seen.start) == ("waiting", 400, 400)
    lock.touch()
    seen.look()
    assert seen.state == "training"
    (Path(run.config.run_dir or "") / "progress.csv").write_text("time/total_timesteps\n9")  # in mid-line
    seen.look()
    assert seen.state == "training"


def test_the_terminal_is_given_back_while_a_person_is_asked_and_after_an_interruption() -> None:
    live = display()
    file = live.console.file
    assert isinstance(file, io.StringIO)
    scene(live)
    with suppress(KeyboardInterrupt), live:
        with live.paused():
            assert file.getvalue().endswith("\x1b[?25h")  # the cursor is visible again
            before = file.getvalue()
            time.sleep(0.8)
            assert file.getvalue() == before
        assert file.getvalue().count("\x1b[?25l") == 2
        print("warning: in between", file=sys.stderr)  # is put above the table, which follows
        raise KeyboardInterrupt
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", file.getvalue())
    assert "warning: in between\n" in text
    assert "rejected" in text.partition("warning: in between")[2]
    assert file.getvalue().rstrip().endswith("\x1b[?25h")


def test_only_terminals_that_can_be_drawn_on_get_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert type(make_display("fitness", RUNGS)) is Display  # pytest's pipe
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert type(make_display("fitness", RUNGS)) is Display
    monkeypatch.delenv("FORCE_COLOR")
    monkeypatch.setattr(sys, "stderr", Screen())
    assert isinstance(make_display("fitness", RUNGS), LiveDisplay)
    monkeypatch.setenv("NO_COLOR", "1")
    plain = make_display("fitness", RUNGS)
    assert isinstance(plain, LiveDisplay)
    scene(plain)
    with plain.console.capture() as capture:
        plain.console.print(plain.draw())
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", capture.get())  # bold and faint are no colors
    monkeypatch.setenv("CI", "true")
    assert type(make_display("fitness", RUNGS)) is Display
    monkeypatch.delenv("CI")
    monkeypatch.setenv("TERM", "dumb")
    assert type(make_display("fitness", RUNGS)) is Display


def test_the_plain_lines_say_the_stage(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    plain = Display("fitness", RUNGS)
    plain.trainings([training(tmp_path, "a")], RUNGS[0])
    plain.trainings([training(tmp_path, "env", seed) for seed in (7, 8)], None)
    plain.asking(1)
    assert capsys.readouterr().err.splitlines() == [
        "  stage 1 of 2: 1 training to 1,000 steps",
        "  2 trainings to 1,000 steps",
        "  asking for 1 reply",
    ]

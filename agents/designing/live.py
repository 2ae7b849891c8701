"""What a search shows in a terminal: all programs and what became of them, the trainings that run, the best, the cost.

The table is drawn anew twice a second below what else is printed. How far a training is, is read from what it writes,
so it does not matter in which process or on which machine it runs.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from agents.designing.display import Display, number
from agents.designing.halving import Rung
from agents.designing.training import Outcome, Training
from agents.runs import RunDir, read_progress
from reward_designers.code.search import Candidate, History, Score, score, select

REFRESH = 2
"""Times a second."""
BARS = 8
"""At most so many trainings are drawn; the number of the others is said."""
KEY = 16
"""Length of a program's key."""


def make_display(judged_by: str, rungs: Sequence[Rung]) -> Display:
    """The live one in a terminal that can be drawn on, else the plain one; NO_COLOR takes the colors away."""
    console = Console(stderr=True)
    if sys.stderr.isatty() and console.is_interactive and "CI" not in os.environ:
        return LiveDisplay(judged_by, rungs, console)
    return Display(judged_by, rungs)


class Running:
    """A training, as far as its files tell.

    Attributes:
        training: The training.
        start: Steps that an earlier stage had made.
        steps: Made so far.
        fps: Steps a second; 0 while not known.
        state: ``waiting``, ``training`` or ``scoring``.
    """

    def __init__(self, training: Training):
        self.training = training
        self.total = training.config.total_timesteps or 1
        self.steps, self.fps, self.state = 0, 0.0, "waiting"
        self._run = RunDir(_run_dir(training))
        self._seen = 0.0
        self._began = time.time() - 1  # clocks of file systems are coarse
        self.look()
        self.start, self.fps = min(self.steps, self.total), 0.0

    def look(self) -> None:
        """Read what is new."""
        try:
            changed = self._run.progress.stat().st_mtime
            if changed > self._seen:
                rows = read_progress(self._run.progress)
                self.steps = int(rows[-1]["time/total_timesteps"]) if rows else 0
                self.fps, self._seen = rows[-1].get("time/fps", self.fps) if rows else 0.0, changed
        except (OSError, ValueError, KeyError):
            pass  # not there yet, or being written: the next look will tell
        try:
            locked = (self._run.path / "lock").stat().st_mtime >= self._began
        except OSError:
            locked = False
        self.state = "training" if locked else "scoring" if self.steps >= self.total else "waiting"


class LiveDisplay(Display):
    """A table that is kept up to date at the end of the terminal.

    Args:
        judged_by: Name of the score.
        rungs: Of the trainings.
        console: The terminal.
    """

    def __init__(self, judged_by: str, rungs: Sequence[Rung], console: Console):
        super().__init__(judged_by, rungs)
        self.console = console
        self._live: Live | None = None
        self._start = time.monotonic()
        self._candidates: dict[str, Candidate] = {}
        self._repeats: dict[str, str] = {}
        self._phase, self._doing, self._best = "", "", ""
        self._running: dict[str, Running] = {}
        self._rung, self._steps_done, self._steps = 0, 0, 0
        self._rows: list[tuple[str, ...]] = []
        self._ended = False

    # A search's life

    def __enter__(self) -> Display:
        self._resume()
        return self

    def __exit__(self, *_: object) -> None:
        """The table of all programs stays on the screen."""
        self._ended, self._running, self._doing = True, {}, ""
        self._changed()
        self._stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The table stays where it is, and another one is begun below what is written meanwhile."""
        self._stop()
        try:
            yield
        finally:
            self._resume()

    def _resume(self) -> None:
        self._live = Live(
            get_renderable=self.draw,
            console=self.console,
            refresh_per_second=REFRESH,
            redirect_stdout=sys.stdout.isatty(),
        )
        self._live.start(refresh=True)

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    # What happens in it

    def resumed(self, history: History) -> None:
        """What is there already."""
        if history.rounds:
            self.say(f"going on after round {len(history.rounds)}")
        self._candidates = dict(history.candidates)
        self._changed()

    def phase(self, text: str) -> None:
        """A part of the search begins."""
        self._phase, self._doing = text, ""

    def asking(self, replies: int) -> None:
        """The model is being asked."""
        self._doing = f"asking for {replies} {'reply' if replies == 1 else 'replies'} ..."

    def candidate(self, candidate: Candidate, more: str = "") -> None:
        """What became of a candidate."""
        self._doing = ""
        self._candidates[candidate.key] = candidate
        if more:
            self._repeats[candidate.key] = more
        self._changed()

    def trainings(self, trainings: Sequence[Training], rung: Rung | None) -> None:
        """Trainings begin."""
        self._done, self._began = 0, time.monotonic()
        self._doing = self.stage(trainings, rung)
        self._rung = 0 if rung is None else self.rungs.index(rung) + 1
        running = {training.key: Running(training) for training in trainings}
        self._steps_done, self._steps = 0, sum(each.total - each.start for each in running.values())
        self._running = running
        self._changed()

    def training(self, training: Training, outcome: Outcome, of: int) -> None:
        """A training has ended."""
        running = dict(self._running)
        ended = running.pop(training.key)
        self._done, self._steps_done = self._done + 1, self._steps_done + ended.total - ended.start
        self._running = running
        if self._rung == 0:  # no candidate's row will tell
            result = outcome["failure"] or f"{self.judged_by} {number(outcome['score'])}"
            self.say(f"{training.name} seed {training.config.seed}: {result.splitlines()[0]}")

    def end_round(self, history: History) -> None:
        """A round is over."""
        self._candidates, self._running, self._doing = dict(history.candidates), {}, ""
        self._changed()

    def _changed(self) -> None:
        """Make the rows anew; it is done here since drawing is another thread's business."""
        found = select(self._candidates.values())
        training = {running.training.name for running in self._running.values()} if self._rung else set()
        groups: dict[str, list[tuple[str, ...]]] = {"ranked": [], "busy": [], "stopped": [], "rejected": []}
        for key in [*found.ranking, *(key for key in self._candidates if key not in found.ranking)]:
            candidate, result = self._candidates[key], score(self._candidates[key])
            reached = next((i for i, rung in enumerate(self.rungs, 1) if rung.steps == candidate.steps), 0)
            of = f" {reached}/{len(self.rungs)}" if len(self.rungs) > 1 else ""
            note = self._repeats.get(key, "")
            if candidate.failure is not None:
                stage, _, why = candidate.failure.partition(": ")
                group, state, style, note = "rejected", "rejected", "red", f"{stage}: {' '.join(why.split())}"
            elif key in training:
                of = f" {self._rung}/{len(self.rungs)}" if len(self.rungs) > 1 else ""
                group, state, style = "busy", f"training{of}", "cyan"
            elif result is None:
                group, state, style = "busy", "checked", "yellow"
                warnings = len(candidate.warnings)
                note = f"{warnings} warning{'s' if warnings > 1 else ''}" if warnings else ""
            elif key in found.ranking:
                group, state, style = "ranked", f"trained{of}", "green"
                note = "best" if key == found.best else "tied with the best" if key in found.tied else note
                note += f", {self._repeats[key]}" if key in self._repeats and note != self._repeats[key] else ""
            else:
                group, state, style = "stopped", f"stopped{of}", "dim"
            shown = "" if result is None else _short(result)
            groups[group].append((key, str(candidate.origin.round + 1), state, shown, note, style))
        self._rows = [row for rows in groups.values() for row in rows]
        best = None if found.best is None else score(self._candidates[found.best])
        self._best = "" if best is None else f"best so far {best} by {found.best}"

    # How it looks

    def draw(self) -> RenderableType:
        """The table, fit for the terminal's size; all of it at the end."""
        running = list(self._running.values())
        for each in running:
            each.look()
        active = [each for each in running if each.state != "waiting"]
        parts: list[RenderableType] = [self._title()]
        spare = self.console.size.height - 7 - min(len(active), BARS)
        if self._rows:
            parts.append(self._table(len(self._rows) if self._ended else max(spare, 3)))
        if self._doing:
            parts.append(Text())
            parts.append(Text(self._doing + self._progress(running), style="bold", overflow="ellipsis", no_wrap=True))
        if active:
            parts.append(self._bars(active[:BARS]))
        footer = ", ".join(text for text in (self._best, self._cost and f"cost {self._cost}") if text)
        if footer:
            parts.append(Text(footer, overflow="ellipsis", no_wrap=True))
        return Group(*parts)

    def _title(self) -> RenderableType:
        row = Table.grid(expand=True)
        row.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        row.add_column(justify="right", no_wrap=True)
        failed = sum(candidate.failure is not None for candidate in list(self._candidates.values()))
        phase = f"{len(self._candidates)} programs, {failed} of them failed" if self._ended else self._phase
        row.add_row(Text(phase, style="bold"), Text(f"{_clock(time.monotonic() - self._start)} so far", style="dim"))
        return row

    def _table(self, most: int) -> RenderableType:
        table = Table(box=None, expand=True, pad_edge=False, header_style="dim")
        table.add_column("program", width=KEY, no_wrap=True, overflow="ellipsis")
        table.add_column("round", justify="right")
        table.add_column("", no_wrap=True)
        table.add_column(self.judged_by, no_wrap=True)
        table.add_column("", ratio=1, no_wrap=True, overflow="ellipsis")
        rows = self._rows if len(self._rows) <= most else self._rows[: most - 1]
        for key, round, state, result, note, style in rows:
            faint = "dim" if style == "dim" else ""
            table.add_row(key, round, Text(state, style=style), result, Text(note), style=faint)
        if len(rows) < len(self._rows):
            table.add_row("", "", "", "", Text(f"and {len(self._rows) - len(rows)} more", style="dim"))
        return table

    def _bars(self, active: Sequence[Running]) -> RenderableType:
        table = Table.grid(expand=True, padding=(0, 1))
        for width in (KEY, None):
            table.add_column(width=width, no_wrap=True, overflow="ellipsis")
        table.add_column(ratio=1)
        for _ in range(3):
            table.add_column(justify="right", no_wrap=True)
        for each in active:
            scoring = each.state == "scoring"
            left = (each.total - each.steps) / each.fps if each.fps else None
            table.add_row(
                each.training.name,
                f"seed {each.training.config.seed}",
                ProgressBar(total=each.total, completed=each.steps, complete_style="cyan", finished_style="green"),
                f"{min(each.steps, each.total):,}/{each.total:,}",
                "" if scoring or not each.fps else f"{each.fps:,.0f} fps",
                "scoring" if scoring else "" if left is None else _clock(left),
            )
        return table

    def _progress(self, running: Sequence[Running]) -> str:
        """How much of the trainings is done, and how long the others will take at this pace."""
        if not running:
            return ""
        done = self._steps_done + sum(each.steps - each.start for each in running)
        seconds = time.monotonic() - self._began
        left = f", {_clock((self._steps - done) * seconds / done)} left" if done > 0 else ""
        return f", {self._done} done{left}"


def _short(result: Score) -> str:
    if result.low is None:
        return f"{result.mean:.3g}"
    return f"{result.mean:.3g} [{result.low:.3g}, {result.high:.3g}]"


def _clock(seconds: float) -> str:
    hours, rest = divmod(round(max(seconds, 0)), 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def _run_dir(training: Training) -> Path:
    return Path(training.config.run_dir or "")

"""Arms of a study: the same task trained on different rewards, seed by seed; curves, table and plot of their runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.drawing import COLORS, WIDTH, Plot, new_figure, style
from agents.evaluation import interval
from agents.rewarding.alarm import HackingAlarm
from agents.runs import RunDir, read_progress
from benchmarks.learning import STEP, Cell, folder

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BINS = 20
"""Points of a curve: means of a twentieth of the training each."""
Row = Mapping[str, float]


@dataclass(frozen=True)
class Arm:
    """A reward to train on.

    Attributes:
        label: For tables and legends.
        options: Of `agents.train`; the argument is the study's folder.
        color: Number of one of the figures' colors.
        line: Matplotlib's style of its line.
        own: What is paid beside the environment's reward, a column of the log or what several begin with; empty if
            nothing is.
        alarmed: Whether such a run has the alarm against hacking.
    """

    label: str
    options: Callable[[Path], tuple[str, ...]]
    color: int
    line: str = "-"
    own: str = "reward/intrinsic"
    alarmed: bool = True


@dataclass(frozen=True)
class Curves:
    """What the runs of one arm came to.

    Attributes:
        seeds: Of the runs.
        steps: Of each run; fewer than planned if it stopped or is not done.
        states: ``finished``, ``interrupted`` (an alarm, or not done) or ``running``.
        seconds: Of each run.
        truth: ``(seeds, BINS)`` fitness of training episodes; NaN where none ended.
        judged: ``(seeds, BINS)`` what else was paid in an episode; NaN if nothing.
        alarms: The step at which the alarm went off; None if it did not.
    """

    seeds: list[int]
    steps: list[int]
    states: list[str]
    seconds: list[float]
    truth: np.ndarray
    judged: np.ndarray
    alarms: list[int | None]

    def last(self, values: np.ndarray) -> list[float]:
        """Mean of each seed's last tenth of what it has."""
        rows = [row[~np.isnan(row)][-max(1, BINS // 10) :] for row in values]
        return [float(row.mean()) if row.size else float("nan") for row in rows]


def read(cell: Cell, name: str, arm: Arm, output: Path) -> Curves | None:
    """The runs of an arm, finished or not; None if there are none."""
    found = Curves([], [], [], [], np.zeros((0, BINS)), np.zeros((0, BINS)), [])
    truth, judged = [], []
    for seed in range(100):
        run = RunDir(output / folder(cell, name, seed))
        rows = read_progress(run.progress)
        if len(rows) < 2:
            continue
        summary = run.read_summary()
        found.seeds.append(seed)
        found.steps.append(int(rows[-1][STEP]))
        found.states.append(summary.get("state", "running"))
        found.seconds.append(rows[-1].get("time/elapsed", 0.0))
        found.alarms.append(alarm(rows, arm.own) if arm.alarmed else None)
        truth.append(binned(rows, "rollout/fitness", cell.steps))
        judged.append(binned(rows, arm.own, cell.steps))
    if not found.seeds:
        return None
    return Curves(
        found.seeds, found.steps, found.states, found.seconds, np.array(truth), np.array(judged), found.alarms
    )


def alarm(rows: Sequence[Row], own: str) -> int | None:
    """The step at which a run's alarm went off, or would have."""
    if not own:
        return None
    bell = HackingAlarm(own, "rollout/fitness")
    return next((int(row[STEP]) for row in rows if bell(row)), None)


def binned(rows: Sequence[Row], column: str, steps: int) -> np.ndarray:
    """Means of a column over each of the `BINS` parts of a training, NaN where it has no value."""
    bins: list[list[float]] = [[] for _ in range(BINS)]
    for row in rows:
        parts = [value for name, value in row.items() if column and f"{name}/".startswith(f"{column}/")]
        if parts:
            bins[min(BINS - 1, max(0, int((row[STEP] - 1) * BINS / steps)))].append(sum(parts))
    return np.array([np.mean(values) if values else np.nan for values in bins])


def reached(curves: Curves, steps: int, level: float = 0.9) -> list[int | None]:
    """The first bin's end at which each seed's fitness is at least this high."""
    ends = (np.arange(BINS) + 1) * steps // BINS
    return [
        next((int(end) for end, value in zip(ends, row, strict=True) if value >= level), None) for row in curves.truth
    ]


def mean_and_interval(values: Sequence[float], digits: int = 2) -> str:
    """``mean (low to high)``, a 95 % bootstrap interval over seeds; of one seed the value alone."""
    known = [value for value in values if not np.isnan(value)]
    if not known:
        return ""
    if len(known) == 1:
        return f"{known[0]:.{digits}f}"
    low, high = interval(known)
    return f"{np.mean(known):.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def median_of(values: Sequence[int | None]) -> str:
    """Of those that are known; how many, if not all."""
    known = [value for value in values if value is not None]
    if not known:
        return "never"
    some = "" if len(known) == len(values) else f" ({len(known)} of {len(values)} seeds)"
    return f"{np.median(known):,.0f}{some}"


def draw(
    title: str,
    cell: Cell,
    found: Mapping[str, Curves],
    arms: Mapping[str, Arm],
    path: Path,
    ylabel: str,
    paid: str = "the judge's reward",
) -> None:
    """Fitness, and beside it what else was paid: means over seeds with intervals; thin lines are seeds.

    A cross is where an alarm went off, of each seed.
    """
    from matplotlib.ticker import EngFormatter

    middles = (np.arange(BINS) + 0.5) * cell.steps / BINS
    with style():
        figure = new_figure(WIDTH, 4.6, "constrained")
        left, right = figure.subplots(1, 2)
        for name, curves in found.items():
            arm = arms[name]
            looks: dict[str, Any] = {"color": COLORS[arm.color], "ls": arm.line}
            count = f"{len(curves.seeds)} seed{'s' * (len(curves.seeds) > 1)}"
            _lines(left, middles, curves.truth, looks, f"{arm.label} ({count})")
            if arm.own:
                _lines(right, middles, curves.judged, looks, None)
            for step, row in zip(curves.alarms, curves.judged, strict=True):
                if step is not None:
                    at = np.interp(step, middles[~np.isnan(row)], row[~np.isnan(row)])
                    right.plot(step, at, "X", color=looks["color"], markeredgecolor="white", ms=9, zorder=5)
        left.set(title=f"{title}: {ylabel}", ylim=(0, None))
        much = max((np.nanmax(c.judged) for n, c in found.items() if arms[n].own), default=0.0) > 20
        right.set(title=f"{paid}, an episode", yscale="symlog" if much else "linear", ylim=(0, None))
        if much:
            right.yaxis.set_major_formatter(EngFormatter(sep=""))
        for axis in (left, right):
            axis.set_xlabel("steps")
            axis.xaxis.set_major_formatter(EngFormatter(sep=""))
            axis.set_xlim(0, cell.steps)
            axis.grid(alpha=0.2)
        figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
        Plot(figure, f"{title}: {ylabel}, and {paid}").save(path)


def _lines(axis: Axes, middles: np.ndarray, values: np.ndarray, looks: dict[str, Any], label: str | None) -> None:
    known = ~np.isnan(values).all(0)
    for row in values:
        axis.plot(middles, row, lw=0.8, alpha=0.22, **looks)
    if len(values) > 1:
        bounds = np.array([interval(column[~np.isnan(column)].tolist()) for column in values[:, known].T]).T
        axis.fill_between(middles[known], *bounds, color=looks["color"], alpha=0.14, lw=0)
    axis.plot(middles[known], np.nanmean(values[:, known], 0), lw=2, label=label, **looks)

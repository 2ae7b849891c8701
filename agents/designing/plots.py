"""Figures of a search's page: final scores, learning curves, and scores by round."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.designing.results import STATES, Results
from agents.drawing import COLORS, GOTO, INK, WIDTH, Plot, new_figure, stripes, style
from reward_designers.code.search import Candidate, Curve, TrainingRecord
from reward_designers.code.text import sanitized

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GREY = "#8b93a1"
"""Of what has no score."""
RED = "#d9541e"
"""Of what failed in training."""
NAMES = {"best": "best program", "env": "the environment's own reward", "zero": "no reward at all"}
NAMED = 7
"""Components of a program that get a color."""


def anchor(key: str) -> str:
    """The id of a program's entry on the page."""
    return f"program-{key}"


def final(results: Results) -> Plot:
    """Final scores: a ring for each seed, the mean and its interval."""
    rows = [(name, *results.final_scores(name)) for name in NAMES if results.final_scores(name)[0] is not None]
    with style():
        canvas = new_figure(WIDTH, 0.75 + 0.36 * len(rows), layout="constrained")
        axes, tips = canvas.add_subplot(), {}
        for i, (name, found, values) in enumerate(rows):
            assert found is not None
            color = COLORS[0] if name == "best" else INK
            if found.low is not None and found.high is not None:
                axes.plot([found.low, found.high], [i, i], color=color, lw=3, alpha=0.35, solid_capstyle="butt")
            axes.plot(values, np.full(len(values), i), "o", mfc="none", mec=color, ms=5.5, alpha=0.8)
            axes.plot(found.mean, i, "D", color=color, ms=7, gid=f"final-{name}")
            tips[f"final-{name}"] = f"{NAMES[name]}: {found}"
        stripes(axes, [NAMES[name] for name, _, _ in rows])
        _limit(axes, [v for _, _, values in rows for v in values], "x")
        axes.set_xlabel(unit(results))
    return Plot(canvas, "Scores of the final trainings", tips)


def learning(results: Results, curves: Mapping[int, Mapping[str, Any]], label: str) -> Plot:
    """Score, episode length and each component over training: a thin line for each seed, their mean."""
    names = list(next(iter(curves.values()))["components"])
    panels = [(unit(results), [c["score"] for c in curves.values()])]
    panels += [
        (_name(name), [c["components"].get(name, [None] * len(c["steps"])) for c in curves.values()]) for name in names
    ]
    panels.append(("steps of an episode", [c["length"] for c in curves.values()]))
    steps = [c["steps"] for c in curves.values()]
    with style():
        columns = min(3 if len(panels) <= 6 else 4, len(panels))
        rows = math.ceil(len(panels) / columns)
        canvas = new_figure(WIDTH, (1.85 if columns < 4 else 1.5) * rows, layout="constrained")
        grid = canvas.subplots(rows, columns, squeeze=False).flat
        for i, (axes, (title, several)) in enumerate(zip(grid, panels, strict=False)):
            color = INK if title == "steps of an episode" else COLORS[0] if i == 0 else _color(i - 1)
            _lines(axes, [(s, _array(values)) for s, values in zip(steps, several, strict=True)], color)
            axes.set_title(title, fontsize=10, loc="left")
            _steps_axis(axes)
        for axes in canvas.axes[len(panels) :]:
            axes.set_visible(False)
    return Plot(canvas, f"Learning curves of {label}: score, components and length of episodes")


def training(results: Results, record: TrainingRecord) -> Plot:
    """How the training of one program went: its components, means over seeds, beside its score.

    There may be many of these, so nothing is laid out by trying: that would take most of the time.
    """
    with style():
        width, height = WIDTH, 1.95
        canvas = new_figure(width, height)
        places = ((0.55, 3.0), (6.2, 3.7))
        left, right = (
            canvas.add_axes((x / width, 0.28 / height, across / width, 1.36 / height)) for x, across in places
        )
        means = {name: _mean([_values(run.components[name]) for run in record.runs]) for name in record.names}
        largest = sorted(means, key=lambda name: -float(np.nanmax(np.abs(means[name]), initial=0)))[:NAMED]
        for name in [name for name in means if name not in largest]:
            left.plot(record.steps, means[name], color=GREY, lw=0.8, alpha=0.6)
        for i, name in enumerate(largest):
            left.plot(record.steps, means[name], color=_color(i), lw=1.7, ls="-" if i < len(COLORS) else "--")
        left.set_title("components, mean per step", fontsize=10, loc="left")
        more = [f"{len(means) - NAMED} smaller ones"] if len(means) > NAMED else []
        _key(left, [_name(name) for name in largest], more)
        _lines(right, [(record.steps, _values(run.score)) for run in record.runs], COLORS[0])
        right.set_title(f"{unit(results)}, by seed and mean", fontsize=10, loc="left")
        for axes in (left, right):
            _steps_axis(axes)
    return Plot(canvas, "Components and score over the training")


def scores(results: Results) -> Plot:
    """Every program's score with its interval, by round; below, those that have none."""
    rounds = results.rounds
    marks = {"best": "*", "tied": "o", "trained": "o", "stopped": "v", "twin": "D", "failed": "X", "rejected": "x"}
    tips: dict[str, str] = {}
    seen: dict[str, tuple[str, str]] = {}
    points: list[float] = []
    with style():
        canvas = new_figure(WIDTH, 4.6, layout="constrained")
        upper, lower = canvas.subplots(2, 1, sharex=True, height_ratios=(6, 1))
        best_so_far: list[float] = []
        for x, number in enumerate(rounds):
            new = results.history.new(number)
            scored = sorted((c for c in new if c.values is not None), key=lambda c: (c.steps, c.mean or 0))
            for place, candidate in zip(_spread(len(scored)), scored, strict=True):
                found, what = results.score(candidate), results.what(candidate)
                assert found is not None
                color = _state_color(results, candidate)
                part = f"score-{results.number[candidate.key]}"
                if found.low is not None and found.high is not None and what != "twin":
                    upper.plot([x + place] * 2, [found.low, found.high], color=color, lw=2.2, alpha=0.3)
                values = list(candidate.values or ())
                if what not in ("stopped", "twin"):
                    upper.plot([x + place] * len(values), values, "_", color=color, ms=6, alpha=0.8)
                hollow = what in ("stopped", "twin")
                size = 13 if what == "best" else 5.5 if hollow else 7
                (mark,) = upper.plot(
                    x + place, found.mean, marks[what], color=color, ms=size, gid=part,
                    mfc="none" if hollow else color, zorder=4 if what == "best" else 3,
                )  # fmt: skip
                mark.set_url(GOTO + anchor(candidate.key))
                tips[part] = tip(results, candidate)
                points += values
                seen.setdefault(what, (marks[what], color))
            whole = [c.mean for c in scored if c.mean is not None and c.steps == results.rungs[-1].steps]
            top = max([*whole, *best_so_far[-1:]], default=None)
            if top is not None:
                best_so_far.append(top)
            missing = sorted((c for c in new if c.values is None), key=lambda c: results.what(c))
            for place, candidate in zip(_spread(len(missing)), missing, strict=True):
                what, part = results.what(candidate), f"none-{results.number[candidate.key]}"
                color = RED if what == "failed" else GREY
                (mark,) = lower.plot(x + place, 0, marks.get(what, "."), color=color, ms=6.5, mew=1.6, gid=part)
                mark.set_url(GOTO + anchor(candidate.key))
                tips[part] = tip(results, candidate)
                seen.setdefault(what, (marks.get(what, "."), color))
        if best_so_far:
            edges = len(rounds) - np.arange(len(best_so_far), -1, -1) - 0.5
            upper.stairs(best_so_far, edges, baseline=None, color=COLORS[0], lw=1, alpha=0.6)
        means = {name: found.mean for name in ("env", "zero") if (found := results.final_scores(name)[0]) is not None}
        for name in means:
            found, _ = results.final_scores(name)
            if found is not None:
                upper.axhline(found.mean, color=INK, lw=1, ls=(0, (5, 3)) if name == "env" else (0, (1, 2)), alpha=0.7)
                text = {"env": "environment's reward", "zero": "no reward"}[name]
                above = found.mean == max(means.values())  # so that names of near lines stay apart
                upper.annotate(
                    text, (1, found.mean), xycoords=("axes fraction", "data"), ha="right", fontsize=8.5,
                    va="bottom" if above else "top", xytext=(-2, 2 if above else -2), textcoords="offset points",
                )  # fmt: skip
                points.append(found.mean)
        _limit(upper, points, "y")
        upper.set_ylabel(unit(results))
        for axes in (upper, lower):
            axes.grid(axis="y" if axes is upper else "x", color=INK, alpha=0.1, lw=0.8)
            for x in range(1, len(rounds)):
                axes.axvline(x - 0.5, color=INK, lw=0.6, alpha=0.2)
        lower.set(ylim=(-1, 1), yticks=[0], xlim=(-0.5, len(rounds) - 0.5), xticks=range(len(rounds)))
        lower.set_yticklabels(["no score"], fontsize=9)
        lower.set_xticklabels([str(n + 1) for n in rounds])
        lower.tick_params(axis="y", length=0)
        lower.spines["left"].set_visible(False)
        lower.set_xlabel("round")
        _legend(canvas, [(STATES[what], *seen[what]) for what in STATES if what in seen])
    return Plot(canvas, "Scores of all programs by round, with intervals", tips)


def tip(results: Results, candidate: Candidate) -> str:
    """A program in a line."""
    text = f"program {results.number[candidate.key]} ({candidate.key}), {candidate.origin.operation}: "
    found, what = results.score(candidate), results.what(candidate)
    if what == "twin":
        return f"{text}repeats program {results.number.get(results.twins[candidate.key][0], '?')}"
    if found is not None:
        return f"{text}{found} after {candidate.steps:,} steps, {STATES[what]}"
    return f"{text}{STATES[what]}" + (f" ({candidate.rejection.stage})" if candidate.rejection is not None else "")


def _state_color(results: Results, candidate: Candidate) -> str:
    what = results.what(candidate)
    return {"best": COLORS[0], "tied": COLORS[2], "trained": INK}.get(what, GREY)


def _spread(n: int) -> np.ndarray:
    """Places of ``n`` points within a round."""
    return (np.arange(n) - (n - 1) / 2) * min(0.8 / max(n - 1, 1), 0.2)


def _limit(axes: Axes, values: Sequence[float], which: str) -> None:
    """Limits that show all values; intervals of few seeds may be many times as wide, and are cut."""
    if values:
        low, high = min(values), max(values)
        margin = 0.15 * (high - low) or abs(high) * 0.1 or 1.0
        axes.set(**{f"{which}lim": (low - margin, high + margin)})


def _lines(axes: Axes, several: Sequence[tuple[Sequence[int], np.ndarray]], color: str) -> None:
    """A thin line for each seed, and their mean where all of them have steps in common."""
    rows = [(np.asarray(steps), values) for steps, values in several]
    for steps, values in rows:
        axes.plot(steps, values, color=color, lw=0.8 if len(rows) > 1 else 1.9, alpha=0.55 if len(rows) > 1 else 1)
    if len(rows) > 1:
        common = sorted(set.intersection(*(set(steps.tolist()) for steps, _ in rows)))
        if common:
            aligned = [values[np.searchsorted(steps, common)] for steps, values in rows]
            axes.plot(common, _mean(aligned), color=color, lw=2.1)


def _mean(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Of the finite values; NaN where there are none."""
    values = np.stack(rows)
    finite = np.isfinite(values)
    counts = finite.sum(0)
    return np.where(counts, np.where(finite, values, 0).sum(0) / np.maximum(counts, 1), np.nan)


def _array(values: Sequence[float | None]) -> np.ndarray:
    return np.array([math.nan if value is None else value for value in values], np.float64)


def _values(curve: Curve) -> np.ndarray:
    return _array(curve.values)


def _steps_axis(axes: Axes) -> None:
    from matplotlib.ticker import EngFormatter, MaxNLocator

    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.grid(color=INK, alpha=0.1, lw=0.8)
    axes.tick_params(labelsize=8.5)


def _key(axes: Axes, names: Sequence[str], more: Sequence[str] = ()) -> None:
    """Names of lines beside the axes; grey ones for more of them."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=_color(i), ls="-" if i < len(COLORS) else "--") for i in range(len(names))]
    handles += [Line2D([], [], color=GREY, lw=0.8) for _ in more]
    made = axes.legend(
        handles, ["x"] * len(handles), frameon=False, fontsize=8.5, loc="upper left", bbox_to_anchor=(1, 1.08),
        handlelength=1.2, borderaxespad=0.2, labelspacing=0.25,
    )  # fmt: skip
    for text, name in zip(made.get_texts(), [*names, *more], strict=True):
        text.set_text(name)


def _legend(canvas: Any, entries: Sequence[tuple[str, str, str]]) -> None:
    from matplotlib.lines import Line2D

    handles = []
    for _, mark, color in entries:
        look: dict[str, Any] = {"ms": 9 if mark == "*" else 6, "mfc": "none" if mark in "vD" else color}
        handles.append(Line2D([], [], color=color, marker=mark, ls="", **look))
    canvas.legend(
        handles, [text for text, _, _ in entries], loc="outside upper left", ncols=3, frameon=False, fontsize=9,
        handletextpad=0.2, columnspacing=1.4,
    )  # fmt: skip


def _color(i: int) -> str:
    return COLORS[(i + 1) % len(COLORS)]


def unit(results: Results) -> str:
    """What scores are."""
    return "fitness" if results.task is not None else "return of the environment"


def _name(text: str) -> str:
    """A component's name comes from a program: one short line."""
    return " ".join(sanitized(text, 24).split()) or "unnamed"

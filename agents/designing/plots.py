"""Figures of a search's page: final scores, learning curves, scores by round, the lineage, and the map of programs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.designing.distances import OWN, Plane
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
NODE = 0.155
"""Radius of a program in the lineage, in inches."""
ROW = 0.5
"""From a program in the lineage to the next below it, in inches."""
MAP = (WIDTH, 5.4)
"""Size of the map, in inches."""


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


def lineage(results: Results) -> Plot:
    """Programs as nodes in a column for each round, with lines from what they were made from."""
    from matplotlib.patches import Circle, PathPatch
    from matplotlib.path import Path

    places = arrange(results.candidates, results.rounds)
    columns, rows = len(results.rounds), 1 + max(y for _, y in places.values())
    across = min(2.0, (WIDTH - 0.5) / max(columns, 1))
    labelled = across >= 0.5
    width, height = max(3.2, 0.5 + across * columns), 0.62 + ROW * rows
    line = set(_line(results))
    tips: dict[str, str] = {}
    with style():
        canvas = new_figure(width, height)
        axes = canvas.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[])
        axes.spines[:].set_visible(False)

        def spot(key: str) -> tuple[float, float]:
            x, y = places[key]
            return 0.4 + across * x, 0.55 + ROW * y

        for column, round in enumerate(results.rounds):
            name = f"round {round + 1}" if across >= 0.7 else str(round + 1)
            axes.text(0.4 + across * column, 0.2, name, ha="center", va="center", fontsize=9, alpha=0.7)
        for candidate in results.candidates:
            for i, parent in enumerate(candidate.origin.parents):
                (x0, y0), (x1, y1) = spot(parent), spot(candidate.key)
                bend = max(0.3, 0.5 * (x1 - x0))
                path = Path([(x0 + NODE, y0), (x0 + bend, y0), (x1 - bend, y1), (x1 - NODE, y1)], [1, 4, 4, 4])
                main = i == 0 and candidate.key in line and parent in line
                look: dict[str, Any] = {"color": COLORS[0], "lw": 2.6} if main else {"color": INK, "lw": 1.1}
                look |= {"alpha": 1.0 if main else 0.4 if i == 0 else 0.28, "ls": "-" if i == 0 else (0, (1.5, 2.5))}
                axes.add_patch(PathPatch(path, fill=False, **look))
        for candidate in results.candidates:
            x, y = spot(candidate.key)
            what, part = results.what(candidate), f"node-{results.number[candidate.key]}"
            fill = score_color(results, candidate)
            edge = COLORS[0] if what == "best" else RED if what == "failed" else GREY if fill is None else INK
            dashed = (0, (2, 1.5)) if what in ("twin", "rejected", "failed", "waiting") else "-"
            circle = Circle(
                (x, y), NODE, fc=fill or "none", ec=edge, lw=2.6 if what == "best" else 1, ls=dashed, gid=part,
                hatch=None, zorder=3,
            )  # fmt: skip
            circle.set_url(GOTO + anchor(candidate.key))
            axes.add_patch(circle)
            if fill is None:  # the whole node is a link, not its edge alone
                disc = Circle((x, y), NODE, fc=INK, alpha=0.02, lw=0, zorder=2.9)
                disc.set_url(GOTO + anchor(candidate.key))
                axes.add_patch(disc)
            number = str(results.number[candidate.key])
            color = GREY if fill is None else "#000000" if _light(fill) else "#ffffff"
            axes.text(x, y + 0.005, number, ha="center", va="center_baseline", fontsize=8.5, color=color, zorder=4)
            if labelled:
                text = "" if candidate.mean is None else f"{candidate.mean:.3g}"
                text = {"failed": "failed", "rejected": "rejected"}.get(what, text)
                axes.text(x, y + NODE + 0.09, text, ha="center", va="center", fontsize=7.5, alpha=0.85, zorder=4)
            tips[part] = tip(results, candidate)
    return Plot(canvas, "Lineage of all programs", tips)


def plane(results: Results, found: Plane) -> Plot:
    """Programs as points: near ones reward the same. Color and size are scores; those that repeat one are rings."""
    tips: dict[str, str] = {}
    twins: dict[str, list[str]] = {}
    for key, (other, _) in results.twins.items():
        twins.setdefault(other, []).append(key)
    low, size = found.places.min(0), np.maximum(np.ptp(found.places, axis=0), 1e-9)
    scale = float(np.min((np.array(MAP) - (1.6, 1.2)) / size))
    places = (found.places - low - size / 2) * scale + np.array(MAP) / 2
    with style():
        canvas = new_figure(*MAP)
        axes = canvas.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, MAP[0]), ylim=(0, MAP[1]), xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        order = sorted(range(len(found.names)), key=lambda i: _rank(results, found.names[i]))
        taken: list[tuple[float, float, float, float]] = []
        for i in order:
            name, (x, y) = found.names[i], places[i]
            if name == OWN:
                axes.plot(x, y, "*", color=INK, ms=15, gid="map-own", zorder=6)
                tips["map-own"] = "the environment's own reward"
                taken.append((x - 0.11, y - 0.11, x + 0.11, y + 0.11))
                continue
            candidate = results.history[name]
            fill, what, share = score_color(results, candidate), results.what(candidate), _share(results, candidate)
            part = f"map-{results.number[name]}"
            ms = 7.0 if share is None else 7.0 + 8.0 * share
            (mark,) = axes.plot(
                x, y, "o", ms=ms, mfc=fill or "none", alpha=0.9, zorder=5 if what == "best" else 3, gid=part,
                mec={"best": COLORS[0], "failed": RED}.get(what, INK), mew=2.4 if what == "best" else 0.8,
            )  # fmt: skip
            mark.set_url(GOTO + anchor(name))
            tips[part] = tip(results, candidate)
            taken.append((x - ms / 144, y - ms / 144, x + ms / 144, y + ms / 144))
            for ring, key in enumerate(twins.get(name, []), 1):
                part = f"map-{results.number[key]}"
                (mark,) = axes.plot(x, y, "o", ms=ms + 5 * ring, mfc="none", mec=INK, mew=0.8, gid=part, zorder=2)
                mark.set_url(GOTO + anchor(key))
                tips[part] = tip(results, results.history[key])
        for i in reversed(order):
            name = found.names[i]
            own = name == OWN
            _label(axes, "environment's own reward" if own else str(results.number[name]), places[i], taken, always=own)
        _ruler(axes, scale)
    return Plot(canvas, "Map of programs by EPIC distance", tips)


def _label(
    axes: Axes, text: str, place: np.ndarray, taken: list[tuple[float, float, float, float]], *, always: bool
) -> None:
    """A name above, below or beside a point, where it covers nothing; none if there is no such place."""
    half, high = 0.034 * len(text) + 0.03, 0.075
    x, y = place
    spots = [(x, y + 0.2), (x, y - 0.2), (x + 0.13 + half, y), (x - 0.13 - half, y)]
    boxes = [(a - half, b - high, a + half, b + high) for a, b in spots]
    free = [k for k, box in enumerate(boxes) if not any(_overlap(box, other) for other in taken)]
    if free or always:
        k = free[0] if free else 0
        taken.append(boxes[k])
        axes.text(*spots[k], text, ha="center", va="center", fontsize=8.5, zorder=7)


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def color_scale(results: Results) -> list[tuple[str, str]]:
    """Colors from the lowest score to the highest, with what they stand for."""
    low, high = _extremes(results)
    return [(f"{value:.3g}", _viridis((value - low) / (high - low or 1))) for value in np.linspace(low, high, 5)]


def tip(results: Results, candidate: Candidate) -> str:
    """A program in a line."""
    text = f"program {results.number[candidate.key]} ({candidate.key}), {candidate.origin.operation}: "
    found, what = results.score(candidate), results.what(candidate)
    if what == "twin":
        return f"{text}repeats program {results.number.get(results.twins[candidate.key][0], '?')}"
    if found is not None:
        return f"{text}{found} after {candidate.steps:,} steps, {STATES[what]}"
    return f"{text}{STATES[what]}" + (f" ({candidate.rejection.stage})" if candidate.rejection is not None else "")


def arrange(candidates: Sequence[Candidate], rounds: Sequence[int]) -> dict[str, tuple[int, float]]:
    """Column and row of each program: a column for each round, children near their first parents, rows from 0.

    Columns are filled from the first to the last. Where a column has fewer programs than the longest one, they stand
    at its middle, or next to their parents.
    """
    columns = [[c for c in candidates if c.origin.round == number] for number in rounds]
    most = max(map(len, columns), default=0)
    places: dict[str, tuple[int, float]] = {}
    for x, column in enumerate(columns):
        middle = (most - 1) / 2
        wished = [next((places[p][1] for p in c.origin.parents if p in places), middle) for c in column]
        order = sorted(range(len(column)), key=lambda i: wished[i])
        rows = _apart([wished[i] for i in order], most)
        places |= {column[i].key: (x, row) for i, row in zip(order, rows, strict=True)}
    return places


def score_color(results: Results, candidate: Candidate) -> str | None:
    """The color of a program's score; None if it has none."""
    share = _share(results, candidate)
    return None if share is None else _viridis(share)


def _apart(wished: Sequence[float], most: int) -> list[float]:
    """Rows in [0, most - 1] at least 1 apart, in the order given, as near to the wishes as a few passes bring them."""
    rows = list(wished)
    n = len(rows)
    for _ in range(100):
        for i in range(1, n):
            if rows[i] - rows[i - 1] < 1:
                middle = (rows[i] + rows[i - 1]) / 2
                rows[i - 1], rows[i] = middle - 0.5, middle + 0.5
    low = 0.0
    for i in range(n):
        rows[i] = low = max(low, rows[i])
        low += 1
    high = float(most - 1)
    for i in reversed(range(n)):
        rows[i] = high = min(high, rows[i])
        high -= 1
    return rows


def _line(results: Results) -> Iterable[str]:
    """The best program, what it was made from, and so on."""
    candidate = results.best
    while candidate is not None:
        yield candidate.key
        parents = candidate.origin.parents
        candidate = results.history[parents[0]] if parents else None


def _extremes(results: Results) -> tuple[float, float]:
    means = [c.mean for c in results.candidates if c.mean is not None]
    return min(means, default=0.0), max(means, default=1.0)


def _share(results: Results, candidate: Candidate) -> float | None:
    """Where its score is between the lowest and the highest, in [0, 1]."""
    if candidate.mean is None:
        return None
    low, high = _extremes(results)
    return (candidate.mean - low) / (high - low) if high > low else 0.5


def _rank(results: Results, name: str) -> float:
    share = 2.0 if name == OWN else _share(results, results.history[name])
    return -1.0 if share is None else share


def _viridis(share: float) -> str:
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return to_hex(colormaps["viridis"](0.12 + 0.85 * share))


def _light(color: str) -> bool:
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(color)
    return 0.299 * red + 0.587 * green + 0.114 * blue > 0.5


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


def _ruler(axes: Axes, scale: float) -> None:
    """A line of a round length, with the distance that it stands for."""
    length = next((step for step in (0.5, 0.2, 0.1, 0.05, 0.02, 0.01) if step * scale <= 2.5), 0.005)
    axes.plot([0.15, 0.15 + length * scale], [0.15, 0.15], color=INK, lw=2, solid_capstyle="butt")
    axes.text(0.15, 0.22, f"distance {length:g}", fontsize=9, va="bottom")


def _color(i: int) -> str:
    return COLORS[(i + 1) % len(COLORS)]


def unit(results: Results) -> str:
    """What scores are."""
    return "fitness" if results.task is not None else "return of the environment"


def _name(text: str) -> str:
    """A component's name comes from a program: one short line."""
    return " ".join(sanitized(text, 24).split()) or "unnamed"

"""Figures of a search's page in which programs are points: the lineage, and the map by EPIC distance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.designing.distances import OWN, Plane
from agents.designing.plots import GREY, RED, anchor, tip
from agents.designing.results import Results
from agents.drawing import COLORS, GOTO, INK, WIDTH, Plot, new_figure, style
from reward_designers.code.search import Candidate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NODE = 0.155
"""Radius of a program in the lineage, in inches."""
ROW = 0.5
"""From a program in the lineage to the next below it, in inches."""
MAP = (WIDTH, 5.4)
"""Size of the map, in inches."""


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


def _ruler(axes: Axes, scale: float) -> None:
    """A line of a round length, with the distance that it stands for."""
    length = next((step for step in (0.5, 0.2, 0.1, 0.05, 0.02, 0.01) if step * scale <= 2.5), 0.005)
    axes.plot([0.15, 0.15 + length * scale], [0.15, 0.15], color=INK, lw=2, solid_capstyle="butt")
    axes.text(0.15, 0.22, f"distance {length:g}", fontsize=9, va="bottom")

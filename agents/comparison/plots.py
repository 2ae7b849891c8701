"""Figures of a comparison, each for the page (SVG in the page's own text colour) and as a PNG for papers and slides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.comparison.results import Json, Results, interval, known, matrix, number, symbol
from agents.drawing import COLORS, INK, WIDTH, Plot, inches, legend, looks_of, new_figure, stripes, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORMAP = "viridis_r"
UNKNOWN = "#8b93a1"
ROWS = 24
"""Most rows in the figure of spreads."""
SMALL = 6
"""Heat maps of up to this many rewards have room for intervals, and stand side by side."""


def heatmap(results: Results, method: str, coverage: str) -> Plot:
    """Distances of every pair with intervals, rewards in the order of the tree beside them.

    Average linkage; rewards with an undefined or unknown distance stand below the tree, hatched.
    """
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.patches import Rectangle

    order, links = _cluster(results, method, coverage)
    names = [results.names[i] for i in order]
    labels = [results.labels[name] + (" ★" if name == results.reference else "") for name in names]
    n, top = len(names), results.top(method)
    side = 0.8 if n <= SMALL else 0.5
    margin = 0.2 + max(inches(label, 11) for label in labels)
    across, tree = side * n, (0.15 if links is None else 0.9 if n <= SMALL else 1.2)
    left, bottom, above = margin, 0.1 + 0.75 * margin, 0.7
    width, height = left + across + 0.15 + tree + 0.15, bottom + across + above
    with style():
        canvas = new_figure(width, height)
        axes = canvas.add_axes((left / width, bottom / height, across / width, across / height))
        colors, scale = colormaps[COLORMAP], Normalize(0, top)
        tips = {}
        for i, a in enumerate(names):
            for j, b in enumerate(names):
                entry = results.distance(method, coverage, a, b)
                value = 0.0 if i == j else (entry or {}).get("value")
                tips[part := f"cell-{i}-{j}"] = _tip(a, b, entry, results.why_unknown(method, a, b))
                box: dict[str, Any] = {"facecolor": INK, "alpha": 0.07}  # nothing to learn from the diagonal
                if value is not None and i != j:
                    box = {"facecolor": colors(scale(value))}
                elif value is None:
                    box = {"facecolor": "none", "edgecolor": UNKNOWN, "hatch": "////"}
                axes.add_patch(Rectangle((j, i), 1, 1, lw=0, gid=part, **box))
                if i != j:
                    _cell_text(axes, j, i, entry, scale(value or 0) > 0.45, with_interval=n <= SMALL)
        axes.set(xlim=(0, n), ylim=(n, 0), xticks=np.arange(n) + 0.5, yticks=np.arange(n) + 0.5)
        axes.set_yticklabels(labels, fontsize=11)
        axes.set_xticklabels(labels, fontsize=11, rotation=45, ha="right", rotation_mode="anchor")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        for line in range(1, n):  # gaps in the page's colour would need its colour: thin lines do in both
            axes.axhline(line, color=INK, lw=0.4, alpha=0.35)
            axes.axvline(line, color=INK, lw=0.4, alpha=0.35)
        length = min(across, 3.2)
        place = (left / width, (bottom + across + 0.14) / height, length / width, 0.1 / height)
        bar = canvas.colorbar(ScalarMappable(scale, colors), cax=canvas.add_axes(place), orientation="horizontal")
        bar.outline.set_visible(False)
        bar.ax.xaxis.set_ticks_position("top")
        bar.set_ticks([0, top / 2, top], labels=["0", f"{top / 2:g}", f"{top:g}"])
        bar.ax.tick_params(length=2, labelsize=9.5)
        bar.ax.set_title(f"{symbol(method)} distance on {coverage}", fontsize=11, loc="left")
        if links is not None:
            place = ((left + across + 0.15) / width, bottom / height, tree / width, across / height)
            _tree(canvas.add_axes(place), links, n)
    return Plot(canvas, f"Heat map of {symbol(method)} distances on coverage {coverage}, clustered", tips)


def spread(results: Results, method: str) -> Plot:
    """Each pair's distance over the coverages: a dot with its interval for each."""
    pairs = _by_spread(results, method)[:ROWS]
    rows = [(f"{results.labels[a]} vs {results.labels[b]}", (a, b)) for a, b in pairs]
    coverages = [c for c in results.coverages if results.has(method, c)]
    series = {c: [results.distance(method, c, a, b) for _, (a, b) in rows] for c in coverages}
    with style():
        plot = _dots([label for label, _ in rows], {f"{symbol(method)} distance": series}, (0, results.top(method)))
    plot.alt = f"{symbol(method)} distance of each pair of rewards, for every coverage"
    return plot


def components(results: Results, reward: str) -> Plot:
    """What each component of a reward adds to it, for every coverage."""
    entries = [e for e in results.data["components"] if e["reward"] == reward]
    names = list(dict.fromkeys(e["component"] for e in entries))
    coverages = list(dict.fromkeys(e["coverage"] for e in entries))
    found = {(e["coverage"], e["component"]): e for e in entries}

    def series(key: str) -> dict[str, list[Json | None]]:
        return {c: [_as_entry(found.get((c, name), {}).get(key)) for name in names] for c in coverages}

    panels = {
        "share of variance": series("variance_share"),
        "correlation with the reward": series("correlation"),
        "distance of it alone": series("distance_alone"),
        "distance without it": series("distance_without"),
    }
    with style():
        plot = _dots(names, panels, None)
    plot.alt = f"Components of reward {reward}: share of variance, correlation, distances"
    return plot


def in_both(results: Results) -> list[Json]:
    """Distances that are defined with half of the samples and with all."""
    entries = results.data.get("convergence") or []
    return [e for e in entries if _value(e, "half") is not None and _value(e, "full") is not None]


def convergence(results: Results) -> Plot:
    """How far each distance moved between half of the samples and all of them, beside its interval."""
    entries = in_both(results)
    looks = looks_of(list(dict.fromkeys(e["coverage"] for e in entries)))
    with style():
        canvas = new_figure(WIDTH, 3.6, layout="constrained")
        axes, tips = canvas.add_subplot(), {}
        axes.axhline(0, color=INK, lw=0.8, alpha=0.5)
        for k, entry in enumerate(entries):
            full, half = entry["full"], entry["half"]
            color, marker = looks[entry["coverage"]]
            moved = full["value"] - half["value"]
            if full.get("low") is not None and full.get("high") is not None:
                ends = (full["value"] - full["high"], full["value"] - full["low"])  # of changes that stay within
                axes.vlines(full["value"], *ends, color=color, lw=5, alpha=0.22)
            axes.plot(full["value"], moved, marker, color=color, ms=5, gid=f"move-{k}")
            tips[f"move-{k}"] = (
                f"{entry['a']} vs {entry['b']}, {symbol(entry['method'])} on {entry['coverage']}: "
                f"{number(half['value'])} with half, {number(full['value'])} with all"
            )
        axes.set(xlabel="distance with all samples", ylabel="change from half to all")
        axes.grid(color=INK, alpha=0.1, lw=0.8)
        legend(canvas, looks)
    return Plot(canvas, "Change of each distance from half of the samples to all of them", tips)


def fitness(results: Results) -> Plot:
    """Fitness of the policies trained on each reward: a ring for each seed, the mean with its interval."""
    policies = [p for p in results.data["policies"] if (p.get("fitness") or {}).get("mean") is not None]
    with style():
        canvas = new_figure(WIDTH, 0.8 + 0.34 * len(policies), layout="constrained")
        axes, tips = canvas.add_subplot(), {}
        for i, policy in enumerate(policies):
            found = policy["fitness"]
            color = INK if policy["reward"] == results.reference else COLORS[0]
            if interval(found):
                axes.plot([found["low"], found["high"]], [i, i], color=color, lw=2, alpha=0.55)
            values = found.get("values") or []
            axes.plot(values, np.full(len(values), i), "o", mfc="none", mec=color, ms=5, alpha=0.7)
            axes.plot(found["mean"], i, "D", color=color, ms=6, gid=f"fitness-{i}")
            seeds = ", ".join(number(value) for value in values)
            tips[f"fitness-{i}"] = f"{policy['reward']}: {number(found['mean'])} ({interval(found)}); seeds {seeds}"
        stripes(axes, [results.labels[p["reward"]] for p in policies])
        axes.set_xlabel("fitness")
    return Plot(canvas, "Fitness of the policies trained on each reward", tips)


def regret(results: Results, method: str) -> Plot:
    """Normalised regret of the policies trained on each reward beside its distance to the reference, per coverage."""
    policies = [p for p in results.data["policies"] if (p.get("regret") or {}).get("mean") is not None]
    coverages = [c for c in results.coverages if results.has(method, c)]
    means = [p["regret"]["mean"] for p in policies]
    looks = looks_of([p["reward"] for p in policies if p["reward"] != results.reference])
    looks |= {results.reference: (INK, "*")} if results.reference else {}
    with style():
        columns = min(len(coverages), 3)
        rows = -(-len(coverages) // columns)
        canvas = new_figure(min(WIDTH, 1.2 + 3.6 * columns), 3.1 * rows + 0.5, layout="constrained")
        grid = canvas.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axes in grid.flat[len(coverages) :]:
            axes.set_visible(False)
        for axes, coverage in zip(grid.flat, coverages, strict=False):
            for policy in policies:
                _regret_point(axes, results, policy, method, coverage, looks[policy["reward"]])
            axes.set_title(coverage, fontsize=10, loc="left")
            axes.set_xlabel(f"{symbol(method)} distance to {results.labels[results.reference or '']}")
            axes.axhline(0, color=INK, lw=0.8, alpha=0.4)
            axes.grid(color=INK, alpha=0.1, lw=0.8)
            axes.set_xlim(left=-0.02)
            axes.set_ylim(min(-0.25, min(means) - 0.1), max(1.1, max(means) + 0.1))  # far ends of intervals are cut
        canvas.supylabel("normalised regret", fontsize=10)
        legend(canvas, {results.labels[name]: look for name, look in looks.items() if name is not None})
    return Plot(canvas, "Normalised regret of trained policies beside distance to the reference")


def example() -> Plot:
    """Two rewards along an episode at distances 0, 0.3 and 1: correlations 1, 0.82 and -1."""
    rng = np.random.default_rng(7)
    time = np.linspace(0, 10, 120)
    a = np.sin(1.4 * time) + 0.5 * np.sin(3.1 * time + 1)
    a = (a - a.mean()) / a.std()
    noise = np.convolve(rng.normal(size=len(time) + 14), np.hanning(15), "valid")
    noise = noise - noise.mean() - a * ((noise - noise.mean()) @ a) / (a @ a)
    noise /= noise.std()
    with style():
        canvas = new_figure(WIDTH, 1.9, layout="constrained")
        for axes, distance in zip(canvas.subplots(1, 3, sharey=True), (0.0, 0.3, 1.0), strict=True):
            rho = 1 - 2 * distance**2
            axes.plot(time, a, color=INK, lw=1.6)
            b = rho * a + np.sqrt(1 - rho**2) * noise
            axes.plot(time, 0.6 * b + 0.35 if distance == 0 else b, color=COLORS[1], lw=2.2, ls=(0, (4, 1.2)))
            axes.set_title(f"distance {distance:g}   (correlation {rho:.2g})", fontsize=10, loc="left")
            axes.set(xticks=[], yticks=[])
            axes.set_xlabel("time in an episode", fontsize=9)
        canvas.axes[0].set_ylabel("reward", fontsize=9)
    return Plot(canvas, "Two rewards over time at distances 0, 0.3 and 1")


def _cluster(results: Results, method: str, coverage: str) -> tuple[list[int], np.ndarray | None]:
    """Order of the rewards, and the tree's links (scipy's form) for those that it holds, which come first."""
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    rows = matrix(results, method, coverage, results.names)
    inside = known(rows)
    rest = [i for i in range(len(rows)) if i not in inside]
    if len(inside) < 2:
        return inside + rest, None
    links = linkage(squareform(rows[np.ix_(inside, inside)], checks=False), "average", optimal_ordering=True)
    return [inside[i] for i in leaves_list(links)] + rest, links


def _tree(axes: Axes, links: np.ndarray, n: int) -> None:
    """The tree, its leaves at the middles of the first of ``n`` rows, distance to the right."""
    from scipy.cluster.hierarchy import dendrogram

    drawn = dendrogram(links, no_plot=True)
    for y, x in zip(drawn["icoord"], drawn["dcoord"], strict=True):
        axes.plot(x, np.asarray(y) / 10, color=INK, lw=1.2)
    top = max(float(links[:, 2].max()), 1e-9)
    axes.set(ylim=(n, 0), xlim=(0, 1.05 * top), yticks=[], xticks=[0, top], xticklabels=["0", number(top, 2)])
    axes.spines[["left"]].set_visible(False)
    axes.tick_params(labelsize=9.5, length=2)


def _cell_text(axes: Axes, x: int, y: int, entry: Json | None, dark: bool, with_interval: bool) -> None:
    value = (entry or {}).get("value")
    if entry is None or value is None:
        axes.text(x + 0.5, y + 0.5, "?", ha="center", va="center", color=INK, fontsize=11)
        return
    ends = interval(entry, 2).replace(" to ", "–") if with_interval else ""
    color = "#ffffff" if dark else "#000000"
    size = 12.5 if with_interval else 9.5
    axes.text(x + 0.5, y + (0.4 if ends else 0.5), number(value, 2), ha="center", va="center", color=color, size=size)
    if ends:
        axes.text(x + 0.5, y + 0.7, ends, ha="center", va="center", color=color, size=8.5)


def _tip(a: str, b: str, entry: Json | None, why_unknown: str) -> str:
    if a == b:
        return f"{a} and itself: 0"
    if entry is None:
        return f"{a} vs {b}: {why_unknown}"
    if entry.get("value") is None:
        return f"{a} vs {b}: undefined, {entry.get('degenerate')}"
    return f"{a} vs {b}: {number(entry['value'])}" + (f", interval {ends}" if (ends := interval(entry)) else "")


def _by_spread(results: Results, method: str) -> list[tuple[str, str]]:
    """Pairs with any distance, the reference's first, then those whose distance depends on the coverage the most."""

    def key(pair: tuple[str, str]) -> tuple[bool, float]:
        values = [v for c in results.coverages if (v := results.value(method, c, *pair)) is not None]
        return results.reference not in pair, -(max(values) - min(values))

    some = [p for p in results.pairs if any(results.value(method, c, *p) is not None for c in results.coverages)]
    return sorted(some, key=key)


def _dots(
    rows: Sequence[str], panels: Mapping[str, Mapping[str, Sequence[Json | None]]], limits: tuple[float, float] | None
) -> Plot:
    """Dots with intervals: a row for each thing, a panel for each quantity, a colour and marker for each coverage."""
    coverages = list(next(iter(panels.values())))
    looks, tips = looks_of(coverages), {}
    row = max(0.28, 0.1 * len(coverages) + 0.12)
    canvas = new_figure(WIDTH, 1.0 + row * len(rows) + 0.2 * (len(coverages) > 1), layout="constrained")
    grid = canvas.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    steps = (np.arange(len(coverages)) - (len(coverages) - 1) / 2) * min(0.16, 0.7 / len(coverages))
    for p, (axes, (title, series)) in enumerate(zip(grid, panels.items(), strict=True)):
        for c, coverage in enumerate(coverages):
            color, marker = looks[coverage]
            for i, entry in enumerate(series[coverage]):
                if entry is None or entry.get("value") is None:
                    continue
                y = i + steps[c]
                if entry.get("low") is not None and entry.get("high") is not None:
                    axes.plot([entry["low"], entry["high"]], [y, y], color=color, lw=2, alpha=0.55)
                part = f"dot-{p}-{c}-{i}"
                axes.plot(entry["value"], y, marker, color=color, ms=5.5, gid=part)
                ends = interval(entry)
                tips[part] = f"{rows[i]}, {coverage}: {number(entry['value'])}" + (f", interval {ends}" if ends else "")
        stripes(axes, rows)
        axes.set_xlabel(title)
        if limits:
            axes.set_xlim(limits[0] - 0.02, limits[1] + 0.02)
        elif "correlation" not in title:
            axes.set_xlim(left=min(0, axes.get_xlim()[0]))
        else:
            axes.axvline(0, color=INK, lw=0.8, alpha=0.4)
            axes.set_xlim(-1.05, 1.05)
        if len(rows) > 12:
            axes.tick_params(axis="x", labeltop=True, length=0)
    legend(canvas, looks, "outside upper center")
    return Plot(canvas, "", tips)


def _regret_point(
    axes: Axes, results: Results, policy: Json, method: str, coverage: str, look: tuple[str, str]
) -> None:
    """One reward: its distance across, the regret of its policies upwards, both with intervals."""
    reward, up = policy["reward"], policy["regret"]
    own = {"value": 0.0} if reward == results.reference else None
    across = own or results.distance(method, coverage, reward, results.reference or "")
    if across is None or across.get("value") is None:
        return
    color, marker = look
    x, y = across["value"], up["mean"]
    if across.get("low") is not None and across.get("high") is not None:
        axes.plot([across["low"], across["high"]], [y, y], color=color, lw=1.6, alpha=0.6)
    if up.get("low") is not None and up.get("high") is not None:
        axes.plot([x, x], [up["low"], up["high"]], color=color, lw=1.6, alpha=0.6)
    axes.plot(x, y, marker, color=color, ms=11 if marker == "*" else 7)


def _as_entry(value: Any) -> Json | None:
    """A plain number as a distance's entry would hold it."""
    return value if value is None or isinstance(value, Mapping) else {"value": value}


def _value(entry: Json, key: str) -> float | None:
    return (entry.get(key) or {}).get("value")

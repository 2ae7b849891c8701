"""The page of a comparison: `report.html`, one file that needs no network, for screens of any width and for paper.

python -m agents.comparison.report DIR        draws it and the PNGs anew, from the report.json in that folder
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from agents.comparison import plots, timeline
from agents.comparison.findings import findings
from agents.comparison.results import Json, Results, file_stem, interval, listed, number, symbol
from agents.drawing import Plot
from agents.errors import UsageError, fail
from agents.files import write_text
from agents.pages import embedded, render

METHODS = {
    "epic": "Equivalent-Policy Invariant Comparison (Gleave et al. 2021). Takes out what cannot change a policy "
    "whatever the dynamics (scale, shift, potential shaping), then correlates the rewards over the transitions.",
    "dard": "Dynamics-Aware Reward Distance (Wulfe et al. 2022). Like EPIC, but it looks only at next states that the "
    "simulator can reach from where it is.",
    "starc": "Standardised Reward Comparison (Skalse et al. 2024). Takes out, with a value function, everything that "
    "cannot change a policy under these dynamics. Here the value function is fitted.",
    "erc": "Episode Return Correlation. The same formula on the returns of whole episodes: which episodes does each "
    "reward prefer?",
}
MEASURES = {
    "erc": ("ERC", "distance of episode returns: 0 same, 1 opposite"),
    "trajectory_pearson": ("Along trajectories", "distance of step rewards within episodes: 0 same, 1 opposite"),
    "spearman": ("Spearman", "correlation of the episodes' order: 1 same, -1 opposite"),
    "kendall_tau": ("Kendall τ", "agreement on the order of the policies: 1 same, -1 opposite"),
}
FEW = 15
"""Tables with more rows than this are folded up, or their less important rows are."""
FILLED_BY = {
    "distances": "No distance was computed. Name at least two rewards that have one: rewards=[env,my.py:stand].",
    "spread": "Spread over coverages needs at least two of them: coverages=[random,expert:RUN_DIR].",
    "components": "No reward has more than one named component. A function that returns a dictionary has as many as "
    "that has entries.",
    "trajectory": "Rewards along a shared trajectory were not recorded. frames=true records one with pictures.",
    "returns": "Measures of returns need episodes: methods=[epic,erc], and episodes=16 or more for narrow intervals.",
    "policies": "No training runs were given. runs=[DIR,DIR,...] adds what the policies trained on each reward are "
    "worth, and their regret under the reference; several seeds of each give intervals.",
    "flags": "Signs of reward hacking were not looked for. They need a reference, and show more with training runs: "
    "runs=[DIR,...].",
    "convergence": "Distances with half of the samples were not computed.",
}


def write_report(folder: Path) -> Path:
    """Write the page and the PNGs of a comparison from its `report.json`, whole or partial; returns the page's path.

    Raises:
        UsageError: The folder holds no comparison.
    """
    results = Results.read(folder)
    figures = _figures(results, folder)
    filters: dict[str, Callable[..., Any]] = {
        "number": number,
        "general": _general,
        "list_of": listed,
        "interval": interval,
        "symbol": symbol,
    }
    page = render(
        "comparison.html",
        filters,
        data=results.data,
        results=results,
        title=results.data.get("title") or "Comparison of rewards",
        findings=findings(results),
        confidence=next((e["confidence"] for e in results.distances if e.get("confidence")), 0.95),
        methods=METHODS,
        figures={
            key: [(title, plot.svg(f"f{i}-{j}-")) for j, (title, plot) in enumerate(some)]
            for i, (key, some) in enumerate(figures.items())
        },
        distances=_distances(results),
        undefined=_undefined(results),
        spreads=[key.partition("/")[2] for key in figures if key.startswith("spread/")],
        rows=plots.ROWS,
        few=FEW,
        small=plots.SMALL,
        components=_components(results),
        measures=MEASURES,
        returns=_returns(results),
        samples=_samples(results),
        video=_video(results, folder),
        unfilled=_unfilled(results, figures),
        folder=folder,
    )
    for path, plot in _pictures(figures, results):
        plot.save(folder / path)
    report = folder / "report.html"
    write_text(report, page)
    return report


def _figures(results: Results, folder: Path) -> dict[str, list[tuple[str, Plot]]]:
    """Figures with their titles, by section."""
    data, method = results.data, results.method
    figures: dict[str, list[tuple[str, Plot]]] = {"example": [("", plots.example())]}
    for name in results.methods:
        on = [c for c in results.coverages if results.has(name, c)]
        figures[f"heatmap/{name}"] = [(c, plots.heatmap(results, name, c)) for c in on]
        if len(on) > 1:
            figures[f"spread/{name}"] = [("", plots.spread(results, name))]
    figures["components"] = [(name, plots.components(results, name)) for name in _composed(results)]
    if (data.get("trajectory") or {}).get("rewards"):
        figures["trajectory"] = [("", timeline.trajectory(results, folder))]
    if any((p.get("fitness") or {}).get("mean") is not None for p in data.get("policies") or []):
        figures["fitness"] = [("", plots.fitness(results))]
    if method and results.reference and _judged(results) and any(e["method"] == method for e in results.distances):
        figures["regret"] = [("", plots.regret(results, method))]
    if plots.in_both(results):
        figures["convergence"] = [("", plots.convergence(results))]
    return figures


def _pictures(figures: Mapping[str, list[tuple[str, Plot]]], results: Results) -> list[tuple[str, Plot]]:
    """File names of the PNGs, no two alike."""
    named: dict[str, Plot] = {}
    for key, some in figures.items():
        kind, _, method = key.partition("/")
        for title, plot in some:
            parts = [kind, *([title] if title else []), *([method] if kind == "heatmap" else [])]
            if kind == "spread" and method != results.method:
                parts.append(method)
            stem, extra = file_stem(*parts), 1
            name = stem
            while f"{name}.png" in named:
                extra += 1
                name = f"{stem}-{extra}"
            if kind != "example":
                named[f"{name}.png"] = plot
    return list(named.items())


def _unfilled(results: Results, figures: Mapping[str, Any]) -> list[str]:
    """What would fill the sections that have nothing to show."""
    data = results.data
    filled = {
        "distances": bool(results.distances),
        "spread": any(key.startswith("spread") for key in figures),
        "components": bool(figures["components"]),
        "trajectory": "trajectory" in figures,
        "returns": bool(data.get("returns")),
        "policies": bool(data.get("policies")),
        "flags": data.get("flags") is not None,
        "convergence": "convergence" in figures,
    }
    return [FILLED_BY[key] for key, is_there in filled.items() if not is_there]


def _composed(results: Results) -> list[str]:
    """Rewards of which several components were looked at."""
    parts: dict[str, set[str]] = {}
    for entry in results.data.get("components") or []:
        parts.setdefault(entry["reward"], set()).add(entry["component"])
    return [name for name, some in parts.items() if len(some) > 1]


def _judged(results: Results) -> bool:
    """Whether any policy's regret is known."""
    return any((p.get("regret") or {}).get("mean") is not None for p in results.data.get("policies") or [])


def _distances(results: Results) -> dict[str, dict[str, Any]]:
    """A table for each method: its coverages, and for each pair the entries on them."""
    tables = {}
    for method in results.methods:
        on = [c for c in results.coverages if results.has(method, c)]
        rows = [(pair, [results.distance(method, c, *pair) for c in on]) for pair in results.pairs]
        if on:
            tables[method] = {"coverages": on, "rows": [row for row in rows if any(row[1])]}
    return tables


def _undefined(results: Results) -> list[str]:
    """Why distances are undefined, each reason once, with where it holds."""
    where: dict[str, list[str]] = {}
    for entry in results.distances:
        if entry.get("value") is None and entry.get("degenerate"):
            place = f"{symbol(entry['method'])} on {entry['coverage']}"
            where.setdefault(entry["degenerate"], []).append(place)
    return [f"{reason} ({', '.join(dict.fromkeys(places))})" for reason, places in where.items()]


def _components(results: Results) -> dict[str, dict[str, list[Json]]]:
    """Entries by reward and coverage."""
    tables: dict[str, dict[str, list[Json]]] = {name: {} for name in _composed(results)}
    for entry in results.data.get("components") or []:
        if entry["reward"] in tables:
            tables[entry["reward"]].setdefault(entry["coverage"], []).append(entry)
    return tables


def _returns(results: Results) -> dict[str, dict[str, Any]]:
    """A table for each coverage: its measures, and for each pair their entries."""
    entries = results.data.get("returns") or []
    by_place = {(e.get("coverage"), e["measure"], frozenset((e["a"], e["b"]))): e for e in entries}
    tables = {}
    places = list(dict.fromkeys(e.get("coverage") for e in entries))
    for coverage in places:
        some = [e["measure"] for e in entries if e.get("coverage") == coverage]
        order = [m for m in MEASURES if m in some] + sorted({m for m in some if m not in MEASURES})
        rows = [(pair, [by_place.get((coverage, m, frozenset(pair))) for m in order]) for pair in results.pairs]
        rows = [row for row in rows if any((entry or {}).get("value") is not None for entry in row[1])]
        first = [row for row in rows if len(rows) * len(places) <= FEW or results.reference in row[0]]
        name = f"On {coverage}" if coverage in results.coverages else "Over the policies"
        undefined = {e["degenerate"]: None for e in entries if e.get("coverage") == coverage and e.get("degenerate")}
        others = [row for row in rows if row not in first]
        tables[name] = {"measures": order, "rows": first, "others": others, "undefined": list(undefined)}
    return tables


def _samples(results: Results) -> list[tuple[str, str, str, str]]:
    """Method, coverage, how many samples its distances were computed from, and what the intervals cover."""
    rows: dict[tuple[str, str, str, str], None] = {}
    for entry in (e for e in results.distances if e.get("value") is not None):
        counts = ", ".join(f"{n:,} {what.replace('_', ' ')}" for what, n in (entry.get("samples") or {}).items())
        covers = f"{entry.get('confidence', 0.95):.0%}, {entry['interval']}" if entry.get("interval") else ""
        rows[symbol(entry["method"]), entry["coverage"], counts, covers] = None
    return sorted(rows, key=lambda row: row[0])


def _general(value: Any) -> str:
    """Any of a flag's numbers: plain, with an interval, several by name, or a list."""
    if isinstance(value, Mapping) and "value" in value:
        ends = [value.get("low"), value.get("high")]
        return _general(value["value"]) + ("" if None in ends else f" [{_general(ends[0])} to {_general(ends[1])}]")
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {_general(item)}" for name, item in value.items())
    if isinstance(value, list):
        return "; ".join(map(_general, value))
    return f"{value:,.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _video(results: Results, folder: Path) -> str:
    """A data URI, the name of a file beside the report, or nothing."""
    file = (results.data.get("trajectory") or {}).get("video")
    return embedded(folder / file) if file else ""


if __name__ == "__main__":
    if len(sys.argv) != 2:
        fail("usage: python -m agents.comparison.report DIR")
    try:
        print(write_report(Path(sys.argv[1])))
    except UsageError as error:
        fail(error)

"""Tables and figure of `benchmarks.distance_study`, from its results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from agents.evaluation import interval

COVERAGES = ("random", "env's policy", "mixture", "own policy")
METHODS = {"epic": "EPIC", "dard": "DARD", "erc": "ERC"}
MEASURES = {"fitness": "fitness", "return": "return", "discounted": "discounted return"}
ASKED = (("env", "discounted"), ("env", "fitness"), ("fitness", "fitness"))
"""Distances to which reward are held against which outcome."""
COLORS = {"negated": "#dc2626", "bounce": "#dc2626", "speed": "#dc2626", "upright": "#dc2626", "vlm": "#2563eb"}

Results = Mapping[str, Any]


def tables(name: str, study: Results) -> str:
    """Outcomes and distances of one study in Markdown, and how well the distances foretold the outcomes."""
    lines = [f"### {name}", "", *_table("reward", "seeds", *MEASURES.values())]
    for reward, outcome in study["outcomes"].items():
        lines.append(_row(reward, len(outcome["seeds"]), *(_outcome(outcome, measure) for measure in MEASURES)))
    for reference in ("env", "fitness"):
        for method, label in METHODS.items():
            lines += ["", *_table(f"{label} to {reference}", *COVERAGES)]
            for reward in dict.fromkeys(row["reward"] for row in study["distances"] if row["reference"] == reference):
                found = (find(study, method, reference, coverage, reward) for coverage in COVERAGES)
                lines.append(_row(reward, *map(_distance, found)))
    heads = (f"to {reference}, with {MEASURES[measure]}" for reference, measure in ASKED)
    lines += ["", *_table("rank correlation of the distance", "on", *heads)]
    for method, label in METHODS.items():
        for coverage in COVERAGES:
            lines.append(_row(label, coverage, *(foretold(study, method, coverage, *asked) for asked in ASKED)))
    return "\n".join(lines) + "\n"


def _table(*heads: str) -> list[str]:
    return [_row(*heads), _row(*["---"] * len(heads))]


def _row(*cells: Any) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _outcome(outcome: Results, measure: str) -> str:
    values = outcome[measure]
    digits = 2 if measure == "fitness" else 0
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    low, high = interval(values)
    return f"{np.mean(values):.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def find(study: Results, method: str, reference: str, coverage: str, reward: str) -> Results | None:
    """The distance of a reward to a reference; None if it was not measured."""
    wanted = (method, reference, coverage, reward)
    keys = ("method", "reference", "coverage", "reward")
    return next((row for row in study["distances"] if tuple(row[key] for key in keys) == wanted), None)


def _distance(row: Results | None) -> str:
    if row is None:
        return ""
    return "no direction" if row["degenerate"] else f"{row['value']:.2f} ({row['low']:.2f} to {row['high']:.2f})"


def points(study: Results, method: str, reference: str, coverage: str) -> Iterator[tuple[Results, Results]]:
    """Distance and outcome of each reward that has both."""
    for reward, outcome in study["outcomes"].items():
        row = find(study, method, reference, coverage, reward)
        if row is not None and row["value"] is not None:
            yield row, outcome


def foretold(study: Results, method: str, coverage: str, reference: str, measure: str) -> str:
    """Spearman's correlation, over the rewards trained on, of the distance with what was learned: -1 at best.

    Its 95 % interval is from a bootstrap over the seeds of each reward; it does not cover that other rewards could have
    been chosen. The reward that the distances are to is left out.
    """
    from scipy.stats import spearmanr

    pairs = [(row["value"], outcome[measure]) for row, outcome in points(study, method, reference, coverage)]
    if len(pairs) < 3:
        return "too few"
    far = [distance for distance, _ in pairs]
    rng = np.random.default_rng(0)
    means = [[np.mean(rng.choice(values, len(values))) for _, values in pairs] for _ in range(1000)]
    low, high = np.quantile([spearmanr(far, drawn).statistic for drawn in means], [0.025, 0.975])
    rho = spearmanr(far, [np.mean(values) for _, values in pairs]).statistic
    return f"{rho:+.2f} ({low:+.2f} to {high:+.2f}), {len(pairs)} rewards"


def normalized(study: Results, outcome: Results) -> np.ndarray:
    """Each seed's fitness, where 0 is the untrained policy's and 1 what is learned from the environment's reward."""
    start = np.mean(np.concatenate([other["start"] for other in study["outcomes"].values()]))
    return (np.array(outcome["fitness"]) - start) / (np.mean(study["outcomes"]["env"]["fitness"]) - start)


def draw(studies: Mapping[str, Results], path: Path, method: str = "epic") -> None:
    """What was learned over the distance to the env's reward: a row for each study, a panel for each coverage."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.3 * len(COVERAGES), 3.2 * len(studies)), layout="constrained")
    grid = figure.subplots(len(studies), len(COVERAGES), squeeze=False, sharex=True, sharey="row")
    for panels, (name, study) in zip(grid, studies.items(), strict=True):
        panels[0].set_ylabel(f"{name.replace('-', ', ')}\nnormalized fitness")
        for panel, coverage in zip(panels, COVERAGES, strict=True):
            panel.set_title(coverage, fontsize=10)
            panel.axhline(1, color="#94a3b8", lw=0.8, ls="--")
            panel.axhline(0, color="#94a3b8", lw=0.8)
            found = [(row, normalized(study, outcome)) for row, outcome in points(study, method, "env", coverage)]
            places = [(row["value"], float(values.mean())) for row, values in found]
            for (row, values), (x, y) in zip(found, places, strict=True):
                color = COLORS.get(row["reward"], "#334155")
                panel.plot([row["low"], row["high"]], [y, y], color=color, lw=1)
                panel.plot([x, x], interval(values.tolist()), color=color, lw=1)
                panel.plot(x, y, "o", color=color, ms=4)
                crowded = any(0 < v - y < 0.3 and abs(u - x) < 0.2 for u, v in places)  # the label goes below
                offset = (4, -10 if crowded else 3)
                panel.annotate(row["reward"], (x, y), offset, textcoords="offset points", fontsize=8, color=color)
            panel.spines[["top", "right"]].set_visible(False)
            panel.set_xlim(-0.03, 1.12)
    for panel in grid[-1]:
        panel.set_xlabel(f"{METHODS[method]} to the environment's reward")
    figure.savefig(path, dpi=110)

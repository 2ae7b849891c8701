"""The page of a reward from preferences: the order of captions that it has learned, and what that cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agents.drawing import COLORS, Plot, style
from agents.files import write_text
from agents.offline.options import MotifConfig
from agents.pages import render

SHOWN = 25
"""Captions from either end of the order."""

Rows = Sequence[tuple[str, float, int]]


def write_report(folder: Path, config: MotifConfig, summary: Mapping[str, Any], rows: Rows) -> Path:
    """Write ``report.html``.

    Args:
        folder: Of the command.
        config: Resolved.
        summary: See `agents.motif`.
        rows: Captions with scores and counts, the best first.

    Returns:
        Its path.
    """
    agreed = summary["agreement"]
    cost = summary["usd"]
    tiles = [
        ("captions", f"{summary['captions']:,}"),
        ("comparisons", f"{summary['preferences']:,}"),
        ("of them ties", f"{summary['ties'] / summary['preferences']:.0%}"),
        ("held-out comparisons ordered alike", "too few" if agreed is None else f"{agreed['share']:.0%}"),
    ]
    if summary["calls"]:
        tiles += [("calls of the judge", f"{summary['calls']:,}"), ("tokens", f"{summary['tokens']:,}")]
        tiles += [("cost", "not known" if cost is None else f"${cost:.4f}")]
    page = render(
        "motif.html",
        title=f"{config.env.name or config.env.id} · reward from preferences",
        config=config,
        summary=summary,
        tiles=tiles,
        folder=folder,
        figure=curve(rows, summary["threshold"]).svg("order-"),
        tables=[("All", rows)] if len(rows) <= 2 * SHOWN else [("Best", rows[:SHOWN]), ("Worst", rows[-SHOWN:])],
        paying=sum(score > summary["threshold"] for _, score, _ in rows),
        share=sum(count for _, score, count in rows if score > summary["threshold"]) / summary["steps"],
    )
    path = folder / "report.html"
    write_text(path, page)
    return path


def curve(rows: Rows, threshold: float) -> Plot:
    """Scores by the share of steps, the best first: how much of what happens pays."""
    from matplotlib.figure import Figure

    scores = np.array([score for _, score, _ in rows])
    shares = 100 * np.cumsum([count for _, _, count in rows]) / sum(count for _, _, count in rows)
    with style():
        figure = Figure(figsize=(9.6, 3.0), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(shares, scores, color=COLORS[0], drawstyle="steps-pre", lw=1.8)
        axes.axhline(threshold, color=COLORS[1], lw=1.2, ls="--")
        axes.annotate(
            "pays above this", (shares[0], threshold), xytext=(4, 4), textcoords="offset points", color=COLORS[1]
        )
        axes.set(xscale="log", xlabel="% of steps, the best captions first", ylabel="score, standard deviations")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.grid(alpha=0.2)
        axes.spines[["top", "right"]].set_visible(False)
    return Plot(figure, "Scores of captions against the share of steps in which they occur")

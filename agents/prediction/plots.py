"""Figures of the benchmark: distances by domain, and what each reward says along one task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from agents.drawing import INK, WIDTH, Plot, legend, looks_of, new_figure, stripes, style
from agents.prediction.scoring import UNRELATED

NO_SKILL = {"shaped": UNRELATED, "raw": UNRELATED, "trajectories": 0.5, "steps": 0.5}
"""What who knows nothing gets."""
LABELS = {
    "shaped": "trajectory Pearson distance to the true progress",
    "raw": "trajectory Pearson distance to the sparse reward",
    "trajectories": "expert's trajectory ranked above the random one",
    "steps": "pairs of steps in the right order",
}


def scores(report: Mapping[str, Any], measure: str) -> Plot:
    """A row for each reward, a mark with its interval for each domain, a diamond for all of them."""
    names = [reward["name"] for reward in report["rewards"]]
    domains = [domain["name"] for domain in report["domains"]]
    looks: dict[Any, tuple[str, str]] = dict(looks_of(domains))
    if len(domains) > 1:
        looks["all"] = (INK, "D")
    with style():
        canvas = new_figure(WIDTH, 1.3 + 0.42 * len(names), layout="constrained")
        axes, tips = canvas.add_subplot(), {}
        stripes(axes, names)
        axes.axvline(NO_SKILL[measure], color=INK, lw=1, ls=(0, (4, 3)), alpha=0.6)
        for row, name in enumerate(names):
            for place, (domain, (color, marker)) in enumerate(looks.items()):
                found = report["scores"][name].get(domain, {}).get(measure)
                if not found or found["value"] is None:
                    continue
                y = row + 0.62 * ((place + 0.5) / len(looks) - 0.5)
                if found["low"] is not None:
                    axes.plot([found["low"], found["high"]], [y, y], color=color, lw=1.8, alpha=0.5)
                part = f"{measure}-{row}-{place}"
                axes.plot(found["value"], y, marker, color=color, ms=6 if domain == "all" else 5, gid=part)
                tips[part] = f"{name}, {domain}: {found['value']:.3f} ({found['tasks']} tasks)"
        axes.set_xlabel(f"{LABELS[measure]}; dashed: knows nothing")
        axes.set_xlim(0, 1.02)
        legend(canvas, looks)
    return Plot(canvas, f"{LABELS[measure]}, by reward and domain", tips)


def along(example: Mapping[str, Any]) -> Plot:
    """Predicted rewards along a task's expert trajectory and its random one, a small picture for each reward."""
    names = list(example["predicted"])
    truth = [[step["shaped"] for step in steps] for steps in example["trajectories"]]
    columns = 4
    rows = -(-len(names) // columns)
    with style():
        canvas = new_figure(WIDTH, 0.5 + 1.55 * rows, layout="constrained")
        grid = canvas.subplots(rows, columns, squeeze=False)
        for axes in grid.flat[len(names) :]:
            axes.set_visible(False)
        for axes, name in zip(grid.flat, names, strict=False):
            predicted = example["predicted"][name]
            low, high = _range(predicted)
            axes.plot(truth[0], color=INK, lw=1.2, alpha=0.45)
            for number, values in enumerate(predicted):
                scaled = (np.asarray(values, float) - low) / (high - low)
                color = "#00a07a" if number == 0 else "#d9541e"
                axes.plot(scaled, color=color, lw=1.8, ls="-" if number == 0 else (0, (4, 1.5)))
            axes.set_title(name, fontsize=10, loc="left")
            axes.set(yticks=[], ylim=(-0.08, 1.08))
            axes.tick_params(labelsize=8)
        canvas.supxlabel("step", fontsize=9)
    return Plot(canvas, f"Predicted rewards along {example['task']}")


def _range(predicted: Sequence[Sequence[float]]) -> tuple[float, float]:
    values = np.concatenate([np.asarray(some, float) for some in predicted])
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)

"""Tables and figure of `benchmarks.reward_search`, from its results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

LABELS = {
    "eureka": "search, recorded model (`eureka`)",
    "random": "search, random weights (`random`)",
    "env": "environment's own reward",
    "sparse": "sparse reward",
    "zero": "no reward",
}
COLORS = {"eureka": "#2563eb", "random": "#059669", "env": "#475569", "sparse": "#d97706", "zero": "#94a3b8"}

Results = Mapping[str, Any]


def tables(results: Results) -> str:
    """Everything in Markdown."""
    tasks, costs = results["tasks"], results["costs"]
    parts = [_arms(tasks), _pairs(tasks), _searches(tasks), *(_cost(env, row) for env, row in costs.items())]
    return "\n".join(parts)


def _arms(tasks: Results) -> str:
    lines = _head(
        "task", "trained on", "fitness (95 % interval)", "on the way", "normalised, zero = no reward", "zero = sparse"
    )
    for env, task in tasks.items():
        for arm, label in LABELS.items():
            if (row := task["arms"].get(arm)) is not None:
                scores = task["normalized"].get(arm, {})
                shown = (_plain(scores[zero]) if zero in scores else "" for zero in ("zero", "sparse"))
                name = f"{env} ({task['unit']})" if task["unit"] != "1" else env
                lines.append(_row(name, label, _interval(row), _interval(row["on_the_way"]), *shown))
    return "\n".join(lines) + "\n"


def _pairs(tasks: Results) -> str:
    lines = _head("task", "difference, seed by seed", "fitness (95 % interval)", "on the way")
    found = [(env, pair, row) for env, task in tasks.items() for pair, row in task["pairs"].items()]
    lines += [_row(env, pair, _interval(row), _interval(row["on_the_way"])) for env, pair, row in found]
    return "\n".join(lines) + "\n"


def _searches(tasks: Results) -> str:
    lines = _head(
        *("task", "search", "programs", "rejected", "failed in training", "repeats", "steps of training"),
        *("all in full", "saved", "processor minutes", "in full, about", "best so far, after each round"),
    )
    for env, task in tasks.items():
        for name, row in task["searches"].items():
            failed = row["rejected"].get("training", 0)
            best = ", ".join(f"{_plain(e.get('mean'))} at {e['steps'] / 1000:,.0f}k" for e in row["best_by_round"])
            minutes = (f"{row[key] / 60:.1f}" if row[key] else "" for key in ("cpu_seconds", "cpu_seconds_in_full"))
            lines.append(
                _row(
                    *(env, name, row["programs"], sum(row["rejected"].values()) - failed, failed, row["repeats"]),
                    *(f"{row['steps']:,}", f"{row['steps_in_full']:,}"),
                    *(f"{row['steps_in_full'] / max(row['steps'], 1):.1f} times", *minutes, best),
                )
            )
    return "\n".join(lines) + "\n"


def _cost(env: str, found: Results) -> str:
    lines = _head(f"{env}, {found['halving']['designer']}", "steps of training", "processor seconds", "wall seconds")
    for name, label in (("halving", "halving, 2 workers"), ("sequential", "all in full, 1 worker")):
        row = found[name]
        lines.append(_row(label, f"{row['steps']:,}", f"{row['cpu']:,.0f}", f"{row['wall']:,.0f}"))
    fast, slow = found["halving"], found["sequential"]
    lines.append(_row("ratio", *(f"{slow[key] / fast[key]:.1f}" for key in ("steps", "cpu", "wall"))))
    order = [row["program"] for row in slow["ranking"]]
    place = order.index(fast["best"]) + 1
    tie = (
        "is the best"
        if place == 1
        else "ties with the best"
        if fast["best"] in slow["tied"]
        else "is worse than the best"
    )
    return "\n".join(lines) + f"\n\nThe best by halving is number {place} of {len(order)} in full, and {tie} there.\n"


def draw(tasks: Results, path: Path) -> None:
    """Above: fitness on fresh seeds, a dot each. Below: the best so far over what the search has trained."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter, MaxNLocator

    figure = Figure(figsize=(3.9 * len(tasks), 6.2), layout="constrained")
    panels = figure.subplots(2, len(tasks), squeeze=False, height_ratios=(1, 1.1))
    for (above, below), (env, task) in zip(panels.T, tasks.items(), strict=True):
        arms = [arm for arm in LABELS if arm in task["arms"]]
        for place, arm in enumerate(arms):
            row = task["arms"][arm]
            spread = np.linspace(-0.14, 0.14, len(row["scores"]))
            above.plot(place + spread, row["scores"], "o", ms=4, color=COLORS[arm], alpha=0.5, mew=0)
            error = [[row["mean"] - row["low"]], [row["high"] - row["mean"]]]
            above.errorbar(place + 0.3, row["mean"], error, fmt="D", ms=5, color=COLORS[arm], capsize=3, lw=1.6)
        above.set_xticks(range(len(arms)), arms)
        above.set_title(env, fontsize=11)
        for name, row in task["searches"].items():
            known = [each for each in row["best_by_round"] if "mean" in each]
            steps, means = [each["steps"] for each in known], [each["mean"] for each in known]
            below.step([*steps, steps[-1]], [*means, means[-1]], where="post", color=COLORS[name], lw=2, label=name)
            below.plot(steps, means, "o", ms=4, color=COLORS[name])
            if name in task["arms"]:
                below.plot(steps[-1], task["arms"][name]["mean"], "*", ms=13, color=COLORS[name], mec="white")
        if "env" in task["arms"]:
            env_row = task["arms"]["env"]
            below.axhspan(env_row["low"], env_row["high"], color=COLORS["env"], alpha=0.12, lw=0)
            below.axhline(env_row["mean"], color=COLORS["env"], lw=1, ls="--", label="env")
        below.set_xlabel("environment steps of all trainings")
        below.xaxis.set_major_formatter(EngFormatter(sep=""))
        below.xaxis.set_major_locator(MaxNLocator(5))
        below.set_xlim(left=0)
        below.legend(frameon=False, fontsize=9)
        for panel, what in ((above, "fitness on fresh seeds"), (below, "best so far")):
            panel.set_ylabel(what + (f" ({task['unit']})" if task["unit"] != "1" else ""))
            panel.spines[["top", "right"]].set_visible(False)
            panel.grid(alpha=0.2)
            panel.set_ylim(bottom=min(0.0, panel.get_ylim()[0]))
    figure.savefig(path, dpi=150)


def _interval(row: Results) -> str:
    return (
        f"{row['mean']:.3f} ({row['low']:.3f} to {row['high']:.3f})" if row["low"] is not None else f"{row['mean']:.3f}"
    )


def _plain(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def _head(*cells: str) -> list[str]:
    return [_row(*cells), _row(*["---"] * len(cells))]


def _row(*cells: Any) -> str:
    return f"| {' | '.join(map(str, cells))} |"

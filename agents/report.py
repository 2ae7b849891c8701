"""The page of a run: `report.html`, one file that needs no network, for light and dark screens of any width.

python -m agents.report RUN_DIR         writes it anew, from what is in the run's directory
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agents.build import find_task
from agents.drawing import INK
from agents.errors import UsageError, fail
from agents.files import write_text
from agents.pages import embedded, render
from agents.runs import RunDir, read_progress

STEP = "time/total_timesteps"
COLORS = ("#3b82f6", "#f97316", "#10b981", "#a855f7", "#ef4444", "#eab308", "#06b6d4", "#ec4899")

SHARE = "share of episodes"

Series = dict[str, tuple[list[float], list[float]]]


def write_report(run: RunDir) -> Path:
    """Write the report of a run from what is in its directory; returns its path."""
    import yaml

    config = yaml.safe_load((run.path / "config.yaml").read_text())
    rows, meta, summary = read_progress(run.progress), run.read_meta(), run.read_summary()
    task = find_task(config["env"]["id"] or config["env"]["name"] or "", config["task"])
    adds_up = task is not None and task.adds_up
    page = render(
        "report.html",
        title=_title(config),
        config=config,
        settings=_flat(config),
        meta=meta,
        summary=summary,
        tiles=_tiles(rows, summary),
        figures=[(title, figure(series, unit)) for title, unit, series in _figures(rows, adds_up)],
        video=embedded(run.video),
        transcript=run.transcript.read_text().splitlines() if run.transcript.is_file() else [],
        run=run.path,
    )
    write_text(run.report, page)
    return run.report


def figure(series: Series, unit: str = "") -> str:
    """Curves as an SVG element that takes its text colour from the page and its width from the space there is.

    Args:
        series: Steps and values by label.
        unit: Label of the y-axis.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter, MaxNLocator

    style = {"svg.fonttype": "none", "font.family": "sans-serif", "font.size": 11, "text.color": INK}
    style |= {"axes.labelcolor": INK, "axes.edgecolor": INK, "xtick.color": INK, "ytick.color": INK}
    with rc_context(style | {"svg.hashsalt": "report"}):
        canvas = Figure(figsize=(5.6, 3.0), layout="constrained")
        axes = canvas.add_subplot()
        for (label, (steps, values)), color in zip(series.items(), COLORS, strict=False):
            marker = "o" if len(steps) == 1 or "evaluated" in label else None
            axes.plot(steps, values, color=color, label=label, lw=1.8, marker=marker, ms=3.5)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color=INK, alpha=0.12, lw=0.8)
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.set_xlabel("steps")
        axes.set_ylabel(unit)
        if unit == SHARE:
            axes.set_ylim(-0.03, 1.03)
        if len(series) > 4:
            canvas.legend(loc="outside lower center", frameon=False, fontsize=9, ncols=2)
        elif len(series) > 1:
            axes.legend(frameon=False, fontsize=10)
        buffer = io.StringIO()
        canvas.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg))
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    return svg.replace(INK, "currentColor")


def _figures(rows: Sequence[Mapping[str, float]], adds_up: bool) -> list[tuple[str, str, Series]]:
    """Title, unit and curves of each figure that there is something to show in; ``adds_up`` as in `envs.task.Task`."""
    fitness = "sum over an episode" if adds_up else "per step, mean of episodes"
    components = sorted({name for row in rows for name in row if name.startswith("reward/")})
    wanted = [
        ("Fitness", fitness, {"training": "rollout/fitness", "evaluated": "eval/fitness"}),
        ("Success", SHARE, {"training": "rollout/success", "evaluated": "eval/success"}),
        ("Reward", "sum over an episode", {"training": "rollout/ep_rew_mean", "evaluated": "eval/reward"}),
        ("Reward by component", "sum over an episode", {name.removeprefix("reward/"): name for name in components}),
        ("The environment's own reward", "sum over an episode", {"training": "rollout/env_reward"}),
        ("Episode length", "steps", {"training": "rollout/ep_len_mean", "evaluated": "eval/length"}),
        ("Speed", "steps per second", {"training": "time/fps"}),
    ]
    kinds = sorted({name for row in rows for name in row if name.startswith("eval/success/")})
    wanted.insert(2, ("Success by task, evaluated", SHARE, {_in_words(name): name for name in kinds}))
    figures = []
    for title, unit, names in wanted:
        series = {label: curve for label, name in names.items() if (curve := _curve(rows, name))[0]}
        if series and not (title == "Reward by component" and len(series) == 1):
            figures.append((title, unit, series))
    return figures


def _in_words(column: str) -> str:
    """``eval/success/pick_heat_then_place_in_recep`` as a label."""
    return column.rpartition("/")[2].replace("_then_place_in_recep", "_and_place").replace("_", " ")


def _curve(rows: Sequence[Mapping[str, float]], name: str) -> tuple[list[float], list[float]]:
    points = [(row[STEP], row[name]) for row in rows if name in row]
    return [step for step, _ in points], [value for _, value in points]


def _title(config: Mapping[str, Any]) -> str:
    env = config["env"]["id"] or config["env"]["name"]
    task = f", {config['task']}" if config["task"] else ""
    reward = config["reward"].get("name", "own")
    return f"{env}{task} · reward {reward} · {config['algo']['name']}"


def _tiles(rows: Sequence[Mapping[str, float]], summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    last = summary.get("last", {})
    judge = summary.get("judged_by", "eval/fitness")
    tiles = []
    if judge in last:
        name = judge.removeprefix("eval/")
        tiles.append((f"{name} at the end", f"{last[judge]:.3g}"))
        tiles += [(f"best {name}", f"{summary['best']:.3g}")] if summary.get("best") is not None else []
    if "eval/success" in last:
        tiles.append(("success at the end", f"{last['eval/success']:.0%}"))
    if "rollout/ep_rew_mean" in last:
        tiles.append(("reward of an episode", f"{last['rollout/ep_rew_mean']:.4g}"))
    tiles.append(("steps", f"{summary.get('timesteps', 0):,}"))
    minutes, seconds = divmod(int(summary.get("seconds", 0)), 60)
    tiles.append(("time", f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"))
    return tiles


def _flat(node: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Settings as (key, value) rows; what was left at None is Stable-Baselines3's default and not shown."""
    if isinstance(node, dict) and node:
        return [row for key, value in node.items() for row in _flat(value, f"{prefix}.{key}" if prefix else key)]
    return [] if node is None or node == {} else [(prefix, str(node))]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        fail("usage: python -m agents.report RUN_DIR")
    try:
        print(write_report(RunDir.open(sys.argv[1])))
    except UsageError as error:
        fail(error)

"""Does it learn household tasks from text? ALFWorld on its sparse reward, and on factored states as rewards.

python -m benchmarks.alfworld_learning                            three seeds of all arms, one job at a time
python -m benchmarks.alfworld_learning --arms env potential       a part of it
python -m benchmarks.alfworld_learning --report                   table, figure and results.json of what is there

Training games and evaluation games are apart (``train``, and ``valid_unseen``: combinations of object, receptacle and
room that no training game has). Jobs are ordinary runs of `agents.train`, as in `benchmarks.learning`: called again,
the script skips what is finished and resumes what is not. At the end the newest policy, not the best one, plays both
validation splits. Intervals are 95 % bootstrap intervals over seeds.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agents.cli import compose
from agents.config.commands import EVALUATE
from agents.drawing import COLORS, INK, WIDTH, Plot, new_figure, style
from agents.evaluate import evaluate
from agents.evaluation import interval
from agents.files import write_text
from agents.provenance import versions
from agents.runs import RunDir, read_progress
from benchmarks._arms import BINS, Arm, binned, mean_and_interval
from benchmarks.learning import STEP, Cell, folder, run_jobs
from envs.alfworld.games import TASK_TYPES

STEPS, EVALUATIONS, EPISODES = 60_000, 3, 120
SPLITS = ("valid_unseen", "valid_seen")
ARMS = {
    "env": Arm("sparse: 1 for winning", lambda _: ("reward=env",), 4, own=""),
    "raw": Arm("factored, raw similarity", lambda _: ("reward=factored", "reward.mode=raw"), 1, own=""),
    "potential": Arm("factored, potential", lambda _: ("reward=factored",), 0, own=""),
    "facts": Arm(
        "the same from facts (privileged)", lambda _: ("reward=factored", "reward.extractor=facts"), 2, True, own=""
    ),
}


def cell(steps: int, output: Path) -> Cell:
    """How every arm is trained."""
    options = (f"eval_every={steps // EVALUATIONS}", "eval_episodes=48", "video=false")
    return Cell("ALFWorld", "household", steps, options, {name: arm.options(output) for name, arm in ARMS.items()})


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("runs/alfworld"), help="folder for runs and results")
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0, 1, ... of every arm")
    parser.add_argument("--workers", type=int, default=1, help="jobs at a time, one thread each")
    parser.add_argument("--steps", type=int, default=STEPS, help="environment steps of each run")
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=ARMS)
    parser.add_argument("--report", action="store_true", help="train nothing")
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    output: Path = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    plan = cell(arguments.steps, output)
    if not arguments.report:
        jobs = [(plan, name, seed, plan.steps) for seed in range(arguments.seeds) for name in arguments.arms]
        run_jobs(jobs, output, arguments.workers)
    found = {name: arm for name in ARMS if (arm := read(plan, name, output))["seeds"]}
    report = {"versions": versions(), "steps": plan.steps, "episodes": EPISODES, "arms": found}
    write_text(output / "results.json", json.dumps(report, indent=1))
    text = table(found)
    write_text(output / "table.md", text)
    if found:
        draw(found, plan.steps, output / "alfworld-learning.png")
    print(text)


def read(plan: Cell, name: str, output: Path) -> dict[str, Any]:
    """Curves, final evaluations and seconds of an arm's finished runs, a list entry for each seed."""
    lists = ("seeds", "seconds", "training", "unseen")
    found: dict[str, Any] = {name: [] for name in lists} | {"final": {split: [] for split in SPLITS}}
    for seed in range(100):
        run = RunDir(output / folder(plan, name, seed))
        summary = run.read_summary()
        if summary.get("state") != "finished" or summary["timesteps"] < plan.steps:
            continue
        rows = read_progress(run.progress)
        found["seeds"].append(seed)
        found["seconds"].append(summary["seconds"])
        found["training"].append(binned(rows, "rollout/success", plan.steps).tolist())
        found["unseen"].append([(row[STEP], row["eval/success"]) for row in rows if "eval/success" in row])
        for split, results in found["final"].items():
            results.append(final(run, split))
    return found


def final(run: RunDir, split: str) -> dict[str, float]:
    """Means of the newest policy's evaluation on a split; played once, then read."""
    folder = run.path / "evaluations" / split
    file = folder / "evaluation.json"
    if not file.is_file():
        given = (f"run={run.path}", "checkpoint=last", f"episodes={EPISODES}", f"kwargs.split={split}")
        evaluate(compose(EVALUATE, "evaluate", [*given, f"output={folder}"]))
    return {name: metric["mean"] for name, metric in json.loads(file.read_text())["metrics"].items()}


def table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Success at the end in Markdown: on unseen and seen combinations, then by task type on unseen ones."""
    lines = ["| reward | success, unseen | success, seen | goal conditions, unseen | seeds | seconds a run |"]
    lines.append("|" + "---|" * 6)
    for name, arm in found.items():
        unseen, seen = arm["final"]["valid_unseen"], arm["final"]["valid_seen"]
        values = (_of(unseen, "success"), _of(seen, "success"), _of(unseen, "fitness"))
        cells = " | ".join(map(mean_and_interval, values))
        lines.append(f"| {ARMS[name].label} | {cells} | {len(arm['seeds'])} | {np.mean(arm['seconds']):,.0f} |")
    lines += ["", f"| success, unseen | {' | '.join(ARMS[name].label for name in found)} |"]
    lines.append("|" + "---|" * (len(found) + 1))
    for kind in TASK_TYPES:
        values = [_of(arm["final"]["valid_unseen"], f"success/{kind}") for arm in found.values()]
        lines.append(f"| {kind} | {' | '.join(map(mean_and_interval, values))} |")
    return "\n".join(lines) + "\n"


def _of(results: Sequence[Mapping[str, float]], metric: str) -> list[float]:
    return [result[metric] for result in results if metric in result]


def draw(found: Mapping[str, Mapping[str, Any]], steps: int, path: Path) -> None:
    """Success on unseen combinations over training, and at its end by task type."""
    from matplotlib.ticker import EngFormatter

    with style():
        figure = new_figure(WIDTH, 4.4, "constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.35))
        middles = (np.arange(BINS) + 0.5) * steps / BINS
        height = 0.8 / len(found)
        for place, (name, arm) in enumerate(found.items()):
            looks: dict[str, Any] = {"color": COLORS[ARMS[name].color]}
            curves = np.array(arm["training"])
            lines = {"ls": "--" if ARMS[name].dashed else "-", **looks}
            label = f"{ARMS[name].label} ({len(curves)} seed{'s' * (len(curves) > 1)})"
            for curve, evaluated in zip(curves, arm["unseen"], strict=True):
                left.plot(middles, curve, lw=0.8, alpha=0.25, **lines)
                left.plot(*np.transpose(evaluated), "o", ms=4, alpha=0.7, **looks)
            left.plot(middles, np.nanmean(curves, 0), lw=2, label=label, **lines)
            for row, kind in enumerate(TASK_TYPES):
                values = _of(arm["final"]["valid_unseen"], f"success/{kind}")
                if not values:
                    continue
                low, high = interval(values) if len(values) > 1 else (values[0], values[0])
                at = row + (place - (len(found) - 1) / 2) * height
                right.barh(at, np.mean(values), height * 0.9, **looks)
                right.plot([low, high], [at, at], color=INK, lw=1)
        left.set(
            title="success in training; dots: on unseen games",
            xlabel="steps",
            ylim=(-0.02, 1.02),
            xlim=(0, 1.02 * steps),
        )
        left.xaxis.set_major_formatter(EngFormatter(sep=""))
        left.grid(alpha=0.2)
        right.set(title="on unseen games at the end, by task", xlim=(0, 1.02), yticks=range(len(TASK_TYPES)))
        right.set_yticklabels([kind.replace("_", " ").replace(" in recep", "") for kind in TASK_TYPES])
        right.invert_yaxis()
        right.grid(alpha=0.2, axis="x")
        figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
        Plot(figure, "ALFWorld: success on games that training never saw").save(path)


if __name__ == "__main__":
    main()

"""Does it learn? Fitness under the embedded VLM reward, beside the environment's own reward and none at all.

python -m benchmarks.learning                              the whole grid, 2 jobs at a time, into runs/learning
python -m benchmarks.learning --only Hopper --seeds 5      a part of it, with more seeds
python -m benchmarks.learning --scale 0.1                  a tenth of the steps, to see that it works
python -m benchmarks.learning --report                     figure and table of what is there

Every job is an ordinary run (`python -m agents.train`), so it has a report of its own and may be killed: called again,
the script skips what is finished and resumes what is not. Results are judged by the task's fitness on evaluation
episodes, never by a reward; intervals are 95 % bootstrap intervals of the mean over seeds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from agents.evaluation import interval
from agents.files import write_text
from agents.provenance import versions
from agents.runs import RunDir, read_progress

REWARDS = ("env", "vlm", "zero")
COLORS = {"env": "#64748b", "vlm": "#2563eb", "zero": "#f59e0b"}
LABELS = {
    "env": "environment's own reward",
    "vlm": "VLM reward (tiny_clip)",
    "zero": "no reward",
}
STEP = "time/total_timesteps"


@dataclass(frozen=True)
class Cell:
    """A task and how it is trained, the same for every reward.

    Attributes:
        env: Environment.
        task: Task.
        steps: Timesteps.
        options: Further options of `agents.train`.
        rewards: Options that choose a reward, by its name; others are options themselves: ``reward=NAME``.
    """

    env: str
    task: str
    steps: int
    options: tuple[str, ...] = field(default=())
    rewards: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """For folders and headings."""
        return f"{self.env}-{self.task}"


# The published settings are for ten times as many steps and more. These are plain ones for a small budget, the same for
# all bodies but for the discount (episodes of 100 steps want a shorter sight) and how boldly they explore.
SMALL_BUDGET = (
    *("num_envs=8", "algo.n_steps=64", "algo.batch_size=128", "algo.n_epochs=10", "algo.learning_rate=0.0005"),
    *("algo.gae_lambda=0.95", "algo.clip_range=0.2", "algo.ent_coef=0.0"),
)
CELLS = (
    Cell("CartPole", "upright", 40_000),
    Cell("InvertedPendulum", "upright", 60_000, (*SMALL_BUDGET, "algo.gamma=0.98", "algo.log_std_init=0")),
    Cell("Hopper", "standing", 100_000, (*SMALL_BUDGET, "algo.gamma=0.98", "algo.log_std_init=-1")),
    Cell("Humanoid", "standing", 60_000, (*SMALL_BUDGET, "algo.gamma=0.95", "algo.log_std_init=-1")),
    Cell("Humanoid", "kneeling", 60_000, (*SMALL_BUDGET, "algo.gamma=0.95", "algo.log_std_init=-1")),
)


def main(
    description: str | None = __doc__,
    cells: Sequence[Cell] = CELLS,
    rewards: Sequence[str] = REWARDS,
    name: str = "learning",
    seeds: int = 3,
) -> None:
    """The command, for this grid or another one."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("runs") / name, help="folder for runs and results")
    parser.add_argument("--seeds", type=int, default=seeds, help="seeds 0, 1, ... of every cell")
    parser.add_argument("--workers", type=int, default=2, help="jobs at a time, one thread each")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the steps")
    parser.add_argument("--only", default="", help="cells whose name contains this, such as Hopper or kneeling")
    parser.add_argument("--rewards", nargs="+", default=list(rewards), choices=rewards)
    parser.add_argument("--report", action="store_true", help="run nothing")
    arguments = parser.parse_args()
    names = ", ".join(cell.name for cell in cells)
    cells = [cell for cell in cells if arguments.only in cell.name]
    if not cells:
        parser.error(f"--only {arguments.only}: no such cell among {names}")
    arguments.output.mkdir(parents=True, exist_ok=True)
    if not arguments.report:
        jobs = [
            (cell, reward, seed, max(1000, round(cell.steps * arguments.scale)))
            for seed in range(arguments.seeds)  # all cells of a seed first: an unfinished grid is still of use
            for cell in cells
            for reward in arguments.rewards
        ]
        run_jobs(jobs, arguments.output, arguments.workers)
    results = collect(cells, arguments.rewards, arguments.output)
    write_text(arguments.output / "results.json", json.dumps(results, indent=1))
    text = table(results)
    write_text(arguments.output / "table.md", text)
    draw(results, arguments.output / name)
    print(text)


def run_jobs(jobs: list[tuple[Cell, str, int, int]], output: Path, workers: int) -> None:
    """Run the jobs, each in its own process, ``workers`` at a time; failures are told and do not stop the others."""
    done = 0
    began = time.monotonic()

    def work(job: tuple[Cell, str, int, int]) -> None:
        nonlocal done
        cell, reward, seed, steps = job
        run = output / folder(cell, reward, seed)
        outcome = run_job(cell, reward, seed, steps, run)
        done += 1
        minutes = (time.monotonic() - began) / 60
        print(f"[{done}/{len(jobs)}, {minutes:.0f} min] {run.name}: {outcome}", flush=True)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, jobs))


def run_job(cell: Cell, reward: str, seed: int, steps: int, run: Path) -> str:
    """Train, resume or skip one run; returns what became of it."""
    directory = RunDir(run)
    summary = directory.read_summary()
    if summary.get("state") == "finished" and summary["timesteps"] >= steps:
        return "finished before"
    if (run / "config.yaml").exists():
        arguments = [f"resume={run}", f"total_timesteps={steps}"]
    else:
        arguments = [f"env={cell.env}", f"task={cell.task}", f"seed={seed}", f"run_dir={run}"]
        arguments += cell.rewards.get(reward, (f"reward={reward}",))
        arguments += [f"total_timesteps={steps}", f"eval_every={max(1, steps // 20)}", "eval_episodes=8"]
        arguments += [f"checkpoint_every={max(1, steps // 5)}", "tensorboard=false", *cell.options]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    log = run.with_name(f"{run.name}.log")
    with log.open("a") as file:
        code = subprocess.run(
            [sys.executable, "-m", "agents.train", *arguments], stdout=file, stderr=file, env=environment, check=False
        ).returncode
    if code:
        return f"FAILED with exit code {code}, see {log}"
    summary = directory.read_summary()
    return f"fitness {summary['last'].get('eval/fitness', float('nan')):.3f} in {summary['seconds']:.0f} s"


def folder(cell: Cell, reward: str, seed: int) -> str:
    """A run's folder."""
    return f"{cell.name}_{reward}_{seed}"


def collect(cells: Sequence[Cell], rewards: Sequence[str], output: Path) -> dict[str, Any]:
    """Evaluation curves of all finished runs, with means and intervals over seeds."""
    results: dict[str, Any] = {"versions": versions(), "cpus": os.cpu_count(), "cells": {}}
    for cell in cells:
        for reward in rewards:
            curves = {}
            seconds = []
            for run in sorted(output.glob(f"{cell.name}_{reward}_*/")):
                summary = RunDir(run).read_summary()
                if summary.get("state") != "finished":
                    continue
                rows = [row for row in read_progress(RunDir(run).progress) if "eval/fitness" in row]
                curves[run.name.rpartition("_")[2]] = [(row[STEP], row["eval/fitness"]) for row in rows]
                seconds.append(summary["seconds"])
            if not curves:
                continue
            steps = sorted(set.intersection(*({step for step, _ in curve} for curve in curves.values())))
            by_seed = np.array([[dict(curve)[step] for step in steps] for curve in curves.values()])
            intervals = [interval(by_seed[:, i].tolist()) for i in range(len(steps))]
            results["cells"].setdefault(cell.name, {})[reward] = {
                "seeds": list(curves),
                "steps": steps,
                "fitness": by_seed.tolist(),
                "mean": by_seed.mean(0).tolist(),
                "interval": intervals,
                "seconds": float(np.mean(seconds)),
            }
    return results


def table(results: dict[str, Any]) -> str:
    """Final fitness as a Markdown table."""
    lines = ["| task | reward | fitness at the end (95 % interval) | at the start | seeds | steps | seconds a run |"]
    lines.append("| --- | --- | --- | --- | --- | --- | --- |")
    for name, rewards in results["cells"].items():
        for reward, r in rewards.items():
            low, high = r["interval"][-1]
            lines.append(
                f"| {name} | {LABELS[reward]} | {r['mean'][-1]:.3f} ({low:.3f} to {high:.3f}) | {r['mean'][0]:.3f} "
                f"| {len(r['seeds'])} | {r['steps'][-1]:,.0f} | {r['seconds']:,.0f} |"
            )
    return "\n".join(lines) + "\n"


def draw(results: dict[str, Any], path: Path) -> None:
    """Fitness over steps, a panel for each task, as SVG and PNG."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter, MaxNLocator

    cells = results["cells"]
    if not cells:
        return
    columns = min(3, len(cells))
    rows = -(-len(cells) // columns)
    figure = Figure(figsize=(4.2 * columns, 3.1 * rows + 0.5), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel, (name, rewards) in zip(panels, cells.items(), strict=False):
        for reward, r in rewards.items():
            low, high = np.array(r["interval"]).T
            panel.fill_between(r["steps"], low, high, color=COLORS[reward], alpha=0.18, lw=0)
            panel.plot(r["steps"], r["mean"], color=COLORS[reward], label=LABELS[reward], lw=2)
        seeds = {len(r["seeds"]) for r in rewards.values()}
        panel.set_title(f"{name.replace('-', ', ')} ({'/'.join(map(str, sorted(seeds)))} seeds)", fontsize=11)
        panel.set_xlabel("steps")
        panel.set_ylabel("fitness of an episode")
        panel.xaxis.set_major_formatter(EngFormatter(sep=""))
        panel.xaxis.set_major_locator(MaxNLocator(5))
        panel.set_ylim(-0.03, 1.03)
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(alpha=0.2)
    for panel in panels[len(cells) :]:
        panel.set_visible(False)
    handles = {label: line for panel in panels for line, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3, frameon=False)
    for suffix in ("svg", "png"):
        figure.savefig(path.with_suffix(f".{suffix}"), dpi=150)


if __name__ == "__main__":
    main()

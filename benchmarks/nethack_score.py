"""Points in NetHack: its own score as reward, alone and beside captions that rules or a recorded judge find helpful.

python -m benchmarks.nethack_score               2 million steps of each, one job at a time, into runs/nethack_score
python -m benchmarks.nethack_score --arms env       a part of it; more seeds: --seeds 5
python -m benchmarks.nethack_score --report         table and figure of what is there

Jobs are ordinary runs of `agents.train`: called again, the script skips what is finished and resumes what is not.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from agents.files import write_text
from benchmarks._arms import BINS, Arm, Curves, draw, mean_and_interval, median_of, read
from benchmarks.learning import Cell, run_jobs
from reward_designers.assets import asset

SETTINGS = (
    *("num_envs=32", "algo.n_steps=128", "algo.batch_size=512", "algo.n_epochs=1", "algo.normalize_reward=true"),
    *("video=false", "eval_every=0", "checkpoint_every=200000"),
)
GAME = Cell("NetHackScore", "score", 2_000_000, SETTINGS)
JUDGED = ("reward=intrinsic", "reward.coefficient=10")  # points: about what an event brings
RECORDED = ("llm=replay", f"llm.path={asset('judgements', 'NetHackScore.yaml')}", "reward.model=classification")
ARMS = {
    "env": Arm("score alone", lambda _: ("reward=env",), 4, own=""),
    "lexicon": Arm("score, and captions judged by rules", lambda _: JUDGED, 0),
    "recorded": Arm(
        "score, and captions judged by a recorded model",
        lambda _: (*JUDGED, *RECORDED),
        2,
    ),
}


def main() -> None:
    """Run what is asked for and missing; table and figure of what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("runs/nethack_score"), help="folder for runs and results")
    parser.add_argument("--seeds", type=int, default=1, help="seeds 0, 1, ... of every arm")
    parser.add_argument("--workers", type=int, default=1, help="jobs at a time, one thread each")
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=ARMS)
    parser.add_argument("--report", action="store_true", help="run nothing")
    arguments = parser.parse_args()
    output = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    if not arguments.report:
        cell = Cell(GAME.env, GAME.task, GAME.steps, GAME.options, {n: ARMS[n].options(output) for n in arguments.arms})
        jobs = [(cell, name, seed, cell.steps) for seed in range(arguments.seeds) for name in arguments.arms]
        run_jobs(jobs, output, arguments.workers)
    found = {name: curves for name, arm in ARMS.items() if (curves := read(GAME, name, arm, output))}
    text = table(found)
    write_text(output / "table.md", text)
    if found:
        draw(GAME.env, GAME, found, ARMS, output / "nethack-score.png", "points of an episode")
    print(text)


def table(found: dict[str, Curves]) -> str:
    """All arms in Markdown."""
    shares = (0.25, 0.5, 0.75, 1.0)
    heads = " | ".join(f"points, to step {share * GAME.steps:,.0f}" for share in shares)
    lines = [f"| reward | {heads} | alarm at step | seeds | steps | minutes a run |", "|" + "---|" * (len(shares) + 5)]
    for name, curves in found.items():
        points = [mean_and_interval(_around(curves.truth, share), 1) for share in shares]
        alarms = median_of(curves.alarms) if ARMS[name].own else ""
        lines.append(
            f"| {ARMS[name].label} | {' | '.join(points)} | {alarms} | {len(curves.seeds)} "
            f"| {median_of(curves.steps)} | {np.mean(curves.seconds) / 60:.0f} |"
        )
    return "\n".join(lines) + "\n"


def _around(truth: np.ndarray, share: float) -> list[float]:
    """Each seed's mean of the tenth of training that ends there."""
    end = round(share * BINS)
    return [float(np.mean(row)) for row in truth[:, end - BINS // 10 : end]]


if __name__ == "__main__":
    main()

"""Does it learn to use a key? MiniHack's KeyRoom with its sparse reward, and with captions that rules judge.

python -m benchmarks.keyroom                     five seeds of each, 2 jobs at a time, into runs/keyroom
python -m benchmarks.keyroom --only Dark         a part of it
python -m benchmarks.keyroom --report            figure and table of what is there

Jobs are ordinary runs of `agents.train`, as in `benchmarks.learning`: called again, the script skips what is finished
and resumes what is not.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from agents.runs import write_text
from benchmarks.learning import Cell, collect, draw, run_jobs, table

REWARDS = ("env", "intrinsic")
CELLS = (
    Cell("MiniHack-KeyRoom-S5", "staircase", 120_000, ("video=false",)),
    Cell("MiniHack-KeyRoom-Dark-S5", "staircase", 120_000, ("video=false",)),
)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("runs/keyroom"), help="folder for runs and results")
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0, 1, ... of each")
    parser.add_argument("--workers", type=int, default=2, help="jobs at a time, one thread each")
    parser.add_argument("--only", default="", help="rooms whose name contains this")
    parser.add_argument("--report", action="store_true", help="run nothing")
    arguments = parser.parse_args()
    cells = [cell for cell in CELLS if arguments.only in cell.name]
    if not cells:
        parser.error(f"--only {arguments.only}: no such room among {', '.join(cell.name for cell in CELLS)}")
    arguments.output.mkdir(parents=True, exist_ok=True)
    if not arguments.report:
        jobs = [
            (cell, reward, seed, cell.steps) for seed in range(arguments.seeds) for cell in cells for reward in REWARDS
        ]
        run_jobs(jobs, arguments.output, arguments.workers)
    results = collect(cells, list(REWARDS), arguments.output)
    write_text(arguments.output / "results.json", json.dumps(results, indent=1))
    text = table(results)
    write_text(arguments.output / "table.md", text)
    draw(results, arguments.output / "keyroom")
    print(text)


if __name__ == "__main__":
    main()

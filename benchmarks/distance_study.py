"""Do distances between rewards foretell what is learned from them? Both, for Hopper and the Humanoid that is to stand.

python -m benchmarks.distance_study                          trains, measures, writes into runs/distance_study
python -m benchmarks.distance_study --only Hopper --seeds 5  a part of it, with more seeds
python -m benchmarks.distance_study --scale 0.1              a tenth of the steps, to see that it works
python -m benchmarks.distance_study --runs DIR --report      distances, tables and figure of what has been trained

Every training is an ordinary run (`python -m agents.train`) with the settings of `benchmarks.learning`: called again,
the script skips what is finished and resumes what is not. The rewards are in `benchmarks/rewards`.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from benchmarks.learning import SMALL_BUDGET, Cell, run_jobs
from benchmarks.rewards import hopper, humanoid

REWARDS = Path(__file__).parent / "rewards"


def by_path(file: str, *names: str) -> dict[str, tuple[str, ...]]:
    """Options of `agents.train` that choose a reward of ``benchmarks/rewards``, by its name."""
    return {name: ("reward=custom", f"reward.path={REWARDS / file}:{name}") for name in names}


@dataclass(frozen=True)
class Study:
    """One environment's part.

    Attributes:
        cell: The task and how it is trained.
        trained: Rewards to train on; the first is the reference that distances are measured to.
        compared: Rewards that are measured only.
        discount: Of the agent, and of the distances.
    """

    cell: Cell
    trained: tuple[str, ...]
    compared: tuple[str, ...]
    discount: float


HOPPER = by_path("hopper.py", "forward", "survive", "effort", "negated", "careful", "shaped", "speed", "bounce")
HUMANOID = by_path("humanoid.py", "forward", "survive", "effort", "contact", "negated", "careful", "shaped", "upright")
STUDIES = (
    Study(
        Cell(
            *("Hopper", "hopping", 150_000),
            (*SMALL_BUDGET, "algo.learning_rate=0.0003", f"algo.gamma={hopper.DISCOUNT}", "algo.log_std_init=-1"),
            # Every fourth frame is one in 32 ms, and a quarter of the cost.
            HOPPER | {"vlm": ("reward=vlm", "reward.every=4")},
        ),
        trained=("env", "careful", "shaped", "forward", "survive", "speed", "bounce", "negated", "vlm"),
        compared=("effort",),
        discount=hopper.DISCOUNT,
    ),
    Study(
        Cell(
            *("Humanoid", "standing", 60_000),
            (*SMALL_BUDGET, f"algo.gamma={humanoid.DISCOUNT}", "algo.log_std_init=-1"),
            HUMANOID,
        ),
        trained=("env", "careful", "shaped", "forward", "survive", "upright", "negated", "vlm"),
        compared=("effort", "contact"),
        discount=humanoid.DISCOUNT,
    ),
)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs/distance_study"), help="folder for runs and results")
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0, 1, ... of every training")
    parser.add_argument("--workers", type=int, default=2, help="trainings at a time, one thread each")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the steps")
    parser.add_argument("--only", default="", help="Hopper or Humanoid")
    parser.add_argument("--report", action="store_true", help="train nothing")
    arguments = parser.parse_args()
    studies = [study for study in STUDIES if arguments.only in study.cell.name]
    if not studies:
        parser.error(f"--only {arguments.only}: no such part among {', '.join(s.cell.name for s in STUDIES)}")
    arguments.runs.mkdir(parents=True, exist_ok=True)
    if not arguments.report:
        jobs = [
            (study.cell, reward, seed, max(1000, round(study.cell.steps * arguments.scale)))
            for seed in range(arguments.seeds)  # all rewards of a seed first: an unfinished grid is still of use
            for study in studies
            for reward in study.trained
        ]
        run_jobs(jobs, arguments.runs, arguments.workers)


if __name__ == "__main__":
    main()

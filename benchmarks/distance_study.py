"""Do distances between rewards foretell what is learned from them? Both, for Hopper and the Humanoid that is to stand.

python -m benchmarks.distance_study                          trains, measures, writes into runs/distance_study
python -m benchmarks.distance_study --only Hopper --seeds 5  a part of it, with more seeds
python -m benchmarks.distance_study --scale 0.1              a tenth of the steps, to see that it works
python -m benchmarks.distance_study --runs DIR --report      distances, tables and figure of what has been trained

Every training is an ordinary run (`python -m agents.train`) with the settings of `benchmarks.learning`: called again,
the script skips what is finished and resumes what is not. The rewards are in `benchmarks/rewards`.

Distances are those to the environment's own reward, on transitions of several policies; beside them is what policies
trained on each reward achieve: the task's fitness, and the return under the environment's own reward.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import envs
from agents.comparison.collect import World, collect, play
from agents.comparison.coverages import CoverageSpec
from agents.files import write_text
from agents.provenance import versions
from agents.runs import RunDir, read_progress
from benchmarks._distance_tables import draw, tables
from benchmarks.learning import SMALL_BUDGET, Cell, folder, run_jobs
from benchmarks.rewards import hopper, humanoid
from envs.simulator import make_simulator
from reward_designers.base import RewardFn, as_reward
from reward_designers.distances import epic_matrix
from reward_designers.distances.dard import dard_matrix
from reward_designers.distances.returns import episode_returns, erc
from reward_designers.vlm import VLMReward

REWARDS = Path(__file__).parent / "rewards"
REFERENCE = "env"
REFERENCES = (REFERENCE, "fitness")
LAST = 5
"""Evaluations at the end of a training that are averaged: policies of small budgets come and go."""
EPISODES = 24
"""Whole episodes of each policy, for returns."""


def by_path(file: str, *names: str) -> dict[str, tuple[str, ...]]:
    """Options of `agents.train` that choose a reward of ``benchmarks/rewards``, by its name."""
    return {name: ("reward=custom", f"reward.path={REWARDS / file}:{name}") for name in names}


@dataclass(frozen=True)
class Study:
    """One environment's part.

    Attributes:
        cell: The task and how it is trained.
        trained: Rewards to train on, `REFERENCE` among them.
        compared: Rewards that are measured only.
        discount: Of the agent, and of the distances.
    """

    cell: Cell
    trained: tuple[str, ...]
    compared: tuple[str, ...]
    discount: float


HOPPER = ("careful", "shaped", "forward", "survive", "effort", "velocity", "speed", "bounce", "negated")
HUMANOID = ("careful", "shaped", "forward", "survive", "effort", "contact", "upright", "negated")
STUDIES = (
    Study(
        Cell(
            *("Hopper", "hopping", 150_000),
            (*SMALL_BUDGET, "algo.learning_rate=0.0003", f"algo.gamma={hopper.DISCOUNT}", "algo.log_std_init=-1"),
            by_path("hopper.py", *HOPPER)
            | {"vlm": ("reward=vlm", "reward.every=4")},  # a frame in 32 ms, for a quarter of the cost
        ),
        trained=("env", "careful", "shaped", "forward", "survive", "speed", "bounce", "negated", "vlm"),
        compared=("effort", "velocity"),
        discount=hopper.DISCOUNT,
    ),
    Study(
        Cell(
            *("Humanoid", "standing", 60_000),
            (*SMALL_BUDGET, f"algo.gamma={humanoid.DISCOUNT}", "algo.log_std_init=-1"),
            by_path(
                "humanoid.py", "careful", "shaped", "forward", "survive", "effort", "contact", "upright", "negated"
            ),
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
    parser.add_argument("--samples", type=int, default=4096, help="transitions of each coverage, and draws of EPIC")
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
    file = arguments.runs / "results.json"
    results = json.loads(file.read_text()) if file.exists() else {"studies": {}}
    for study in studies:
        results["studies"][study.cell.name] = measure(study, arguments.runs, arguments.samples)
        write_text(file, json.dumps(results | {"versions": versions()}, indent=1))
    text = "\n".join(tables(name, study) for name, study in results["studies"].items())
    write_text(arguments.runs / "tables.md", text)
    draw(results["studies"], arguments.runs / "distance-study.png")
    print(text)


# What the policies achieve


def outcomes(study: Study, runs: Path) -> dict[str, Any]:
    """What came of the finished trainings, by reward: ``seeds``, and for each of them

    - ``fitness`` and ``return``, the undiscounted one under the environment's own reward: means of the last `LAST`
      evaluations;
    - ``discounted``: the discounted return under the environment's own reward, which is what an agent that is trained
      on it maximises, of `EPISODES` episodes of the last policy;
    - ``start``: the fitness before anything was learned.
    """
    found: dict[str, Any] = {}
    for reward in study.trained:
        for run in sorted(runs.glob(folder(study.cell, reward, 0)[:-1] + "*/")):
            directory = RunDir(run)
            if directory.read_summary().get("state") != "finished":
                continue
            evaluated = [row for row in read_progress(directory.progress) if "eval/fitness" in row]
            values = {
                "seeds": int(run.name.rpartition("_")[2]),
                "fitness": float(np.mean([row["eval/fitness"] for row in evaluated[-LAST:]])),
                "return": float(np.mean([row["eval/env_reward"] for row in evaluated[-LAST:]])),
                "discounted": discounted_return(study, run, runs),
                "start": evaluated[0]["eval/fitness"],
            }
            outcome = found.setdefault(reward, {name: [] for name in values})
            for name, value in values.items():
                outcome[name].append(value)
    return found


def discounted_return(study: Study, run: Path, runs: Path) -> float:
    """Under the environment's own reward, of a run's last policy."""
    own = make_reward(study, REFERENCE)
    world = World(study.cell.env, [own], study.cell.task)
    spec = CoverageSpec(run.name, "own", str(run))
    played = play(spec, world, episodes=EPISODES, seed=0, cache=runs / "coverages")
    return float(episode_returns(own, played, discount=study.discount).mean())


# How far the rewards are apart


def make_reward(study: Study, name: str) -> RewardFn:
    """A reward by its name; the task's fitness among them, which may be measured, if not trained on."""
    task = envs.find_task(study.cell.env, study.cell.task)
    if name == "fitness":
        return task.fitness
    if name == "vlm":
        return VLMReward(task.goal_prompts)
    if name == REFERENCE:
        assert task.reward is not None
        return task.reward()
    return as_reward(study.cell.rewards[name][-1].removeprefix("reward.path="))


def policies(study: Study, runs: Path, found: Mapping[str, Any]) -> dict[str, CoverageSpec]:
    """For each reward, its policies as they are at the end of the trainings, in equal shares."""
    places = {r: [runs / folder(study.cell, r, seed) for seed in outcome["seeds"]] for r, outcome in found.items()}
    return {
        reward: CoverageSpec(reward, "mixture", parts=tuple(CoverageSpec(p.name, "own", str(p)) for p in each))
        for reward, each in places.items()
    }


def measure(study: Study, runs: Path, samples: int) -> dict[str, Any]:
    """Outcomes of the trainings, and the distances of all rewards to the references on all coverages."""
    found = outcomes(study, runs)
    rewards = {name: make_reward(study, name) for name in (*study.trained, *study.compared, "fitness")}
    own = policies(study, runs, found)
    random = CoverageSpec("random", "random")
    specs = {
        "random": random,
        "env's policy": own[REFERENCE],
        "mixture": CoverageSpec("mixture", "mixture", parts=(random, *own[REFERENCE].parts)),
    }
    rows = []
    for name, spec in specs.items():
        rows += [{"coverage": name, **row} for row in distances(study, spec, rewards, samples, runs)]
    for name, spec in own.items():
        if name != REFERENCE:
            few = {reward: rewards[reward] for reward in (*REFERENCES, name)}
            rows += [{"coverage": "own policy", **row} for row in distances(study, spec, few, samples, runs)]
    return {"discount": study.discount, "outcomes": found, "distances": rows}


def distances(
    study: Study, spec: CoverageSpec, rewards: Mapping[str, RewardFn], samples: int, runs: Path
) -> list[dict[str, Any]]:
    """The distances of ``rewards`` to the references, which are among them, on one coverage."""
    world = World(study.cell.env, list(rewards.values()), study.cell.task)
    coverage = collect(spec, world, num_transitions=samples, seed=0, cache=runs / "coverages")
    matrix = epic_matrix(
        rewards,
        transitions=coverage.transitions,
        episodes=coverage.episode,
        discount=study.discount,
        n_transitions=samples,
        n_mean_samples=samples,
    )
    simulated = dard_matrix(
        rewards,
        transitions=coverage.transitions,
        episodes=coverage.episode,
        simulator=make_simulator(study.cell.env, list(rewards.values()), task=study.cell.task),
        discount=study.discount,
        n_transitions=samples // 16,
    )
    played = play(spec, world, episodes=EPISODES, seed=0, cache=runs / "coverages")
    returns = {name: episode_returns(reward, played, discount=study.discount) for name, reward in rewards.items()}
    return [
        {"reference": reference, "reward": name, **distance.to_json()}
        for reference in REFERENCES
        for name in rewards
        if name != reference
        for distance in (matrix[reference, name], simulated[reference, name], erc(returns[reference], returns[name]))
    ]


if __name__ == "__main__":
    main()

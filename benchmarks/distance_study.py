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
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import envs
from agents.comparison.collect import CoverageSpec, World, collect, play
from agents.evaluation import interval
from agents.runs import RunDir, read_progress, versions, write_text
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
COVERAGES = ("random", "env's policy", "mixture", "own policy")
METHODS = {"epic": "EPIC", "dard": "DARD", "erc": "ERC"}
MEASURES = {"fitness": "fitness", "env_reward": "return under the env's reward"}
LAST = 5
"""Evaluations at the end of a training that are averaged: policies of small budgets come and go."""
COLORS = {"negated": "#dc2626", "bounce": "#dc2626", "speed": "#dc2626", "upright": "#dc2626", "vlm": "#2563eb"}
EPISODES = 40
"""Whole episodes for the returns of each coverage."""


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


@dataclass(frozen=True)
class Outcome:
    """What came of the trainings on one reward.

    Attributes:
        seeds: Their seeds.
        measures: By name, ``fitness`` and ``env_reward`` (an episode's return under the environment's own): the mean
            of the last `LAST` evaluations of each seed.
        start: The same of the first evaluation, before anything is learned.
    """

    seeds: list[int]
    measures: Mapping[str, list[float]]
    start: Mapping[str, list[float]]


def outcomes(study: Study, runs: Path) -> dict[str, Outcome]:
    """What came of the finished trainings, by reward."""
    found = {}
    for reward in study.trained:
        rows: dict[int, list[dict[str, float]]] = {}
        for run in sorted(runs.glob(folder(study.cell, reward, 0)[:-1] + "*/")):
            directory = RunDir(run)
            if directory.read_summary().get("state") == "finished":
                evaluated = [row for row in read_progress(directory.progress) if "eval/fitness" in row]
                rows[int(run.name.rpartition("_")[2])] = evaluated
        if rows:
            names = ("fitness", "env_reward")
            found[reward] = Outcome(
                list(rows),
                {n: [float(np.mean([row[f"eval/{n}"] for row in of[-LAST:]])) for of in rows.values()] for n in names},
                {n: [of[0][f"eval/{n}"] for of in rows.values()] for n in names},
            )
    return found


def normalized(found: Mapping[str, Outcome], measure: str) -> dict[str, list[float]]:
    """Each seed's measure on a scale on which 0 is the untrained policy, and 1 what is learned from the reference."""
    start = float(np.mean([value for outcome in found.values() for value in outcome.start[measure]]))
    top = float(np.mean(found[REFERENCE].measures[measure]))
    return {
        reward: [(value - start) / (top - start) for value in outcome.measures[measure]]
        for reward, outcome in found.items()
    }


# How far the rewards are apart


def make_rewards(study: Study) -> dict[str, RewardFn]:
    """All rewards of a study by name, the task's fitness among them: it may be measured, if not trained on."""
    task = envs.find_task(study.cell.env, study.cell.task)
    assert task.reward is not None
    made: dict[str, RewardFn] = {REFERENCE: task.reward()}
    for name in (*study.trained, *study.compared):
        if name == "vlm":
            made[name] = VLMReward(task.goal_prompts)
        elif name != REFERENCE:
            made[name] = as_reward(study.cell.rewards[name][-1].removeprefix("reward.path="))
    return made | {"fitness": task.fitness}


def policies(study: Study, runs: Path, found: Mapping[str, Outcome]) -> dict[str, CoverageSpec]:
    """For each reward, its policies as they are at the end of the trainings, in equal shares."""
    places = {r: [runs / folder(study.cell, r, seed) for seed in outcome.seeds] for r, outcome in found.items()}
    return {
        reward: CoverageSpec(reward, "mixture", parts=tuple(CoverageSpec(p.name, "own", str(p)) for p in each))
        for reward, each in places.items()
    }


def measure(study: Study, runs: Path, samples: int) -> dict[str, Any]:
    """Outcomes of the trainings, and the distances of all rewards to the reference on all coverages."""
    found = outcomes(study, runs)
    rewards = make_rewards(study)
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
            pair = {REFERENCE: rewards[REFERENCE], name: rewards[name]}
            rows += [{"coverage": "own policy", **row} for row in distances(study, spec, pair, samples, runs)]
    return {
        "discount": study.discount,
        "outcomes": {reward: asdict(outcome) for reward, outcome in found.items()},
        "normalized": {measure: normalized(found, measure) for measure in MEASURES},
        "distances": rows,
    }


def distances(
    study: Study, spec: CoverageSpec, rewards: Mapping[str, RewardFn], samples: int, runs: Path
) -> list[dict[str, Any]]:
    """The distances of ``rewards`` to the reference on one coverage."""
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
    others = [name for name in rewards if name != REFERENCE]
    found = [(name, matrix[REFERENCE, name]) for name in others]
    found += [(name, simulated[REFERENCE, name]) for name in others]
    found += [(name, erc(returns[REFERENCE], returns[name])) for name in others]
    return [{"reward": name, **distance.to_json()} for name, distance in found]


# What to look at


def tables(name: str, study: Mapping[str, Any]) -> str:
    """Outcomes and distances of one study in Markdown, and how well the distances foretold the outcomes."""
    lines = [f"### {name}", ""]
    for method, label in METHODS.items():
        heads = [*MEASURES.values(), *(f"{label}, {coverage}" for coverage in COVERAGES)]
        lines += [f"| reward | {' | '.join(heads)} |", "| --- |" + " --- |" * len(heads)]
        for reward in dict.fromkeys([*study["outcomes"], *(row["reward"] for row in study["distances"])]):
            cells = [_outcome(study, reward, measure) for measure in MEASURES]
            cells += [_distance(find(study, method, coverage, reward)) for coverage in COVERAGES]
            lines.append(f"| {reward} | {' | '.join(cells)} |")
        lines.append("")
    lines.append("| distance | coverage | rewards | rank correlation with fitness | with the return |")
    lines.append("| --- | --- | --- | --- | --- |")
    for method, label in METHODS.items():
        for coverage in COVERAGES:
            cells = []
            for measure in MEASURES:
                n, rho, low, high = foretold(study, method, coverage, measure)
                cells.append(f"{rho:+.2f} ({low:+.2f} to {high:+.2f})")
            lines.append(f"| {label} | {coverage} | {n} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def find(study: Mapping[str, Any], method: str, coverage: str, reward: str) -> dict[str, Any] | None:
    """The distance of a reward to the reference; None if it was not measured."""
    wanted = (method, coverage, reward)
    rows = (row for row in study["distances"] if (row["method"], row["coverage"], row["reward"]) == wanted)
    return next(rows, None)


def _outcome(study: Mapping[str, Any], reward: str, measure: str) -> str:
    if reward not in study["outcomes"]:
        return "not trained"
    values = study["outcomes"][reward]["measures"][measure]
    digits = 2 if measure == "fitness" else 0
    low, high = interval(values)
    return f"{np.mean(values):.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def _distance(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return ""
    return "no direction" if row["degenerate"] else f"{row['value']:.2f} ({row['low']:.2f} to {row['high']:.2f})"


def foretold(study: Mapping[str, Any], method: str, coverage: str, measure: str) -> tuple[int, float, float, float]:
    """Spearman's correlation, over the rewards trained on, of the distance with what was learned: -1 at best.

    Returns:
        The number of rewards, the correlation, and its 95 % interval from a bootstrap over the seeds of each reward; it
        does not cover that other rewards could have been chosen.
    """
    from scipy.stats import spearmanr

    pairs = list(points(study, method, coverage, measure))
    far = [row["value"] for row, _ in pairs]
    rng = np.random.default_rng(0)
    resampled = [
        spearmanr(far, [np.mean(rng.choice(values, len(values))) for _, values in pairs]).statistic for _ in range(1000)
    ]
    low, high = np.quantile(resampled, [0.025, 0.975])
    rho = spearmanr(far, [np.mean(values) for _, values in pairs]).statistic
    return len(pairs), float(rho), float(low), float(high)


def points(
    study: Mapping[str, Any], method: str, coverage: str, measure: str
) -> Iterator[tuple[dict[str, Any], list[float]]]:
    """Distance and normalised outcomes by seed of each reward that has both, the reference left out."""
    for reward, values in study["normalized"][measure].items():
        row = find(study, method, coverage, reward)
        if row is not None and row["value"] is not None:
            yield row, values


def draw(studies: Mapping[str, Any], path: Path, method: str = "epic") -> None:
    """What was learned over the distance: a row of panels for each study, a panel for each coverage."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.3 * len(COVERAGES), 3.2 * len(studies)), layout="constrained")
    grid = figure.subplots(len(studies), len(COVERAGES), squeeze=False, sharex=True, sharey="row")
    for panels, (name, study) in zip(grid, studies.items(), strict=True):
        panels[0].set_ylabel(f"{name.replace('-', ', ')}\nnormalised fitness")
        for panel, coverage in zip(panels, COVERAGES, strict=True):
            panel.set_title(coverage, fontsize=10)
            panel.axhline(1, color="#94a3b8", lw=0.8, ls="--")
            panel.axhline(0, color="#94a3b8", lw=0.8)
            for row, values in points(study, method, coverage, "fitness"):
                x, y, (low, high) = row["value"], float(np.mean(values)), interval(values)
                color = COLORS.get(row["reward"], "#334155")
                panel.plot([row["low"], row["high"]], [y, y], color=color, lw=1)
                panel.plot([x, x], [low, high], color=color, lw=1)
                panel.plot(x, y, "o", color=color, ms=4)
                panel.annotate(row["reward"], (x, y), (4, 3), textcoords="offset points", fontsize=8, color=color)
            panel.spines[["top", "right"]].set_visible(False)
            panel.set_xlim(-0.03, 1.12)
    for panel in grid[-1]:
        panel.set_xlabel(f"{METHODS[method]} to the env's reward")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()

"""Is a search for a reward worth its trainings? Searches beside the environment's own reward, a sparse one and none.

python -m benchmarks.reward_search                           all tasks, 2 trainings at a time, into runs/reward_search
python -m benchmarks.reward_search --only Hopper             one task
python -m benchmarks.reward_search --searches random         those that need no recorded replies
python -m benchmarks.reward_search --scale 0.05              a twentieth of the steps, to see that it works
python -m benchmarks.reward_search --cost InvertedPendulum   what halving and two workers save, in half an hour
python -m benchmarks.reward_search --report                  figure and tables of what is there

Searches are ordinary ones (`python -m agents.design`) with the command's default settings, so each has a folder and may
be killed: called again, the script goes on. What a search has found is trained anew on fresh seeds and judged in fresh
episodes; the rewards beside it are trained with the same settings, steps and seeds and judged in the same episodes.
Everything is judged by the task's fitness, never by a reward.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from agents.config.rewards import CustomReward
from agents.designing.finish import FINAL_HELDOUT_SEED, FINAL_SEED
from agents.designing.folder import DesignDir
from agents.designing.halving import Rung, ladder
from agents.designing.journal import Journal
from agents.designing.options import DesignConfig
from agents.designing.setting import default_steps, named_task, train_config
from agents.designing.training import Training, Workers
from agents.files import write_text
from agents.provenance import versions
from benchmarks._search_tables import draw, tables
from reward_designers.code.search import Candidate, History, Origin, score, select, tied

REWARDS = Path(__file__).parent / "rewards"
ROUNDS, ROUND = 3, 4
"""Rounds of a search, and programs of a round."""
PROGRAMS = ROUNDS * ROUND


@dataclass(frozen=True)
class Study:
    """A task: everything but what is here is the command's default.

    Attributes:
        env: Environment; its first task judges.
        sparse: Function of ``benchmarks/rewards/sparse.py``; None where the environment's own reward is as sparse.
        steps: Of a whole training.
        options: Further options of `agents.design`.
    """

    env: str
    sparse: str | None
    steps: int
    options: tuple[str, ...] = ()


SHORT = ("seeds=2", "episodes=8")
"""For episodes of up to 1000 steps of a body, on busy cores. Final seeds are five everywhere."""
STUDIES = (
    Study("InvertedPendulum", None, 12_000),
    Study("HalfCheetah", "half_cheetah", 30_000, SHORT),
    Study("Hopper", "hopper", 40_000, (*SHORT, "task=hop forward as fast as possible")),
)
SEARCHES = {
    "random": ["designer=random", f"designer.programs={PROGRAMS}", f"designer.population={ROUND}", "sandbox=none"],
    "eureka": ["designer=eureka", "llm=replay", f"designer.samples={ROUND}", f"designer.iterations={ROUNDS}"],
}
"""The first one trains the baselines, and the second finds them beside itself. Sums of named terms are no stranger's
code, so they need no process of their own; what models write has one."""
SEARCH_ONLY = ("final_seeds=0", "baselines=false")
COSTS = {"halving": ("workers=2",), "sequential": ("rungs=1", "workers=1")}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--output", type=Path, default=Path("runs/reward_search"), help="folder for searches and results"
    )
    parser.add_argument("--workers", type=int, default=2, help="trainings at a time, one thread each")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the steps")
    parser.add_argument("--only", default="", help="tasks whose environment contains this")
    parser.add_argument("--searches", nargs="+", default=list(SEARCHES), choices=SEARCHES)
    parser.add_argument("--cost", metavar="ENV", help="measure a search, and its trainings in full")
    parser.add_argument("--report", action="store_true", help="run nothing")
    arguments = parser.parse_args()
    studies = [study for study in STUDIES if (arguments.cost or arguments.only) in study.env]
    if not studies:
        parser.error(f"no such environment among {', '.join(study.env for study in STUDIES)}")
    if arguments.cost:
        for name, options in COSTS.items():
            folder = arguments.output / "cost" / studies[0].env / name
            measured(studies[0], arguments.searches[-1], arguments.scale, options, folder)
    elif not arguments.report:
        for study in studies:
            for name in arguments.searches:
                options = (*started(study, name, arguments.scale), f"workers={arguments.workers}")
                search(options, arguments.output / study.env / name)
            train_sparse(study, arguments.output / study.env, arguments.workers)
    report(arguments.output)


# What is run


def started(study: Study, designer: str, scale: float) -> list[str]:
    """Options of `agents.design` for a new search."""
    steps = max(1, round(study.steps * scale))
    return [f"env={study.env}", f"total_timesteps={steps}", *study.options, *SEARCHES[designer]]


def search(options: Sequence[str], folder: Path) -> None:
    """Search, go on, or leave a search that is finished; one that fails ends the script."""
    directory = DesignDir(folder)
    if directory.summary.exists():
        return
    if directory.config.exists():
        options = (f"resume={folder}", *(option for option in options if option.startswith("workers=")))
    else:
        options = (*options, f"output={folder}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    log = folder.with_name(f"{folder.name}.log")
    print(f"{folder}: searching, see {log}", flush=True)
    with log.open("a") as file:
        command = [sys.executable, "-m", "agents.design", *options]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        code = subprocess.run(command, stdout=file, stderr=file, env=environment, check=False).returncode
    if code:
        sys.exit(f"{folder}: exit code {code}, see {log}")


def measured(study: Study, designer: str, scale: float, options: Sequence[str], folder: Path) -> None:
    """One search without its final trainings, from begin to end, by the clock and by the processor."""
    file = folder.with_name(f"{folder.name}.json")
    if file.exists():
        return
    if folder.exists():
        sys.exit(f"{folder}: a measurement that was cut off; remove it to begin anew")
    began, children = time.monotonic(), os.times()
    search([*started(study, designer, scale), *SEARCH_ONLY, *options], folder)
    own = sum(os.times()[2:4]) - sum(children[2:4])
    write_text(file, json.dumps({"wall": time.monotonic() - began, "cpu_of_search": own, "designer": designer}))


def train_sparse(study: Study, folder: Path, workers: int) -> None:
    """The sparse reward, as a search trains its baselines."""
    trainings = [t for t in sparse_trainings(study, folder) if not t.outcome.exists()]
    if trainings:
        print(f"{folder / 'sparse'}: {len(trainings)} trainings", flush=True)
        Workers(workers).run(trainings, lambda training, outcome: print(training.key, outcome["score"], flush=True))


def sparse_trainings(study: Study, folder: Path) -> list[Training]:
    """Those of the sparse reward; they differ from the baselines of a search in nothing but the reward."""
    if study.sparse is None:
        return []
    config = DesignDir.open(str(next(folder / name for name in SEARCHES if (folder / name).exists()))).read_config()
    rungs = stages(config)
    reward = CustomReward(path=f"{REWARDS / 'sparse.py'}:{study.sparse}")
    like = replace(train_config(config, named_task(config)[0], rungs[0].steps), reward=reward)
    found = []
    for seed in range(FINAL_SEED + config.seed, FINAL_SEED + config.seed + config.final_seeds):
        run = (folder / "sparse" / f"seed_{seed}").resolve()
        own = replace(like, seed=seed, total_timesteps=rungs[-1].steps, run_dir=str(run))
        found.append(Training("sparse", own, config.episodes, FINAL_HELDOUT_SEED + 1000 * seed))
    return found


def stages(config: DesignConfig) -> list[Rung]:
    """Stages of a search's trainings."""
    return ladder(default_steps(config), config.seeds, config.rungs or 3, config.halving)


# What came of it


def report(output: Path) -> None:
    """Results, tables and figure of what is finished."""
    results: dict[str, Any] = {"versions": versions(), "cpus": os.cpu_count(), "tasks": {}, "costs": {}}
    for study in STUDIES:
        if any((output / study.env / name / "summary.json").exists() for name in SEARCHES):
            results["tasks"][study.env] = outcomes(study, output / study.env)
        if all((output / "cost" / study.env / f"{name}.json").exists() for name in COSTS):
            results["costs"][study.env] = costs(output / "cost" / study.env)
    write_text(output / "results.json", json.dumps(results, indent=1))
    text = tables(results)
    write_text(output / "tables.md", text)
    if results["tasks"]:
        draw(results["tasks"], output / "reward-search.png")
    print(text)


def outcomes(study: Study, folder: Path) -> dict[str, Any]:
    """One task: ``arms`` on fresh seeds, ``searches``, ``pairs`` (differences over seeds) and ``normalized`` scores.

    Of arms and pairs there is the held-out fitness of the last policies, and ``on_the_way``: the mean of evaluations
    during training, which tells those apart that all come to the same in the end.
    """
    arms: dict[str, Candidate] = {}
    on_the_way: dict[str, Candidate] = {}
    searches: dict[str, Any] = {}
    unit = ""
    for name in SEARCHES:
        directory = DesignDir(folder / name)
        if not directory.summary.exists():
            continue
        task = named_task(directory.read_config())[0]
        unit = task.fitness_unit if task is not None else ""
        summary = json.loads(directory.summary.read_text())
        final = summary["final"]
        with closing(Journal(directory.journal)) as journal:
            trainings = journal.all("training")
        for arm, program in {name: summary["best"], "env": "env", "zero": "zero"}.items():
            last = {seed: trainings[f"{program}/{seed}/{final['steps']}"] for seed in final["seeds"]}
            arms[arm], on_the_way[arm] = finally_(arm, last)
        searches[name] = about(directory)
    sparse = {t.config.seed: t.outcome for t in sparse_trainings(study, folder) if t.outcome.exists()}
    if sparse:
        last = {seed: json.loads(file.read_text()) for seed, file in sparse.items()}
        arms["sparse"], on_the_way["sparse"] = finally_("sparse", last)
    arms = {arm: candidate for arm, candidate in arms.items() if candidate.values is not None}
    pairs = {
        f"{a} - {b}": {**row_of(difference(arms[a], arms[b])), "on_the_way": row_of(difference(*of_pair))}
        for a, b in (("eureka", "env"), ("random", "env"), ("eureka", "random"), ("eureka", "sparse"))
        if (of_pair := [on_the_way[arm] for arm in (a, b) if arm in arms])[1:]
        and arms[a].scores.keys() == arms[b].scores.keys()
    }
    return {
        "unit": unit,
        "arms": {
            arm: {"scores": list(c.values or ()), **row_of(c), "on_the_way": row_of(on_the_way[arm])}
            for arm, c in arms.items()
        },
        "pairs": pairs,
        "normalized": {
            name: {zero: normalized(arms, name, zero) for zero in ("zero", "sparse")}
            for name in searches
            if name in arms
        },
        "searches": searches,
    }


def row_of(candidate: Candidate) -> dict[str, Any]:
    """Mean over seeds and its interval; empty if it failed."""
    found = score(candidate)
    return {} if found is None else asdict(found)


def finally_(name: str, last: dict[int, Any]) -> tuple[Candidate, Candidate]:
    """The outcomes of trainings on fresh seeds: held-out fitness, and the mean of the evaluations on the way."""
    scores = {seed: outcome["score"] for seed, outcome in last.items()}
    seen = {s: [v for v in o["curves"]["score"] if v is not None] if o["curves"] else [] for s, o in last.items()}
    return judged(name, scores), judged(name, {seed: math.fsum(v) / len(v) if v else None for seed, v in seen.items()})


def judged(name: str, scores: dict[int, float | None]) -> Candidate:
    """Scores by seed as a candidate: their statistics are those of searches."""
    return Candidate(name, "", Origin("final")).trained(scores, steps=1)


def difference(a: Candidate, b: Candidate) -> Candidate:
    """Seed by seed; the same seed begins with the same network and is judged in the same episodes."""
    pairs = {seed: (a.scores[seed], b.scores[seed]) for seed in a.scores}
    return judged(f"{a.key} - {b.key}", {s: None if x is None or y is None else x - y for s, (x, y) in pairs.items()})


def normalized(arms: dict[str, Candidate], name: str, zero: str) -> float | None:
    """(name - zero) / |env - zero|, Eureka's; None where env and zero cannot be told apart."""
    best, env, nothing = (arms[key].mean if key in arms else None for key in (name, "env", zero))
    if best is None or env is None or nothing is None or tied(arms["env"], arms[zero]):
        return None
    return (best - nothing) / abs(env - nothing)


def about(directory: DesignDir) -> dict[str, Any]:
    """What a search tried, what it cost, and how good its best program was after each round.

    What all of its trainings would have taken in full is told by the last ones, which are whole.
    """
    config = directory.read_config()
    with closing(Journal(directory.journal)) as journal:
        history = journal.history()
        trainings, replies = journal.all("training"), journal.all("reply").values()
    spent = {key: steps_of(history, trainings, key) for key in history.candidates}
    candidates = history.candidates.values()
    full = stages(config)[-1]
    trained = [c for c in candidates if spent[c.key]]
    best, steps = [], 0
    for number in range(len(history.rounds)):
        steps += sum(spent[c.key] for c in candidates if c.origin.round == number)
        found = select(c for c in candidates if c.origin.round <= number).best
        best.append({"steps": steps, **({} if found is None else row_of(history[found]))})
    programs = {key: outcome for key, outcome in trainings.items() if key.split("/")[0] in history.candidates}
    own = [outcome for key, outcome in programs.items() if is_search(key)]
    last = [
        outcome["cpu_seconds"] for key, outcome in programs.items() if not is_search(key) and not outcome["failure"]
    ]
    return {
        "programs": len(history.candidates),
        "rejected": dict(Counter(c.rejection.stage for c in candidates if c.rejection is not None)),
        "repeats": sum("was not trained" in warning for c in candidates for warning in c.warnings),
        "trained": len(trained),
        "steps": steps,
        "steps_in_full": len(trained) * full.steps * full.seeds,
        "cpu_seconds": sum(outcome["cpu_seconds"] for outcome in own) if all("cpu_seconds" in o for o in own) else None,
        "cpu_seconds_in_full": len(trained) * full.seeds * math.fsum(last) / len(last) if last else None,
        "best_by_round": best,
        "first_round": [c.mean for c in candidates if c.origin.round == 0 and c.mean is not None],
        "exact_replies": [reply["exact"] for each in replies for reply in each["replies"]],
        "best": directory.best.read_text() if directory.best.exists() else "",
    }


def steps_of(history: History, trainings: dict[str, Any], key: str) -> int:
    """Environment steps of a candidate's trainings in the search, over all seeds; a rung goes on where one ended."""
    reached: Counter[str] = Counter()
    for name in trainings:
        program, seed, steps = name.split("/")
        if program == key and is_search(name):
            reached[seed] = max(reached[seed], int(steps))
    return reached.total()


def is_search(name: str) -> bool:
    """Whether a training had a part in choosing a program, rather than in judging it afterwards."""
    return int(name.split("/")[1]) < FINAL_SEED


def costs(folder: Path) -> dict[str, Any]:
    """The same programs, searched with halving and trained in full."""
    found: dict[str, Any] = {}
    for name in COSTS:
        row = json.loads((folder / f"{name}.json").read_text())
        known = about(DesignDir(folder / name))
        summary = json.loads(DesignDir(folder / name).summary.read_text())
        cpu = known["cpu_seconds"] + row["cpu_of_search"]
        found[name] = {**row, "cpu": cpu, "steps": known["steps"], "trained": known["trained"]}
        found[name] |= {key: summary[key] for key in ("best", "tied", "ranking")}
    return found


if __name__ == "__main__":
    main()

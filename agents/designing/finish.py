"""The end of a search: the best program trained on fresh seeds, beside the environment's own reward and none at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agents.config.rewards import EnvReward, ZeroReward
from agents.designing.loop import Search
from agents.designing.records import after_training
from agents.designing.training import Training
from agents.files import write_text
from agents.provenance import versions
from reward_designers.code.search import Candidate, History, Score, score, select, tied

FINAL_SEED = 1_000_000
"""Added to the seeds of the last trainings: none of them had a part in choosing the program."""
FINAL_HELDOUT_SEED = 5_000_000
"""Of the episodes by which the last trainings are scored: none of them had a part either."""


def finish(search: Search, history: History) -> dict[str, Any]:
    """Train the best program anew, and the baselines in the same way.

    Returns:
        What is written to ``summary.json``.
    """
    found = select(history.candidates.values())
    failed = {key: history[key].failure for key in found.failed}
    summary: dict[str, Any] = {
        "state": "finished",
        "env": search.config.env.id or search.config.env.name,
        "wanted": search.setting.world.task,
        "judged_by": search.display.judged_by,
        "task": None if search.setting.task is None else search.setting.task.name,
        "designer": search.designer.name,
        "rounds": len(history.rounds),
        "programs": len(history.candidates),
        "failed": failed,
        "best": found.best,
        "tied": list(found.tied),
        "ranking": [_row(history[key]) for key in [*found.ranking, *found.stopped]],
    }
    if found.best is None:
        return summary | {"state": "failed", "failure": "no program could be trained"}
    if search.config.final_seeds:
        summary |= final(search, [history[key] for key in found.ranking])
    write_text(search.folder.best, history[summary["best"]].source)
    return summary


def final(search: Search, ranking: Sequence[Candidate]) -> dict[str, Any]:
    """The first of the ranking whose trainings on fresh seeds all succeed, with the human-normalised score of Eureka.

    That score is (best - zero) / |env - zero|; None where env and zero cannot be told apart.
    """
    steps = search.rungs[-1].steps
    seeds = [FINAL_SEED + search.config.seed + seed for seed in range(search.config.final_seeds)]
    failures: dict[str, str] = {}
    rows: dict[str, Any] = {}
    known: dict[str, Candidate] = {}
    for candidate in ranking:
        search.display.phase(f"final: {candidate.key} on {len(seeds)} fresh seeds")
        several = [search.training(candidate, seed, steps, FINAL_HELDOUT_SEED) for seed in seeds]
        known["best"] = _trained(search, candidate, several)
        rows["best"] = _scores(known["best"])
        if known["best"].values is not None:
            break
        failures[candidate.key] = known["best"].failure or ""
    if search.config.baselines:
        cache = search.folder.path.resolve().parent / "baselines"
        search.display.phase(f"baselines on {len(seeds)} fresh seeds")
        for name, reward in (("env", EnvReward()), ("zero", ZeroReward())):
            several = [search.training_on(name, reward, seed, steps, FINAL_HELDOUT_SEED) for seed in seeds]
            for training in several:
                _recall(search, training, cache)
            known[name] = _trained(search, ranking[0], several)
            rows[name] = _scores(known[name])
            _remember(search, several, cache)
    result: dict[str, Any] = {"steps": steps, "seeds": seeds, "failed": failures, **rows}
    best, env, zero = (score(known[name]) if name in known else None for name in ("best", "env", "zero"))
    if best is not None and env is not None and zero is not None:
        scale = None if tied(known["env"], known["zero"]) else abs(env.mean - zero.mean)
        result["human_normalized"] = scale and (best.mean - zero.mean) / scale
    return {"best": known["best"].key if best is not None else ranking[0].key, "final": result}


def _trained(search: Search, candidate: Candidate, trainings: Sequence[Training]) -> Candidate:
    """A candidate with the scores of these trainings."""
    search.train(trainings)
    outcomes = {t.config.seed: search.journal.get("training", t.key) for t in trainings}
    return after_training(candidate, outcomes, search.rungs[-1].steps, search.setting.world.max_steps)


def _scores(candidate: Candidate) -> dict[str, Any]:
    found = score(candidate)
    return {
        **({"failure": candidate.failure} if found is None else asdict(found)),
        "scores": {str(seed): value for seed, value in candidate.scores.items()},
    }


def lines(summary: Mapping[str, Any]) -> list[str]:
    """The summary for a terminal."""
    told = [f"\nbest program: {summary['best']}"]
    if summary["tied"]:
        told.append(f"which cannot be told from {', '.join(summary['tied'])} with as many seeds as there were")
    final = summary.get("final")
    if final is None:
        return told
    told.append(f"{summary['judged_by']} after {final['steps']:,} steps, on {len(final['seeds'])} fresh seeds:")
    told += [f"  {key} was better before, but {failure}" for key, failure in final["failed"].items()]
    names = {"best": "best program", "env": "the environment's reward", "zero": "no reward"}
    for name, text in names.items():
        if name in final:
            row = final[name]
            shown = str(Score(row["mean"], row["low"], row["high"], row["seeds"])) if "mean" in row else row["failure"]
            told.append(f"  {text:<26} {shown}")
    if "human_normalized" in final:
        value = final["human_normalized"]
        unknown = "none, for the environment's reward cannot be told from no reward"
        text = unknown if value is None else f"{value:.2f} (1: as good as the environment's reward)"
        told.append(f"  human-normalised score     {text}")
    return told


def _row(candidate: Candidate) -> dict[str, Any]:
    found = score(candidate)
    return {
        "program": candidate.key,
        "round": candidate.origin.round,
        "operation": candidate.origin.operation,
        "parents": list(candidate.origin.parents),
        "steps": candidate.steps,
        **({} if found is None else asdict(found)),
        "warnings": list(candidate.warnings),
    }


def _recall(search: Search, training: Training, cache: Path) -> None:
    """Take an earlier search's outcome of the same training into the journal."""
    path = cache / f"{_identity(training)}.json"
    if ("training", training.key) not in search.journal and path.exists():
        search.journal.write("training", training.key, json.loads(path.read_text()) | {"recalled": True})


def _remember(search: Search, trainings: Sequence[Training], cache: Path) -> None:
    cache.mkdir(exist_ok=True)
    for training in trainings:
        path, outcome = cache / f"{_identity(training)}.json", search.journal.get("training", training.key)
        if not path.exists() and not outcome["failure"]:
            write_text(path, json.dumps(outcome))


def _identity(training: Training) -> str:
    """Names everything that a baseline's score depends on."""
    config = {key: value for key, value in asdict(training.config).items() if key not in ("run_dir", "llm")}
    about = {"config": config, "episodes": training.episodes, "heldout": training.heldout, "versions": versions()}
    return hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()[:20]

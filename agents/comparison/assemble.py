"""``report.json``: the results of stages, as many as there are, put together with what follows from several of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agents.comparison import flags
from agents.comparison.coverages import CoverageSpec, leaves
from agents.comparison.measures import convergence
from agents.comparison.options import CompareConfig
from agents.comparison.regret import regret, summarize
from agents.comparison.specs import RewardSpec

RANKING_ONLY = ("starc",)
RANGES = {"starc": [0, 2]}
Results = Mapping[str, Any]
Owners = Mapping[str, str | None]


def assemble(
    about: Mapping[str, Any],
    config: CompareConfig,
    specs: Sequence[RewardSpec],
    coverages: Sequence[CoverageSpec],
    owners: Owners,
    curves: Mapping[str, flags.Curve],
    results: Results,
) -> dict[str, Any]:
    """The report.

    Args:
        about: What `ComparisonDir.write_about` saved, ``status`` and ``task``.
        config: What was asked for.
        specs: The rewards.
        coverages: The coverages.
        owners: The name of the reward that each run was trained on, of `config.runs` and of coverages.
        curves: How training went, by run.
        results: Those of the finished stages, by name.
    """
    names = [c.name for c in coverages]
    distances = [
        {"method": method, "coverage": c, **pair}
        for method in config.methods
        for c in names
        for pair in results.get(f"{method} {c}", {}).get("pairs", ())
    ]
    returns = [{"coverage": c, **pair} for c in names for pair in results.get(f"returns {c}", ())]
    returns += [{"coverage": "policies", **pair} for pair in results.get("policies", ())]
    rewards = [_reward(spec, names, results) for spec in specs]
    policies = _policies(config, specs, owners, results)
    env = config.env.id or config.env.name
    hashes = {c: results[f"coverage {c}"]["hash"] for c in names if f"coverage {c}" in results}
    return {
        "title": "Rewards for " + ", ".join(filter(None, (env, about["task"]))),
        "env": env,
        "task": about["task"],
        "discount": config.discount,
        "created": about["created"],
        "command": about["command"],
        "status": about["status"],
        "seed": config.seed,
        "versions": about["versions"],
        "git": about["git"],
        "rewards": rewards,
        "reference": config.reference,
        "coverages": [_coverage(c, results) for c in names if f"coverage {c}" in results],
        "methods": _methods(config, names, results),
        "distances": distances,
        "convergence": [
            {"method": method, "coverage": c, **pair}
            for method in config.methods
            for c in names
            if f"{method} {c}" in results
            for pair in convergence(results[f"{method} {c}"])
        ],
        "components": [
            {"coverage": c, **part} for c in names for part in results.get(f"components {c}", {}).get("rows", ())
        ],
        "trajectory": results.get("trajectory"),
        "returns": returns,
        "flags": _flags(config, rewards, coverages, owners, curves, distances, results),
        "policies": policies,
        "reproduce": {
            "command": about["command"],
            "seed": config.seed,
            "hashes": {**hashes, **_hashes(specs)},
            "versions": about["versions"],
        },
    }


def _reward(spec: RewardSpec, coverages: Sequence[str], results: Results) -> dict[str, Any]:
    tried = results.get("rewards", {}).get(spec.name, {})
    stages = [result for name, result in results.items() if isinstance(result, Mapping) and name != "rewards"]
    later = [stage["errors"][spec.name] for stage in stages if spec.name in stage.get("errors", {})]
    unsupported: dict[str, str] = {}
    degenerate: dict[str, str] = {}
    for name, result in results.items():
        method, _, coverage = name.partition(" ")
        if isinstance(result, Mapping) and spec.name in result.get("unsupported", {}):
            unsupported[method] = result["unsupported"][spec.name]
        if isinstance(result, Mapping) and spec.name in result.get("degenerate", {}):
            degenerate.setdefault(coverage, result["degenerate"][spec.name])
    return {
        "name": spec.name,
        "spec": spec.text,
        "description": tried.get("description", ""),
        "reads": tried.get("reads", []),
        "inputs": tried.get("inputs", []),
        "markov": tried.get("markov", True),
        "degenerate": {c: degenerate[c] for c in coverages if c in degenerate},
        "unsupported": unsupported,
        "error": tried.get("error") or next(iter(later), None),
    }


def _coverage(name: str, results: Results) -> dict[str, Any]:
    stage, played = results[f"coverage {name}"], results.get(f"episodes {name}", {})
    about = stage["about"]
    fitness = summarize([np.array(played["fitness"])]) if played.get("fitness") else None
    return {
        "name": name,
        "description": about.get("description", ""),
        "transitions": stage["transitions"],
        "episodes": stage["episodes"],
        "hash": stage["hash"],
        "file": about.get("path") or None,
        "fitness": fitness and {end: fitness[end] for end in ("mean", "low", "high")},
    }


def _methods(config: CompareConfig, coverages: Sequence[str], results: Results) -> list[dict[str, Any]]:
    """The distances between rewards that were computed; measures of returns name themselves."""
    found = []
    for method in config.methods:
        stages = [results[f"{method} {c}"] for c in coverages if f"{method} {c}" in results]
        if method != "erc" and stages:
            about = {"name": method, "ranking_only": method in RANKING_ONLY, "range": RANGES.get(method, [0, 1])}
            found.append(about | {"parameters": stages[0]["parameters"]})
    return found


def _policies(
    config: CompareConfig, specs: Sequence[RewardSpec], owners: Owners, results: Results
) -> list[dict[str, Any]]:
    """What the policies trained on each reward are worth; needs the stages of all policies."""
    runs = config.runs or []
    if not runs or any(f"policy {policy}" not in results for policy in ("random", *runs)):
        return []
    trained = {s.name: [run for run in runs if owners[run] == s.name] for s in specs}

    def returns(run: str, reward: str | None) -> np.ndarray | None:
        values = results[f"policy {run}"]["returns"].get(reward)
        return None if values is None else np.array(values)

    under = {r: [v for run in of if (v := returns(run, config.reference)) is not None] for r, of in trained.items()}
    random, top = returns("random", config.reference), under.get(config.reference or "", [])
    entries = []
    for reward, mine in trained.items():
        if not mine:
            continue
        judged = under[reward]
        fitness = [np.array(results[f"policy {run}"]["fitness"]) for run in mine if results[f"policy {run}"]["fitness"]]
        means = {s.name: [v.mean() for run in mine if (v := returns(run, s.name)) is not None] for s in specs}
        entries.append(
            {
                "reward": reward,
                "runs": mine,
                "seeds": len(mine),
                "fitness": summarize(fitness, config.seed) if fitness else None,
                "regret": regret(judged, top, random, config.seed) if judged and top and random is not None else None,
                "returns_under": {name: float(np.mean(values)) for name, values in means.items() if values},
            }
        )
    return entries


def _flags(
    config: CompareConfig,
    rewards: Sequence[Mapping[str, Any]],
    coverages: Sequence[CoverageSpec],
    owners: Owners,
    curves: Mapping[str, flags.Curve],
    distances: Sequence[Mapping[str, Any]],
    results: Results,
) -> list[flags.Flag]:
    """All flags, those of high severity first; of the same kind for the same reward, the one with the most evidence."""
    names = [c.name for c in coverages]
    found: list[flags.Flag] = []
    played = [results[f"episodes {c}"] for c in names if f"episodes {c}" in results]
    for reward in rewards:
        name = reward["name"]
        found += flags.over_optimized(name, [curve for run, curve in curves.items() if owners[run] == name])
        own = [c.name for c in coverages if all(owners.get(leaf.path) == name for leaf in leaves(c))]
        for method in [m for m in config.methods if m != "erc"][:1]:
            both = {name, config.reference}
            to_reference = {d["coverage"]: d for d in distances if d["method"] == method and {d["a"], d["b"]} == both}
            found += flags.coverage_gap(name, to_reference, own)
        evaluated = [c for c in names if f"epic {c}" in results]
        differ = any(np.ptp(p["returns"].get(name, [0.0])) > 0 for p in played)
        found += flags.without_direction(name, reward["degenerate"], evaluated, differ)
        found += [flags.unsupported(name, method, why) for method, why in reward["unsupported"].items()]
    for c in names:
        found += results.get(f"coverage {c}", {}).get("flags", [])
    order = ("high", "medium", "note")
    first: dict[tuple[str, str], flags.Flag] = {}
    for flag in sorted(found, key=lambda f: order.index(f["severity"])):
        first.setdefault((flag["reward"], flag["kind"]), flag)
    return list(first.values())


def _hashes(specs: Sequence[RewardSpec]) -> dict[str, str]:
    """Of the files of rewards."""
    files = {spec.name: Path(spec.value.rpartition(":")[0] if spec.kind == "code" else spec.value) for spec in specs}
    return {
        name: hashlib.sha256(file.read_bytes()).hexdigest()
        for name, file in files.items()
        if file.suffix in (".py", ".npz") and file.is_file()
    }

"""The benchmark: trajectories, predictions of each reward for them, their scores, and the report.

trajectories/   what was predicted for, in RewardPrediction's format; trajectories.json says how it was made
predictions/    REWARD.json: the predicted reward of each step
report.json     scores with intervals, by domain and over all; scores.csv: the same as a table; report.html shows it
replies.sqlite  replies of a language model, if one was asked: asked again, they cost nothing
"""

from __future__ import annotations

import csv
import json
import re
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agents import cli
from agents.comparison.folder import file_name, plain
from agents.config.language_models import NoModel
from agents.errors import UsageError, fail, reason
from agents.files import dated, locked, make_writable, removed_if_empty, replacing, write_text
from agents.prediction.data import DataError, PredictionTask, read_tasks, write_tasks
from agents.prediction.generate import generate
from agents.prediction.options import BENCHMARKS, PREDICTION, PredictionConfig
from agents.prediction.scoring import Rows, overall, score_tasks, summarize
from agents.prediction.sources import BY_LLM, OFFLINE, NotForThis, Source, make_source, needs_llm
from agents.provenance import made_by
from agents.spending import spending
from agents.terminal import tell
from envs.text.worlds import WORLDS
from reward_designers.errors import RewardError, unknown_name
from reward_designers.llm import LLM, LLMError, connect

TASKS = 20
ABOUT = "Reward prediction: how well rewards for text say, step by step, how far a task is done (arXiv 2603.09400)."


def main() -> None:
    """The command."""
    cli.run(PREDICTION, "compare", f"{ABOUT}\n\npython -m agents.compare benchmark=reward_prediction", compare)


def compare(config: PredictionConfig, given: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Run the benchmark.

    Args:
        config: See `agents.prediction.options`.
        given: The keys that were set, rather than left at their defaults.

    Returns:
        What is written to ``report.json``.

    Raises:
        UsageError: What was asked for is not there.
        SystemExit: With code 1 if a reward failed; the others are compared.
    """
    if config.benchmark not in BENCHMARKS:
        raise UsageError(unknown_name("benchmark", config.benchmark, BENCHMARKS))
    cli.settle_libraries()
    folder = Path(config.output) if config.output else dated("comparisons", "reward-prediction")
    if config.output and folder.is_dir() and any(folder.iterdir()) and not (folder / "trajectories.json").exists():
        raise UsageError(f"{folder} holds something else: choose another output")
    named = _named(_default(config) if config.rewards is None else config.rewards)
    asked = [name for name, text in named.items() if needs_llm(text)]
    if not isinstance(config.llm, NoModel) and not asked:
        raise UsageError(f"llm={config.llm.name} is not asked by these rewards: add judge, critic or factored:llm")
    make_writable(folder)
    with removed_if_empty(folder), locked(folder, "output"):
        try:
            with _model(config, folder) as llm:
                sources = {name: make_source(text, config.seed, llm) for name, text in named.items()}
                tasks, incomplete = _tasks(config, folder)
                report = _report(config, named, sources, tasks, incomplete, folder) | {"cost": spending(llm)}
            _write(folder, report)
        except (DataError, RewardError, LLMError, OSError) as error:
            raise UsageError(reason(error, folder)) from error
    print(summary(report))
    print(f"{report['cost']}{'; ' if report['cost'] else ''}written to {folder}", file=sys.stderr)
    if failed := [f"{r['name']} in {domain}: {why}" for r in report["rewards"] for domain, why in r["failed"].items()]:
        fail("\n".join(["not all rewards could be compared:", *failed]), code=1)
    return report


def _named(texts: Sequence[str]) -> dict[str, str]:
    """Rewards by name."""
    named: dict[str, str] = {}
    for text in texts:
        label = re.fullmatch(r"\s*([\w][\w .+-]*?)\s*=\s*(.+)", text)
        name, source = (label[1], label[2].strip()) if label else (text.strip(), text.strip())
        if name in named:
            raise UsageError(f"rewards: two are named {name!r}; give each a name of its own, as in good=my.py:predict")
        named[name] = source
    if not named:
        raise UsageError("rewards is empty: name one or more, such as [factored,similarity]")
    return named


def _default(config: PredictionConfig) -> list[str]:
    return [*OFFLINE, *([] if isinstance(config.llm, NoModel) else BY_LLM)]


def _model(config: PredictionConfig, folder: Path) -> AbstractContextManager[LLM | None]:
    """The language model, if one was named."""
    if isinstance(config.llm, NoModel):
        return nullcontext()
    return connect(asdict(config.llm), folder / "replies.sqlite", seed=config.seed)


def _tasks(config: PredictionConfig, folder: Path) -> tuple[list[PredictionTask], list[str]]:
    """The tasks, read or generated, and the names of those that are incomplete."""
    about: dict[str, Any] = {"seed": config.seed, "tasks": config.tasks, "domains": config.domains}
    about["data"] = str(Path(config.data).resolve()) if config.data else None
    record = folder / "trajectories.json"
    if record.exists() and (there := json.loads(record.read_text())) != about:
        changed = ", ".join(f"{key}={there.get(key)}" for key in about if there.get(key) != about[key])
        raise UsageError(f"{folder} has trajectories of {changed}: ask for the same, or choose another output")
    if config.data:
        tasks, incomplete = read_tasks(config.data)
        found = list(dict.fromkeys(task.domain for task in tasks))
        wanted = found if config.domains is None else config.domains
        for domain in wanted:
            if domain not in found:
                raise UsageError(unknown_name(f"domain in {config.data}", domain, found))
        chosen = [[task for task in tasks if task.domain == domain][: config.tasks] for domain in wanted]
        tasks = [task for some in chosen for task in some]
        write_text(record, json.dumps(about))
        return tasks, incomplete
    place = folder / "trajectories"
    for domain in config.domains or ():
        if domain not in WORLDS:
            raise UsageError(unknown_name("domain", domain, WORLDS))
    if not record.exists():
        for domain in config.domains if config.domains is not None else WORLDS:
            try:
                made = generate(domain, config.tasks or TASKS, config.seed, folder / "games", tell)
            except ModuleNotFoundError as error:
                others = [name for name in config.domains or WORLDS if name != domain]
                raise UsageError(f"{error}; or do without it: domains=[{','.join(others)}]") from error
            except (ValueError, RuntimeError) as error:
                raise UsageError(str(error)) from error
            write_tasks(place, made)
        write_text(record, json.dumps(about))
    return read_tasks(place)


def _report(
    config: PredictionConfig,
    named: Mapping[str, str],
    sources: Mapping[str, Source],
    tasks: Sequence[PredictionTask],
    incomplete: Sequence[str],
    folder: Path,
) -> dict[str, Any]:
    domains = {name: [t for t in tasks if t.domain == name] for name in dict.fromkeys(t.domain for t in tasks)}
    rewards, scored = [], {}
    examples = {name: _example(some) for name, some in domains.items()}
    for name, source in sources.items():
        start, parts = time.monotonic(), {}
        failed: dict[str, str] = {}
        silent: dict[str, str] = {}
        for domain, some in domains.items():
            tell(f"{name}: {domain}")
            try:
                predicted = _predict(source, domain, some)
            except NotForThis as why:
                silent[domain] = str(why)
                continue
            except (RewardError, LLMError, ValueError) as error:
                failed[domain] = str(error)
                continue
            parts[domain] = score_tasks(some, predicted)
            examples[domain]["predicted"][name] = predicted[examples[domain]["task"]]
            _keep(folder, name, domain, some, predicted)
        scored[name] = _scores(parts, len(domains), config.seed)
        rewards.append(
            {
                "name": name,
                "spec": named[name],
                "about": source.about,
                "privileged": source.privileged,
                "epic": source.of_state,
                "failed": failed,
                "silent": silent,
                "note": source.note,
                "seconds": round(time.monotonic() - start, 2),
            }
        )
    tell("")
    return made_by() | {
        "title": "Reward prediction",
        "config": asdict(config),
        "domains": [
            {"name": name, "tasks": len(some), "steps": sum(len(t) for task in some for t in task.trajectories)}
            for name, some in domains.items()
        ],
        "incomplete": list(incomplete),
        "rewards": rewards,
        "scores": scored,
        "examples": {name: _shown(domains[name][e["task"]], e["predicted"]) for name, e in examples.items()},
    }


def _predict(source: Source, domain: str, tasks: Sequence[PredictionTask]) -> list[list[Any]]:
    """For each task the rewards of each of its trajectories."""
    rewards = iter(source.predict(domain, [trajectory for task in tasks for trajectory in task.trajectories]))
    return [[next(rewards) for _ in task.trajectories] for task in tasks]


def _scores(parts: Mapping[str, tuple[Rows, Any]], domains: int, seed: int) -> dict[str, dict[str, Any]]:
    """By domain, and over all of them if there are several and none is missing."""
    scores = {domain: summarize(*rows, seed) for domain, rows in parts.items()}
    if len(parts) == domains > 1:
        scores["all"] = overall(parts, seed)
    return {domain: {name: score.to_json() for name, score in some.items()} for domain, some in scores.items()}


def _example(tasks: Sequence[PredictionTask]) -> dict[str, Any]:
    """The task that the report shows: the one of middle length."""
    order = sorted(range(len(tasks)), key=lambda i: (len(tasks[i].positive), i))
    return {"task": order[len(order) // 2], "predicted": {}}


def _shown(task: PredictionTask, predicted: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    steps = [
        [{"action": s.action, "observation": s.observation, "shaped": s.shaped, "raw": s.raw} for s in t.steps]
        for t in task.trajectories
    ]
    return {"task": task.name, "goal": task.positive.goal, "trajectories": steps, "predicted": plain(predicted)}


def _keep(folder: Path, name: str, domain: str, tasks: Sequence[PredictionTask], predicted: Sequence[Any]) -> None:
    path = folder / "predictions" / domain / f"{file_name(name)}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"task": t.name, "rewards": plain(values)} for t, values in zip(tasks, predicted, strict=True)]
    write_text(path, json.dumps(rows, indent=1))


def _write(folder: Path, report: Mapping[str, Any]) -> None:
    from agents.prediction.report import write_report

    write_text(folder / "report.json", json.dumps(plain(report), indent=1))
    with replacing(folder / "scores.csv") as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["reward", "domain", "measure", "value", "low", "high", "tasks", "constant"])
        for name, domains in report["scores"].items():
            for domain, measures in domains.items():
                writer.writerows([name, domain, measure, *score.values()] for measure, score in measures.items())
    write_report(folder)


def summary(report: Mapping[str, Any]) -> str:
    """The trajectory Pearson distance to the shaped truth with its interval, for each reward and domain."""
    domains = [domain["name"] for domain in report["domains"]] + (["all"] if len(report["domains"]) > 1 else [])
    rows = [["trajectory Pearson distance", *domains]]
    for reward in report["rewards"]:
        cells = [reward["name"]]
        for domain in domains:
            score = report["scores"][reward["name"]].get(domain, {}).get("shaped")
            cells.append("failed" if domain in reward["failed"] else "-" if score is None else cell(score))
        rows.append(cells)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    )


def cell(score: Mapping[str, Any]) -> str:
    """A score with its interval."""
    if score["value"] is None:
        return "undefined"
    if score["low"] is None:
        return f"{score['value']:.3f}"
    return f"{score['value']:.3f} ({score['low']:.3f}-{score['high']:.3f})"

"""Trajectories with the true reward of each step, in files as RewardPrediction has them (arXiv 2603.09400).

data/DOMAIN/TASK/positive.json, negative_1.json, negative_2.json, ...:

{"goal_description": "put a clean mug in desk.",
 "trajectory": [{"action": "go to desk 1", "observation": "You arrive at desk 1. ...",
                 "reward": {"raw": 0.0, "shaped": 0.25, "is_expert": true}}, ...]}

So the published data set can be read as it is downloaded, and what the kit writes can be read by others. The kit adds
to each of its steps ``"privileged": {"facts": [...], "score": 0.5}``, the true state that no player sees; files without
it do for all rewards but those that read it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agents.files import write_text

DOMAINS = ("alfworld", "blocksworld", "minihack", "scienceworld", "textworld", "webshop")
"""Names of domains, the published ones and the kit's own: a folder of such a name holds that domain's tasks."""
_POSITIVE, _NEGATIVE = re.compile(r"(.*_)?positive"), re.compile(r"(.*_)?negative(_.*)?")


class DataError(ValueError):
    """A file or folder of trajectories is not as expected; the message names it and the field."""


@dataclass(frozen=True)
class Step:
    """An action and what was seen after it.

    Attributes:
        action: What was done; empty for what is seen before the first action.
        observation: What was seen then.
        raw: The environment's own reward, mostly 1 where the goal is reached and 0 elsewhere.
        shaped: The true progress: t / T at the expert's t-th of T steps, 0 elsewhere.
        is_expert: Whether an expert did it.
        facts: What is true then (privileged); None where the data do not say.
        score: Share of the goal's conditions that hold then (privileged); None where the data do not say.
    """

    action: str
    observation: str
    raw: float
    shaped: float
    is_expert: bool
    facts: tuple[str, ...] | None = None
    score: float | None = None


@dataclass(frozen=True)
class Trajectory:
    """What somebody did about a goal."""

    goal: str
    steps: tuple[Step, ...]

    def __len__(self) -> int:
        """How many steps."""
        return len(self.steps)

    def truth(self, kind: str) -> np.ndarray:
        """The true rewards, ``(steps,)`` float64; ``kind`` is raw or shaped."""
        return np.array([getattr(step, kind) for step in self.steps], np.float64)


@dataclass(frozen=True)
class PredictionTask:
    """A goal, a way to it, and ways that lead nowhere.

    Attributes:
        domain: The world that it is from.
        name: Of the task, unique in the domain.
        positive: An expert's trajectory.
        negatives: Those of a random policy, one or more.
    """

    domain: str
    name: str
    positive: Trajectory
    negatives: tuple[Trajectory, ...]

    @property
    def trajectories(self) -> tuple[Trajectory, ...]:
        """The positive one, then the negative ones."""
        return self.positive, *self.negatives


def read_tasks(folder: str | Path) -> tuple[list[PredictionTask], list[str]]:
    """The tasks in a folder and the folders below it.

    Args:
        folder: The published data set, one of its domains, or what `write_tasks` wrote.

    Returns:
        The tasks by domain and name; and the names of those that are left out, since they lack a positive or a
        negative trajectory.

    Raises:
        DataError: There are none, or a file is malformed.
    """
    root = Path(folder)
    if not root.is_dir():
        raise DataError(f"{root} is no folder; expected one with TASK/positive.json and TASK/negative_1.json in it")
    found: dict[tuple[str, str], dict[str, list[Path]]] = {}
    for path in sorted(root.rglob("*.json")):
        for kind, pattern in (("positive", _POSITIVE), ("negative", _NEGATIVE)):
            if match := pattern.fullmatch(path.stem):
                domain, name = _place(root, path, (match[1] or "").rstrip("_"))
                found.setdefault((domain, name), {}).setdefault(kind, []).append(path)
    if not found:
        raise DataError(f"{root} holds no trajectories: expected TASK/positive.json and TASK/negative_1.json below it")
    tasks, incomplete = [], []
    for (domain, name), files in sorted(found.items()):
        if len(files) < 2:
            incomplete.append(f"{domain}/{name}")
            continue
        if len(files["positive"]) > 1:
            raise DataError(f"{domain}/{name} has two positive trajectories: {', '.join(map(str, files['positive']))}")
        negatives = tuple(map(read_trajectory, files["negative"]))
        tasks.append(PredictionTask(domain, name, read_trajectory(files["positive"][0]), negatives))
    return tasks, incomplete


def read_trajectory(path: Path) -> Trajectory:
    """The trajectory in a file.

    Raises:
        DataError: It is none; the message names the field.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise DataError(f"{path} is no JSON: {error}") from error
    goal = _get(content, "goal_description", str, path, "")
    entries = _get(content, "trajectory", list, path, "")
    if not entries:
        raise DataError(f"{path}: trajectory is empty")
    return Trajectory(goal, tuple(_step(entry, path, f"trajectory[{i}]") for i, entry in enumerate(entries)))


def write_tasks(folder: str | Path, tasks: Iterable[PredictionTask]) -> None:
    """Write tasks as `read_tasks` reads them."""
    for task in tasks:
        place = Path(folder) / task.domain / task.name
        place.mkdir(parents=True, exist_ok=True)
        write_text(place / "positive.json", _text(task.positive))
        for number, negative in enumerate(task.negatives, 1):
            write_text(place / f"negative_{number}.json", _text(negative))


def _place(root: Path, path: Path, prefix: str) -> tuple[str, str]:
    """Domain and task of a file: the domain is the first folder that has a domain's name, else the first below root."""
    below = path.parent.relative_to(root).parts
    folders = (root.absolute().name, *below)
    at = next((i for i, part in enumerate(folders) if part.lower() in DOMAINS), None)
    if at is not None:
        domain, name = folders[at].lower(), folders[at + 1 :]
    else:
        domain, name = (below[0], below[1:]) if len(below) > 1 else (root.absolute().name, below)
    return domain, "/".join([*name, *([prefix] if prefix else [])]) or path.parent.name


def _step(entry: Any, path: Path, place: str) -> Step:
    reward = _get(entry, "reward", dict, path, place)
    raw, shaped = (float(_get(reward, name, (int, float), path, f"{place}.reward")) for name in ("raw", "shaped"))
    if not np.isfinite([raw, shaped]).all():
        raise DataError(f"{path}: {place}.reward is not finite: raw {raw}, shaped {shaped}")
    privileged = entry.get("privileged")
    facts = score = None
    if privileged is not None:
        texts: Sequence[Any] = _get(privileged, "facts", list, path, f"{place}.privileged")
        facts = tuple(map(str, texts))
        score = float(_get(privileged, "score", (int, float), path, f"{place}.privileged"))
    return Step(
        _get(entry, "action", str, path, place),
        _get(entry, "observation", str, path, place),
        raw,
        shaped,
        _get(reward, "is_expert", bool, path, f"{place}.reward"),
        facts,
        score,
    )


def _get(value: Any, name: str, kind: Any, path: Path, place: str) -> Any:
    where = f"{place}.{name}" if place else name
    if not isinstance(value, dict):
        raise DataError(f"{path}: expected an object with {name!r} at {place or 'the top'}, got {value!r:.60}")
    if name not in value:
        raise DataError(f"{path}: {where} is missing; there are {', '.join(value) or 'no fields'}")
    found = value[name]
    if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        expected = " or ".join({"str": "text", "bool": "true or false"}.get(k.__name__, k.__name__) for k in kinds)
        raise DataError(f"{path}: {where} is {found!r:.60}, expected {expected}")
    return found


def _text(trajectory: Trajectory) -> str:
    entries = []
    for step in trajectory.steps:
        entry: dict[str, Any] = {
            "action": step.action,
            "observation": step.observation,
            "reward": {"raw": step.raw, "shaped": step.shaped, "is_expert": step.is_expert},
        }
        if step.facts is not None and step.score is not None:
            entry["privileged"] = {"facts": list(step.facts), "score": step.score}
        entries.append(entry)
    return json.dumps({"goal_description": trajectory.goal, "trajectory": entries}, indent=1)

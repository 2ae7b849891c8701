"""Rewards by short texts: ``env``, ``fitness``, ``vlm:a prompt``, ``my.py:stand``, ``run:runs/a``, ``saved.npz``."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from collections.abc import Sequence, Set
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.build import with_prompts
from agents.comparison.options import CompareConfig
from agents.config.commands import TRAIN, TrainConfig
from agents.config.language_models import NoModel
from agents.config.rewards import CodeReward, CustomReward, EnvReward, Extractor, FactoredReward, VLMReward, ZeroReward
from agents.errors import UsageError
from agents.runs import RunDir
from reward_designers.errors import unknown_name

if TYPE_CHECKING:
    from envs.task import Task
    from reward_designers.base import RewardFn

SHOWN = (
    "env",
    "fitness",
    "zero",
    "vlm",
    "vlm:PROMPT",
    "my.py:function",
    "package.module:function",
    "code:program.py",
    "factored",
    "factored:facts",
    "run:DIR",
    "saved.npz",
)

LEARNING = sorted({*TRAIN.groups["reward"]} - {"env", "zero", "vlm", "custom", "code", "factored"})


@dataclass(frozen=True)
class RewardSpec:
    """A reward as it was asked for.

    Attributes:
        name: Names it in the report; no two are the same.
        text: What was asked for, without the name.
        kind: ``env``, ``fitness`` (the ground truth, as if it were a reward: nothing is trained here), ``zero``,
            ``vlm``, ``code`` (a function), ``program`` (in the sandbox), ``factored``, ``run`` or ``saved``.
        value: The prompt, import path, directory or file.
    """

    name: str
    text: str
    kind: str
    value: str = ""


def parse_rewards(texts: Sequence[str]) -> list[RewardSpec]:
    """The rewards that ``texts`` ask for. Names that were not given are made unique by a number.

    Raises:
        UsageError: One is not understood, its file or directory is not there, or a name was given twice.
    """
    parsed = [_parse(text) for text in texts]
    given = [spec.name for spec, named in parsed if named]
    if twice := sorted({name for name in given if given.count(name) > 1}):
        raise UsageError(f"rewards: two are named {twice[0]!r}; give each a name of its own, as in good=my.py:stand")
    taken = set(given)
    specs = []
    for spec, named in parsed:
        name = spec.name if named else _unused(spec.name, taken)
        taken.add(name)
        specs.append(replace(spec, name=name))
    return specs


def _unused(name: str, taken: Set[str]) -> str:
    """The name, or the first of name_2, name_3, ... that is not taken."""
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate


def _parse(text: str) -> tuple[RewardSpec, bool]:
    label = re.match(r"\s*([\w][\w .+-]*?)\s*=\s*(.+)$", text)
    name, text = (label[1], label[2].strip()) if label else ("", text.strip())
    kind, _, value = text.partition(":")
    if text in ("env", "fitness", "zero"):
        spec = RewardSpec(text, text, text)
    elif kind == "factored":
        if value and value not in Extractor.__members__:
            raise UsageError(unknown_name("extractor of factored states", value, Extractor.__members__))
        spec = RewardSpec(f"factored_{value}" if value else "factored", text, "factored", value)
    elif kind == "vlm":
        spec = RewardSpec("vlm", text, "vlm", value.strip())
    elif kind == "code":
        spec = RewardSpec(Path(value).stem, text, "program", _check_file(value.strip()))
    elif kind == "run":
        spec = RewardSpec(Path(value).name or "run", text, "run", str(RunDir.open(value).path.resolve()))
    elif text.endswith(".npz"):
        spec = RewardSpec(Path(text).stem, text, "saved", _check_file(text))
    else:
        path = value if kind == "custom" else text
        spec = RewardSpec(_check_path(text, path).rpartition(":")[2], text, "code", path)
    return (replace(spec, name=name) if name else spec), bool(name)


def _check_file(path: str) -> str:
    """``path``, if there is such a file."""
    if not Path(path).is_file():
        raise UsageError(f"rewards: no such file {path!r} (the working directory is {Path.cwd()})")
    return path


def _check_path(text: str, path: str) -> str:
    """The import path ``path``, if its file or module is there."""
    place, _, function = path.rpartition(":")
    if place.endswith(".py") and function:
        _check_file(place)
        return path
    if path.endswith(".py"):
        raise UsageError(f"rewards: {path} is a file: name a function in it, as in {path}:function")
    try:
        found = bool(place and function) and importlib.util.find_spec(place) is not None
    except (ImportError, ValueError):
        found = False
    if not found and text in LEARNING:
        raise UsageError(
            f"reward {text!r} comes of a training: agents.train reward={text} ..., then compare run:DIR of that run"
        )
    if not found:
        raise UsageError(unknown_name("reward", text, SHOWN))
    return path


def world_config(config: CompareConfig) -> TrainConfig:
    """The environment of a comparison as a training run's config, from which environments and rewards are made."""
    return TrainConfig(
        env=config.env,
        task=config.task,
        reward=EnvReward(),
        llm=NoModel(),
        device=config.device,
        render=config.render,
        texture=config.texture,
    )


def node_of(spec: RewardSpec, task: Task | None) -> Any:
    """The spec as a reward of a training run's config, if it can be said so; None for others."""
    if spec.kind == "run":
        return RunDir.open(spec.value).read_config().reward
    if spec.kind == "vlm":
        return with_prompts(VLMReward(goal=spec.value or None), task)
    extractor = Extractor[spec.value] if spec.kind == "factored" and spec.value else Extractor.rules
    nodes: dict[str, Any] = {
        "env": EnvReward(),
        "zero": ZeroReward(),
        "code": CustomReward(path=spec.value),
        "program": CodeReward(path=spec.value),
        "factored": FactoredReward(extractor=extractor),
    }
    return nodes.get(spec.kind)


def make(spec: RewardSpec, config: TrainConfig, task: Task | None) -> RewardFn:
    """The reward function that a spec asks for; of a run, as it was when training ended.

    Args:
        spec: See `parse_rewards`.
        config: Names the environment; ``device`` is that of VLM rewards.
        task: Of the environment that the rewards are compared in, with that environment's own options.

    Raises:
        UsageError: It cannot be had in this environment.
        RewardError: Its code cannot be loaded.
        OSError: Its file cannot be read.
    """
    from agents.rewarding.make import make_reward, restore_reward
    from reward_designers.base import RewardFn

    if spec.kind == "saved":
        return RewardFn.load(spec.value)
    if spec.kind == "fitness":
        if task is None:
            raise UsageError(f"{config.env.id or config.env.name} has no task of the kit's, so no fitness is known")
        return task.fitness
    node, folder = node_of(spec, task), Path(spec.value) if spec.kind == "run" else None
    if folder is not None:
        config = replace(config, llm=RunDir.open(folder).read_config().llm)  # a judge that it asked is asked here
    reward = make_reward(replace(config, reward=node), folder)
    if reward is None:
        return _env_reward(config, task)
    if folder is not None:
        run = RunDir.open(folder)
        restore_reward(reward, replace(run.read_config(), device=config.device), run)
    return reward


def _env_reward(config: TrainConfig, task: Task | None) -> RewardFn:
    if task is None or task.reward is None:
        name = config.env.id or config.env.name
        raise UsageError(
            f"{name}'s own reward is known only as it is paid, not as a function of transitions, so it cannot be "
            "compared by distances that recombine states: leave env out, or write it down as a function and give that"
        )
    return task.reward()


def trained_on(specs: Sequence[RewardSpec], runs: Sequence[str], task: Task | None) -> list[RewardSpec]:
    """``specs``, and after them a spec for each reward that a run was trained on and that is not among them."""
    specs = list(specs)
    for path in runs:
        if reward_of(path, specs, task) is None:
            node = RunDir.open(path).read_config().reward
            name = node["_target_"].rpartition(".")[2] if isinstance(node, dict) else node.name
            name = node.path.rpartition(":")[2] if name == "custom" else name
            name = Path(node.path).stem if name == "code" else name
            specs.append(RewardSpec(_unused(name, {spec.name for spec in specs}), f"run:{path}", "run", path))
    return specs


def reward_of(run: str, specs: Sequence[RewardSpec], task: Task | None) -> str | None:
    """The name of the reward, among ``specs``, that a run was trained on; None if it is not there.

    Rewards are the same if their options are, and the contents of their files, wherever those are.
    """
    trained = _fingerprint(RunDir.open(run).read_config().reward, Path(run))
    for spec in specs:
        node = node_of(spec, task)
        if node is not None and _fingerprint(node, Path(spec.value) if spec.kind == "run" else None) == trained:
            return spec.name
    return None


def _fingerprint(node: Any, folder: Path | None) -> str:
    """What makes a reward of a config what it is, as text."""
    values = dict(node) if isinstance(node, dict) else asdict(node)
    for name in ("batch_size", "compile", "precision", "seconds", "sandbox"):  # change how fast, not what
        values.pop(name, None)
    for name in ("goal", "baseline"):
        if isinstance(values.get(name), str):
            values[name] = [values[name]]
    path = str(values.get("path", ""))
    place, _, function = (path, "", "") if path.endswith(".py") else path.rpartition(":")
    if place.endswith(".py"):
        file = folder / place if folder is not None else Path(place)
        values["path"] = f"{hashlib.sha256(file.read_bytes()).hexdigest()}:{function}"
    return json.dumps(values, sort_keys=True, default=str)


def description(reward: RewardFn) -> str:
    """One line that says what a reward is: its prompts, or the first line of its documentation."""
    if goal := getattr(reward, "goal", None):
        return f"how well a frame matches {' | '.join(map(repr, goal))}"
    documented = getattr(reward, "function", type(reward))
    return ((documented.__doc__ or "").strip().splitlines() or [""])[0]

"""`reward=factored` and `reward=judge`: from the config to a reward for progress towards a goal."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from agents.config.commands import TrainConfig
from agents.config.rewards import Extractor, FactoredReward, JudgeReward
from agents.errors import UsageError
from reward_designers import factored, judges
from reward_designers.errors import RewardError, unknown_name
from reward_designers.progress import ProgressReward

if TYPE_CHECKING:
    from envs.task import Task

STORE = "replies.sqlite"
"""Where a run keeps a language model's replies, in its folder."""
EXAMPLE = {
    "minihack": "reward.goal='{key: {location: pack}, door: {door: open}, hero: {on: staircase down}}'",
    "numbers": "reward.goal='{body: {uprightness: upright, forward_velocity: fast}}'",
}


def check(config: TrainConfig, task: Task | None) -> None:
    """Find out early whether the reward that is asked for can be had.

    Raises:
        UsageError: Nothing says what is wanted, a language model is missing or has nothing to do, there is nothing to
            read in this environment, or an option is not valid.
    """
    options = _options(config, task)
    try:
        _make(config, options)
    except (RewardError, ValueError) as error:
        raise UsageError(f"reward={config.reward.name}: {error}") from error


def make_progress(config: TrainConfig, folder: Path | None) -> ProgressReward:
    """The reward, connected to its language model if it has one.

    Args:
        config: Resolved.
        folder: The run's, where replies are kept.

    Raises:
        RewardError: It cannot be made, or there are no embeddings.
        UsageError: See `check`.
        LLMError: The language model cannot be asked.
    """
    from agents.build import find_task

    task = find_task(config.env.id or config.env.name or "", config.task)
    options = _options(config, task)
    if "llm" in options and options["store"] is None and folder is not None:
        options["store"] = str(folder / STORE)
    reward = _make(config, options)
    reward.open()
    return reward


def _make(config: TrainConfig, options: dict[str, Any]) -> Any:
    made = factored.FactoredReward if isinstance(config.reward, FactoredReward) else judges.JudgeReward
    return made(**options)


def _options(config: TrainConfig, task: Task | None) -> dict[str, Any]:
    """What the reward is made with."""
    node = config.reward
    fields = () if task is None else tuple(task.fields)
    common: dict[str, Any] = {"mode": node.mode.name}
    if node.gamma is not None:
        common["gamma"] = node.gamma
    asks = isinstance(node, JudgeReward) or node.extractor is Extractor.llm
    if asks:
        common |= {"llm": _model(config), "store": node.store, "text": _text(fields, config)}
    elif config.llm.name != "none":
        raise UsageError(f"llm={config.llm.name} is not asked by reward.extractor={node.extractor.name}: leave one out")
    goal = _goal(node.goal)
    if goal is None and "goal" not in fields and asks:
        goal = task.text if task is not None else None
        if goal is None:
            raise UsageError("this environment has no task of the kit: say what is wanted, reward.goal='Find the key'")
    if isinstance(node, JudgeReward):
        action = "command" if "command" in fields else None
        return common | {"form": node.form.name, "goal": goal, "window": node.window, "action": action}
    extractor = _extractor(node, fields, config)
    if goal is None and extractor in EXAMPLE:
        raise UsageError(
            f"nothing says what is wanted: name objects and how they should be, such as {EXAMPLE[extractor]}"
        )
    return common | {
        "extractor": extractor,
        "goal": goal,
        "similarity": node.similarity,
        "credit": node.credit,
        "words": dict(node.words),
    }


def _extractor(node: FactoredReward, fields: tuple[str, ...], config: TrainConfig) -> str:
    """The extractor that suits the environment."""
    if node.extractor is Extractor.llm:
        return "llm"
    if node.extractor is Extractor.facts:
        if "facts" not in fields:
            raise UsageError(
                f"reward.extractor=facts: {config.env.id or config.env.name} tells no facts, ALFWorld does"
            )
        return "facts"
    if {"observation", "goal"} <= set(fields):
        return "alfworld"
    return "minihack" if "caption" in fields else "numbers"


def _text(fields: tuple[str, ...], config: TrainConfig) -> str:
    """The state array in which things are said."""
    for name in ("observation", "caption") if config.reward.text is None else (config.reward.text,):
        if name in fields or (not fields and config.reward.text):  # what other environments tell shows at the start
            return str(name)
    where = config.env.id or config.env.name
    if config.reward.text is not None:
        raise UsageError(f"reward.text: {unknown_name(f'field of {where}', config.reward.text, fields)}")
    raise UsageError(
        f"{where} has nothing in words for a language model, as ALFWorld and NetHack have; reward.text= names an array"
    )


def _goal(text: str | None) -> Any:
    """Objects where braces say so, else the text."""
    if text is None or not text.lstrip().startswith("{"):
        return text
    try:
        found = _typed(yaml.load(text, yaml.BaseLoader))  # which leaves `on` and `off` the words that they are
    except yaml.YAMLError as error:
        raise UsageError(
            f"reward.goal={text}: expected objects as in '{{hero: {{on: staircase down}}}}' ({error})"
        ) from error
    if not isinstance(found, dict) or not all(isinstance(wanted, dict) for wanted in found.values()):
        raise UsageError(
            f"reward.goal={text}: expected objects with attributes, as in '{{hero: {{on: staircase down}}}}'"
        )
    return found


def _typed(value: Any) -> Any:
    """Texts that are numbers, true or false as such, in whatever holds them."""
    if isinstance(value, dict):
        return {key: _typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item) for item in value]
    if value in ("true", "false"):
        return value == "true"
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


def _model(config: TrainConfig) -> dict[str, Any]:
    if config.llm.name == "none":
        raise UsageError(f"reward={config.reward.name} needs a language model here: llm=openai llm.model=NAME")
    return asdict(config.llm)

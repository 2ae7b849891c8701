"""`reward=ellm`: from the config to a reward for goals in words, suggested by a language model or given."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from agents.config.commands import TrainConfig
from agents.config.rewards import EllmReward
from agents.errors import UsageError
from agents.rewarding.intrinsic import goal_of, require_captions
from agents.rewarding.terms import beside_env
from envs.task import Task
from reward_designers.intrinsic.goals import GoalReward
from reward_designers.intrinsic.suggestions import Suggestions
from reward_designers.transforms import Sum


def resolved(config: TrainConfig, task: Task | None) -> EllmReward:
    """The reward's config with goals filled in.

    Raises:
        UsageError: Nobody says any, nothing says what they are for, or there are no captions.
    """
    node = config.reward
    require_captions(node.caption, task)
    if config.llm.name != "none":
        return replace(node, goal=goal_of(node.goal, task))
    goals = node.goals or (list(task.subgoals) if task is not None else [])
    if not goals:
        raise UsageError(
            "there are no goals: give reward.goals=[picked up a key,door opened], or let a language model suggest "
            "some: llm=openai llm.model=NAME"
        )
    return replace(node, goals=goals)


def make_ellm(config: TrainConfig) -> Sum:
    """The environment's own reward and that for goals; nobody suggests any yet: see `teach`.

    Raises:
        RewardError: There are no embeddings.
    """
    node = config.reward
    situation = None if config.llm.name == "none" else node.situation
    own = GoalReward(node.goals or (), node.threshold, node.encoder, node.caption, situation)
    own.open()
    return beside_env(config, goals=node.coefficient * own)


def teach(reward: GoalReward, config: TrainConfig, folder: Path) -> Suggestions | None:
    """Start asking for goals; close it at the end. None if all are given.

    Raises:
        LLMError: The model cannot be asked.
    """
    node = config.reward
    if config.llm.name == "none":
        return None
    store = Path(node.store) if node.store else folder / "suggestions.sqlite"
    reward.suggestions = Suggestions(asdict(config.llm), node.goal, store, sync=node.sync)
    return reward.suggestions

"""`reward=intrinsic`: from the config to a reward that is taught while training runs."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from agents.cli import UsageError
from agents.config import CaptionModel, Judge, Novelty, OpenAIModel, TrainConfig
from agents.config import IntrinsicReward as IntrinsicConfig
from agents.novelty import looked_at, make_bonus
from envs.task import Task
from reward_designers.base import RewardFn
from reward_designers.intrinsic import Annotation, Annotator, IntrinsicReward, Lexicon, LLMAnnotator, Person, Replay
from reward_designers.llm import Budget, Sampling
from reward_designers.transforms import EnvReward, Sum


def resolved(config: TrainConfig, task: Task | None) -> IntrinsicConfig:
    """The reward's config with judge and goal filled in; both must be known before anything is trained.

    Raises:
        UsageError: A language model is to judge and not named, or the reverse; nothing says what is wanted; or there
            are no captions.
    """
    judge = config.reward.judge or (Judge.lexicon if config.llm.name == "none" else Judge.llm)
    if judge is Judge.llm and config.llm.name == "none":
        raise UsageError("reward.judge=llm needs a language model: llm=openai llm.model=NAME (llm.base_url=...)")
    if judge is not Judge.llm and config.llm.name != "none":
        raise UsageError(f"llm={config.llm.name} is not asked by reward.judge={judge.name}: leave one of them out")
    goal = config.reward.goal or (task.text if task is not None else "")
    if not goal:
        raise UsageError("this environment has no task of the kit: say what is wanted, reward.goal='Find the stairs'")
    caption = config.reward.caption
    if task is not None and caption not in task.fields:
        raise UsageError(
            f"{task.env} has nothing in words that is called {caption!r}: captions come with the games of NetHack and "
            "MiniHack; reward.caption= names another array of text"
        )
    reward = replace(config.reward, judge=judge, goal=goal)
    if reward.novelty is Novelty.none:
        return reward
    return replace(reward, novelty_of=looked_at(config, reward.novelty, reward.novelty_of))


def make_intrinsic(config: TrainConfig) -> Sum:
    """The environment's own reward and the judge's, which nobody teaches yet: see `teach`."""
    node = config.reward
    own = IntrinsicReward(node.model.name, node.threshold, node.beta, node.cap, node.caption, config.seed)
    terms = {"env": node.extrinsic * EnvReward()} if node.extrinsic else {}
    terms["intrinsic"] = node.coefficient * own
    if node.novelty is not Novelty.none:
        terms[node.novelty.name] = node.novelty_coefficient * make_bonus(node.novelty, node.novelty_of, config.seed)
    return Sum(**terms)


def intrinsic_part(reward: object) -> IntrinsicReward | None:
    """The part of a reward that a judge teaches, if there is one."""
    if isinstance(reward, IntrinsicReward):
        return reward
    parts = reward.parts().values() if isinstance(reward, RewardFn) else ()
    return next((found for part in parts if (found := intrinsic_part(part)) is not None), None)


def teach(reward: IntrinsicReward, config: TrainConfig, folder: Path) -> Annotation:
    """Start asking the judge about what the reward meets; close it at the end.

    Args:
        reward: Of `make_intrinsic`.
        config: Resolved.
        folder: The run's.

    Raises:
        LLMError: The judge cannot get ready.
        UsageError: It is a replay of nothing.
    """
    node = config.reward
    store = Path(node.store) if node.store else folder / "judgements.sqlite"
    reward.annotation = Annotation(
        _judge(config),
        node.goal,
        store=store,
        order=node.order.name,
        pairs=node.model is CaptionModel.ranking,
        sync=node.sync,
        seed=config.seed,
    )
    return reward.annotation


def _judge(config: TrainConfig) -> Annotator:
    model = config.llm
    if config.reward.judge is not Judge.llm:
        return Lexicon() if config.reward.judge is Judge.lexicon else Person()
    if not isinstance(model, OpenAIModel):
        if model.path is None:
            raise UsageError("llm=replay needs judgements that were recorded: llm.path=judgements.sqlite")
        return Replay(model.path, model.model)
    options = asdict(model)
    sampling = Sampling(model.max_completion_tokens, model.temperature, config.seed, model.extra)
    limits: dict[str, Any] = {name: options[name] for name in ("max_usd", "max_tokens", "max_calls")}
    budget = Budget(price=None if model.price is None else (model.price[0], model.price[1]), **limits)
    kept = ("base_url", "key_variable", "concurrency", "timeout", "retries")
    return LLMAnnotator(model.model, sampling=sampling, budget=budget, **{name: options[name] for name in kept})

"""`reward=intrinsic`: from the config to a reward that is taught while training runs."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from agents.config.commands import TrainConfig
from agents.config.language_models import OpenAIModel
from agents.config.rewards import CaptionModel, Judge, Novelty
from agents.config.rewards import IntrinsicReward as IntrinsicConfig
from agents.errors import UsageError
from agents.rewarding.novelty import looked_at, novelty_term
from agents.rewarding.terms import beside_env
from envs.task import Task
from reward_designers.base import RewardFn
from reward_designers.errors import RewardError
from reward_designers.intrinsic import Annotation, Annotator, IntrinsicReward, Lexicon, LLMAnnotator, Person, Replay
from reward_designers.intrinsic.motif import at_quantile
from reward_designers.llm import Budget, Sampling
from reward_designers.transforms import Sum


def resolved(config: TrainConfig, task: Task | None) -> IntrinsicConfig:
    """The reward's config with judge and goal filled in; both must be known before anything is trained.

    Raises:
        UsageError: A language model is to judge and not named, or the reverse; nothing says what is wanted; or there
            are no captions.
    """
    node = config.reward
    judge = chosen_judge(node.judge, config.llm)
    reward = replace(node, judge=judge, goal=goal_of(node.goal, task))
    require_captions(node.caption, task)
    if reward.novelty is Novelty.none:
        return reward
    return replace(reward, novelty_of=looked_at(config, reward.novelty, reward.novelty_of))


def chosen_judge(judge: Judge | None, llm: Any, key: str = "reward.") -> Judge:
    """Who judges, if nobody said: a language model if one is named, else the rules.

    Args:
        judge: Who was named.
        llm: The language model's config.
        key: Begins the names of the command's options.

    Raises:
        UsageError: A language model is to judge and not named, or the reverse.
    """
    judge = judge or (Judge.lexicon if llm.name == "none" else Judge.llm)
    if judge is Judge.llm and llm.name == "none":
        raise UsageError(f"{key}judge=llm needs a language model: llm=openai llm.model=NAME (llm.base_url=...)")
    if judge is not Judge.llm and llm.name != "none":
        raise UsageError(f"llm={llm.name} is not asked by {key}judge={judge.name}: leave one of them out")
    return judge


def goal_of(goal: str | None, task: Task | None, key: str = "reward.") -> str:
    """What captions are judged by, in words.

    Raises:
        UsageError: Nothing says it.
    """
    if goal or task is not None:
        return goal or task.text  # type: ignore[union-attr]
    raise UsageError(f"this environment has no task of the kit: say what is wanted, {key}goal='Find the stairs'")


def require_captions(caption: str, task: Task | None, key: str = "reward.") -> None:
    """Refuse a task without captions.

    Raises:
        UsageError: It has no such field.
    """
    if task is not None and caption not in task.fields:
        raise UsageError(
            f"{task.env} has nothing in words that is called {caption!r}: captions come with the games of NetHack and "
            f"MiniHack; {key}caption= names another array of text"
        )


def make_intrinsic(config: TrainConfig) -> Sum:
    """The environment's own reward and the judge's, which nobody teaches yet: see `teach`."""
    node = config.reward
    own = IntrinsicReward(node.model.name, node.threshold, node.beta, node.cap, node.caption, config.seed)
    return beside_env(config, intrinsic=node.coefficient * own, **novelty_term(config))


def make_motif(config: TrainConfig, run_dir: Path | None = None) -> Sum:
    """The environment's own reward and that of `agents.motif`, which stays as it is.

    Raises:
        RewardError: The file is damaged, or is no such reward.
        OSError: It cannot be read.
    """
    node = config.reward
    path = motif_file(node.path) if run_dir is None else run_dir / node.path  # an absolute one stays
    if not path.is_file():
        raise RewardError(f"reward.path: {node.path!r} is no folder that agents.motif wrote, and no file")
    own = RewardFn.load(path)
    if not isinstance(own, IntrinsicReward):
        raise RewardError(f"{path} holds a {type(own).__name__}, expected what agents.motif wrote")
    if node.quantile is not None:
        own = at_quantile(own, node.quantile)
    own.beta, own.cap = node.beta, node.cap
    return beside_env(config, intrinsic=node.coefficient * own)


def motif_file(path: str) -> Path:
    """The file of a reward, of its own or in a folder of `agents.motif`."""
    return Path(path) / "reward.npz" if Path(path).is_dir() else Path(path)


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
        make_judge(node.judge, config.llm, config.seed),
        node.goal,
        store=store,
        order=node.order.name,
        pairs=node.model is CaptionModel.ranking,
        sync=node.sync,
        seed=config.seed,
    )
    return reward.annotation


def make_judge(judge: Judge, model: Any, seed: int) -> Annotator:
    """Who answers; nothing is connected or loaded yet.

    Args:
        judge: Who.
        model: The language model's config, where one judges.
        seed: Of its sampling.

    Raises:
        UsageError: It is a replay of nothing.
    """
    if judge is not Judge.llm:
        return Lexicon() if judge is Judge.lexicon else Person()
    if not isinstance(model, OpenAIModel):
        if model.path is None:
            raise UsageError("llm=replay needs judgements that were recorded: llm.path=judgements.sqlite")
        return Replay(model.path, model.model)
    return LLMAnnotator(**asked(model, seed))


def asked(model: OpenAIModel, seed: int) -> dict[str, Any]:
    """The arguments of an `LLMAnnotator` that asks this model."""
    options = asdict(model)
    sampling = Sampling(model.max_completion_tokens, model.temperature, seed, model.extra)
    limits: dict[str, Any] = {name: options[name] for name in ("max_usd", "max_tokens", "max_calls")}
    budget = Budget(price=None if model.price is None else (model.price[0], model.price[1]), **limits)
    kept = ("base_url", "key_variable", "concurrency", "timeout", "retries")
    return {"name": model.model, "sampling": sampling, "budget": budget} | {name: options[name] for name in kept}

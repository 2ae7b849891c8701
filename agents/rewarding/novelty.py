"""`reward=count`, `reward=rnd` and `reward.novelty=`: from the config to a reward for what is new."""

from __future__ import annotations

from agents.config.commands import TrainConfig
from agents.config.rewards import CountReward, Novelty, RNDReward
from agents.rewarding.terms import beside_env
from envs.observations import Observations
from reward_designers.base import RewardFn
from reward_designers.novelty import RND, CountNovelty
from reward_designers.transforms import Sum

FIRST = {Novelty.count: ("caption", "observation"), Novelty.rnd: ("glyphs_crop",)}
"""What novelty is of where a task has it: what happened, in words; what is around. Elsewhere: what the agent sees."""


def looked_at(config: TrainConfig, kind: Novelty, of: list[str] | None) -> list[str]:
    """The state arrays whose novelty counts: those that were named, or the default.

    Raises:
        ValueError: There is no such environment.
    """
    from agents.build import find_task, make_env

    if of:
        return of
    task = find_task(config.env.id or config.env.name or "", config.task)
    if task is not None and (found := [name for name in FIRST[kind] if name in task.fields]):
        return found[:1]
    env = make_env(config)
    names = Observations(env.observation_space).names
    env.close()
    return list(names)


def novelty_term(config: TrainConfig) -> dict[str, RewardFn]:
    """What ``reward.novelty`` adds to another reward, by name, with its usual settings; nothing if there is none."""
    node = config.reward
    if node.novelty is Novelty.none:
        return {}
    make = CountNovelty if node.novelty is Novelty.count else RND
    return {node.novelty.name: node.novelty_coefficient * make(node.novelty_of, seed=config.seed)}


def make_novelty(config: TrainConfig) -> Sum:
    """The environment's own reward, and novelty; `config` is resolved."""
    node: CountReward | RNDReward = config.reward
    bonus: RewardFn
    if isinstance(node, CountReward):
        bonus = CountNovelty(node.of or (), node.lifelong, node.beta, node.bits, config.seed)
    else:
        bonus = RND(node.of or (), node.learning_rate, node.epochs, seed=config.seed)
    return beside_env(config, **{node.name: node.coefficient * bonus})

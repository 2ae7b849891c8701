"""`reward=count`: from the config to a reward for what is new."""

from __future__ import annotations

from agents.config import TrainConfig
from envs.observations import Observations
from envs.task import Task
from reward_designers.novelty import CountNovelty
from reward_designers.transforms import EnvReward, Sum

WORDS = ("caption", "observation")
"""What is counted where a task has it: what happened, in words."""


def counted(config: TrainConfig, of: list[str] | None) -> list[str]:
    """The state arrays whose novelty counts: those that were named, else what the world says, else what the agent sees.

    Raises:
        ValueError: There is no such environment.
    """
    from agents.build import find_task, make_env

    if of:
        return of
    task: Task | None = find_task(config.env.id or config.env.name or "", config.task)
    if task is not None and (words := [name for name in WORDS if name in task.fields]):
        return words[:1]
    env = make_env(config)
    names = Observations(env.observation_space).names
    env.close()
    return list(names)


def make_count(config: TrainConfig) -> Sum:
    """The environment's own reward, and novelty."""
    node = config.reward
    novelty = CountNovelty(node.of, node.lifelong, node.beta, node.bits, config.seed)
    terms = {"env": node.extrinsic * EnvReward()} if node.extrinsic else {}
    return Sum(**terms, count=node.coefficient * novelty)

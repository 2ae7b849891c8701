"""`reward=calm`: from the config to a reward for subgoals."""

from __future__ import annotations

from dataclasses import replace

from agents.cli import UsageError
from agents.config import CalmReward, SubgoalJudge, TrainConfig
from envs.task import Task
from reward_designers.base import RewardFn
from reward_designers.intrinsic.subgoal_rules import SubgoalRules
from reward_designers.intrinsic.subgoals import SubgoalReward
from reward_designers.transforms import EnvReward, Sum


def resolved(config: TrainConfig, task: Task | None) -> CalmReward:
    """The reward's config with judge and subgoals filled in.

    Raises:
        UsageError: There are no subgoals, or no captions for rules to read.
    """
    node = config.reward
    subgoals = node.subgoals or (list(task.subgoals) if task is not None else [])
    if not subgoals:
        task_has = "this environment has no task" if task is None else f"task {task.name!r} of {task.env} has none"
        raise UsageError(f"there are no subgoals ({task_has}): give reward.subgoals=['Pick up the key.',...]")
    if task is not None and "caption" not in task.fields:
        raise UsageError(
            f"{task.env} has no captions, which reward.judge=rules reads: they come with NetHack and MiniHack"
        )
    subgoals = [subgoals] if isinstance(subgoals, str) else list(subgoals)
    return replace(node, judge=node.judge or SubgoalJudge.rules, subgoals=subgoals)


def make_calm(config: TrainConfig) -> Sum:
    """The environment's own reward and that for subgoals.

    Raises:
        RewardError: The judge does not know a subgoal.
    """
    node = config.reward
    subgoals = tuple(map(str, node.subgoals))
    own = SubgoalReward(subgoals, SubgoalRules(subgoals))
    terms = {"env": node.extrinsic * EnvReward(), "subgoals": node.coefficient * own}
    return Sum(**{name: term for name, term in terms.items() if name == "subgoals" or node.extrinsic})


def subgoal_part(reward: object) -> SubgoalReward | None:
    """The part of a reward that pays for subgoals, if there is one."""
    if isinstance(reward, SubgoalReward):
        return reward
    parts = reward.parts().values() if isinstance(reward, RewardFn) else ()
    return next((found for part in parts if (found := subgoal_part(part)) is not None), None)

"""What a reward is, and everything that makes one."""

from reward_designers.base import (
    EpisodeMemory,
    FunctionReward,
    RewardError,
    RewardFn,
    Transition,
    as_reward,
    evaluate,
    reward_fn,
    total,
)

__all__ = [
    "EpisodeMemory",
    "FunctionReward",
    "RewardError",
    "RewardFn",
    "Transition",
    "as_reward",
    "evaluate",
    "reward_fn",
    "total",
]

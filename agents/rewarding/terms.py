"""Terms of a reward: what is added to the environment's own, and how to find it again."""

from __future__ import annotations

from typing import TypeVar

from agents.config.commands import TrainConfig
from reward_designers.base import RewardFn
from reward_designers.transforms import EnvReward, Sum

Kind = TypeVar("Kind", bound=RewardFn)


def beside_env(config: TrainConfig, **terms: RewardFn) -> Sum:
    """``reward.extrinsic`` times the environment's own reward, and ``terms``."""
    extrinsic = config.reward.extrinsic
    return Sum(**({"env": extrinsic * EnvReward()} if extrinsic else {}), **terms)


def part_of(reward: object, kind: type[Kind]) -> Kind | None:
    """The first part of a reward, itself included, that is of a kind; None if there is none."""
    if isinstance(reward, kind):
        return reward
    parts = reward.parts().values() if isinstance(reward, RewardFn) else ()
    return next((found for part in parts if (found := part_of(part, kind)) is not None), None)

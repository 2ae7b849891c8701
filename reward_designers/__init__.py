"""What a reward is, and everything that makes one."""

from reward_designers.base import FunctionReward, RewardFn, Transition, as_reward, reward_fn
from reward_designers.checker import check_reward, random_batch
from reward_designers.errors import RewardError
from reward_designers.evaluation import evaluate, total
from reward_designers.laws import RewardCheckError
from reward_designers.memory import EpisodeMemory
from reward_designers.shaping import PotentialShaping
from reward_designers.transforms import Clipped, Constant, Delta, EnvReward, Normalized, Scaled, Sum

__all__ = [
    "Clipped",
    "Constant",
    "Delta",
    "EnvReward",
    "EpisodeMemory",
    "FunctionReward",
    "Normalized",
    "PotentialShaping",
    "RewardCheckError",
    "RewardError",
    "RewardFn",
    "Scaled",
    "Sum",
    "Transition",
    "as_reward",
    "check_reward",
    "evaluate",
    "random_batch",
    "reward_fn",
    "total",
]

"""What a reward is a weighted sum of: distances that are linear in the reward are computed term by term."""

from __future__ import annotations

from reward_designers.base import RewardFn
from reward_designers.transforms import Scaled, Sum


def weighted_terms(reward: RewardFn) -> list[tuple[float, RewardFn]]:
    """The terms of sums within sums and multiples, with their weights; ``[(1.0, reward)]`` for any other reward.

    A reward that occurs in several places is listed as often.
    """
    if type(reward) is Scaled:
        return [(reward.scale * weight, term) for weight, term in weighted_terms(reward.reward)]
    if type(reward) is Sum:
        return [weighted for term in reward.terms.values() for weighted in weighted_terms(term)]
    return [(1.0, reward)]

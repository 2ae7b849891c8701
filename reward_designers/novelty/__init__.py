"""Rewards for what is new: how seldom something was seen, or how badly it is predicted."""

from reward_designers.novelty.count import CountNovelty
from reward_designers.novelty.rnd import RND

__all__ = ["RND", "CountNovelty"]

"""Rewards for what is new: how seldom something was seen, in a lifetime and in an episode."""

from reward_designers.novelty.count import CountNovelty

__all__ = ["CountNovelty"]

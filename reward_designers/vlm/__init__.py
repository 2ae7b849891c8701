"""Rewards from vision-language models: how well a rendered frame fits what prompts say."""

from reward_designers.vlm.reward import VLMReward

__all__ = ["VLMReward"]

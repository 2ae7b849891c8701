"""Rewards from vision-language models: how well a rendered frame fits what prompts say."""

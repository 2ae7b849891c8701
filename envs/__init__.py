"""Gymnasium environments, and how a reward gets into them."""

from envs import vector
from envs.task import Field, Task
from envs.wrappers import ReplaceReward, WithTask, task_of

__all__ = ["Field", "ReplaceReward", "Task", "WithTask", "task_of", "vector"]

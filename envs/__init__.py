"""Gymnasium environments, and how a reward gets into them."""

from envs import vector
from envs.make import find_task, make, make_vec, names, tasks
from envs.task import Field, Task
from envs.wrappers import ReplaceReward, WithTask, task_of

__all__ = [
    "Field",
    "ReplaceReward",
    "Task",
    "WithTask",
    "find_task",
    "make",
    "make_vec",
    "names",
    "task_of",
    "tasks",
    "vector",
]

"""What is wanted in ALFWorld: named fields, fitness, success and the environment's own reward.

Fitness is goal-condition success at the end of an episode, success is winning, as the papers report them (ALFWorld,
arXiv 2010.03768).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import gymnasium as gym
import numpy as np

from envs.alfworld.games import TASK_TYPES
from envs.task import Field, Task
from reward_designers.base import Components, FunctionReward, RewardFn, Transition
from reward_designers.memory import EpisodeMemory

NAME, ENV_ID = "ALFWorld", "ALFWorld-v0"
STEPS = 50
"""ALFWorld's time limit."""
FIELDS = {
    "observation": Field("text", "what the game said: the room at first, then what the command did", lambda said: said),
    "command": Field(
        "text",
        "the command that led here; '' at first, and where the action stood for none",
        lambda last_command: last_command,
    ),
    "goal": Field("text", "what is to be done, such as 'put a clean mug in desk.'", lambda goal_text: goal_text),
    "won": Field("1", "whether the goal is reached (bool)", lambda has_won: has_won),
    "conditions": Field("1", "share of the goal's conditions that hold, 0 to 1", lambda share_reached: share_reached),
    "time": Field("steps", "steps made in this episode", lambda steps_made: steps_made),
    "facts": Field(
        "text",
        "privileged: all that is true, a fact a line, sorted, as in 'holds(agent1 : agent, mug 1: object)'",
        lambda true_facts: true_facts,
    ),
}
"""By name; text comes in object arrays ``(n,)`` of str."""


def goal_conditions(conditions: np.ndarray, next_conditions: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Growth of the share of goal conditions that hold; over an episode it adds up to the share at the end."""
    return next_conditions - np.where(time == 0, 0.0, conditions)  # a room may come with a part of it done


def won(next_won: np.ndarray) -> np.ndarray:
    """1 in the step that wins."""
    return next_won.astype(np.float64)


@dataclass(eq=False)
class Winning(RewardFn):
    """ALFWorld's own reward: 1 for the step that reaches the goal."""

    name = "winning"
    inputs = frozenset({"won"})
    reads = frozenset({"next_state"})

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        """See `RewardFn`."""
        return {"won": t.next_state["won"].astype(np.float64)}


_TEXTS = {
    "household": "Do the household task that the game sets (each has its own), such as 'put a clean mug in desk.'",
    "pick_and_place_simple": "Find an object and put it where the goal says.",
    "look_at_obj_in_light": "Find an object, take it to a lamp and switch that on.",
    "pick_clean_then_place_in_recep": "Find an object, clean it in a sink and put it where the goal says.",
    "pick_heat_then_place_in_recep": "Find an object, heat it in a microwave and put it where the goal says.",
    "pick_cool_then_place_in_recep": "Find an object, cool it in a fridge and put it where the goal says.",
    "pick_two_obj_and_place": "Find two objects of a kind and put both, one after the other, where the goal says.",
}
_PUT = "Put it where the goal says."
_SUBGOALS = {
    "household": (),
    "pick_and_place_simple": ("Find the object.", "Take it.", _PUT),
    "look_at_obj_in_light": ("Find the object.", "Take it.", "Go to a lamp.", "Switch it on."),
    "pick_clean_then_place_in_recep": ("Find the object.", "Take it.", "Clean it in a sink.", _PUT),
    "pick_heat_then_place_in_recep": ("Find the object.", "Take it.", "Heat it in a microwave.", _PUT),
    "pick_cool_then_place_in_recep": ("Find the object.", "Take it.", "Cool it in a fridge.", _PUT),
    "pick_two_obj_and_place": ("Find the first object.", "Take it.", _PUT, "Find the second.", "Take it.", _PUT),
}


def tasks_of(name: str) -> dict[str, Task]:
    """The tasks of ALFWorld, if that is the name: ``household``, all types of games, and one for each type."""
    return _tasks() if name in (NAME, ENV_ID) else {}


@functools.cache
def _tasks() -> dict[str, Task]:
    return {
        kind: Task(
            env=NAME,
            name=kind,
            env_id=ENV_ID,
            text=_TEXTS[kind],
            subgoals=_SUBGOALS[kind],
            goal_prompts=(),
            baseline_prompts=(),
            fields=FIELDS,
            fitness=FunctionReward(goal_conditions),
            fitness_unit="goal conditions",
            success=FunctionReward(won),
            greedy=False,
            adds_up=True,
            max_episode_steps=STEPS,
            env_kwargs={} if kind == "household" else {"task_types": kind},
            reward=Winning,
        )
        for kind in ("household", *TASK_TYPES)
    }


if ENV_ID not in gym.registry:
    gym.register(ENV_ID, entry_point="envs.alfworld.env:ALFWorldEnv", max_episode_steps=STEPS)

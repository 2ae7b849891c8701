"""What is wanted in the games of NetHack: text, subgoals, fitness and success, for every registered name.

Fitness is as the papers report it (ONI, arXiv 2410.23022; NLE, arXiv 2006.13760; MiniHack, arXiv 2109.13202): success,
in-game score, depth, gold. It is a sum over the steps of an episode, not a mean: solving a level early is no loss.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import gymnasium as gym
import numpy as np

from envs.nethack.fields import FIELDS
from envs.nethack.names import NAMES, TIME_LIMITS, is_nethack, unknown, upstream_id
from envs.nethack.rewards import Gained, Sparse
from envs.task import Task
from reward_designers.base import FunctionReward, RewardFn


def solved(next_solved: np.ndarray) -> np.ndarray:
    """1 in the step that solves it."""
    return next_solved.astype(np.float64)


def score(score: np.ndarray, next_score: np.ndarray) -> np.ndarray:
    """Points of NetHack's own score gained."""
    return (next_score - score).astype(np.float64)


def depth(max_depth: np.ndarray, next_max_depth: np.ndarray) -> np.ndarray:
    """Levels descended below the deepest one so far."""
    return (next_max_depth - max_depth).astype(np.float64)


def gold(gold: np.ndarray, next_gold: np.ndarray) -> np.ndarray:
    """Pieces of gold gained."""
    return (next_gold - gold).astype(np.float64)


def eaten(nutrition: np.ndarray, next_nutrition: np.ndarray) -> np.ndarray:
    """Nutrition eaten."""
    return np.maximum(next_nutrition - nutrition, 0).astype(np.float64)


def seen(explored: np.ndarray, next_explored: np.ndarray) -> np.ndarray:
    """Squares seen for the first time."""
    return (next_explored - explored).astype(np.float64)


class Aim(NamedTuple):
    """What is wanted in a family of games.

    Attributes:
        name: Of the task.
        text: For people and language models.
        subgoals: On the way there, in order.
        fitness: See `Task`.
        unit: Of the fitness.
        reward: Upstream's own; None where it cannot be written as a function of fields.
        level: For NetHackStaircase, see `envs.nethack.game.NetHackGame`.
    """

    name: str
    text: str
    subgoals: tuple[str, ...] = ()
    fitness: Callable[..., np.ndarray] = solved
    unit: str = "1"
    reward: Callable[[], RewardFn] | None = Sparse
    level: int | None = None


_STAIRCASE = "Find the staircase down and step on it."
_DEEPER = "Go down the stairs to level {0}, then find the staircase down on level {0} and step on it."
_CROSS = ("Reach the river.", "Push boulders into the water until there is a way across.", "Cross the river.",
          "Step on the staircase down.")  # fmt: skip
_AIMS: dict[str, tuple[Aim, ...]] = {
    "MiniHack-KeyRoom": (
        Aim(
            "staircase",
            "Pick up the key, unlock the door of the small room with it, and step on the staircase down behind it.",
            ("Pick up the key.", "Unlock and open the door.", "Step on the staircase down."),
        ),
    ),
    "MiniHack-Room": (Aim("staircase", "Cross the room and step on the staircase down."),),
    "MiniHack-Corridor": (
        Aim(
            "staircase",
            "Find the way through the corridors to another room, and step on the staircase down in it.",
            ("Leave the first room.", "Enter another room.", "Step on the staircase down."),
        ),
    ),
    "MiniHack-MazeWalk": (Aim("staircase", "Find the way through the maze to the staircase down, and step on it."),),
    "MiniHack-River": (
        Aim("staircase", "Cross the river on boulders pushed into it, and step on the staircase down.", _CROSS),
    ),
    "NetHackScore": (
        Aim("score", "Play NetHack for as high a score as possible.", (), score, "points", Gained),
        Aim("depth", "Descend as deep into the dungeon as possible.", (), depth, "levels", Gained),
    ),
    "NetHackStaircase": (
        Aim("staircase", _STAIRCASE),
        *(
            Aim(
                f"level{k}",
                _DEEPER.format(k),
                (*(f"Go down to level {i}." for i in range(2, k + 1)), "Step on the staircase down."),
                level=k,
            )
            for k in (2, 3, 4)
        ),
    ),
    "NetHackStaircasePet": (
        Aim("staircase", "Find the staircase down and step on it with your pet beside you.",
            ("Find the staircase down.", "Step on it while the pet is on a square beside it.")),
    ),
    "NetHackOracle": (
        Aim("oracle", "Find the Oracle, deep in the dungeon on levels 5 to 9, and stand beside it.",
            ("Descend to the Oracle's level.", "Enter its centre.", "Stand beside the Oracle.")),
    ),
    "NetHackGold": (
        Aim("gold", "Collect as much gold as possible.", (), gold, "pieces", functools.partial(Gained, field="gold")),
    ),
    "NetHackEat": (
        Aim("eat", "Eat as much as possible.", (), eaten, "nutrition", functools.partial(Gained, field="nutrition")),
    ),
    "NetHackScout": (
        Aim("scout", "See as much of the dungeon as possible.", (), seen, "squares",
            functools.partial(Gained, field="explored")),
    ),
    "NetHackChallenge": (
        Aim("score", "Play NetHack for as high a score as possible.", (), score, "points",
            functools.partial(Gained, penalty_step=0.0)),
    ),
    "NetHack": (Aim("score", "Play NetHack for as high a score as possible.", (), score, "points",
                    functools.partial(Gained, penalty_step=0.0)),),
}  # fmt: skip
_OTHER = Aim("goal", "Reach the goal of this level of MiniHack: {}.", reward=None)
_FAMILIES = ("KeyRoom", "Room", "Corridor", "MazeWalk", "River")
LISTED = tuple(name for name in NAMES if name.startswith("NetHack") or name.split("-")[1] in _FAMILIES)
"""Names with a text and subgoals of their own. The others are known too, with success as their fitness."""


FLAGSHIPS = (
    *("MiniHack-KeyRoom-S5", "MiniHack-Room-5x5", "MiniHack-Corridor-R2", "MiniHack-MazeWalk-9x9", "MiniHack-River"),
    *("NetHackScore", "NetHackStaircase", "NetHackStaircasePet", "NetHackOracle", "NetHackGold", "NetHackEat"),
    *("NetHackScout", "NetHackChallenge", "NetHack"),
)
"""One name of each family of `LISTED`."""


def tasks_of(name: str) -> dict[str, Task]:
    """The tasks of a name or id of NLE or MiniHack; empty if it is none of theirs.

    Raises:
        ValueError: It looks like one of theirs, but there is none of that name.
    """
    env_id = upstream_id(name)
    if env_id is None:
        if is_nethack(name):
            raise ValueError(unknown(name))
        return {}
    return _tasks(env_id)


@functools.cache
def _tasks(env_id: str) -> dict[str, Task]:
    name = env_id.rpartition("-v")[0]
    ours = f"reward_designers/{env_id}"
    if ours not in gym.registry:
        gym.register(ours, entry_point="envs.nethack.game:NetHackGame", kwargs={"id": env_id})
    family = name if name.startswith("NetHack") else "-".join(name.split("-")[:2])
    aims = _AIMS.get(family, (_OTHER._replace(text=_OTHER.text.format(name.removeprefix("MiniHack-"))),))
    return {
        aim.name: Task(
            env=name,
            name=aim.name,
            env_id=ours,
            text=aim.text,
            subgoals=aim.subgoals,
            goal_prompts=(),
            baseline_prompts=(),
            fields=FIELDS,
            fitness=FunctionReward(aim.fitness),
            fitness_unit=aim.unit,
            success=FunctionReward(solved) if aim.fitness is solved else None,
            greedy=False,
            adds_up=True,
            max_episode_steps=TIME_LIMITS[env_id],
            env_kwargs={} if aim.level is None else {"level": aim.level},
            reward=aim.reward,
        )
        for aim in aims
    }

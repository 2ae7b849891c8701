"""What `agents.design` can be told, and what it is told by default."""

# ruff: noqa: RUF009  (option() returns a dataclass field)
from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from omegaconf import MISSING

from agents.config.algorithms import Settings
from agents.config.commands import TRAIN
from agents.config.language_models import OpenAIModel, ReplayModel
from agents.config.options import MAX_SEED, Command, option, resume_option
from agents.config.rewards import Sandbox
from agents.config.worlds import ENV_CHOICES, EnvConfig


class Method(Enum):
    """How weights are searched."""

    random = "random"
    cmaes = "cmaes"


@dataclass
class Eureka:
    """K programs a round, the best one and how its training went into the next prompt (arXiv 2310.12931)."""

    name: str = "eureka"
    samples: int = option(4, "programs a round; 16 in the paper", least=1)
    iterations: int = option(3, "rounds; 5 in the paper", least=1)
    start: str | None = option(None, "a program to begin with, written by a person: path/to/program.py", text=True)
    ask: bool = option(False, "ask a person for a sentence about the best policy after each round")


@dataclass
class Text2Reward:
    """One program, refined by what a person says about its policy (arXiv 2309.11489)."""

    name: str = "text2reward"
    samples: int = option(1, "programs a round", least=1)
    refinements: int = option(3, "how often a person is asked", least=0)
    examples: str | None = option(
        None, "YAML list of solved tasks (world, task, program), the most similar one is shown", text=True
    )


@dataclass
class Tree:
    """Monte-Carlo tree search over programs: RF-Agent (arXiv 2602.23876)."""

    name: str = "tree"
    roots: int = option(4, "programs that are written before anything is known; 6 in the authors' code", least=1)
    programs: int = option(16, "trained programs at which the search ends; 80 in the authors' code", least=1)
    verify: bool = option(True, "ask the model how well each trained program fits the task")


@dataclass
class Critic:
    """A critic before training, an analysis of bad episodes after: Auto MC-Reward (arXiv 2312.09238)."""

    name: str = "critic"
    samples: int = option(4, "programs a round", least=1)
    iterations: int = option(3, "rounds", least=1)
    revisions: int = option(2, "how often a program may be sent back", least=0)


@dataclass
class Random:
    """No language model: weights of the task's named terms, by chance or by CMA-ES."""

    name: str = "random"
    method: Method = option(Method.random, "random, or cmaes (package cmaes)")
    population: int | None = option(None, "programs a round; default: by the number of terms", least=2)
    programs: int = option(16, "programs in all, in whole rounds", least=1)


@dataclass
class Ray:
    """Where trainings run."""

    name: str = "none"
    address: str | None = option(
        None, "a Ray cluster that shares this file system: auto, or host:port (extra: ray); default: processes here"
    )


GIVEN_ANEW = ("workers", "ray", "feedback", "llm", "video")
"""What may be given when a search is resumed."""


@dataclass
class DesignConfig:
    """A search for a reward program."""

    env: EnvConfig = field(default_factory=EnvConfig)
    task: str | None = option(
        None,
        "name of a task, such as kneeling, or a sentence that says what is wanted; default: the first task",
        text=True,
    )
    designer: Any = MISSING
    llm: Any = MISSING
    algo: Any = MISSING
    ray: Ray = field(default_factory=Ray)
    potential: bool = option(False, "programs are potentials; the agent gets their discounted difference")
    feedback: str | None = option(
        None, "file with a person's sentences, a line each, in place of asking at the terminal", text=True
    )
    total_timesteps: int | None = option(
        None, "steps of a whole training of a candidate; default: the tuned value", least=1
    )
    num_envs: int | None = option(None, "environments stepped together in each training", least=1)
    seeds: int = option(3, "seeds of a whole training of a candidate", least=1)
    rungs: int | None = option(
        None,
        "stages of a training, the worse candidates stop after each; default: 3, for designer=tree 1",
        least=1,
    )
    halving: int = option(2, "one in so many goes on, for so many times the steps and seeds", least=2)
    workers: int | None = option(None, "trainings at a time, one thread each; default: one per core", least=1)
    episodes: int = option(16, "held-out episodes by which each final policy is scored", least=1)
    transitions: int = option(2048, "transitions of a random policy on which programs are checked", least=64)
    trajectories: bool = option(
        False,
        "send back, untrained, what pays random episodes more than those of the best policy so far, where fitness says "
        "that they are clearly worse; not with potential=true",
    )
    duplicate: float = option(
        0.01,
        "a program this near to a trained one (EPIC, and its plain values) takes over its score; 0: none does",
        least=0,
        most=1,
    )
    final_seeds: int = option(5, "fresh seeds on which the best program is trained anew; 0: it is not", least=0)
    baselines: bool = option(True, "train on the environment's own reward and on none in the same way, to compare")
    seconds: float = option(10.0, "a program's call that takes longer fails", least=0.01)
    sandbox: Sandbox = option(Sandbox.available, "of programs: available, required (all its layers), or none")
    seed: int = option(0, "seeds trainings, transitions and draws; sent to the language model", least=0, most=MAX_SEED)
    video: bool = option(True, "an episode of the best program's policy, for the report")
    output: str | None = option(None, "where everything is written; default: a dated folder under designs/", text=True)
    resume: str | None = resume_option("search", GIVEN_ANEW)


DESIGNERS = {config.name: config for config in (Eureka(), Text2Reward(), Tree(), Critic(), Random())}
DESIGN = Command(
    DesignConfig,
    {
        "env": ENV_CHOICES,
        "designer": DESIGNERS,
        "llm": {"openai": OpenAIModel(), "replay": ReplayModel()},
        "algo": {name: replace(algo, settings=Settings.small) for name, algo in TRAIN.groups["algo"].items()},
        "ray": {"none": Ray()},
    },
    {"env": "Hopper", "designer": "eureka", "llm": "replay", "algo": "ppo", "ray": "none"},
    folder="output",
    root="designs",
)

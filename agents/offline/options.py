"""What `agents.motif` can be told, and what it is told by default."""

# ruff: noqa: RUF009  (option() returns a dataclass field)
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from agents.config.language_models import NoModel, OpenAIModel, ReplayModel
from agents.config.options import MAX_SEED, Command, option, resume_option
from agents.config.rewards import Judge, Order
from agents.config.worlds import ENV_CHOICES, EnvConfig

GIVEN_ANEW = ("llm", "comparisons", "quantile")
"""What may be given when a reward is resumed."""


@dataclass
class MotifConfig:
    """A reward from preferences between captions."""

    env: EnvConfig = field(default_factory=EnvConfig)
    task: str | None = option(None, "what is wanted in it; default: the environment's first task")
    llm: Any = MISSING
    run: str | None = option(None, "training run whose best policy plays; default: random actions", text=True)
    steps: int = option(100_000, "environment steps in which captions are collected", least=1)
    num_envs: int = option(16, "environments stepped together", least=1)
    caption: str = option("caption", "state array of captions")
    goal: str | None = option(None, "what captions are judged by; default: the task's text", text=True)
    judge: Judge | None = option(
        None, "lexicon (rules that ship with the kit), llm (see llm=), or person; default: llm if given, else lexicon"
    )
    comparisons: int = option(8, "in how many comparisons each caption takes part at least", least=1)
    order: Order = option(
        Order.priority, "what is asked first, if not all can be: priority (frequent, new), fifo, newest"
    )
    quantile: float = option(0.5, "share of steps that pay nothing: those with the worst captions", least=0, most=1)
    store: str | None = option(
        None, "SQLite file of answers that cost something; runs may share it; default: in the folder", text=True
    )
    seed: int = option(0, "seeds games, actions, pairs and the network", least=0, most=MAX_SEED)
    output: str | None = option(None, "where everything is written; default: a dated folder under motif/", text=True)
    resume: str | None = resume_option("reward", GIVEN_ANEW)


MOTIF = Command(
    MotifConfig,
    {
        "env": ENV_CHOICES,
        "llm": {model.name: model for model in (NoModel(), OpenAIModel(timeout=120.0), ReplayModel())},
    },
    {"env": "NetHackScore", "llm": "none"},
    folder="output",
    root="motif",
)

"""What `agents.compare benchmark=reward_prediction` can be told, and what it is told by default."""

# ruff: noqa: RUF009  (option() returns a dataclass field)
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omegaconf import MISSING

from agents.config.language_models import NoModel, OpenAIModel, ReplayModel
from agents.config.options import MAX_SEED, Command, option

BENCHMARKS = ("reward_prediction",)


@dataclass
class PredictionConfig:
    """A benchmark of rewards for text: how well they say, step by step, how far a task is done."""

    benchmark: str = option("reward_prediction", "reward_prediction")
    llm: Any = MISSING
    rewards: list[str] | None = option(
        None,
        "what to compare: factored, factored:embedding, facts, conditions, similarity, lexicon, constant, random, "
        "clock, my.py:function, and with llm=: judge, critic, factored:llm; NAME=... names one; default: the usual "
        "ones that need no language model, and with llm= those that do",
        text=True,
    )
    domains: list[str] | None = option(
        None, "worlds: alfworld, blocksworld, minihack, textworld; with data, of that; default: all", text=True
    )
    data: str | None = option(
        None, "folder of trajectories to use, such as the published data set; default: generate some", text=True
    )
    tasks: int | None = option(None, "tasks of each domain; default: 20, or with data all that there are", least=1)
    seed: int = option(0, "of the generated games, the random baseline and the intervals", least=0, most=MAX_SEED)
    output: str | None = option(
        None,
        "where everything is written; default: a dated folder under comparisons/. The same folder again goes on with "
        "the trajectories and replies that are there",
        text=True,
    )


PREDICTION = Command(
    PredictionConfig,
    {"llm": {model.name: model for model in (NoModel(), OpenAIModel(), ReplayModel())}},
    {"llm": "none"},
    folder="output",
    root="comparisons",
)

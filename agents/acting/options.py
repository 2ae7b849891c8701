"""What `agents.evaluate agent=react` can be told, and what it is told by default."""

# ruff: noqa: RUF009  (option() returns a dataclass field)
from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from omegaconf import MISSING

from agents.config.language_models import NoModel, OpenAIModel, ReplayModel
from agents.config.options import MAX_SEED, Command, option
from agents.config.worlds import ENV_CHOICES, EnvConfig

AGENTS = ("react",)


class Lookahead(Enum):
    """Where a proposed command leads, for the judge: `agents.acting.planning` describes them."""

    predicted = "predicted"
    simulator = "simulator"


@dataclass
class ActConfig:
    """An evaluation of a language model as the agent, in a world of words."""

    agent: str = option("react", "react: a thought and a command at each step (arXiv 2210.03629)")
    env: EnvConfig = field(default_factory=EnvConfig)
    llm: Any = MISSING
    judge: str | None = option(
        None,
        "a reward that chooses among several proposed commands: factored, factored:embedding, conditions, similarity, "
        "judge, critic, my.py:function, ... as in agents.compare benchmark=reward_prediction; default: the first "
        "proposal is taken",
        text=True,
    )
    proposals: int = option(4, "commands proposed at each step, if there is a judge", least=2)
    lookahead: Lookahead = option(
        Lookahead.predicted,
        "what the judge sees of a command: what the model predicts (predicted), or what happens in a copy of the game "
        "(simulator: privileged, no agent in a real world has it)",
    )
    episodes: int = option(8, "games to play, side by side", least=1)
    max_steps: int = option(50, "steps after which a game is given up", least=1)
    seed: int = option(
        0, "which games are played; and with llm=openai, other replies to the same prompts", least=0, most=MAX_SEED
    )
    output: str | None = option(
        None,
        "where everything is written; default: a dated folder under evaluations/. The same folder again goes on with "
        "the replies that are there",
        text=True,
    )


ACT = Command(
    ActConfig,
    {
        "env": {
            "ALFWorld": ENV_CHOICES["ALFWorld"],
            **{name: EnvConfig(name=name) for name in ("BlocksWorld", "MiniHack", "TextWorld")},
        },
        "llm": {model.name: model for model in (NoModel(), OpenAIModel(max_completion_tokens=512), ReplayModel())},
    },
    {"env": "ALFWorld", "llm": "none"},
    folder="output",
    root="evaluations",
)

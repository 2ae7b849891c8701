"""Environments that can be named, and how they are drawn."""

# ruff: noqa: RUF009  (option() returns a dataclass field)
from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from agents.config.options import option


class Render(Enum):
    """How frames are drawn: `envs.rendering` describes the presets."""

    fast = "fast"
    fidelity = "fidelity"


class Texture(Enum):
    """Colors of what is drawn: `envs.rendering` describes them."""

    native = "native"
    parts = "parts"


@dataclass
class EnvConfig:
    """A world: one of the kit's by its plain name, or any other by its Gymnasium id."""

    name: str | None = option(None, "plain name of one of the kit's environments; `env=Humanoid` sets it")
    id: str | None = option(None, "any other Gymnasium id, such as LunarLander-v3 or my_package:MyEnv-v0")
    kwargs: dict[str, Any] = option({}, "keyword arguments for the environment, as in env.kwargs.frame_skip=2")
    eval_kwargs: dict[str, Any] = option({}, "those that differ in evaluations, as in env.eval_kwargs.split=valid_seen")


ENVS = (
    "Ant",
    "CartPole",
    "HalfCheetah",
    "Hopper",
    "Humanoid",
    "HumanoidStandup",
    "InvertedDoublePendulum",
    "InvertedPendulum",
    "Pusher",
    "Reacher",
    "Swimmer",
    "Walker2d",
)
_NETHACK_IDS = (Path(__file__).parents[2] / "envs" / "nethack" / "names.txt").read_text().split()[::2]
NETHACK = {choice: id.rpartition("-v")[0] for id in _NETHACK_IDS for choice in (id.rpartition("-v")[0], id)}
"""NetHack names, with and without version, from a file: importing `envs` takes longer than an answer may."""
ENV_CHOICES = {name: EnvConfig(name=name) for name in ENVS}
ENV_CHOICES |= {choice: EnvConfig(name=name) for choice, name in NETHACK.items()}
ENV_CHOICES |= {
    choice: EnvConfig("ALFWorld", kwargs={"split": "train"}, eval_kwargs={"split": "valid_unseen"})
    for choice in ("ALFWorld", "ALFWorld-v0")
}

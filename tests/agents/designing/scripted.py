"""Searches on CartPole that take seconds: recorded replies, and programs with the faults that models make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import envs
from agents.cli import compose
from agents.design import design
from agents.designing.options import DESIGN
from reward_designers.code.search.prompts import slug
from reward_designers.llm import Prompt, Reply, ReplyStore, Request

SMALL = ("env=CartPole", "num_envs=4", "algo.n_steps=32", "algo.batch_size=64", "algo.n_epochs=2", "algo.net_arch=[16]")
SMALL += ("algo.schedule=constant", "total_timesteps=256", "seeds=1", "rungs=1", "episodes=2", "transitions=128")
SMALL += ("final_seeds=0", "seconds=1", "workers=2", "video=false")

UPRIGHT = "def reward(next_pole_angle):\n    return {'upright': np.cos(next_pole_angle)}"
CENTERED = "def reward(next_cart_position, next_pole_angle):\n    return {'up': np.cos(next_pole_angle), 'mid': -np.abs(next_cart_position)}"  # noqa: E501
SAME = "def reward(next_pole_angle):\n    return {'upright': np.cos(next_pole_angle) * 1.00001}"
SYNTAX = "def reward(next_pole_angle)\n    return next_pole_angle"
SHAPE = "def reward(next_pole_angle):\n    return next_pole_angle[:, None]"
UNKNOWN = "def reward(next_pole_angel):\n    return next_pole_angel"
LATE_NAN = "def reward(next_cart_position):\n    return 0 * next_cart_position / (len(next_cart_position) != 4)"
HANG = "def reward(next_pole_angle):\n    while True:\n        pass\n    return next_pole_angle"


def fenced(program: str) -> str:
    return f"An idea.\n```python\nimport numpy as np\n\n\n{program}\n```"


def recording(path: Path, **rounds: list[str]) -> Path:
    """A store with replies by label: ``first_0=[...]`` are those to operation `first` of round 0."""
    task = envs.find_task("CartPole")
    with ReplyStore(path) as store:
        for name, programs in rounds.items():
            operation, _, number = name.rpartition("_")
            label = f"CartPole/{slug(task.text)}/eureka/{number}/{operation}"
            messages = [{"role": "user", "content": name}]
            request = Request("scripted", Prompt(messages, len(programs), label))
            replies = [
                Reply(fenced(program), request.hash, i, "scripted", "2026-11-21") for i, program in enumerate(programs)
            ]
            store.add(request, replies)
    return path


def designed(*arguments: str, page: bool = False) -> dict[str, Any]:
    """A search; its page, which takes longer than all the rest, only for those who look at it."""
    given = frozenset(argument.partition("=")[0] for argument in arguments)
    with pytest.MonkeyPatch.context() as patch:
        if not page:
            patch.setattr("agents.designing.report.write_report", lambda *_: None)
        return design(compose(DESIGN, "design", arguments), given)

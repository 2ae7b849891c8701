"""Training on goals in words: `reward=ellm`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agents.errors import UsageError
from agents.runs import RunDir, read_progress
from tests.agents.runners import numbers, resumed, trained
from tests.reward_designers.llm.chat_server import Behavior, ChatServer, Handler, completion
from tests.reward_designers.llm.conftest import server

__all__ = ["server"]

HALLWAY = ("env.id=tests.agents.hallway:Hallway-v0", "reward=ellm")
SMALL = ("algo.n_steps=16", "log_every=64", "eval_every=0", "checkpoint_every=64")
METRICS = "reward_model/goals/reward"


def hallway(run_dir: Path, *arguments: str) -> RunDir:
    return trained(run_dir, *HALLWAY, *SMALL, *arguments)


def suggests(*goals: str) -> Behavior:
    def serve(handler: Handler, body: dict[str, Any]) -> None:
        usage = {"prompt_tokens": 200, "completion_tokens": 20, "total_tokens": 220}
        handler.send(200, json.dumps(completion([json.dumps({"goals": goals})], usage)).encode())

    return serve


def test_goals_of_ones_own_pay_and_a_resumed_run_goes_on_alike(tmp_path: Path) -> None:
    options = ("reward.goals=[you pick up a key,the door opens]", "reward.threshold=0.8")
    whole = hallway(tmp_path / "whole", *options, "total_timesteps=192")
    part = hallway(tmp_path / "part", *options, "total_timesteps=128")
    resumed(part, "total_timesteps=192")
    assert numbers(part) == numbers(whole)
    assert max(row.get("reward/goals", 0) for row in read_progress(whole.progress)) > 0
    assert {goal for goal, _, _ in whole.read_summary()["captions"]} <= {"you pick up a key", "the door opens"}


def test_a_language_model_suggests_goals_once_for_each_situation(tmp_path: Path, server: ChatServer) -> None:
    server.default = suggests("you pick up a key")
    asked = ("llm=openai", "llm.model=tiny", f"llm.base_url={server.url}", "llm.retries=0", "reward.sync=true")
    run = hallway(tmp_path / "run", *asked, "reward.goal=Open the door", "reward.threshold=0.8", "total_timesteps=192")
    situations = [json.loads(body["messages"][-1]["content"])["situation"] for body in server.bodies]
    assert len(set(situations)) == len(situations)
    assert "You are in a hallway." in situations
    assert "Open the door" in server.bodies[0]["messages"][0]["content"]
    rows = read_progress(run.progress)
    assert rows[-1][f"{METRICS}/situations"] == len(situations)
    assert rows[-1][f"{METRICS}/goals"] == 1
    before = len(server.bodies)
    shared = f"reward.store={run.path / 'suggestions.sqlite'}"
    hallway(tmp_path / "again", *asked, shared, "reward.goal=Open the door", "total_timesteps=64")
    assert len(server.bodies) == before


def test_what_people_get_wrong(tmp_path: Path) -> None:
    for arguments, message in (
        ((), r"there are no goals: give reward\.goals="),
        (("llm=openai", "llm.model=tiny"), r"reward\.goal='Find the stairs'"),
        (("reward.goals=[key]", "reward.encoder=wordlama"), "unknown encoder 'wordlama'"),
        (("env.id=null", "env=CartPole"), "CartPole has nothing in words"),
    ):
        with pytest.raises(UsageError, match=message):
            hallway(tmp_path / "run", *arguments, "total_timesteps=64")
        assert not (tmp_path / "run" / "progress.csv").exists()

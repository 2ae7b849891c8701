"""`reward=factored` and `reward=judge` on the command line: what they are made of, training, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agents.build import find_task, resolve
from agents.comparison.specs import make, parse_rewards
from agents.errors import UsageError
from agents.rewarding.make import make_reward
from agents.rewarding.progress import STORE
from agents.runs import read_progress
from reward_designers.factored import FactoredReward
from reward_designers.judges import JudgeReward
from reward_designers.llm.store import ReplyStore
from tests.agents.runners import configured, numbers, resumed, trained
from tests.reward_designers.llm.asked import replying
from tests.reward_designers.llm.chat_server import ChatServer
from tests.reward_designers.llm.conftest import server

__all__ = ["server"]

KEYROOM = "{key: {location: pack}, door: {door: open}, hero: {on: staircase down}}"
HALLWAY = ("env.id=tests.agents.hallway:Hallway-v0", "reward=judge", "reward.text=caption", "reward.goal=Open the door")
SMALL = ("algo.n_steps=16", "log_every=64", "eval_every=0", "checkpoint_every=64")


def made(*arguments: str) -> Any:
    return make_reward(resolve(configured(*arguments)))


def asked(server: ChatServer) -> tuple[str, ...]:
    return "llm=openai", "llm.model=tiny", f"llm.base_url={server.url}", "llm.retries=0"


def test_each_world_has_its_rules() -> None:
    household = made("env=ALFWorld", "reward=factored", "algo.gamma=0.9")
    assert isinstance(household, FactoredReward)
    assert (household.extractor, household.mode, household.gamma) == ("alfworld", "potential", 0.9)
    assert household.inputs == {"observation", "goal"}
    facts = made("env=ALFWorld", "reward=factored", "reward.extractor=facts", "reward.mode=raw")
    assert (facts.privileged, facts.inputs, facts.mode) == (True, {"facts", "goal"}, "raw")
    assert "facts (privileged)" in str(facts)
    keyroom = made("env=MiniHack-KeyRoom-S5", "reward=factored", f"reward.goal={KEYROOM}")
    assert keyroom.extractor == "minihack"
    assert keyroom.goal["hero"] == {"on": "staircase down"}  # not YAML's other word for true
    hopper = made(
        "env=Hopper",
        "reward=factored",
        "reward.goal={body: {torso_height: high}}",
        "reward.words.torso_height=[low,0.9,high]",
    )
    assert (hopper.extractor, hopper.inputs) == ("numbers", {"torso_height"})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("env=MiniHack-KeyRoom-S5", "reward=factored"), "nothing says what is wanted"),
        (("env=Hopper", "reward=factored", "reward.goal={body: {torso_height: hi}}"), "Give its words"),
        (("env=Hopper", "reward=factored", "reward.goal=hop"), "expected an object with fields"),
        (("env=Hopper", "reward=factored", "reward.goal={body: high}"), "expected objects with attributes"),
        (("env=Hopper", "reward=factored", "reward.goal={body: {"), "expected objects as in"),
        (("env=Hopper", "reward=factored", "reward.extractor=facts"), "Hopper tells no facts"),
        (("env=ALFWorld", "reward=factored", "reward.extractor=llm"), "needs a language model here: llm=openai"),
        (("env=ALFWorld", "reward=factored", "llm=openai", "llm.model=tiny"), "llm=openai is not asked"),
        (("env=ALFWorld", "reward=factored", "reward.similarity=embeding"), "Did you mean 'embedding'"),
        (("env=ALFWorld", "reward=judge"), "reward=judge needs a language model here"),
        (("env=Hopper", "reward=judge", "llm=openai", "llm.model=tiny"), "Hopper has nothing in words"),
        (("env=ALFWorld", "reward=judge", "llm=openai", "llm.model=tiny", "reward.text=goals"), "Did you mean 'goal'"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_written(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resolve(configured(*arguments))


def test_a_household_is_trained_and_resumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ("env=ALFWorld", "reward=factored", "env.kwargs.max_episode_steps=12", "num_envs=2", *SMALL)
    small += ("log_every=32", "checkpoint_every=32")
    whole = trained(tmp_path / "whole", *small, "total_timesteps=64")
    assert "reward factored: alfworld, exact similarity, potential" in capsys.readouterr().err
    part = trained(tmp_path / "part", *small, "total_timesteps=32")
    resumed(part, "total_timesteps=64")
    assert numbers(part) == numbers(whole)
    rows = [row["reward/progress"] for row in read_progress(whole.progress) if "reward/progress" in row]
    assert any(rows)


def test_a_judge_is_asked_while_training_and_its_replies_are_kept(server: ChatServer, tmp_path: Path) -> None:
    seen: list[int] = []

    def judge(told: dict[str, Any], system: str) -> dict[str, int]:
        seen.append(len(told["so far"]))
        return {"score": min(10, 1 + 3 * sum("key" in step["observed"] for step in told["so far"]))}

    server.default = replying(judge)
    run = trained(tmp_path / "run", *HALLWAY, *SMALL, *asked(server), "num_envs=2", "total_timesteps=64")
    assert max(seen) > 2
    rows = read_progress(run.progress)
    assert rows[-1]["reward_model/invalid_answers"] == 0.0
    with ReplyStore(run.path / STORE, read_only=True) as store:
        assert {request.prompt.label for request in store.requests()} == {"judge/progress"}
    reward = make_reward(run.read_config(), run.path)
    assert isinstance(reward, JudgeReward)
    assert (reward.goal, reward.text, reward.action) == ("Open the door", "caption", None)
    assert reward.store == str(run.path / STORE)


def test_comparisons_know_it() -> None:
    facts, rules = parse_rewards(["factored:facts", "mine=factored"])
    assert (facts.name, facts.kind, facts.value) == ("factored_facts", "factored", "facts")
    world = configured("env=ALFWorld", "reward=env")
    task = find_task("ALFWorld", None)
    assert make(facts, world, task).inputs == {"facts", "goal"}
    assert make(rules, world, task).inputs == {"observation", "goal"}
    with pytest.raises(UsageError, match="Did you mean 'facts'"):
        parse_rewards(["factored:fact"])

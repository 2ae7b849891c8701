"""Training on subgoals: `reward=calm`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agents.build import resolve
from agents.config.rewards import SubgoalJudge
from agents.errors import UsageError
from agents.rewarding.calm import prepare
from agents.rewarding.make import make_reward
from agents.rewarding.terms import part_of
from agents.runs import RunDir, read_progress
from reward_designers.intrinsic import SubgoalReward
from reward_designers.llm import LLMError
from tests.agents.runners import configured, numbers, resumed, trained
from tests.reward_designers.llm.chat_server import ChatServer, Handler, answer, completion
from tests.reward_designers.llm.conftest import server

__all__ = ["server"]

KEY, DOOR = "Pick up the key.", "Open the door."
HALLWAY = ("env.id=tests.agents.hallway:Hallway-v0", "reward=calm")
SMALL = ("algo.n_steps=16", "log_every=64", "eval_every=0", "checkpoint_every=64")


def hallway(run_dir: Path, *arguments: str, page: bool = False) -> RunDir:
    return trained(run_dir, *HALLWAY, *SMALL, f"reward.subgoals=['{KEY}','{DOOR}']", *arguments, page=page)


def test_subgoals_pay_in_training_and_are_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = hallway(tmp_path / "run", "total_timesteps=320", page=True)
    assert f"reward calm: judged by rules: {KEY} {DOOR}" in capsys.readouterr().err
    saved = run.read_config()
    assert (saved.reward.judge, saved.reward.subgoals) == (SubgoalJudge.rules, [KEY, DOOR])
    rows = [row for row in read_progress(run.progress) if "reward/subgoals/open-the-door" in row]
    assert max(row["reward/subgoals/open-the-door"] for row in rows) > 0
    for row in rows:  # half a point, once: and the door opens where the environment pays
        assert row["reward/subgoals/open-the-door"] == row["rollout/env_reward"] / 2
    (words, times, _), _ = run.read_summary()["subgoals"]
    assert (words, times > 0) == (KEY, True)
    report = (run.path / "report.html").read_text()
    assert f"episodes that achieved it, of {run.read_summary()['episodes']}" in report
    assert DOOR in report


def test_a_resumed_run_goes_on_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    whole = hallway(tmp_path / "whole", "total_timesteps=256")
    part = hallway(tmp_path / "part", "total_timesteps=128")
    resumed(part, "total_timesteps=256")
    assert numbers(part) == numbers(whole)
    assert part.read_summary()["subgoals"] == whole.read_summary()["subgoals"]


def test_the_tasks_own_subgoals_are_the_default() -> None:
    pytest.importorskip("minihack")
    config = resolve(configured("env=MiniHack-KeyRoom-S5", "reward=calm", "reward.extrinsic=0", "reward.coefficient=2"))
    assert config.reward.subgoals == ["Pick up the key.", "Unlock and open the door.", "Step on the staircase down."]
    reward = make_reward(config)
    assert reward is not None
    assert [*reward.parts()] == ["subgoals"]
    both = make_reward(resolve(configured("env=MiniHack-KeyRoom-S5", "reward=calm", "reward.novelty=count")))
    assert both is not None
    assert [*both.parts()] == ["env", "subgoals", "count"]
    assert part_of(reward, SubgoalReward) is reward.parts()["subgoals"].reward


def asks(server: ChatServer, judge: str, *more: str) -> tuple[str, ...]:
    """Options for a judge that is a language model, or whose program one writes."""
    where = ("llm=openai", "llm.model=tiny", f"llm.base_url={server.url}", "llm.retries=0")
    return (*where, f"reward.judge={judge}", "reward.goal=Find the key and open the door.", *more)


def program(body: str) -> str:
    return f"Here it is.\n```python\ndef achieved(next_caption):\n    {body}\n```\n"


GOOD = program('return {"pick-up-the-key": says(next_caption, "a key"), "open-the-door": says(next_caption, "opens")}')


def paid_at_the_end(run: RunDir) -> list[int]:
    return [times for _, times, _ in run.read_summary()["subgoals"]]


def test_a_program_that_a_model_wrote_once_judges_and_goes_on_in_a_resumed_run(
    tmp_path: Path, server: ChatServer
) -> None:
    server.default = answer(GOOD)
    whole = hallway(tmp_path / "whole", *asks(server, "predicate"), "total_timesteps=192")
    part = hallway(tmp_path / "part", *asks(server, "predicate"), "total_timesteps=128")
    assert len(server.bodies) == 2
    resumed(part, "total_timesteps=192")
    assert len(server.bodies) == 2
    assert numbers(part) == numbers(whole)
    assert paid_at_the_end(whole)[0] > 0
    ruled = hallway(tmp_path / "ruled", "total_timesteps=192")
    assert paid_at_the_end(ruled) == paid_at_the_end(whole)
    assert "says(next_caption" in (whole.path / "predicates.py").read_text()


def test_a_broken_program_is_sent_back_once_and_a_task_is_paid_for_once(tmp_path: Path, server: ChatServer) -> None:
    always = program(
        'return {"pick-up-the-key": says(next_caption, "You"), "open-the-door": says(next_caption, "opens")}'
    )
    server.script.extend([answer('{"subgoals": ["Pick up the key.", "Open the door."]}'), answer(always), answer(GOOD)])
    options = (*asks(server, "predicate", "reward.subgoals=llm"), f"reward.store={tmp_path / 'replies.sqlite'}")
    run = trained(tmp_path / "run", *HALLWAY, *SMALL, *options, "total_timesteps=64")
    assert "'pick-up-the-key' comes out as achieved in" in server.bodies[2]["messages"][-1]["content"]
    assert run.read_config().reward.subgoals == [KEY, DOOR]
    trained(tmp_path / "again", *HALLWAY, *SMALL, *options, "total_timesteps=64", "seed=1")
    assert len(server.bodies) == 3


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("import os", "import of 'os' is not allowed"),
        ("return {}", "expected 1 to 32 components"),
        ("return {'key': says(next_caption, 'key')}", "must return pick-up-the-key, open-the-door, but returns key"),
    ],
)
def test_programs_that_stay_broken_end_the_run_before_it_begins(
    body: str, problem: str, tmp_path: Path, server: ChatServer
) -> None:
    server.default = answer(program(body))
    with pytest.raises(UsageError, match=f"tiny.* was asked twice for predicates, in vain: .*{problem}"):
        hallway(tmp_path / "run", *asks(server, "predicate"), "total_timesteps=64")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["replies.sqlite"]  # they were paid for


def test_a_model_judges_each_moment_once_while_training_runs(tmp_path: Path, server: ChatServer) -> None:
    def serve(handler: Handler, body: dict[str, Any]) -> None:
        moments = json.loads(body["messages"][-1]["content"])
        subgoals = [(1, "a key"), (2, "opens")]
        said = {n: [i for i, words in subgoals if words in moment["caption after"]] for n, moment in moments.items()}
        handler.send(200, json.dumps(completion([json.dumps(said)])).encode())

    server.default = serve
    options = asks(server, "llm", "reward.sync=true")
    whole = hallway(tmp_path / "whole", *options, "total_timesteps=256")
    asked = [m["caption after"] for b in server.bodies for m in json.loads(b["messages"][-1]["content"]).values()]
    assert len(asked) == len(set(asked)) > 5
    assert paid_at_the_end(whole)[0] > 0
    known = "reward_model/subgoals/reward/judge/annotation/known"
    assert read_progress(whole.progress)[-1][known] == len(asked)
    part = hallway(tmp_path / "part", *options, "total_timesteps=128")
    resumed(part, "total_timesteps=256")
    rows = [[{k: v for k, v in row.items() if not k.endswith("/lag")} for row in numbers(run)] for run in (part, whole)]
    assert rows[0] == rows[1]


def test_the_recorded_replies_serve_keyroom(tmp_path: Path) -> None:
    pytest.importorskip("minihack")
    config = resolve(configured("env=MiniHack-KeyRoom-Dark-S5", "reward=calm", "reward.subgoals=llm", "llm=replay"))
    with pytest.raises(LLMError, match="holds no reply"):  # its own words for the subgoals were not asked about
        prepare(config, tmp_path)
    assert config.reward.subgoals[1] == "Unlock the door of the small room with the key."
    config = resolve(configured("env=MiniHack-KeyRoom-Dark-S5", "reward=calm", "llm=replay"))
    assert config.reward.judge is SubgoalJudge.predicate
    prepare(config, tmp_path)
    assert make_reward(config, tmp_path) is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (HALLWAY, "there are no subgoals"),
        (("env=CartPole", "reward=calm", "reward.subgoals=Balance"), "CartPole has no captions"),
        ((*HALLWAY, "reward.subgoals=Fly"), "know nothing of 'Fly'"),
        ((*HALLWAY, "reward.judge=rule"), "rule.*rules"),
        ((*HALLWAY, "reward.judge=llm", "reward.subgoals=Fly"), "reward.judge=llm needs a language model"),
        ((*HALLWAY, "reward.subgoals=llm"), "reward.subgoals=llm needs a language model"),
        ((*HALLWAY, "reward.subgoals=Fly", "llm=replay"), "say what is wanted, reward.goal="),
        ((*HALLWAY, "reward.judge=rules", "reward.subgoals=Fly", "llm=replay"), "llm=replay is not asked"),
        (("env=CartPole", "reward=calm", "reward.subgoals=Balance", "llm=replay"), "nothing in words"),
    ],
)
def test_what_people_get_wrong(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        trained(tmp_path / "run", *arguments, *SMALL, "total_timesteps=64")
    assert not (tmp_path / "run").exists() or not any((tmp_path / "run").iterdir())

"""A language model as the judge of subgoals."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reward_designers import RewardFn, Transition, check_reward
from reward_designers.intrinsic import Annotation, AskedSubgoals, SubgoalAnnotator, SubgoalReplay, SubgoalReward
from reward_designers.intrinsic.forms import AGAIN
from reward_designers.intrinsic.subgoal_llm import SubgoalForm
from reward_designers.llm.store import ReplyStore
from reward_designers.llm.text import write
from tests.reward_designers.llm.chat_server import Behavior, ChatServer, Handler, completion, status

GOAL, SUBGOALS = "Find the key and open the door.", ("Pick up the key.", "Open the door.")
NAMES = ("pick-up-the-key", "open-the-door")
WORDS: dict[str, Any] = {"before": (), "after": ("message",), "maps": ()}


def asked_about(body: dict[str, Any]) -> list[dict[str, str]]:
    return list(json.loads(body["messages"][-1]["content"].removeprefix(AGAIN)).values())


def judge() -> Behavior:
    """Finds the subgoals that are spoken of; of what is odd it says something odd."""

    def serve(handler: Handler, body: dict[str, Any]) -> None:
        said: dict[str, Any] = {}
        for number, moment in enumerate(asked_about(body), 1):
            text = moment["message after"]
            said[str(number)] = [3] if text == "odd" else [i for i, word in ((1, "key"), (2, "door")) if word in text]
        handler.send(200, json.dumps(completion([json.dumps(said)])).encode())

    return serve


def moments(*steps: str) -> Transition:
    """Steps such as ``"key,"``: what is said in each of two environments."""
    said = np.array([step.split(",") for step in steps], object)
    none = np.zeros(said.shape, bool)
    return Transition({}, np.zeros(said.shape), {"message": said}, none, none)


def annotator(server: ChatServer) -> SubgoalAnnotator:
    return SubgoalAnnotator("tiny", base_url=server.url, retries=0, subgoals=SUBGOALS)


def taught(server: ChatServer, store: Path | None = None, **options: Any) -> AskedSubgoals:
    one = AskedSubgoals(SUBGOALS, **WORDS)
    one.annotation = Annotation(annotator(server), GOAL, sync=True, store=store, **options)
    return one


def said_of(one: AskedSubgoals, *texts: str) -> list[list[float]]:
    found = one(moments(*(f"{text}," for text in texts))[:, 0])
    return [found[name].tolist() for name in NAMES]


def test_a_scene_is_asked_about_once_and_pays_from_then_on(server: ChatServer) -> None:
    server.default = judge()
    one = taught(server)
    rollout = moments("key,wall", "key and door,key", "wall,")
    assert said_of(one, "key", "wall") == [[0, 0], [0, 0]]
    metrics = one.update(rollout)
    assert metrics["scenes"] == 4
    assert metrics["achieving"] == 2
    assert metrics["annotation/known"] == 4
    assert said_of(one, "key", "wall", "key and door", "new") == [[1, 0, 1, 0], [0, 0, 1, 0]]
    one.update(rollout)
    assert [len(asked_about(body)) for body in server.bodies] == [4]
    reward = SubgoalReward(SUBGOALS, one)
    assert reward.relabel(rollout)["pick-up-the-key"].tolist() == [[1, 0], [0, 1], [0, 0]]


def test_a_process_of_its_own_asks_while_training_goes_on(server: ChatServer) -> None:
    server.default = judge()
    one = AskedSubgoals(SUBGOALS, **WORDS)
    with Annotation(annotator(server), GOAL) as one.annotation:
        one.update(moments("key,door"))
        deadline = time.monotonic() + 60
        while not one.table and time.monotonic() < deadline:
            time.sleep(0.02)
            one.update(moments("key,door"))
    assert said_of(one, "key", "door") == [[1, 0], [0, 1]]
    assert len(server.bodies) == 1


def test_an_answer_that_is_not_valid_is_asked_for_once_more_and_is_no_zero(server: ChatServer) -> None:
    server.default = judge()
    one = taught(server)
    one.update(moments("odd,key"))
    assert [[m["message after"] for m in asked_about(body)] for body in server.bodies] == [["odd", "key"], ["odd"]]
    assert one.annotation is not None
    assert one.annotation.status().invalid == 1
    assert list(map(json.loads, one.table)) == [{"message after": "key"}]


def test_a_store_answers_for_the_next_run_and_a_record_for_everybody(server: ChatServer, tmp_path: Path) -> None:
    server.default = judge()
    taught(server, tmp_path / "store.sqlite").update(moments("key,door"))
    before = len(server.bodies)
    again = taught(server, tmp_path / "store.sqlite")
    again.update(moments("door,key"))
    assert said_of(again, "key", "door") == [[1, 0], [0, 1]]
    assert len(server.bodies) == before
    with ReplyStore(tmp_path / "store.sqlite") as store:
        write(tmp_path / "record.yaml", store)
    replayed = AskedSubgoals(SUBGOALS, **WORDS)
    replay = SubgoalReplay(tmp_path / "record.yaml", subgoals=SUBGOALS)
    replayed.annotation = Annotation(replay, GOAL, sync=True)
    replayed.update(moments("door,never seen"))
    assert said_of(replayed, "key", "door", "never seen") == [[0, 0, 0], [0, 1, 0]]
    assert replayed.annotation.status().invalid == 1
    other = Annotation(SubgoalReplay(tmp_path / "record.yaml", subgoals=SUBGOALS[::-1]), GOAL, sync=True)
    assert other.status().known == 0  # the same numbers would mean something else


def test_while_the_server_is_down_nothing_is_known_and_nothing_is_lost(server: ChatServer) -> None:
    server.default = status(500, "out of order")
    one = taught(server)
    metrics = one.update(moments("key,door"))
    assert metrics["annotation/queue"] == 2
    assert one.table == {}


def test_a_resumed_judge_asks_what_it_had_not_asked_yet(server: ChatServer, tmp_path: Path) -> None:
    server.default = judge()
    one = taught(server)
    one.update(moments("key,wall"))
    server.default = status(500, "out of order")
    one.update(moments("door,key"))
    one.save(tmp_path / "judge.npz")
    loaded = RewardFn.load(tmp_path / "judge.npz")
    assert isinstance(loaded, AskedSubgoals)
    assert loaded.update(moments("key,new")) == {}
    assert said_of(loaded, "key", "door") == [[1, 0], [0, 0]]
    server.default = judge()
    server.seen.clear()
    resumed = taught(server)
    resumed.load_state_dict(loaded.state_dict())
    resumed.update(moments("wall,wall"))
    assert said_of(resumed, "key", "door") == [[1, 0], [0, 1]]
    assert [m["message after"] for body in server.bodies for m in asked_about(body)] == ["door"]


def test_it_keeps_the_laws(server: ChatServer) -> None:
    server.default = judge()
    one = taught(server)
    steps = moments(*["key,wall", "door,", "wall,key and door"] * 4)
    one.update(steps)
    one.annotation = None
    assert set(check_reward(one, steps).skipped) == {"episodes"}


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ('{"1": [], "2": [2, 1, 1]}', {0: 0.0, 1: 3.0}),
        ('{"1": [3], "2": [0]}', {}),
        ('{"1": true, "2": [true]}', {}),
        ('{"1": 1, "2": "[1]"}', {}),
        ("none of them", {}),
        ('<think>{"1": [1]}</think> {"1": [2]}', {0: 2.0}),
    ],
)
def test_strict_answers(text: str, answers: dict[int, float]) -> None:
    form = SubgoalForm("{goal}", SUBGOALS, "{legend}")
    assert form.answers(text, 2) == answers
    assert [form.write(value) for value in (0.0, 1.0, 2.0, 3.0)] == [[], [1], [2], [1, 2]]
    assert "1. Pick up the key.\n2. Open the door." in form.system
    assert "{goal}" in form.system
    assert "{legend}" in form.system


def test_a_question_can_be_read_back() -> None:
    keys = [
        *AskedSubgoals(SUBGOALS, **WORDS).scene.keys(moments('say "x"\n,{1}').flatten()),
        '{"message after":"\\u2603"}',
    ]
    form = SubgoalForm(GOAL, SUBGOALS)
    for attempt in (1, 2):
        assert form.items(form.prompt(keys, attempt)) == keys

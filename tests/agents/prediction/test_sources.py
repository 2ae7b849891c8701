"""Sources of predicted rewards: what they say of texts that are written out here."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from agents.errors import UsageError
from agents.prediction.data import Step, Trajectory
from agents.prediction.rules import QuestGoals
from agents.prediction.sources import OFFLINE, NotForThis, make_source, needs_llm
from reward_designers.errors import RewardError
from reward_designers.llm import LLM, Prompt, Reply


def trajectory(goal: str, *observations: str, score: float | None = None) -> Trajectory:
    return Trajectory(goal, tuple(Step("go", text, 0.0, 0.0, True, (), score) for text in observations))


def predict(name: str, domain: str, *trajectories: Trajectory) -> list[list[float]]:
    return [values.tolist() for values in make_source(name, 0).predict(domain, trajectories)]


def test_factored_reads_blocks() -> None:
    goal = "Move the blocks so that the red block is on the blue block and the green block is on the red block."
    start = "The blue block is on the table, the green block is on the blue block"
    some = trajectory(
        goal,
        f"{start}, the red block is on the table and your hand is empty.",
        "The blue block is on the table, the red block is on the blue block and your hand holds the green block.",
        "The blue block is on the table, the red block is on the blue block, the green block is on the red block and "
        "your hand is empty.",
    )
    assert predict("factored", "blocksworld", some) == [[0.0, 0.5, 1.0]]
    with pytest.raises(RewardError, match="no rule reads the goal"):
        predict("factored", "blocksworld", trajectory("Build a tower.", start))
    with pytest.raises(RewardError, match="no rule reads where blocks are"):
        predict("factored", "blocksworld", trajectory(goal, "Nothing to see."))


def test_factored_reads_minihack() -> None:
    goal = "Pick up the key, unlock the door of the small room with it, and step on the staircase down behind it."
    some = trajectory(
        goal,
        "You see a key 1 square north.",
        "You see a closed door 3 squares east. You carry a key.",
        "The door opens.; door opened. You see a staircase down 2 squares north. You carry a key.",
        "You see a staircase down 1 square north and 1 square west. You carry a key.",
        "stepped on a staircase down. You step on the staircase down.",
    )
    assert predict("factored", "minihack", some) == [pytest.approx([0, 1 / 3, 2.5 / 3, 2.75 / 3, 1.0])]


def test_factored_reads_textworld() -> None:
    some = trajectory(
        "Insert the cd into the Henderson's style box inside the cookery.",
        "-= Cookery =-\nYou see a locker.",
        "You open the locker, revealing a cd and a mop.",
        "You take the cd from the locker.",
        "You put the cd into the Henderson's style box.",
        "You take the cd from the Henderson's style box.",
        "You drop the cd on the ground.",
    )
    assert predict("factored", "textworld", some) == [[0.0, 0.25, 0.5, 1.0, 0.5, 0.25]]
    door = trajectory("Make sure that the type 6 box is unlocked.", "You see a box.", "You unlock the type 6 box.")
    assert predict("factored", "textworld", door) == [[0.0, 1.0]]


@pytest.mark.parametrize(
    ("text", "thing", "attribute", "value"),
    [
        ("Hey! Please you can insert the butterfly inside the chest in the bar.", "butterfly", "location", "chest"),
        ("Put it in places! Sit the Cat Calendar on the stand in the study.", "cat calendar", "location", "stand"),
        ("Your task for today is to toss the ladle on the floor of the bar.", "ladle", "location", "floor"),
        ("Please pick up the shadfly from the type 1 safe.", "shadfly", "location", "inventory"),
        ("Your objective is to eat the legume.", "legume", "location", "eaten"),
        ("Check that the locker in the scullery is unlocked with the key.", "locker", "door", "open"),
        ("Place the passkey into the safe in the scullery to lock it.", "safe", "door", "locked"),
        ("Doublecheck that the box is wide open.", "box", "door", "open"),
        ("Your objective is to close the non-euclidean door.", "non-euclidean door", "door", "closed"),
    ],
)
def test_goals_of_textworld(text: str, thing: str, attribute: str, value: str) -> None:
    ((found, attributes),) = QuestGoals().read(text)
    options = attributes[attribute]
    assert found == thing
    assert set(attributes) == {attribute}
    assert value == options or options[value] == 1.0


def test_baselines() -> None:
    some = trajectory("g", "a", "b", "c")
    assert predict("constant", "any", some) == [[0.0, 0.0, 0.0]]
    assert predict("clock", "any", some) == [[0.0, 1.0, 2.0]]
    assert predict("random", "any", some) == predict("random", "any", some)


def test_similarity_is_of_meaning() -> None:
    pytest.importorskip("wordllama")
    some = trajectory("eat the berry", "You eat the berry.", "You close the gate.", "")
    ((near, far, nothing),) = predict("similarity", "textworld", some)
    assert near > far + 0.3
    assert nothing == 0.0


def test_what_does_not_apply_is_said() -> None:
    some = trajectory("g", "a")
    for name, domain, message in [
        ("factored", "webshop", "there are rules for"),
        ("lexicon", "textworld", "NetHack"),
        ("facts", "minihack", "alfworld alone"),
        ("conditions", "minihack", "do not have the true state"),
    ]:
        with pytest.raises(NotForThis, match=message):
            predict(name, domain, some)
    assert predict("conditions", "any", trajectory("g", "a", score=0.5)) == [[0.5]]


def test_functions_of_users_cannot_look_ahead(tmp_path: Path) -> None:
    file = tmp_path / "my.py"
    file.write_text(
        "def seen(goal, actions, observations):\n    return len(observations) + 10 * (goal in observations[-1])\n"
        "def broken(goal, actions, observations):\n    return 1 / (2 - len(actions))\n"
        "number = 3\n"
    )
    some = trajectory("b", "a", "b", "c")
    assert predict(f"{file}:seen", "any", some) == [[1.0, 12.0, 3.0]]
    with pytest.raises(RewardError, match=r"broken failed at step 2: ZeroDivisionError"):
        predict(f"{file}:broken", "any", some)
    with pytest.raises(RewardError, match="is no function, but int"):
        make_source(f"{file}:number", 0)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("factord", "factored"),
        ("factored:embeding", "embedding"),
        ("similarity:wordlama", "wordllama"),
        ("nowhere.py:f", "no such file"),
    ],
)
def test_wrong_names_are_answered_with_the_nearest(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_source(name, 0)


def test_all_defaults_exist() -> None:
    pytest.importorskip("wordllama")
    for name in OFFLINE:
        source = make_source(name, 0)
        assert source.about
        assert source.privileged == (name == "conditions")


class Model(LLM):
    """Answers by a function of what it is asked; remembers the questions."""

    def __init__(self, answer: Callable[[str, dict[str, Any]], str]):
        self.answer, self.asked = answer, []

    def sample_all(self, prompts: Sequence[Prompt]) -> list[list[Reply]]:
        self.asked += prompts
        found = []
        for prompt in prompts:
            text = prompt.messages[-1]["content"]
            found.append([Reply(self.answer(prompt.label, json.loads(text[text.index("{") :])), "", 0, "", "")])
        return found

    def close(self) -> None: ...


def test_judges_see_the_episode_so_far_and_keep_their_value_without_an_answer() -> None:
    def answer(label: str, told: dict[str, Any]) -> str:
        seen = told["so far"][-1]["observed"]
        return "no idea" if seen == "?" else json.dumps({"score": int(seen), "cost": 100 - 10 * int(seen)})

    some, other = trajectory("g", "1", "?", "10"), trajectory("h", "4")
    model = Model(answer)
    assert [v.tolist() for v in make_source("judge", 0, model).predict("any", [some, other])] == [
        [0.0, 0.0, 1.0],
        [pytest.approx(1 / 3)],
    ]
    assert len(model.asked) == 4 + 1  # one is asked twice
    judge = make_source("judge", 0, model)
    judge.predict("any", [some])
    assert judge.note == "1 of 3 questions got no valid answer"
    assert "10" not in model.asked[1].messages[-1]["content"].replace("1 to 10", "")
    ((first, second, third),) = make_source("critic", 0, Model(answer)).predict("any", [some])
    assert (first, second, third) == pytest.approx((0.1, 0.1, 1.0))


def test_language_models_read_states() -> None:
    def answer(label: str, told: dict[str, Any]) -> str:
        place = "desk 1" if "put" in json.dumps(told) else "hand"
        mug = {"name": "mug 1", "attributes": {"location": place}}
        if label in ("factored/goal", "factored/update"):
            mug = {"name": "mug", "attributes": {"location": "desk 1"}}
        if label == "factored/keep":
            return json.dumps({"objects": told["known"]})
        return json.dumps({"objects": [mug]})

    model = Model(answer)
    some = trajectory("a mug on desk 1", "You take the mug 1.", "You put the mug 1 on the desk 1.")
    short = trajectory("a mug on desk 1", "You take the mug 1.")
    values = make_source("factored:llm", 0, model).predict("kitchen", [some, short])
    assert [v[0] for v in values] == [0.0, 0.0]
    assert values[0].tolist() == [0.0, 1.0]
    assert {prompt.label for prompt in model.asked} >= {"factored/recall", "factored/keep", "factored/goal"}


def test_who_asks_a_language_model_needs_one() -> None:
    for name in ("judge", "critic", "factored:llm", "factored:llm:embedding"):
        assert needs_llm(name)
        with pytest.raises(UsageError, match="needs a language model"):
            make_source(name, 0)
    assert not any(map(needs_llm, OFFLINE))

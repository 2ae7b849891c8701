"""Sources of predicted rewards: what they say of texts that are written out here."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.cli import UsageError
from agents.prediction.data import Step, Trajectory
from agents.prediction.rules import QuestGoals
from agents.prediction.sources import OFFLINE, NotForThis, make_source
from reward_designers.base import RewardError


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

from __future__ import annotations

import importlib.util
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from envs.alfworld.games import TASK_TYPES, load_games
from envs.alfworld.goals import TEMPLATES, Goal, parse_goal


@pytest.fixture(scope="module")
def library() -> dict[str, Any]:
    """ALFRED's own goals, read past ``import alfworld``, which makes a folder in the user's home."""
    spec = importlib.util.find_spec("alfworld")
    if spec is None or spec.origin is None:
        pytest.skip("the package alfworld is not installed")
    found = runpy.run_path(str(Path(spec.origin).parent / "gen" / "goal_library.py"))["gdict"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("task_type", TASK_TYPES)
@pytest.mark.parametrize("wording", [0, 1])
def test_goals_are_read_as_they_are_said(task_type: str, wording: int) -> None:
    goal = Goal(task_type, "CreditCard", "ArmChair")
    said = goal.text(wording)
    assert parse_goal(said) == parse_goal(f"Your task is to: {said}\n") == Goal(task_type, "creditcard", "armchair")


def test_the_words_are_alfreds(library: dict[str, Any]) -> None:
    for task_type, templates in TEMPLATES.items():
        theirs = library[task_type]["templates"]
        assert [t.format(thing="X", place="Y") for t in templates] == [
            t.format(obj="X", recep="Y", toggle="Y") + "." for t in theirs
        ]


@pytest.mark.parametrize("task_type", TASK_TYPES)
def test_the_conditions_are_alfreds(library: dict[str, Any], task_type: str) -> None:
    theirs = library[task_type]["pddl"].replace("#", "-").format(obj="Mug", recep="Desk", toggle="Desk")
    theirs = theirs.rstrip().removesuffix(")")  # the end of the problem
    ours = Goal(task_type, "Mug", "Desk").pddl()
    atom = re.compile(r"\([^()]+\)")

    def simple(text: str) -> str:
        return "".join(atom.sub("*", text).split())

    assert sorted(atom.findall(ours)) == sorted(" ".join(each.split()) for each in atom.findall(theirs))
    assert simple(ours) == simple(theirs)


def test_the_genuine_games_are_read(genuine: Path) -> None:
    for game in load_games(genuine):
        task, thing, _, place, _ = game.name.partition("/")[0].split("-")
        assert parse_goal(game.goal) == Goal(task, thing.lower(), place.lower())


@pytest.mark.parametrize("text", ["", "put the heated mug down.", "put a very clean mug in desk.", "put two mug"])
def test_people_word_goals_otherwise(text: str) -> None:
    with pytest.raises(ValueError, match=r"cannot read the goal .*put two \{thing\} in \{place\}"):
        parse_goal(text)

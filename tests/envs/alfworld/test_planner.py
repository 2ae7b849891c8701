from __future__ import annotations

from pathlib import Path

import pytest

from envs.alfworld.games import Game, load_games
from envs.alfworld.goals import Goal
from envs.alfworld.planner import display_names, household, plan

HOUSE = """(define (problem p) (:objects
    agent1 - agent
    Mug_bar_1 - object
    Mug_bar_2 - object
    Cup_bar_1 - object
    DeskLamp_bar_1 - object
    Desk_bar_1 - receptacle
    Desk_bar_2 - receptacle
    Drawer_bar_1 - receptacle
    Sink_bar_1_bar_SinkBasin - receptacle
    loc_bar_0 - location
) (:init
    (receptacleType Desk_bar_1 DeskType) (receptacleType Desk_bar_2 DeskType) (receptacleType Drawer_bar_1 DrawerType)
    (receptacleType Sink_bar_1_bar_SinkBasin SinkBasinType)
    (objectType Mug_bar_1 MugType) (objectType Mug_bar_2 MugType) (objectType Cup_bar_1 CupType)
    (objectType DeskLamp_bar_1 DeskLampType)
    (canContain DeskType MugType) (canContain DrawerType MugType) (canContain DeskType CupType)
    (pickupable Mug_bar_1) (pickupable Mug_bar_2) (pickupable Cup_bar_1) (cleanable Mug_bar_2)
    (toggleable DeskLamp_bar_1) (openable Drawer_bar_1)
    (atLocation agent1 loc_bar_0)
    (inReceptacle Mug_bar_1 Desk_bar_1) (inReceptacle Mug_bar_2 Drawer_bar_1) (inReceptacle DeskLamp_bar_1 Desk_bar_1)
    (receptacleAtLocation Desk_bar_1 loc_bar_1) (receptacleAtLocation Desk_bar_2 loc_bar_2)
    (receptacleAtLocation Drawer_bar_1 loc_bar_2) (receptacleAtLocation Sink_bar_1_bar_SinkBasin loc_bar_3)
) GOAL)"""
OLD, NEW = 'template :: "put {o} in/on {r}";', 'template :: "move {o} to {r}";'


def game(task_type: str, thing: str, place: str, *, grammar: str = NEW, house: str = HOUSE) -> Game:
    goal = Goal(task_type, thing, place)
    return Game("g", "train", task_type, goal.text(0), house.replace("GOAL", goal.pddl()), "", grammar)


def test_the_last_name_in_pddl_is_number_one() -> None:
    names = display_names(HOUSE)
    assert names["mug_bar_1"] == "mug 2"
    assert names["mug_bar_2"] == "mug 1"
    assert names["sink_bar_1_bar_sinkbasin"] == "sinkbasin 1"


def test_a_household_is_read() -> None:
    house = household(game("pick_and_place_simple", "Mug", "Drawer").problem)
    assert house.inside == {"mug 2": ("desk 2",), "mug 1": ("drawer 1",), "desklamp 1": ("desk 2",)}
    assert house.able["closed"] == {"drawer 1"}
    assert ("desk", "cup") in house.holds
    assert (house.thing, house.place) == ("mug", "drawer")


@pytest.mark.parametrize(
    ("task", "commands"),
    [
        (("pick_and_place_simple", "Mug", "Drawer"), []),  # mug 1 is in there
        (
            # The mug on desk 2 is nearer, but cannot be cleaned.
            ("pick_clean_then_place_in_recep", "Mug", "Drawer"),
            [
                *("go to drawer 1", "open drawer 1", "take mug 1 from drawer 1", "go to sinkbasin 1"),
                *("clean mug 1 with sinkbasin 1", "go to drawer 1", "move mug 1 to drawer 1"),
            ],
        ),
        (
            ("look_at_obj_in_light", "Mug", "DeskLamp"),
            ["go to desk 2", "take mug 2 from desk 2", "use desklamp 1"],
        ),
        (
            ("pick_clean_then_place_in_recep", "Mug", "Desk"),
            [
                *("go to drawer 1", "open drawer 1", "take mug 1 from drawer 1"),
                *("go to sinkbasin 1", "clean mug 1 with sinkbasin 1", "go to desk 1", "move mug 1 to desk 1"),
            ],
        ),
        (
            # One mug is on desk 2 already, so the other has to go to the same desk.
            ("pick_two_obj_and_place", "Mug", "Desk"),
            ["go to drawer 1", "open drawer 1", "take mug 1 from drawer 1", "go to desk 2", "move mug 1 to desk 2"],
        ),
        (
            ("pick_two_obj_and_place", "Mug", "Drawer"),
            ["go to desk 2", "take mug 2 from desk 2", "go to drawer 1", "open drawer 1", "move mug 2 to drawer 1"],
        ),
    ],
)
def test_plans_by_hand(task: tuple[str, str, str], commands: list[str]) -> None:
    assert list(plan(game(*task))) == commands


def test_a_shared_location_saves_the_way() -> None:
    """Desk 1 and the drawer are reached from one spot."""
    house = HOUSE.replace("(inReceptacle Mug_bar_1 Desk_bar_1)", "")
    found = plan(game("pick_and_place_simple", "Mug", "Desk", house=house))
    assert found == ("go to drawer 1", "open drawer 1", "take mug 1 from drawer 1", "move mug 1 to desk 1")
    house = house.replace("receptacleAtLocation Desk_bar_2 loc_bar_2", "receptacleAtLocation Desk_bar_2 loc_bar_4")
    found = plan(game("pick_and_place_simple", "Mug", "Desk", house=house))
    assert found[2:] == ("take mug 1 from drawer 1", "go to desk 1", "move mug 1 to desk 1")


def test_what_is_open_is_not_opened() -> None:
    house = HOUSE.replace("(inReceptacle Mug_bar_1 Desk_bar_1)", "(opened Drawer_bar_1)")
    found = plan(game("pick_and_place_simple", "Mug", "Desk", house=house))
    assert found == ("go to drawer 1", "take mug 1 from drawer 1", "move mug 1 to desk 1")


def test_the_wording_of_the_older_generation() -> None:
    house = HOUSE.replace("(inReceptacle Mug_bar_1 Desk_bar_1)", "")
    assert plan(game("pick_and_place_simple", "Mug", "Desk", grammar=OLD, house=house))[-1] == "put mug 1 in/on desk 1"


@pytest.mark.parametrize(
    "task",
    [
        ("pick_and_place_simple", "Cup", "Desk"),  # no cup is in anything
        ("pick_and_place_simple", "Mug", "Fridge"),  # no fridge
        ("pick_heat_then_place_in_recep", "Mug", "Desk"),  # no microwave
        ("pick_two_obj_and_place", "Cup", "Desk"),
        ("pick_and_place_simple", "DeskLamp", "Drawer"),  # does not go in there, and stays where it is
    ],
)
def test_what_cannot_be_done_is_said(task: tuple[str, str, str]) -> None:
    with pytest.raises(ValueError, match="g cannot be solved: nothing in the room leads to"):
        plan(game(*task))


def test_the_genuine_games_are_solved(genuine: Path) -> None:
    for each in load_games(genuine):
        commands = plan(each)
        assert 3 <= len(commands) <= 10
        last = commands[-1]
        assert last.startswith(("put ", "use ")), last

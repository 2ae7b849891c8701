from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from envs.alfworld.games import Game, load_games
from envs.alfworld.generate import generate, rules
from envs.alfworld.goals import Goal
from envs.alfworld.planner import household, plan
from envs.alfworld.simulator import Simulator

HOUSE = """(define (problem p) (:domain alfred) (:objects
    agent1 - agent
    Mug_bar_1 Mug_bar_2 Cup_bar_1 Pen_bar_1 DeskLamp_bar_1 - object
    Desk_bar_1 Desk_bar_2 Drawer_bar_1 Sink_bar_1_bar_SinkBasin - receptacle
    loc_bar_0 loc_bar_1 loc_bar_2 loc_bar_3 loc_bar_4 - location
    MugType CupType PenType DeskLampType KnifeType ButterKnifeType - otype
    DeskType DrawerType SinkBasinType MicrowaveType FridgeType - rtype
) (:init
    (receptacleType Desk_bar_1 DeskType) (receptacleType Desk_bar_2 DeskType) (receptacleType Drawer_bar_1 DrawerType)
    (receptacleType Sink_bar_1_bar_SinkBasin SinkBasinType)
    (objectType Mug_bar_1 MugType) (objectType Mug_bar_2 MugType) (objectType Cup_bar_1 CupType)
    (objectType Pen_bar_1 PenType) (objectType DeskLamp_bar_1 DeskLampType)
    (canContain DeskType MugType) (canContain DrawerType MugType) (canContain DeskType CupType)
    (canContain DrawerType PenType)
    (pickupable Mug_bar_1) (pickupable Mug_bar_2) (pickupable Cup_bar_1) (pickupable Pen_bar_1) (cleanable Mug_bar_2)
    (toggleable DeskLamp_bar_1) (openable Drawer_bar_1)
    (atLocation agent1 loc_bar_0)
    (inReceptacle Mug_bar_1 Desk_bar_1) (inReceptacle Mug_bar_2 Drawer_bar_1) (inReceptacle DeskLamp_bar_1 Desk_bar_1)
    (inReceptacle Pen_bar_1 Desk_bar_1)
    (receptacleAtLocation Desk_bar_1 loc_bar_1) (receptacleAtLocation Desk_bar_2 loc_bar_2)
    (receptacleAtLocation Drawer_bar_1 loc_bar_2) (receptacleAtLocation Sink_bar_1_bar_SinkBasin loc_bar_3)
) GOAL)"""
"""Desk 2 has a mug, a pen and the lamp; desk 1 and the drawer, with the other mug, are next to each other."""


def game(task_type: str, thing: str, place: str, house: str = HOUSE) -> Game:
    goal = Goal(task_type, thing, place)
    return Game("g", "train", task_type, goal.text(0), house.replace("GOAL", goal.pddl()), *rules())


def test_a_household_is_read() -> None:
    simulator = Simulator(game("pick_clean_then_place_in_recep", "Mug", "Desk"))
    house = household(simulator.reset().facts)
    assert house.inside == {"mug 2": ["desk 2"], "mug 1": ["drawer 1"], "desklamp 1": ["desk 2"], "pen 1": ["desk 2"]}
    assert house.receptacles == {"desk 1": "desk", "desk 2": "desk", "drawer 1": "drawer", "sinkbasin 1": "sinkbasin"}
    assert house.closed == {"drawer 1"}
    assert house.accepts("desk 1", "cup 1")
    assert not house.accepts("drawer 1", "cup 1")
    assert (house.hand, house.able["cleanable"]) == (None, {"mug 1"})
    for command in ("go to drawer 1", "open drawer 1", "take mug 1 from drawer 1"):
        state = simulator.step(command)
    house = household(state.facts)
    assert (house.hand, house.here, house.closed) == ("mug 1", house.at["desk 1"], set())
    assert "mug 1" not in house.inside


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
    found = plan(game("pick_and_place_simple", "Mug", "Desk", house))
    assert found == ("go to drawer 1", "open drawer 1", "take mug 1 from drawer 1", "move mug 1 to desk 1")
    house = house.replace("receptacleAtLocation Desk_bar_2 loc_bar_2", "receptacleAtLocation Desk_bar_2 loc_bar_4")
    found = plan(game("pick_and_place_simple", "Mug", "Desk", house))
    assert found[2:] == ("take mug 1 from drawer 1", "go to desk 1", "move mug 1 to desk 1")


def test_what_is_open_is_not_opened() -> None:
    house = HOUSE.replace("(inReceptacle Mug_bar_1 Desk_bar_1)", "(opened Drawer_bar_1)")
    found = plan(game("pick_and_place_simple", "Mug", "Desk", house))
    assert found == ("go to drawer 1", "take mug 1 from drawer 1", "move mug 1 to desk 1")


def test_plans_from_where_one_is() -> None:
    """What was done is not done again, and what one holds is put away first if it is something else."""
    two = game("pick_two_obj_and_place", "Mug", "Drawer")
    simulator = Simulator(two)
    for command in ("go to desk 2", "take mug 2 from desk 2"):
        state = simulator.step(command)
    assert plan(two, state) == ("go to drawer 1", "open drawer 1", "move mug 2 to drawer 1")

    clean = game("pick_clean_then_place_in_recep", "Mug", "Desk")
    simulator = Simulator(clean)
    for command in plan(clean)[:5]:
        state = simulator.step(command)
    assert plan(clean, state) == ("go to desk 1", "move mug 1 to desk 1")
    assert plan(clean, simulator.step("look")) == plan(clean, state)

    light = game("look_at_obj_in_light", "Mug", "DeskLamp")
    simulator = Simulator(light)
    for command in ("go to desk 2", "use desklamp 1", "take pen 1 from desk 2"):
        state = simulator.step(command)
    # The pen goes into the drawer alone; the lamp is on already.
    commands = plan(light, state)
    assert commands[:3] == ("go to drawer 1", "open drawer 1", "move pen 1 to drawer 1")
    assert sorted(command.split()[0] for command in commands[3:]) == ["go", "take"]


def test_what_cannot_be_put_down_ends_it() -> None:
    """As with teddy bears in ALFWorld's own games: no receptacle takes them back."""
    stuck = game("look_at_obj_in_light", "Mug", "DeskLamp", HOUSE.replace("(canContain DrawerType PenType)", ""))
    simulator = Simulator(stuck)
    for command in ("go to desk 2", "take pen 1 from desk 2"):
        state = simulator.step(command)
    with pytest.raises(ValueError, match="g cannot be solved"):
        plan(stuck, state)


def test_the_wording_of_the_older_generation() -> None:
    newer = game("pick_and_place_simple", "Mug", "Desk", HOUSE.replace("(inReceptacle Mug_bar_1 Desk_bar_1)", ""))
    older = replace(newer, grammar=newer.grammar.replace("move {o} to {r}", "put {o} in/on {r}"))
    assert plan(older)[-1] == "put mug 1 in/on desk 1"


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
    with pytest.raises(ValueError, match=r"g cannot be (solved: nothing in|played: .*) the room"):
        plan(game(*task))


def test_plans_from_anywhere_win(genuine: Path) -> None:
    rng = Random(0)
    games = [*load_games(genuine), *load_games()[::24], *generate({"train": 3}, sizes=["full"])]
    stuck = 0
    for each in games:
        for wandering in (0, 5, 25):
            simulator = Simulator(each)
            state = simulator.reset()
            for _ in range(wandering):
                state = state if state.won else simulator.step(rng.choice(state.admissible))
            house = household(state.facts)
            if house.hand and not any(house.accepts(place, house.hand) for place in house.receptacles):
                stuck += 1
                continue
            commands = plan(each, state)
            for command in commands:
                assert command in state.admissible
                assert not state.won
                state = simulator.step(command)
            assert state.won
            assert len(commands) <= 14
    assert stuck <= 3

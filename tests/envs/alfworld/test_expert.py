from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from envs.alfworld.demonstrations import PLAYERS, Demonstration, demonstrations, main, table
from envs.alfworld.expert import Expert
from envs.alfworld.games import TASK_TYPES, Game, load_games
from envs.alfworld.generate import generate
from envs.alfworld.simulator import NOTHING_HAPPENS

ROOM = "-= Welcome to TextWorld, ALFRED! =-\n\nYou are in the middle of a room. Looking quickly around you, you see "


def talk(*turns: tuple[str, str]) -> None:
    """Pairs of what the game says, and what the expert must answer."""
    expert = Expert()
    for said, answer in turns:
        assert expert.act(said) == answer, said


def test_open_places_that_may_hold_it_come_first() -> None:
    talk(
        (f"{ROOM}a bed 1, a drawer 1, and a shelf 1.\n\nYour task is to: put a mug in drawer.", "go to shelf 1"),
        ("You arrive at shelf 1. On the shelf 1, you see nothing.", "go to bed 1"),  # mugs are in no bed or drawer
        ("You arrive at bed 1. On the bed 1, you see a book 2.", "go to drawer 1"),
        ("You arrive at drawer 1. The drawer 1 is closed.", "open drawer 1"),
        ("You open the drawer 1. The drawer 1 is open. In it, you see nothing.", "look"),
    )


def test_two_things_go_to_one_place() -> None:
    talk(
        (f"{ROOM}a cabinet 2, a cabinet 1, and a desk 1.\n\nYour task is to: find two cup and put them in cabinet.",
         "go to desk 1"),
        ("You arrive at desk 1. On the desk 1, you see a cup 2, a pen 1, and a cup 1.", "take cup 2 from desk 1"),
        ("You pick up the cup 2 from the desk 1.", "go to cabinet 2"),
        ("You arrive at cabinet 2. The cabinet 2 is closed.", "open cabinet 2"),
        ("You open the cabinet 2. The cabinet 2 is open. In it, you see nothing.", "move cup 2 to cabinet 2"),
        ("You move the cup 2 to the cabinet 2.", "go to desk 1"),
        ("You arrive at desk 1. On the desk 1, you see a pen 1, and a cup 1.", "take cup 1 from desk 1"),
        ("You pick up the cup 1 from the desk 1.", "go to cabinet 2"),
        ("You arrive at cabinet 2. The cabinet 2 is open. In it, you see a cup 2.", "move cup 1 to cabinet 2"),
    )  # fmt: skip


def test_one_of_two_that_is_there_already_stays() -> None:
    talk(
        (f"{ROOM}a desk 2, and a desk 1.\n\nYour task is to: put two cup in desk.", "go to desk 2"),
        ("You arrive at desk 2. On the desk 2, you see a cup 2.", "go to desk 1"),
        ("You arrive at desk 1. On the desk 1, you see a cup 1.", "take cup 1 from desk 1"),
        ("You pick up the cup 1 from the desk 1.", "go to desk 2"),
        ("You arrive at desk 2. On the desk 2, you see a cup 2.", "move cup 1 to desk 2"),
    )


def test_both_wordings_and_the_lamp() -> None:
    talk(
        (
            f"{ROOM}a microwave 1, and a sidetable 1.\n\nYour task is to: put a hot egg in sidetable.",
            "go to sidetable 1",
        ),
        ("You arrive at loc 3. On the sidetable 1, you see a egg 1.", "take egg 1 from sidetable 1"),
        ("You pick up the egg 1 from the sidetable 1.", "go to microwave 1"),
        ("You arrive at loc 7. The microwave 1 is closed.", "heat egg 1 with microwave 1"),
        ("You heat the egg 1 using the microwave 1.", "go to sidetable 1"),
        ("You arrive at loc 3. On the sidetable 1, you see nothing.", "put egg 1 in/on sidetable 1"),
    )  # fmt: skip
    talk(
        (f"{ROOM}a bed 1, and a desk 1.\n\nYour task is to: look at book under the desklamp.", "go to bed 1"),
        ("You arrive at bed 1. On the bed 1, you see a book 2.", "take book 2 from bed 1"),
        ("You pick up the book 2 from the bed 1.", "go to desk 1"),
        ("You arrive at desk 1. On the desk 1, you see a desklamp 1.", "use desklamp 1"),
    )


def test_where_one_is_already_one_cannot_go() -> None:
    """Two receptacles with one place to stand: the game says that nothing happens."""
    talk(
        (f"{ROOM}a desk 1, a drawer 1, and a shelf 1.\n\nYour task is to: put a pen in shelf.", "go to desk 1"),
        ("You arrive at desk 1. On the desk 1, you see nothing.", "go to shelf 1"),
        ("You arrive at shelf 1. On the shelf 1, you see nothing.", "go to drawer 1"),
        (NOTHING_HAPPENS, "examine drawer 1"),
        ("The drawer 1 is closed.", "open drawer 1"),
        ("You open the drawer 1. The drawer 1 is open. In it, you see a pen 1.", "take pen 1 from drawer 1"),
        (NOTHING_HAPPENS, "look"),  # it is not for taking, and no other was seen
    )


def test_what_refuses_is_not_asked_again() -> None:
    talk(
        (f"{ROOM}a desk 2, a desk 1, and a shelf 1.\n\nYour task is to: put a pen in shelf.", "go to desk 2"),
        (NOTHING_HAPPENS, "examine desk 2"),
        (NOTHING_HAPPENS, "go to desk 1"),
        ("You arrive at desk 1. On the desk 1, you see a pen 1.", "take pen 1 from desk 1"),
        ("You pick up the pen 1 from the desk 1.", "go to shelf 1"),
        ("You arrive at shelf 1. On the shelf 1, you see nothing.", "move pen 1 to shelf 1"),
        (NOTHING_HAPPENS, "look"),
    )


def test_goals_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot read the goal 'Tidy the desk'"):
        Expert().act(f"{ROOM}a desk 1.\n\nYour task is to: Tidy the desk.")
    with pytest.raises(ValueError, match="expected a text with 'Your task is to:' at first, got 'You arrive"):
        Expert().act("You arrive at desk 1.")


@pytest.fixture(scope="module")
def games() -> list[Game]:
    """A few of each type, of all sizes."""
    return [*load_games()[::9], *generate({"train": 6, "valid_unseen": 6}, sizes=["full"])]


def test_planner_and_expert_win(games: list[Game]) -> None:
    assert {game.task_type for game in games} == set(TASK_TYPES)
    shortest = list(demonstrations(games, "planner"))
    searched = list(demonstrations(games, "expert"))
    for short, long in zip(shortest, searched, strict=True):
        assert short.won
        assert long.won, long.commands
        assert short.commands == short.game.walkthrough
        assert len(short.commands) <= len(long.commands) <= 50
        for played in (short, long):
            assert len(played.states) == len(played.commands) + 1
            assert [state.won for state in played.states] == [*([False] * len(played.commands)), True]
            assert played.states[0].conditions < played.states[-1].conditions == 1


def test_the_genuine_games_are_won_from_text_alone(genuine: Path) -> None:
    played = list(demonstrations(load_games(genuine), "expert"))
    assert len(played) == 6
    assert all(each.won for each in played)


def test_progress(games: list[Game]) -> None:
    (played,) = demonstrations(games[:1], "planner")
    steps = len(played.commands)
    np.testing.assert_allclose(played.progress, [(t + 1) / steps for t in range(steps)])
    np.testing.assert_array_equal(Demonstration(played.game, "random", played.commands, played.states).progress, 0)
    lost = Demonstration(played.game, "expert", played.commands[:-1], played.states[:-1])
    np.testing.assert_array_equal(lost.progress, np.zeros(steps - 1))


def test_chance_is_repeatable_and_limited(games: list[Game]) -> None:
    first, second = ([d.commands for d in demonstrations(each, "random", steps=9)] for each in (games[:4], games[1:4]))
    assert first[1:] == second
    assert all(len(commands) <= 9 for commands in first)
    assert [d.commands for d in demonstrations(games[:4], "random", steps=9, seed=1)] != first


def test_the_table_counts(games: list[Game]) -> None:
    one, two = demonstrations(games[:2], "planner")
    two = replace(two, commands=two.commands[:1], states=two.states[:2])
    lines = table([one, two]).splitlines()
    assert lines[-1].split() == ["all", "1", "of", "2", "50.0%", f"{len(one.commands)}.0", str(len(one.commands))]


def test_the_command(capsys: pytest.CaptureFixture[str], genuine: Path) -> None:
    main([str(genuine), "--player", "planner"])
    assert "pick_two_obj_and_place" in capsys.readouterr().out
    with pytest.raises(SystemExit, match=r"error: unknown player 'experts'\. Did you mean 'expert'"):
        main([str(genuine), "--player", "experts"])
    assert set(PLAYERS) == {"planner", "expert", "random", "alfworld"}

"""Laws of all games in words, and what is particular to each world."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from envs.text.blocks import Blocks
from envs.text.game import TextGame
from envs.text.minihack import Level
from envs.text.worlds import WORLDS, maker


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("games")


@pytest.fixture(params=sorted(WORLDS))
def game(request: pytest.FixtureRequest, folder: Path) -> Iterator[TextGame]:
    if request.param in ("textworld", "alfworld"):
        pytest.importorskip("textworld")
    game = maker(request.param, 1, folder)()
    yield game
    game.close()


def test_the_expert_wins_and_the_score_says_so(game: TextGame) -> None:
    state = game.reset()
    assert not state.over
    assert state.score < 1
    for _ in range(60):
        command = game.expert()
        assert command in state.admissible
        state = game.step(command)
        assert (state.score == 1) == state.won == state.over
        if state.over:
            break
    assert state.won
    assert state.admissible == ()
    with pytest.raises(RuntimeError, match="reset"):
        game.step("look")


def test_the_same_commands_lead_to_the_same_texts_and_copies_go_their_own_way(game: TextGame) -> None:
    rng = np.random.default_rng(0)
    state = game.reset()
    commands, states = [], [state]
    copies = []
    while len(commands) < 6 and not state.over:
        if len(commands) == 3:
            copies.append(game.copy())
        commands.append(str(rng.choice(state.admissible)))
        state = game.step(commands[-1])
        states.append(state)
    (other,) = copies
    assert game.expert() == game.copy().expert()
    assert [other.step(command) for command in commands[3:]] == states[4:]
    other.close()
    if not state.over:
        game.step(state.admissible[0])  # the copy's end does not matter to it
    assert game.reset() == states[0]
    assert [game.step(command) for command in commands] == states[1:]


def test_what_is_not_admissible_changes_nothing(game: TextGame) -> None:
    before = game.reset()
    after = game.step("dance with the stove")
    assert (after.facts, after.admissible, after.won) == (before.facts, before.admissible, False)


def test_a_wrong_world_is_answered_with_the_nearest(folder: Path) -> None:
    with pytest.raises(ValueError, match="blocksworld"):
        maker("blockworld", 0, folder)


def test_blocks_are_never_lost_and_the_expert_is_shortest() -> None:
    for seed in range(5):
        game, rng = Blocks(seed, 4), np.random.default_rng(seed)
        state = game.reset()
        while not state.over and rng.random() < 0.95:
            places = [f for f in state.facts if f.startswith(("on(", "ontable(", "holding("))]
            assert len(places) == 4
            assert state.feedback.count("block") >= 4
            state = game.step(str(rng.choice(state.admissible)))
    # Two blocks that only have to be swapped: unstack, put down, pick up, stack.
    game = next(g for g in (Blocks(seed, 3) for seed in range(500)) if _inverted(g))
    game.reset()
    commands = []
    while (command := game.expert()) is not None:
        commands.append(command)
        if game.step(command).over:
            break
    lower, upper = game.tower
    assert commands == [
        f"unstack the {lower} block from the {upper} block",
        f"put down the {lower} block",
        f"pick up the {upper} block",
        f"stack the {upper} block on the {lower} block",
    ]


def _inverted(game: Blocks) -> bool:
    facts = game.reset().facts
    lower, upper, *others = game.tower
    return not others and {f"on({lower}, {upper})", f"clear({lower})", f"ontable({upper})"} <= facts


def test_texts_of_textworld_do_not_tell_the_score(folder: Path) -> None:
    pytest.importorskip("textworld")
    game = maker("textworld", 1, folder)()
    texts = [game.reset().feedback]
    while (command := game.expert()) is not None:
        state = game.step(command)
        texts.append(state.feedback)
        if state.over:
            break
    assert texts[0].startswith("-= ")
    for text in texts:
        assert not any(word in text for word in ("score", "The End", "RESTART", "$$", "\n>"))
        assert text == text.strip() != ""
    game.close()


def test_minihack_says_where_things_are() -> None:
    game = Level("MiniHack-KeyRoom-S5", 0)
    first = game.reset()
    assert first.feedback.startswith("You see a key 1 square north and 1 square west.")
    after = game.step("move northwest")
    assert "a key under you" in after.feedback
    carried = game.step("pick up")
    assert "You carry a key." in carried.feedback
    assert "carrying(key)" in carried.facts
    assert carried.score == pytest.approx(1 / 3)
    game.close()


def test_levels_whose_actions_have_no_words_are_refused() -> None:
    with pytest.raises(ValueError, match="KICK"):
        Level("MiniHack-Corridor-R2")
    with pytest.raises(ValueError, match="KeyRoom"):
        Level("MiniHack-KeyRom-S5")

"""Captions say what happened, in words, whether or not the game said so."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

pytest.importorskip("minihack", reason="needs the extra 'nethack'")

import envs
from envs.nethack.captions import EVENTS, Captions, Change, Numbers, Part
from envs.nethack.fields import AT
from envs.nethack.game import NetHackGame
from envs.nethack.glyphs import sight
from envs.nethack.rules import BLANK, KEY, nethack
from reward_designers.base import reward_fn
from tests.envs.nethack.players import solve_keyroom


@pytest.mark.parametrize("seed", range(3))
def test_keyroom_is_told(seed: int) -> None:
    env = envs.make("MiniHack-KeyRoom-S5").unwrapped
    env.follow("caption")
    env.reset(seed=seed)
    told = []
    doors = []
    for action in solve_keyroom(env):
        *_, info = env.step(action)
        told.append(env.follow("caption"))
        doors.append(int(env.follow("doors_opened")))
    story = "; ".join(told).split("; ")
    order = [next(i for i, line in enumerate(story) if line.startswith(event)) for event in (
        "picked up a key", "door opened", "stepped on a staircase down"
    )]  # fmt: skip
    assert order == sorted(order)
    assert info["end_status"] == "solved"
    assert doors[-1] == 1
    assert story.count("saw a staircase down") == 1
    assert story.count("saw a closed door") <= 1  # it may be in view from the start
    opening = next(caption for caption in told if "door opened" in caption)
    assert "The door opens." in opening  # which upstream clicks away
    assert "[" not in opening
    env.close()


def test_captions_reach_rewards_as_text() -> None:
    @reward_fn
    def found(
        next_caption: np.ndarray, next_message: np.ndarray, map_text: np.ndarray, next_map_text: np.ndarray
    ) -> dict[str, np.ndarray]:
        assert all(type(text) is str for text in (*next_caption, *next_message, *next_map_text))
        assert all(text.count("\n") == 8 and text[4 * 10 + 4] == "@" for text in (*map_text, *next_map_text))
        return {"key": np.array(["picked up a key" in text for text in next_caption], float)}

    env = envs.ReplaceReward(envs.make("MiniHack-KeyRoom-S5"), found)
    env.reset(seed=0)
    paid = [env.step(action)[4]["reward_components"]["key"] for action in solve_keyroom(env.unwrapped)][:-1]
    assert sum(paid) == 1
    env.close()


def line(**entries: int) -> list[int]:
    numbers = [0] * len(AT)
    for name, value in entries.items():
        numbers[AT[name]] = value
    return numbers


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (line(hp=10), line(hp=6), ["HP fell by 4"]),
        (line(hp=10, gold=3), line(hp=11, gold=15), ["HP rose by 1", "gold rose by 12"]),
        (line(depth=1), line(depth=2), ["descended to level 2"]),
        (line(depth=2), line(depth=1), ["climbed to level 1"]),
        (line(experience_level=1), line(experience_level=2), ["rose to experience level 2"]),
        (line(hunger=1), line(hunger=2), ["now hungry"]),
        (line(condition=32), line(condition=256), ["no longer blind", "now confused"]),
        (line(x=3, time=4, score=1), line(x=4, time=5, score=2), []),
    ],
)
def test_numbers_are_told(before: list[int], after: list[int], said: list[str]) -> None:
    env = envs.make("MiniHack-Room-5x5").unwrapped
    change, numbers = Change(env), Numbers(env)
    env.bottom_line[...] = before
    change.begin()
    numbers.begin(change)
    env.bottom_line[...] = after
    change.step(False)
    assert list(numbers(change)) == said
    env.close()


def test_glyphs_are_named_as_a_player_sees_them() -> None:
    def thing(name: str) -> int:
        kinds = [nethack.OBJ_NAME(nethack.objclass(i)) for i in range(nethack.NUM_OBJECTS)]
        return nethack.GLYPH_OBJ_OFF + kinds.index(name)

    assert sight(KEY) == "a key"
    assert sight(thing("healing")) == "a potion"  # what kind it is, a player does not see
    assert sight(thing("apple")) == "an apple"
    assert sight(BLANK) is None
    newt = next(i for i in range(nethack.NUMMONS) if nethack.permonst(i).mname == "newt")
    assert sight(newt) == "a newt"
    assert sight(nethack.GLYPH_BODY_OFF + newt) == "a newt corpse"
    assert sight(nethack.GLYPH_PET_OFF + newt) is None
    for glyph in range(nethack.MAX_GLYPH):
        assert sight(glyph) != ""


def test_inventory_is_told() -> None:
    env = envs.make(
        "NetHackScore", captions=("inventory",), actions=tuple(nethack.ACTIONS), allow_all_yn_questions=True
    ).unwrapped
    env.follow("caption")
    env.reset(seed=2)
    number = {code: action for action, code in enumerate(env._codes)}
    told = []
    for key in "ldd,":  # drop the fourth item beside the stairs, and pick it up again
        env.step(number[ord(key)])
        told.append(env.follow("caption"))
    lost = [caption for caption in told if caption.startswith("lost ")]
    assert len(lost) == 1
    assert f"picked up {lost[0].removeprefix('lost ')}" in told
    env.close()


def test_a_part_of_ones_own() -> None:
    class Clock(Part):
        """The time."""

        def __call__(self, change: Change) -> Sequence[str]:
            """See `Part`."""
            return (f"turn {change.after[AT['time']]}",)

    env = envs.make("MiniHack-Room-5x5", captions=(Clock, "message")).unwrapped
    env.follow("caption")
    env.reset(seed=0)
    env.step(env._codes.index(ord("n")))
    assert env.follow("caption").startswith("turn 2")
    with pytest.raises(ValueError, match=r"unknown part of captions 'mesage'\. Did you mean 'message'"):
        Captions(env, ("mesage",))
    env.close()


def test_nobody_asks_nothing_is_made() -> None:
    env: NetHackGame = envs.make("MiniHack-Room-5x5").unwrapped
    env.reset(seed=0)
    env.step(0)
    assert not env._followers
    assert "inv_strs" not in env._arrays
    assert set(EVENTS) >= {"message", "numbers"}
    env.close()

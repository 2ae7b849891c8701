"""What judges of subgoals see of a transition."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from reward_designers import Transition
from reward_designers.errors import RewardError
from reward_designers.intrinsic import Scene
from reward_designers.intrinsic.scenes import LENGTH

BEFORE, AFTER = "abcde\nfghij\nklmno\npqrst\nuvwxy", "     \n ..+ \n .@. \n ... \n     "


def one(**after: Any) -> Transition:
    """A transition from `BEFORE` by action 1."""
    none = np.zeros(1, bool)
    said = {name: np.array([text], object) for name, text in ({"map_text": AFTER, "message": ""} | after).items()}
    return Transition({"map_text": np.array([BEFORE], object)}, np.array([1]), said, none, none)


def test_a_scene_shows_the_middle_of_the_map_before_and_after_the_action_and_what_was_said() -> None:
    (key,) = Scene(actions=("N", "E")).keys(one(message='"Hi"\n{x}'))
    assert json.loads(key) == {
        "map before": ["ghi", "lmn", "qrs"],
        "action": "E",
        "map after": ["..+", ".@.", "..."],
        "message after": '"Hi"\n{x}',
    }


def test_the_size_of_the_map_and_what_is_shown_can_be_chosen() -> None:
    (key,) = Scene(size=5).keys(one())
    assert json.loads(key)["map before"] == BEFORE.split("\n")
    words = Scene((), ("caption",), ())
    assert [json.loads(key) for key in words.keys(one(caption="door opened"))] == [{"caption after": "door opened"}]
    assert words.inputs == {"caption"}
    assert words.reads == {"next_state"}
    assert Scene(actions=("N",)).reads == {"state", "action", "next_state"}
    assert Scene().reads == {"state", "next_state"}


def test_programs_get_codes() -> None:
    t = one(message="ab☃")
    before, after = Scene().codes_before(t), Scene().codes_after(t)
    assert before["map_text"].shape == (1, 5, 5)
    assert after["map_text"][0, 1, 3] == ord("+")
    assert after["message"].shape == (1, LENGTH)
    assert after["message"][0, :4].tolist() == [ord("a"), ord("b"), ord("?"), 0]
    assert Scene().codes_after(one(message="x" * 2000))["message"].all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Scene(size=4), "size=4, expected an odd number"),
        (lambda: Scene(after=()), "nothing would be shown"),
        (lambda: Scene(actions=("N",)).keys(one()), "action 1 has no name"),
        (lambda: Scene().codes_after(one(map_text="a\nbc")), "maps of different sizes"),
        (lambda: Scene().codes_after(one(map_text="")), "maps of different sizes"),
    ],
)
def test_what_cannot_be_shown(make: Any, message: str) -> None:
    with pytest.raises(RewardError, match=message):
        make()

"""Numbers in words: scales, and goals that no scale can meet."""

from __future__ import annotations

import pytest

from reward_designers.errors import RewardError
from reward_designers.factored import NumberWords

SCALE = {"torso_height": ["low", 0.8, "middle", 1.2, "high"]}


def test_words() -> None:
    words = NumberWords.of({"body": {"torso_height": "high"}, "feet": {"forward_velocity": "fast"}}, SCALE)
    assert words.inputs == {"torso_height", "forward_velocity"}
    (state,) = words.begin([{"torso_height": 0.8, "forward_velocity": -3.0}])
    assert state.objects == {"body": {"torso_height": "middle"}, "feet": {"forward_velocity": "backward"}}


def test_near_words_get_credit() -> None:
    words = NumberWords.of({"body": {"torso_height": "middle"}}, SCALE)
    graded = words.graded([("body", {"torso_height": "middle"})])
    assert graded == [("body", {"torso_height": {"low": 0.0, "middle": 1.0, "high": 0.0}})]
    kept = [("body", {"torso_height": {"middle": 1.0, "high": 1.0}})]
    assert words.graded(kept) == kept


@pytest.mark.parametrize(
    ("goal", "words", "message"),
    [
        (
            {"body": {"torso_heigt": "high"}},
            SCALE,
            r"unknown field with words 'torso_heigt'. Did you mean 'torso_height'",
        ),
        ({"body": {"torso_height": "hi"}}, SCALE, r"unknown word for torso_height 'hi'.*Available: high, low, middle"),
        ({"body": {}}, SCALE, "expected an object with fields"),
        ("stand", SCALE, "expected an object with fields"),
        ({"body": {"x": "far"}}, {"x": ["near", 2.0, "middle", 1.0, "far"]}, "expected different words with rising"),
        ({"body": {"x": "far"}}, {"x": ["near", 2.0]}, "expected different words with rising"),
        ({"body": {"x": "far"}}, {"x": ["near", "2", "far"]}, "expected different words with rising"),
    ],
)
def test_mistakes_are_named(goal: object, words: dict, message: str) -> None:
    with pytest.raises(RewardError, match=message):
        NumberWords.of(goal, words)

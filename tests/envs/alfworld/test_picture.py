from __future__ import annotations

import numpy as np

import envs
from envs.alfworld.picture import draw
from envs.nethack.terminal import BAND, HEIGHT, SHAPE, draw_text


def line(text: str, color: int) -> np.ndarray:
    chars = np.frombuffer(text.ljust(80).encode(), np.uint8)[None]
    return draw_text(chars, np.full((1, 80), color, np.int8), 1)


def row(picture: np.ndarray, number: int) -> np.ndarray:
    return picture[BAND + number * HEIGHT : BAND + (number + 1) * HEIGHT]


def test_the_goal_is_above_and_what_is_new_stands_out() -> None:
    picture = draw("find a pen.", 0.5, [("", "A room."), ("go to desk 1", "You see a pen 1.")])
    assert picture.shape == SHAPE
    for number, (text, color) in enumerate(
        [("find a pen.", 11), ("50% of the goal reached", 8), ("-" * 80, 8), ("A room.", 8), ("", 8)]
        + [("> go to desk 1", 14), ("You see a pen 1.", 15), ("", 0)]
    ):
        np.testing.assert_array_equal(row(picture, number), line(text, color))


def test_the_latest_is_kept_when_there_is_too_much_to_show() -> None:
    picture = draw("wait.", 0.0, [("look", f"number {number} " + "and so on " * 20) for number in range(20)])
    np.testing.assert_array_equal(row(picture, 20), line("> look", 14))
    assert row(picture, 21).any()
    assert row(picture, 23).any()


def test_the_environment_draws_itself() -> None:
    env = envs.make("ALFWorld", render_mode="rgb_array")
    _, info = env.reset(seed=0)
    first = env.render()
    env.step(0)
    assert first.shape == SHAPE
    np.testing.assert_array_equal(row(first, 0), line(info["goal"], 11))
    assert (env.render() != first).any()

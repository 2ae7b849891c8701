"""Pictures of a game in text, for videos: the goal above, and the latest of what was done and said below it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

import numpy as np

from envs.nethack.terminal import BAND, COLUMNS, HEIGHT, ROWS, SHAPE, draw_text

_GRAY, _GREEN, _YELLOW, _BLUE, _WHITE = 8, 10, 11, 14, 15


def draw(goal: str, share: float, turns: Iterable[tuple[str, str]]) -> np.ndarray:
    """A picture of an episode.

    Args:
        goal: Its text.
        share: Of the goal's conditions that hold.
        turns: Commands with what was said to them; the first has no command.

    Returns:
        `envs.nethack.terminal.SHAPE` uint8.
    """
    said: list[tuple[str, int]] = []
    for command, feedback in turns:
        said = [(line, _GRAY) for line, _ in said]  # what is new stands out
        said += [("", _GRAY), (f"> {command}", _BLUE)] if command else []
        for paragraph in feedback.split("\n"):
            said += [(line, _WHITE) for line in textwrap.wrap(paragraph, COLUMNS - 2) or [""]]
    head = [(line, _YELLOW) for line in textwrap.wrap(goal, COLUMNS - 2)]
    head += [(f"{share:.0%} of the goal reached", _GREEN if share == 1 else _GRAY), ("-" * COLUMNS, _GRAY)]
    lines = head + said[-(ROWS - len(head)) :]
    chars = np.full((ROWS, COLUMNS), ord(" "), np.uint8)
    colors = np.zeros((ROWS, COLUMNS), np.int8)
    for row, (line, color) in enumerate(lines[:ROWS]):
        codes = np.frombuffer(line.encode("latin-1", "replace")[:COLUMNS], np.uint8)
        chars[row, : len(codes)] = codes
        colors[row] = color
    picture = np.zeros(SHAPE, np.uint8)
    picture[BAND : BAND + ROWS * HEIGHT] = draw_text(chars, colors, 1)
    return picture

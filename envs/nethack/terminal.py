"""Pictures of NetHack's terminal: colored characters of a fixed width, the map as large as it fits.

The characters are DejaVu Sans Mono, which comes with matplotlib (its licence is there too, in ``fonts/ttf``). They are
drawn once for each size; a picture is then an array operation of about a millisecond.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

import numpy as np

WIDTH, HEIGHT = 8, 16
"""Of a character on the message and status lines, pixels."""
ROWS, COLUMNS = 24, 80
BAND = 16
"""Pixels above the terminal, where videos write what they measure."""
SHAPE = (BAND + ROWS * HEIGHT, COLUMNS * WIDTH, 3)
"""Of pictures."""
_MAP = slice(1, 22)
_ZOOMS = (4, 3, 2, 1)
_PALETTE = np.array(
    [
        *((85, 87, 110), (205, 49, 49), (13, 188, 121), (193, 156, 50), (66, 120, 220), (188, 63, 188), (17, 168, 205)),
        *((190, 190, 190), (150, 150, 150), (241, 110, 60), (80, 235, 120), (245, 235, 80), (110, 160, 255)),
        *((225, 120, 225), (90, 225, 240), (255, 255, 255)),
    ],
    np.float32,
)
"""NetHack's 16 colors; its black, which would not be seen, is a dark gray-blue."""


@functools.cache
def characters(zoom: int) -> np.ndarray:
    """``(256, 16 * zoom, 8 * zoom)`` float32, 0 background to 1 ink: the characters of Latin-1."""
    from PIL import Image, ImageDraw, ImageFont

    matplotlib = importlib.util.find_spec("matplotlib")
    assert matplotlib is not None
    assert matplotlib.origin is not None
    path = Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSansMono.ttf"
    height, width = HEIGHT * zoom, WIDTH * zoom
    font = ImageFont.truetype(str(path), round(0.81 * height))
    drawn = np.zeros((256, height, width), np.float32)
    for code in range(33, 256):
        if not 127 <= code < 161:
            image = Image.new("L", (width, height))
            ImageDraw.Draw(image).text((0, round(0.78 * height)), chr(code), fill=255, font=font, anchor="ls")
            drawn[code] = np.asarray(image) / 255
    return drawn


class Terminal:
    """Draws one game; the part of the map that is in use fills the picture, and grows but does not jump about."""

    def __init__(self) -> None:
        self._box: tuple[int, int, int, int] | None = None

    def begin(self) -> None:
        """Another level, of another size."""
        self._box = None

    def draw(self, chars: np.ndarray, colors: np.ndarray, cursor: np.ndarray) -> np.ndarray:
        """A picture of the terminal.

        Args:
            chars: ``(24, 80)`` uint8.
            colors: ``(24, 80)`` int8.
            cursor: Its row and column, ``(2,)``.

        Returns:
            `SHAPE` uint8.
        """
        colors = colors & 15
        picture = np.zeros(SHAPE, np.uint8)
        for row in (0, ROWS - 2, ROWS - 1):
            top = BAND + row * HEIGHT
            picture[top : top + HEIGHT] = draw_text(chars[row : row + 1], colors[row : row + 1], 1)
        top, left, bottom, right = self._used(chars[_MAP])
        rows, columns = bottom - top, right - left
        room = (ROWS - 3) * HEIGHT
        zoom = next(z for z in _ZOOMS if z == 1 or (z * HEIGHT * rows <= room and z * WIDTH * columns <= SHAPE[1]))
        area = draw_text(chars[_MAP][top:bottom, left:right], colors[_MAP][top:bottom, left:right], zoom)
        row, column = int(cursor[0]) - 1 - top, int(cursor[1]) - left
        if 0 <= row < rows and 0 <= column < columns:
            height, width = HEIGHT * zoom, WIDTH * zoom
            cell = area[row * height : (row + 1) * height, column * width : (column + 1) * width]
            cell[...] = np.maximum(cell, (70, 70, 70))
        y = BAND + HEIGHT + (room - area.shape[0]) // 2
        x = (SHAPE[1] - area.shape[1]) // 2
        picture[y : y + area.shape[0], x : x + area.shape[1]] = area
        return picture

    def _used(self, map_: np.ndarray) -> tuple[int, int, int, int]:
        """Top, left, bottom and right of what has been drawn so far, and a margin."""
        rows, columns = np.nonzero(map_ != ord(" "))
        if len(rows):
            box = int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1
            if self._box is not None:
                box = (*map(min, box[:2], self._box[:2]), *map(max, box[2:], self._box[2:]))  # type: ignore[assignment]
            self._box = box
        if self._box is None:
            return 0, 0, ROWS - 3, COLUMNS
        top, left, bottom, right = self._box
        return max(top - 1, 0), max(left - 2, 0), min(bottom + 1, ROWS - 3), min(right + 2, COLUMNS)


def draw_text(chars: np.ndarray, colors: np.ndarray, zoom: int) -> np.ndarray:
    """``(rows, columns)`` characters as ``(rows * 16 * zoom, columns * 8 * zoom, 3)`` uint8."""
    ink = characters(zoom)[chars].transpose(0, 2, 1, 3)  # rows, pixels down, columns, pixels along
    colored = ink[..., None] * _PALETTE[colors][:, None, :, None, :]
    rows, columns = chars.shape
    return colored.reshape(rows * HEIGHT * zoom, columns * WIDTH * zoom, 3).astype(np.uint8)

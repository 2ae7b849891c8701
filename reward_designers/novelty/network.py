"""What random network distillation looks at, and the two networks: small ones, for training on a CPU."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import numpy as np
import torch
from torch import Tensor, nn

from reward_designers.base import State
from reward_designers.errors import RewardError

GLYPHS, VECTOR = 8192, 8
"""Entries of the table of random vectors for what is on a map, and their length."""
PIXELS = 42
"""Pictures are reduced to so many rows and columns, in gray."""
CLIP = 5.0
"""Standardized numbers are limited to this size (Burda et al. 2019, section 2.4)."""
WIDTH, OUT = 128, 64

Layout = dict[str, tuple[str, list[int]]]
"""Of each array the kind of its numbers (numpy's letter), and its shape without the batch dimension."""


def layout(names: Sequence[str], state: State) -> Layout:
    """What the arrays of a batch are like.

    Raises:
        RewardError: One holds no numbers.
    """
    for name in names:
        if state[name].dtype.kind not in "biuf":
            raise RewardError(
                f"state array {name!r} holds {state[name].dtype}, expected numbers; text can be counted: reward=count"
            )
    return {name: (state[name].dtype.kind, list(state[name].shape[1:])) for name in names}


class Views:
    """Arrays as tensors: numbers ``(n, d)`` to be standardized, glyphs of maps ``(n, k)``, pictures ``(n, 1, 42, 42)``.

    A map is a two-dimensional array of whole numbers, a picture a three-dimensional one of bytes; everything else is
    numbers.

    Args:
        arrays: See `layout`.
    """

    def __init__(self, arrays: Layout):
        self.pictures = [name for name, (kind, shape) in arrays.items() if len(shape) == 3 and kind == "u"]
        self.maps = [name for name, (kind, shape) in arrays.items() if len(shape) == 2 and kind in "iu"]
        self.numbers = [name for name in arrays if name not in (*self.pictures, *self.maps)]
        self.cells = sum(prod(arrays[name][1]) for name in self.maps)
        self.width = sum(prod(arrays[name][1]) for name in self.numbers)

    def values(self, state: State) -> np.ndarray:
        """What is to be standardized, ``(n, d)`` float32: numbers, then pixels."""
        n = len(next(iter(state.values())))
        columns = [state[name].reshape(n, -1).astype(np.float32) for name in self.numbers]
        columns += [_gray(state[name]).reshape(n, -1) for name in self.pictures]
        return np.concatenate(columns, axis=1) if columns else np.zeros((n, 0), np.float32)

    def glyphs(self, state: State) -> Tensor:
        """``(n, k)`` int64 in [0, GLYPHS)."""
        n = len(next(iter(state.values())))
        columns = [state[name].reshape(n, -1).astype(np.int64) % GLYPHS for name in self.maps]
        return torch.from_numpy(np.concatenate(columns, axis=1) if columns else np.zeros((n, 0), np.int64))


def _gray(frames: np.ndarray) -> np.ndarray:
    """``(n, height, width, channels)`` bytes to ``(n, 42, 42)`` float32 in [0, 1]."""
    gray = torch.from_numpy(frames.mean(-1, dtype=np.float32) / 255)
    return nn.functional.adaptive_avg_pool2d(gray[:, None], PIXELS)[:, 0].numpy()


class Network(nn.Module):
    """Standardized values and glyphs to features ``(n, 64)``.

    Args:
        views: What goes in.
        glyphs: The table of vectors for glyphs, ``(GLYPHS, VECTOR)``; nobody trains it.
        depth: Hidden layers.
    """

    def __init__(self, views: Views, glyphs: Tensor, depth: int):
        super().__init__()
        self.views, self.table = views, glyphs
        seen = views.width + views.cells * VECTOR
        self.eyes = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(1, 16, 4, 2),
                nn.ReLU(),
                nn.Conv2d(16, 32, 3, 2),
                nn.ReLU(),
                nn.Conv2d(32, 32, 3, 2),
                nn.ReLU(),
            )
            for _ in views.pictures
        )
        seen += len(views.pictures) * 32 * 4 * 4
        widths = [seen, *[WIDTH] * depth]
        hidden = [layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())]
        self.layers = nn.Sequential(*hidden, nn.Linear(WIDTH, OUT))
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.orthogonal_(parameter, 2**0.5)
            else:
                nn.init.zeros_(parameter)

    def forward(self, values: Tensor, glyphs: Tensor) -> Tensor:
        """``(n, d)`` float32 and ``(n, k)`` int64 to features."""
        numbers, *pictures = values.split([self.views.width, *[PIXELS**2] * len(self.views.pictures)], 1)
        looked = [
            eye(picture.reshape(-1, 1, PIXELS, PIXELS)).flatten(1)
            for eye, picture in zip(self.eyes, pictures, strict=True)
        ]
        return self.layers(torch.cat([numbers, self.table[glyphs].flatten(1), *looked], 1))

"""Episodes that go around in circles, then straight on."""

from __future__ import annotations

import numpy as np

from agents.comparison.flags import Steps


def circling(rng: np.random.Generator) -> tuple[Steps, np.ndarray]:
    """Ten episodes: 100 steps around a circle four times, then 100 straight on; fitness is progress."""
    angle = np.linspace(0, 8 * np.pi, 100, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    line = np.stack([np.linspace(1, 9, 101)[1:], np.zeros(100)], axis=1)
    states = np.tile(np.concatenate([circle, line]), (10, 1))
    on_line = np.tile(np.arange(200) >= 100, 10)
    episode = np.repeat(np.arange(10), 200)
    fitness = on_line + rng.normal(0, 0.1, 2000)
    return Steps("expert", episode, np.zeros(2000, bool), fitness, states), on_line

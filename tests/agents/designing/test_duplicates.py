"""Which programs repeat another one: EPIC alone would take shaping and constants for nothing."""

from __future__ import annotations

import numpy as np
import pytest

from agents.designing.duplicates import Duplicates
from reward_designers.base import Transition

BASE = "def reward(next_speed):\n    return {'speed': next_speed}\n"


@pytest.fixture(scope="module")
def finder() -> Duplicates:
    rng = np.random.default_rng(0)
    state = {"obs": rng.normal(size=(256, 2)), "speed": rng.normal(size=256), "height": rng.normal(size=256)}
    after = {"obs": rng.normal(size=(256, 2)), "speed": rng.normal(size=256), "height": rng.normal(size=256)}
    t = Transition(state, rng.normal(size=(256, 1)), after, np.zeros(256, bool), np.zeros(256, bool))
    options = {"gamma": 0.9, "threshold": 0.01, "seconds": 5.0, "sandbox": "available"}
    return Duplicates(t, ("speed", "height"), entry="reward", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("program", "same"),
    [
        ("def reward(next_speed):\n    return {'a': 0.4 * next_speed, 'b': 0.6 * next_speed}\n", True),
        ("def reward(next_speed, next_height):\n    return next_speed + 0.001 * next_height\n", True),
        ("def reward(next_speed, next_height):\n    return next_speed + 0.1 * next_height\n", False),
        ("def reward(next_speed):\n    return next_speed + 1.0\n", False),  # pays for staying alive
        ("def reward(next_speed):\n    return 10.0 * next_speed\n", False),
        ("def reward(next_speed, height, next_height):\n    return next_speed + 0.9 * next_height - height\n", False),
        ("def reward(next_speed):\n    return -next_speed\n", False),
        ("def reward(next_speed):\n    return 0.0 * next_speed\n", False),
    ],
)
def test_the_same_signal_written_otherwise_is_a_duplicate(finder: Duplicates, program: str, same: bool) -> None:
    other = "def reward(next_height):\n    return next_height\n"
    found = finder.find(program, {"other": other, "base": BASE})
    assert (found is not None) == same
    if found is not None:
        assert found[0] == "base"
        assert 0 <= found[1] <= 0.01


def test_constants_repeat_only_each_other(finder: Duplicates) -> None:
    one = "def reward(next_speed):\n    return 1.0 + 0.0 * next_speed\n"
    assert finder.find(one, {"base": BASE}) is None
    assert finder.find(one + "# again", {"base": BASE, "one": one}) == ("one", 0.0)

"""What cannot be learned from is refused before anything is built."""

from __future__ import annotations

import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, Sequence, Text

from agents.build import check_observations


@pytest.mark.parametrize(
    ("space", "named"),
    [
        (Text(5), r"not obs: Text"),
        (Sequence(Discrete(3)), r"not obs: Sequence"),
        (Dict({"place": Discrete(3), "said": Text(5)}), r"not said: Text"),
    ],
)
def test_observations_without_numbers_are_refused_by_name(space, named):
    with pytest.raises(ValueError, match=named):
        check_observations(space)


@pytest.mark.parametrize("space", [Box(-1, 1, (3,)), Dict({"a": Discrete(3), "b": MultiBinary(2)})])
def test_numbers_are_not(space):
    check_observations(space)

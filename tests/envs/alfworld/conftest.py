from __future__ import annotations

from pathlib import Path

import pytest

PLACES = [folder / "shared" / "alfworld_games" for folder in Path(__file__).parents[4:]]


@pytest.fixture(scope="session")
def genuine() -> Path:
    """Six games of ALFWorld's own data, which are no part of the project."""
    found = next((place for place in PLACES if place.is_dir()), None)
    if found is None:
        pytest.skip(f"there are no genuine games of ALFWorld in {PLACES[0]}")
    return found

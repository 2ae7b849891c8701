"""Messages for names that do not exist."""

from __future__ import annotations

from reward_designers.errors import unknown_name


def test_unknown_name() -> None:
    assert unknown_name("env", "Humanod", ["Hopper", "Humanoid"]) == (
        "unknown env 'Humanod'. Did you mean 'Humanoid'? Available: Hopper, Humanoid."
    )
    assert "Did you mean 'Humanoid'" in unknown_name("env", "HUMANOID", ["Hopper", "Humanoid"])
    assert unknown_name("env", "xyz", ["Hopper"]) == "unknown env 'xyz'. Available: Hopper."
    assert unknown_name("env", "xyz", []) == "unknown env 'xyz'. Available: none."

"""What is told about an environment: names, shapes, units, ranges, and nothing that is not there."""

from __future__ import annotations

import ast
import json
from dataclasses import replace

import pytest

from reward_designers.code.program import available
from reward_designers.code.search import ArrayDescription, Prompts, WorldDescription, describe
from tests.reward_designers.code.search.scripted import ABOUT, PROMPTS, WORLD, transitions


def test_the_stub_is_python_that_names_every_array() -> None:
    (cls,) = ast.parse(WORLD.stub()).body
    assert isinstance(cls, ast.ClassDef)
    named = [
        node.target.id for node in cls.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    ]
    assert named == ["obs", "action", "terminated", "height", "speed"]
    doc = ast.get_docstring(cls) or ""
    assert "1000 steps of 0.008 s" in doc
    assert "may end earlier" in doc
    assert "discount is 0.99" in doc


def test_only_what_is_of_a_state_has_a_next() -> None:
    names = available(WORLD.field_names)
    stub, rules = WORLD.stub(), PROMPTS.render("system")
    without = [name for name in names if not name.startswith("next_") and f"next_{name}" not in names]
    assert without == ["action", "terminated"]
    assert "action and terminated are of the step itself and have no next_" in stub
    assert "(no next_terminated)" in stub
    assert "`action` and `terminated` are of the step itself and have no `next_`" in rules


def test_the_score_is_told_where_it_is_known() -> None:
    assert "A step has at most 1." not in PROMPTS.render("world")
    known = Prompts(replace(WORLD, score="A step has at most 1."))
    assert "The task: Hop forward fast.\n\nA step has at most 1.\n" in known.render("world")


def test_a_line_says_shape_type_unit_meaning_and_range() -> None:
    height = transitions().next_state["height"]
    line = next(line for line in WORLD.stub().splitlines() if line.strip().startswith("height"))
    assert line.strip() == (
        "height: float64[n]  # [m] height of the torso; 1.25 when standing "
        f"(seen: {height.min():.3g} to {height.max():.3g})"
    )
    assert "action: float32[n, 2]" in WORLD.stub()


def test_scales_are_half_the_range_and_never_zero() -> None:
    assert ArrayDescription("x", typical=(-1.0, 3.0)).scale == 2.0
    assert ArrayDescription("x", typical=(3.0, 3.0)).scale == 1.0
    assert ArrayDescription("x").scale == 1.0


def test_it_survives_a_file() -> None:
    assert WorldDescription.from_json(json.loads(json.dumps(WORLD.to_json()))) == WORLD


def test_discrete_actions_and_timeless_worlds() -> None:
    world = describe(
        "CartPole", "Balance.", transitions(), about={}, gamma=0.9, choices=2, action_text="push", terminates=False
    )
    assert "# push, one of 0 .. 1\n" in world.stub()
    assert "never end earlier" in world.stub()
    assert " s," not in world.stub()


def test_a_field_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="no foot_height, but obs, height, speed"):
        describe("Hopper", "Hop.", transitions(), about={**ABOUT, "foot_height": ("m", "")}, gamma=0.99)


@pytest.mark.parametrize("name", ["speed", "obs", "two words"])
def test_names_must_be_usable(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        WorldDescription("W", "Do.", WORLD.obs, WORLD.action, (ArrayDescription("speed"), ArrayDescription(name)))


def test_a_task_needs_words() -> None:
    with pytest.raises(ValueError, match="no sentence"):
        WorldDescription("W", " ", WORLD.obs, WORLD.action)

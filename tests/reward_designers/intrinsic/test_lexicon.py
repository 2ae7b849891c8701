"""The embedded judge: what its rules say of NetHack's messages, by goal."""

from __future__ import annotations

import pytest

from reward_designers.intrinsic import Lexicon, Rule
from reward_designers.intrinsic.lexicon import RULES

KEYROOM = "Pick up the key, unlock the door of the small room with it, and step on the staircase down behind it."
GOLD = "Collect as much gold as possible."
FOOD = "Eat as much as possible."


def values(goal: str, *captions: str) -> list[float | None]:
    return [label.value for label in Lexicon().label(goal, captions)]


def test_steps_of_the_goal_are_worth_more_than_signs_of_them_and_those_more_than_nothing() -> None:
    """Captions as they come from KeyRoom."""
    key, opened, stairs, seen, *nothing = values(
        KEYROOM,
        "g - a key named The Master Key of Thievery.; picked up a key named The Master Key of Thievery",
        "The door resists! The door opens.; door opened; saw a staircase down",
        "stepped on a staircase down",
        "You see here a key named The Master Key of Thievery.",
        "This door is locked.",
        "saw a closed door",
        "Never mind.",
        "It's a wall.",
        "",
    )
    assert key == stairs == 1.0
    assert 0 < seen < 0.5 < opened
    assert set(nothing) == {0.0}


def test_the_goal_decides() -> None:
    captions = ("$ - 3 gold pieces.; gold rose by 3", "This orange is delicious!", "g - a key.")
    assert values(GOLD, *captions) == [1.0, 0.0, 0.0]
    assert values(FOOD, *captions) == [0.0, 1.0, 0.0]


def test_a_thing_that_is_only_mentioned_is_worth_nothing() -> None:
    mentioned = ("What do you want to eat? [fgi or ?*]", "You cannot eat that!", "picked up an orange potion")
    assert set(values(FOOD, *mentioned)) == {0.0}


def test_death_is_worth_nothing_whatever_else_happened() -> None:
    assert values(GOLD, "gold rose by 3; HP fell by 12; died") == [0.0]


def test_the_largest_value_counts_and_can_be_explained() -> None:
    lexicon = Lexicon([Rule("door", 0.2), Rule("opens", 0.7), Rule("opens", 1.0, goal="window")], name="mine")
    assert [label.value for label in lexicon.label("leave", ["The door opens."])] == [0.7]
    assert [rule.value for rule in lexicon.explain("leave", "The door opens.")] == [0.7, 0.2]


def test_answers_come_in_the_order_asked_and_compare_by_value() -> None:
    pairs = [("The door opens.", ""), ("", "The door opens."), ("It's a wall.", "")]
    preferences = Lexicon().prefer(KEYROOM, pairs)
    assert [(p.first, p.second) for p in preferences] == pairs
    assert [p.outcome for p in preferences] == [1.0, 0.0, 0.5]


@pytest.mark.parametrize("rule", RULES)
def test_rules_are_valid(rule: Rule) -> None:
    """A value of 0 or an empty goal would do nothing, or reward anything."""
    assert 0 < rule.value <= 1
    assert rule.goal

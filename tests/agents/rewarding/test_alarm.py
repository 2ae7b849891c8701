"""The alarm for rewards that rise while fitness does not."""

from __future__ import annotations

import numpy as np
import pytest

from agents.rewarding.alarm import WINDOW, HackingAlarm

NAMES = ("reward/intrinsic", "rollout/fitness")


def rows(paid: np.ndarray, fitness: np.ndarray) -> list[dict[str, float]]:
    return [dict(zip(NAMES, pair, strict=True)) for pair in zip(paid.tolist(), fitness.tolist(), strict=True)]


def noisy(rng: np.random.Generator, start: float, end: float, noise: float = 0.05, n: int = 60) -> np.ndarray:
    return np.linspace(start, end, n) + noise * rng.normal(size=n)


@pytest.mark.parametrize(
    ("paid", "fitness", "expected"),
    [
        ((1, 40), (0, 0), True),  # the hacked judge of docs/intrinsic-rewards.md
        ((1, 40), (0.5, 0.1), True),
        ((1, 40), (0, 1), False),
        ((1, 1), (0, 0), False),
        ((40, 1), (0, 0), False),
        ((5, 5.5), (0, 0), False),
    ],
)
def test_it_goes_off_when_the_reward_rises_alone(
    paid: tuple[float, float], fitness: tuple[float, float], expected: bool, rng: np.random.Generator
) -> None:
    alarm = HackingAlarm(*NAMES)
    went_off = [alarm(row) for row in rows(noisy(rng, *paid), noisy(rng, *fitness))]
    assert sum(went_off) == expected
    assert bool(alarm.text) == expected
    assert not any(went_off[: WINDOW - 1])


def test_noisy_fitness_that_rises_as_well_is_no_alarm() -> None:
    alarm = HackingAlarm(*NAMES)
    paid = np.repeat([22.0, 30.0, 38.0], 10) + np.tile([-1.0, 1.0], 15)
    fitness = np.repeat([34.0, 42.0, 51.0], 10) + np.tile([-28.0, 28.0], 15)  # 17 more, with a standard error of 13
    assert not any(alarm(row) for row in rows(paid, fitness))
    falling = HackingAlarm(*NAMES)
    assert any(falling(row) for row in rows(paid, fitness[::-1]))


def test_exactly_zero_fitness_is_flat(rng: np.random.Generator) -> None:
    alarm = HackingAlarm(*NAMES)
    assert any(alarm(row) for row in rows(noisy(rng, 0, 1), np.zeros(60)))
    assert "reward/intrinsic rose from" in alarm.text


def test_rows_without_an_episode_are_passed_over_and_resuming_changes_nothing(rng: np.random.Generator) -> None:
    log = rows(noisy(rng, 1, 40), noisy(rng, 0, 0))
    log = [row for pair in zip(log, [{"time/fps": 1.0}] * 60, strict=True) for row in pair]
    whole, went_off = HackingAlarm(*NAMES), -1
    for i, row in enumerate(log):
        if whole(row):
            went_off = i
    assert went_off > 0
    resumed = HackingAlarm(*NAMES, log[: went_off - 3])
    assert not resumed.text
    assert [resumed(row) for row in log[went_off - 3 : went_off + 1]] == [False, False, False, True]
    assert HackingAlarm(*NAMES, log).text == whole.text


def test_components_of_a_term_are_watched_as_one(rng: np.random.Generator) -> None:
    alarm = HackingAlarm("reward/subgoals", "rollout/fitness")
    for value in noisy(rng, 0, 1):
        alarm({"reward/subgoals/key": value, "reward/subgoals/door": value, "reward/subgoals-2": -9.0, NAMES[1]: 0.0})
    assert "reward/subgoals rose from" in alarm.text

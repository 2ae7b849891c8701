"""Hacking flags: raised where a reward was made to be hackable, silent where it was not."""

from __future__ import annotations

import numpy as np
import pytest

from agents.comparison import flags
from agents.comparison.flags import Curve, Steps
from reward_designers.base import Transition
from tests.agents.comparison.circling import circling


def curve(proxy: np.ndarray, fitness: np.ndarray, rng: np.random.Generator, noise: float = 0.05) -> Curve:
    m = len(proxy)
    return Curve("run", np.arange(m) * 1000.0, proxy + rng.normal(0, noise, m), fitness + rng.normal(0, noise, m))


RISING = np.linspace(0, 10, 60)
HILL = np.concatenate([np.linspace(0, 2, 20), np.linspace(2, 0.2, 40)])


def test_paid_more_for_doing_worse(rng):
    (flag,) = flags.over_optimized("mine", [curve(RISING, HILL, rng)] * 2)
    assert (flag["severity"], flag["kind"], flag["reward"]) == ("high", "over_optimized", "mine")
    assert "2 of 2 training runs" in flag["evidence"]


@pytest.mark.parametrize(
    ("proxy", "fitness"),
    [
        (RISING, RISING / 5),  # both rise
        (HILL, HILL),  # both fall: training collapsed, the reward did not pay for it
        (RISING, np.zeros(60)),  # fitness is noise
        (RISING, np.minimum(RISING, 5) / 5),  # fitness levels off
    ],
    ids=["rise", "collapse", "noise", "level"],
)
def test_training_that_is_no_hacking(proxy: np.ndarray, fitness: np.ndarray, rng):
    raised = [flags.over_optimized("mine", [curve(proxy, fitness, rng)]) for _ in range(40)]
    assert sum(map(bool, raised)) <= 1


def distance(value: float, reach: float = 0.02) -> dict[str, float]:
    return {"value": value, "low": value - reach, "high": value + reach}


def test_agreement_on_random_behavior_alone():
    found = {"random": distance(0.1), "mixture": distance(0.4), "mine's policy": distance(0.6)}
    (flag,) = flags.coverage_gap("mine", found, ["mine's policy"])
    assert flag["severity"] == "high"
    assert "0.10 from the reference on random transitions, but 0.60" in flag["evidence"]
    (flag,) = flags.coverage_gap("mine", found, [])
    assert flag["severity"] == "medium"


def test_intervals_that_nearly_meet_are_no_gap():
    assert flags.coverage_gap("mine", {"random": distance(0.3, 0.1), "own": distance(0.5, 0.1)}, ["own"]) == []
    assert flags.coverage_gap("mine", {"random": distance(0.0), "own": distance(0.2)}, ["own"]) == []
    assert flags.coverage_gap("mine", {"own": distance(0.9)}, ["own"]) == []
    undefined = {"value": None, "low": None, "high": None}
    assert flags.coverage_gap("mine", {"random": distance(0.1), "own": undefined}, ["own"]) == []


@pytest.fixture
def steps(rng) -> Steps:
    """30 episodes of 20 steps that end in failure; fitness falls as it comes near."""
    time = np.tile(np.arange(20), 30)
    fitness = 1 - time / 20 + rng.normal(0, 0.1, 600)
    return Steps("random", np.repeat(np.arange(30), 20), time == 19, fitness, rng.normal(size=(600, 3)))


def test_a_reward_against_fitness(steps: Steps, rng):
    (flag,) = flags.against_fitness("mine", 3 - 5 * steps.fitness + rng.normal(0, 0.1, 600), steps)
    assert flag["severity"] == "high"
    assert flag["numbers"]["correlation"]["high"] < -0.9
    assert flags.against_fitness("mine", steps.fitness, steps) == []
    assert flags.against_fitness("mine", rng.normal(size=600), steps) == []
    assert flags.against_fitness("mine", np.ones(600), steps) == []


def test_a_reward_for_failing(steps: Steps, rng):
    (flag,) = flags.in_failures("mine", 1.0 * steps.terminated + rng.normal(0, 0.01, 600), steps)
    assert flag["severity"] == "high"
    assert flag["numbers"]["failures"] == 30
    assert flag["numbers"]["paid_there"] == pytest.approx(1, abs=0.01)
    slightly = rng.normal(size=600) + 0.1 * steps.terminated
    assert flags.in_failures("mine", slightly, steps) == []  # however much fitness falls
    assert flags.in_failures("mine", -1.0 * steps.terminated, steps) == []
    assert flags.in_failures("mine", rng.normal(size=600), steps) == []


def test_a_reward_that_fitness_justifies_is_not_for_failing(steps: Steps):
    """Where failing is what is wanted, as falling forward may be, the reward only says so."""
    wanted = Steps("random", steps.episode, steps.terminated, 1.0 * steps.terminated, steps.states)
    assert flags.in_failures("mine", 2.0 * steps.terminated, wanted) == []


def test_a_reward_for_going_in_circles(rng):
    steps, on_line = circling(rng)
    pays = np.where(on_line, 0.1, 1.0) + rng.normal(0, 0.05, 2000)
    (flag,) = flags.in_cycles("mine", pays, steps)
    assert flag["severity"] == "high"
    assert flag["numbers"]["paid_there"] > 0.8
    assert flags.in_cycles("mine", steps.fitness, steps) == []
    assert flags.in_cycles("mine", pays - 2, steps) == []  # a loss on every loop is no reason to go round


def test_no_direction():
    (flag,) = flags.without_direction("zero", {"random": "it is constant"}, ["random"], False)
    assert (flag["severity"], flag["evidence"]) == ("high", "On every coverage: it is constant.")
    (flag,) = flags.without_direction("zero", {"random": "it is constant"}, ["random", "expert"], False)
    assert flag["severity"] == "medium"
    (flag,) = flags.without_direction("alive", {"random": "it is constant"}, ["random"], True)
    assert flag["severity"] == "medium"
    assert "by how long these last" in flag["evidence"]
    assert flags.without_direction("fine", {}, ["random"], True) == []


def test_states_are_the_simulators_or_else_observations():
    flagless = np.zeros(2), {}, np.zeros(2, bool), np.zeros(2, bool)
    state = {"obs": np.zeros((2, 4)), "qpos": np.ones((2, 3)), "qvel": np.ones((2, 2)), "frame": np.zeros((2, 8, 8, 3))}
    found = flags.states_of(Transition(state, *flagless))
    assert found is not None
    assert found.shape == (2, 5)
    seen = flags.states_of(Transition({"obs": np.zeros((2, 4))}, *flagless))
    assert seen is not None
    assert seen.shape == (2, 4)
    assert flags.states_of(Transition({"height": np.zeros(2)}, *flagless)) is None

"""DARD on samples is DARD of arrays where nothing is left to chance, and near it elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

import envs
from envs.simulator import make_simulator
from reward_designers.base import RewardFn, Transition, reward_fn
from reward_designers.distances import UnsupportedRewardError, dard, dard_matrix, tabular
from reward_designers.errors import RewardError
from tests.reward_designers.distances.small import Lookup, TableSimulator, batch, deterministic, everything, walk
from tests.reward_designers.distances.worlds import make_world


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def two_rewards(rng: np.random.Generator, shape: tuple[int, ...], alike: float = 0.6) -> tuple[Lookup, Lookup]:
    a = rng.normal(size=shape)
    return Lookup(a, "a"), Lookup(alike * a + rng.normal(size=shape), "b")


@pytest.mark.parametrize("discount", [0.0, 0.9, 1.0])
def test_exact_in_a_deterministic_world_with_few_actions(rng, discount):
    transition = deterministic(rng)
    a, b = two_rewards(rng, transition.shape)
    pool = np.array([0, 1, 1, 2])
    coverage = transition / transition.sum()
    given = {"discount": discount, "transition": transition, "action_dist": [0.25, 0.5, 0.25]}
    exact = tabular.dard(a.table, b.table, coverage=coverage, **given)
    d = dard(
        a, b, transitions=everything(transition), simulator=TableSimulator(transition), discount=discount, actions=pool
    )
    assert d.value == pytest.approx(exact, abs=1e-12)
    assert d.samples == {"transitions": 15, "actions": 3}
    assert d.interval.startswith("jackknife over transitions, 15 groups")
    assert d.method == "dard"


def test_near_the_exact_one_in_a_stochastic_world(rng):
    world = make_world(rng)
    a, b = two_rewards(rng, world.transition.shape)
    uniform = np.full(3, 1 / 3)
    coverage = uniform[:, None] * world.transition / 4
    exact = tabular.dard(
        a.table, b.table, discount=0.9, transition=world.transition, action_dist=uniform, coverage=coverage
    )
    s, act = rng.integers(4, size=2000), rng.integers(3, size=2000)
    simulator = TableSimulator(world.transition)
    t = batch(s, act, simulator.step({"cell": s}, act)["cell"])
    d = dard(
        a, b, transitions=t, simulator=simulator, discount=0.9, actions=np.arange(3), n_transitions=2000, n_actions=150
    )
    assert d.samples["actions"] == 150
    assert d.value == pytest.approx(exact, abs=0.03)
    assert d.low - 0.01 < exact < d.high + 0.01


def test_the_interval_counts_the_choice_of_actions_in():
    """A continuous action, few draws of it, many transitions: nearly all uncertainty is that of the draws."""

    class Line:
        restores, deterministic = frozenset({"x"}), True

        def step(self, state, action):
            return {"x": 0.8 * state["x"] + action[:, 0]}

    @reward_fn
    def bend(x, action, next_x):
        return np.sin(3 * x + 2 * action[:, 0]) + next_x

    @reward_fn
    def push(x, action, next_x):
        return np.cos(2 * next_x) * action[:, 0] - x**2

    rng = np.random.default_rng(0)

    def sampled(n_transitions: int, n_actions: int):
        x, act = rng.normal(size=n_transitions), rng.normal(size=(n_transitions, 1))
        after = Line().step({"x": x}, act)
        flags = np.zeros(n_transitions, bool)
        return dard(
            bend,
            push,
            transitions=Transition({"x": x}, act, after, flags, flags),
            simulator=Line(),
            discount=0.9,
            n_transitions=n_transitions,
            n_actions=n_actions,
        )

    truth = sampled(4000, 400).value
    assert truth is not None
    found = [sampled(600, 20) for _ in range(60)]
    inside = sum(d.low <= truth <= d.high for d in found)
    assert 51 <= inside <= 60  # 95 % of 60 is 57
    spread = np.std([d.value for d in found])
    assert np.mean([d.high - d.low for d in found]) == pytest.approx(2 * 2.1 * spread, rel=0.35)


class TestWhatItIgnores:
    """Exactly, with any draws: the terms cancel one by one."""

    @pytest.fixture
    def hopper(self):
        env = envs.make("Hopper")
        rewards = [forward, lean, reaching]
        simulator = make_simulator(env, rewards)
        env.reset(seed=0)
        env.action_space.seed(0)
        actions = np.array([env.action_space.sample() for _ in range(60)])
        chain = simulator._step(None, actions[:1])
        states = [{k: v.copy() for k, v in chain.items()}]
        for action in actions[1:]:
            states.append(simulator.step(states[-1], action[None]))
        names = states[0]
        state = {k: np.concatenate([s[k] for s in states[:-1]]) for k in names}
        after = {k: np.concatenate([s[k] for s in states[1:]]) for k in names}
        flags = np.zeros(59, bool)
        flags[30] = True
        return simulator, Transition(state, actions[1:], after, flags, ~flags)

    def distances(self, hopper, rewards: dict[str, RewardFn]):
        simulator, t = hopper
        return dard_matrix(rewards, transitions=t, simulator=simulator, discount=0.95, n_actions=4)

    def test_scale_shift_and_shaping(self, hopper):
        found = self.distances(
            hopper,
            {
                "plain": forward,
                "scaled": 3 * forward + 7.0,
                "shaped": forward + 10 * reaching.potential(0.95),
                "negated": -1.0 * forward,
                "other": lean,
            },
        )
        assert found["plain", "scaled"].value == pytest.approx(0, abs=1e-12)
        assert found["plain", "shaped"].value == pytest.approx(0, abs=1e-9)
        assert found["plain", "negated"].value == pytest.approx(1)
        assert 0.2 < found["plain", "other"].value < 0.95

    def test_shaping_with_another_discount_is_no_shaping(self, hopper):
        found = self.distances(hopper, {"plain": forward, "shaped": forward + 10 * reaching.potential(0.5)})
        assert found["plain", "shaped"].value > 0.05

    def test_nothing_but_shaping_is_degenerate(self, hopper):
        found = self.distances(hopper, {"plain": forward, "shaping": reaching.potential(0.95)})
        assert found["plain", "shaping"].value is None
        assert "'shaping'" in found["plain", "shaping"].degenerate


@reward_fn
def forward(qpos, next_qpos):
    return (next_qpos[:, 0] - qpos[:, 0]) / 0.008


@reward_fn
def lean(next_torso_height, action):
    return next_torso_height - 0.1 * np.square(action).sum(-1)


@reward_fn
def reaching(qpos):
    return np.sin(5 * qpos[:, 0]) + qpos[:, 1] ** 2


def test_successors_that_nobody_reads_are_not_simulated(rng):
    transition = deterministic(rng)
    simulator, t = TableSimulator(transition), everything(transition)

    @reward_fn
    def arrived(next_cell):
        return (next_cell == 2) + 0.1 * next_cell

    @reward_fn
    def left(cell, action):
        return np.sin(cell) * action

    given = {"transitions": t, "simulator": simulator, "discount": 0.9}
    value = dard(arrived, left, **given).value
    assert simulator.steps == 15 * 3

    @dataclass_reward
    def arrived_slowly(t):
        return (t.next_state["cell"] == 2) + 0.1 * t.next_state["cell"]

    @dataclass_reward
    def left_slowly(t):
        return np.sin(t.state["cell"]) * t.action

    simulator.steps = 0
    assert dard(arrived_slowly, left_slowly, **given).value == pytest.approx(value, abs=1e-12)
    assert simulator.steps == 2 * 15 * 3


def dataclass_reward(function):
    class Reads(RewardFn):
        name, inputs = function.__name__, frozenset({"cell"})

        def __call__(self, t, memory=None):
            return {"all": function(t)}

    return Reads()


def test_blocks_and_sums_change_nothing(rng):
    transition = deterministic(rng, 30)
    a, b = two_rewards(rng, transition.shape)
    t, episodes = walk(transition, 400, rng)
    given = {
        "transitions": t,
        "simulator": TableSimulator(transition),
        "discount": 0.9,
        "episodes": episodes,
        "n_transitions": 300,
    }
    whole = dard_matrix({"a": a, "b": 2 * a + b, "c": Lookup(2 * a.table + b.table)}, **given)
    assert whole["a", "b"].value == pytest.approx(whole["a", "c"].value, abs=1e-12)
    assert whole["b", "c"].value == pytest.approx(0, abs=1e-12)
    assert whole["a", "b"].samples["transitions"] == 300
    assert "8 groups of whole episodes" in whole["a", "b"].interval
    assert 120 < whole.half["a", "b"].samples["transitions"] < 180
    steps = []
    again = dard_matrix({"a": a, "b": 2 * a + b}, memory_mb=1e-3, progress=lambda *done: steps.append(done), **given)
    assert again["a", "b"].value == whole["a", "b"].value
    assert steps[-1] == (1800, 1800)
    assert len(steps) > 100  # small blocks indeed


class TestRefusals:
    def given(self, rng):
        transition = deterministic(rng)
        return {"transitions": everything(transition), "simulator": TableSimulator(transition), "discount": 0.9}

    def test_constant_rewards(self, rng):
        a, _ = two_rewards(rng, (5, 3, 5))
        d = dard(a, Lookup(np.full((5, 3, 5), 0.1), "flat"), **self.given(rng))
        assert d.value is None
        assert "'flat'" in d.degenerate

    def test_rewards_that_remember(self, rng):
        a, b = two_rewards(rng, (5, 3, 5))
        b.markov = False
        with pytest.raises(UnsupportedRewardError, match="erc"):
            dard(a, b, **self.given(rng))

    def test_rewards_that_fail(self, rng):
        a, b = two_rewards(rng, (5, 3, 5))
        b.table[:, 1] = np.nan
        with pytest.raises(RewardError, match="not finite"):
            dard(a, b, **self.given(rng))

    def test_arrays_that_are_not_there(self, rng):
        @reward_fn
        def seen(next_frame):
            return next_frame

        a, _ = two_rewards(rng, (5, 3, 5))
        with pytest.raises(RewardError, match="unknown state array 'frame'"):
            dard(a, seen, **self.given(rng))

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"discount": 1.1}, r"\[0, 1\], got 1.1"),
            ({"actions": np.zeros((4, 2))}, "pool of actions has shape"),
            ({"actions": np.zeros(0, int)}, "16 from 0"),
            ({"n_transitions": 1}, "two transitions, got 1"),
            ({"episodes": np.zeros(3, int)}, r"episodes must have shape \(15,\)"),
        ],
    )
    def test_bad_arguments(self, rng, options, message):
        with pytest.raises(ValueError, match=message):
            dard(*two_rewards(rng, (5, 3, 5)), **{**self.given(rng), **options})

"""STARC with fitted values: exact where the fit is, elsewhere with the ranks of the exact one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

import envs
from reward_designers.base import RewardFn, Transition, reward_fn
from reward_designers.distances import UnsupportedRewardError, starc, starc_matrix, tabular
from reward_designers.errors import RewardError
from tests.reward_designers.distances.small import Lookup, TableSimulator, walk

N, GAMMA = 24, 0.95
ANGLE = 2 * np.pi * np.arange(N) / N


def ring(slip: float) -> np.ndarray:
    """Cells in a circle: back, stay, on; with probability ``slip`` one cell further or less."""
    transition = np.zeros((N, 3, N))
    for cell in range(N):
        for action in range(3):
            for error, chance in ((-1, slip / 2), (0, 1 - slip), (1, slip / 2)):
                transition[cell, action, (cell + action - 1 + error) % N] += chance
    return transition


def seen(t: Transition) -> Transition:
    """With observations: where on the circle a cell is."""

    def see(cell: np.ndarray) -> np.ndarray:
        return np.stack([np.cos(ANGLE[cell]), np.sin(ANGLE[cell])], axis=1)

    return Transition(
        {**t.state, "obs": see(t.state["cell"])},
        t.action,
        {**t.next_state, "obs": see(t.next_state["cell"])},
        t.terminated,
        t.truncated,
    )


class SeenSimulator(TableSimulator):
    def step(self, state, action):
        cell = super().step(state, action)["cell"]
        return {"cell": cell, "obs": np.stack([np.cos(ANGLE[cell]), np.sin(ANGLE[cell])], axis=1)}


def of_state(values: np.ndarray, name: str = "reward") -> Lookup:
    return Lookup(np.broadcast_to(values[:, None, None], (N, 3, N)), name)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def walked(rng):
    t, episodes = walk(ring(0.3), 4000, rng)
    return {"transitions": seen(t), "episodes": episodes, "discount": GAMMA, "features": ("obs",)}


def smooth(rng: np.random.Generator) -> np.ndarray:
    return np.sin(rng.integers(1, 4) * ANGLE + rng.uniform(0, 6))


def test_ends_of_the_scale(walked, rng):
    a = of_state(smooth(rng))
    assert starc(a, a, **walked).value == 0
    assert starc(a, 5 * a + 3.0, **walked).value == pytest.approx(0, abs=1e-7)
    d = starc(a, -a, **walked)
    assert d.value == pytest.approx(2)
    assert d.ranking_only
    assert d.method == "starc"


def test_ranks_as_the_exact_distance(rng):
    transition = ring(0.3)
    t, episodes = walk(transition, 4000, rng)
    visits = np.bincount(t.state["cell"], minlength=N) / len(t)
    coverage = visits[:, None, None] / 3 * transition
    exact, rewards = [], {}
    for number in range(25):
        a = smooth(rng)[:, None, None] + 0.3 * rng.normal(size=(1, 3, 1)) + np.zeros((N, 3, N))
        potential = rng.uniform(0, 10) * smooth(rng)
        b = a + rng.uniform(0, 2) * smooth(rng)[:, None, None] + GAMMA * potential - potential[:, None, None]
        exact.append(
            tabular.starc(a, b, discount=GAMMA, transition=transition, coverage=coverage, canonicalization="minimal")
        )
        rewards |= {f"a{number}": Lookup(a), f"b{number}": Lookup(b)}
    matrix = starc_matrix(rewards, transitions=seen(t), episodes=episodes, discount=GAMMA, features=("obs",))
    found = [matrix[f"a{number}", f"b{number}"] for number in range(25)]
    values = np.array([d.value for d in found])
    assert spearmanr(exact, values).statistic > 0.99
    np.testing.assert_allclose(values, exact, atol=0.03)
    inside = np.mean([d.low <= e <= d.high for d, e in zip(found, exact, strict=True)])
    assert inside > 0.8  # 95 % if each pair had its own walk


def test_smooth_motion_in_small_steps_makes_no_singular_system():
    """CartPole: what LSTD gives here is anything between 0 and 2, another number for every set of episodes."""
    env = envs.make("CartPole", "upright")
    env.action_space.seed(0)
    steps = []
    for episode in range(14):
        obs, _ = env.reset(seed=episode)
        for _ in range(200):
            action = env.action_space.sample()
            after, *_ = env.step(action)
            steps.append((obs, action, after, episode))
            obs = after
    before, action, after, episode = (np.array(part) for part in zip(*steps, strict=True))
    flags = np.zeros(len(before), bool)
    t = Transition({"obs": before}, action, {"obs": after}, flags, flags)

    @reward_fn
    def upright(next_obs):
        return np.cos(next_obs[:, 2])

    @reward_fn
    def centered(next_obs):
        return -np.abs(next_obs[:, 0])

    @reward_fn
    def slow(next_obs):
        return np.cos(next_obs[:, 2]) - 0.01 * np.square(next_obs[:, 3])

    found = starc_matrix([upright, centered, slow], transitions=t, episodes=episode, discount=0.99)
    for pair in (("upright", "centered"), ("upright", "slow"), ("centered", "slow")):
        assert found.half[pair].value == pytest.approx(found[pair].value, abs=0.15)
    assert found["upright", "slow"].value < found["upright", "centered"].value


class TestShaping:
    @pytest.fixture
    def line(self, rng):
        """A noisy walk on a line, whose position is all there is to see."""
        x = [np.zeros(60)]
        for _ in range(80):
            x.append(0.9 * x[-1] + 0.4 * rng.normal(size=60))
        place = np.stack(x)
        before, after = (part.T.reshape(-1, 1) for part in (place[:-1], place[1:]))
        flags = np.zeros(len(before), bool)
        t = Transition({"obs": before}, after - 0.9 * before, {"obs": after}, flags, flags)
        return {"transitions": t, "episodes": np.repeat(np.arange(60), 80), "discount": GAMMA}

    def test_that_is_declared_is_taken_out(self, line):
        @reward_fn
        def jagged(obs):
            return np.sign(np.sin(40 * obs[:, 0]))

        assert starc(target, 2 * target + 5 * jagged.potential(GAMMA), **line).value == pytest.approx(0, abs=1e-7)
        assert starc(target, target + 5 * jagged.potential(0.5), **line).value > 0.5

    def test_that_is_hidden_is_found_as_far_as_features_go(self, line):
        def shaped(potential):
            @reward_fn
            def reward(obs, next_obs):
                return target.function(next_obs) + 3 * (GAMMA * potential(next_obs) - potential(obs))

            return starc(target, reward, **line).value

        assert shaped(lambda obs: obs[:, 0]) < 1e-3
        assert shaped(lambda obs: obs[:, 0] ** 2) < 1e-3
        assert shaped(lambda obs: np.sin(3 * obs[:, 0])) < 0.05
        assert shaped(lambda obs: np.sign(np.sin(40 * obs[:, 0]))) > 0.5  # what no smooth function is

    def test_shaping_alone_counts_as_nothing(self, line):
        d = starc(target, target.potential(GAMMA), **line)
        assert d.value == 1
        assert d.low is None
        assert d.interval.startswith("no interval: shaping is zero")

    def test_being_alive_is_worth_something_only_where_episodes_end(self, line):
        @reward_fn
        def alive(obs):
            return np.ones(len(obs))

        assert starc(target, alive, **line).value == 1
        assert starc(alive, 2 * alive, **line).value == 0
        t = line["transitions"]
        ends = np.abs(t.next_state["obs"][:, 0]) > 1
        ending = {**line, "transitions": Transition(t.state, t.action, t.next_state, ends, np.zeros_like(ends))}
        assert starc(target, alive, **ending).value not in (0, 1)
        assert starc(alive, target + 100.0, **ending).value < 0.2


@reward_fn
def target(next_obs):
    return np.exp(-np.square(next_obs[:, 0] - 0.5))


def test_a_random_simulator_sees_through_redistribution(walked, rng):
    """Paying for luck: another reward of successors with the same expectation everywhere."""
    transition = ring(0.3)
    a = smooth(rng)[:, None, None] + np.zeros((N, 3, N))
    luck = 5 * rng.normal(size=(N, 3, N))
    luck -= (transition * luck).sum(2, keepdims=True)
    blind = starc(Lookup(a, "a"), Lookup(a + luck, "b"), **walked)
    knowing = starc(
        Lookup(a, "a"), Lookup(a + luck, "b"), simulator=SeenSimulator(transition), n_successors=64, **walked
    )
    assert blind.value > 0.8
    assert knowing.value < 0.5 * blind.value
    other = of_state(-smooth(rng), "other")
    exact = tabular.starc(a, other.table, discount=GAMMA, transition=transition, canonicalization="minimal")
    apart = starc(Lookup(a), other, simulator=SeenSimulator(transition), **walked)
    assert apart.value == pytest.approx(exact, abs=0.15)


def test_matrix_is_every_pair_and_half_is_half(walked, rng):
    rewards = {"a": of_state(smooth(rng)), "b": of_state(smooth(rng)), "c": of_state(np.cos(ANGLE))}
    found = starc_matrix(rewards, **walked)
    assert found["a", "c"].value == pytest.approx(starc(rewards["a"], rewards["c"], **walked).value)
    assert found["c", "b"].low < found["c", "b"].value < found["c", "b"].high
    assert "64 groups of episodes; with values fitted on other episodes it is 1." in found["a", "b"].interval
    assert 1500 < found.half["a", "b"].samples["transitions"] < 2500
    again = starc_matrix(rewards, **walked)
    assert again["a", "b"] == found["a", "b"]
    assert again["a", "b"] != starc_matrix(rewards, seed=1, **walked)["a", "b"]


class TestRefusals:
    def test_rewards_that_remember(self, walked, rng):
        a = of_state(smooth(rng))
        a.markov = False
        with pytest.raises(UnsupportedRewardError, match="erc"):
            starc(a, of_state(smooth(rng)), **walked)

    def test_rewards_that_fail(self, walked):
        with pytest.raises(RewardError, match="not finite"):
            starc(of_state(np.full(N, np.nan)), of_state(ANGLE), **walked)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"discount": 1.0}, r"\[0, 1\), for values to exist, got 1.0"),
            ({"features": ("pose",)}, r"fitted to pose \(features=\): unknown state array 'pose'"),
            ({"n_transitions": 10}, "32 transitions, got 10"),
            ({"episodes": np.zeros(3)}, r"shape \(4000,\)"),
            ({"confidence": 95}, "between 0 and 1, got 95"),
        ],
    )
    def test_bad_arguments(self, walked, options, message):
        with pytest.raises(ValueError, match=message):
            starc(of_state(ANGLE), of_state(ANGLE**2), **{**walked, **options})


def test_values_are_functions_of_what_is_small_enough(rng):
    pixels = rng.normal(size=(64, 30, 30))
    flags = np.zeros(64, bool)
    state = {
        "obs": pixels,
        "speed": rng.normal(size=64),
        "place": rng.normal(size=(64, 3)),
        "text": np.array(["a"] * 64),
    }
    t = Transition(state, np.zeros((64, 1)), state, flags, flags)

    class First(RewardFn):
        def __call__(self, t, memory=None):
            return {"first": t.state["obs"][:, 0, 0]}

    def distance(t: Transition, **options):
        return starc(First(), 2.0 * First(), transitions=t, discount=0.9, **options)

    assert distance(t).samples == distance(t, features=("place", "speed")).samples
    with pytest.raises(ValueError, match="obs have 900 numbers"):
        distance(t, features=("obs",))
    with pytest.raises(ValueError, match="text, which holds"):
        distance(t, features=("text",))
    with pytest.raises(ValueError, match="at most 128 numbers, but there are only obs"):
        distance(Transition({"obs": pixels}, t.action, {"obs": pixels}, flags, flags))

"""Composition: components that stay named and add up, statistics learned in one place, differences that telescope."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from reward_designers.base import Components, FunctionReward, RewardFn, Transition, reward_fn
from reward_designers.checker import random_batch
from reward_designers.errors import RewardError
from reward_designers.evaluation import evaluate, total
from reward_designers.memory import EpisodeMemory
from reward_designers.transforms import Clipped, Constant, Delta, Normalized, Scaled, Sum, add


def height(next_obs: np.ndarray) -> np.ndarray:
    return next_obs[:, 0]


def gait(next_obs: np.ndarray, action: np.ndarray) -> dict[str, np.ndarray]:
    return {"speed": next_obs[:, 1], "effort": -np.square(action).sum(-1)}


settings.register_profile("steady", deadline=None, derandomize=True)  # shared machines are slow at times
settings.load_profile("steady")

HEIGHT, GAIT = FunctionReward(height), FunctionReward(gait)


def of_values(values: np.ndarray) -> Transition:
    """Transitions on which `HEIGHT` gives ``values``."""
    obs = np.asarray(values, dtype=float)[..., None]
    never = np.zeros(obs.shape[:-1], bool)
    return Transition({"obs": obs}, obs, {"obs": obs}, never, never)


@pytest.fixture
def batch() -> Transition:
    return random_batch({"obs": (2,)}, action_shape=(2,))


class Remembers(RewardFn):
    """How many steps the episode has had."""

    name, inputs, reads, markov = "steps", frozenset(), frozenset(), False

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        assert memory is not None
        steps = memory.array("steps")
        steps += 1
        return {"steps": steps.copy()}


# Sums


def test_sum_names_terms_and_components(batch: Transition) -> None:
    components = evaluate(Sum(up=HEIGHT, walk=GAIT, half=0.5 * HEIGHT), batch)
    obs, action = batch.next_state["obs"], batch.action
    np.testing.assert_array_equal(components.pop("up"), obs[:, 0])
    np.testing.assert_array_equal(components.pop("walk/speed"), obs[:, 1])
    np.testing.assert_array_equal(components.pop("walk/effort"), -(action**2).sum(-1))
    np.testing.assert_array_equal(components.pop("half"), 0.5 * obs[:, 0])
    assert not components


def test_plus_flattens_and_numbers_equal_names(batch: Transition) -> None:
    added = (HEIGHT + GAIT) + (HEIGHT + 0.5 * HEIGHT)
    assert isinstance(added, Sum)
    assert list(added.terms) == ["height", "gait", "height_2", "height_3"]
    assert list(evaluate(added, batch)) == ["height", "gait/speed", "gait/effort", "height_2", "height_3"]


def test_nested_sums_keep_components_apart(batch: Transition) -> None:
    inner = (HEIGHT + GAIT).clip(-1, 1)
    names = list(evaluate(Sum(a=inner, b=inner), batch))
    assert names == [f"{term}/{name}" for term in "ab" for name in ("height", "gait/speed", "gait/effort", "clip")]


def test_only_a_single_component_takes_the_terms_name(batch: Transition) -> None:
    @reward_fn
    def speed(next_obs: np.ndarray) -> dict[str, np.ndarray]:
        return {"speed": next_obs[:, 1], "other": next_obs[:, 0]}

    assert list(evaluate(Sum(speed=speed, a=HEIGHT), batch)) == ["speed/speed", "speed/other", "a"]
    assert list(evaluate(Sum(a=HEIGHT.potential(0.9)), batch)) == ["a/height"]


def test_arithmetic(batch: Transition) -> None:
    a, b = total(evaluate(HEIGHT, batch)), total(evaluate(GAIT, batch))
    for reward, expected in {
        HEIGHT - GAIT: a - b,
        -HEIGHT: -a,
        np.float64(2) * HEIGHT: 2 * a,
        HEIGHT * np.float32(0.5): 0.5 * a,
        HEIGHT + 1: a + 1,
        1 + HEIGHT: a + 1,
        HEIGHT - 0.25: a - 0.25,
        sum([HEIGHT, GAIT]): a + b,
    }.items():
        assert isinstance(reward, RewardFn)
        np.testing.assert_allclose(total(evaluate(reward, batch)), expected, rtol=1e-12)


@pytest.mark.parametrize("other", ["2", None, [1.0], np.ones(3)])
def test_arithmetic_with_nonsense(other: object) -> None:
    with pytest.raises(TypeError):
        HEIGHT * other  # type: ignore[operator]
    with pytest.raises(TypeError):
        HEIGHT + other  # type: ignore[operator]


def test_composites_read_what_their_parts_read() -> None:
    @reward_fn
    def slow(torso_height: np.ndarray) -> np.ndarray:
        return torso_height

    slow.expensive = True
    mixed = (HEIGHT + 2 * slow).clip(0, 1)
    assert mixed.inputs == {"obs", "torso_height"}
    assert mixed.reads == {"state", "next_state"}
    assert mixed.expensive
    assert mixed.markov
    assert not (HEIGHT + 2 * Remembers()).markov


def test_parts_have_memories_of_their_own() -> None:
    twice = Sum(a=Remembers(), b=2 * Remembers())
    memory = EpisodeMemory(3)
    t = of_values(np.zeros(3))
    evaluate(twice, t, memory)
    np.testing.assert_array_equal(total(evaluate(twice, t, memory)), np.full(3, 2.0 + 4.0))
    with pytest.raises(RewardError, match="not Markov"):
        evaluate(twice, t)
    with pytest.raises(RewardError, match="'steps' is not Markov"):
        twice(t)
    with pytest.raises(RewardError, match="'height' is not Markov"):
        evaluate(Delta(HEIGHT), t)


@pytest.mark.parametrize("name", ["a/b", "_target_", ""])
def test_term_names(name: str) -> None:
    with pytest.raises(RewardError, match="term name"):
        Sum(**{name: HEIGHT})


def test_an_empty_sum_is_refused() -> None:
    with pytest.raises(RewardError, match="at least one term"):
        Sum()


def test_terms_may_be_plain_functions_or_paths(batch: Transition) -> None:
    reward = Sum(plain=height, path=f"{__name__}:gait")
    assert list(evaluate(reward, batch)) == ["plain", "path/speed", "path/effort"]
    assert add(HEIGHT).terms.keys() == {"height"}


# Scaling, constants, clipping

finite = st.floats(-1e6, 1e6, allow_subnormal=False)
rows = hnp.arrays(np.float64, 5, elements=finite)


@given(rows, finite, finite)
def test_scaling_and_adding_are_linear(values: np.ndarray, a: float, b: float) -> None:
    t = of_values(values)
    combined = total(evaluate(a * HEIGHT + b * HEIGHT, t))
    np.testing.assert_allclose(combined, (a + b) * values, rtol=1e-9, atol=1e-9 * (abs(a) + abs(b)) * 1e6)


@given(rows, finite, finite)
def test_clipped_components_sum_into_the_bounds(values: np.ndarray, a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    components = evaluate(HEIGHT.clip(low, high), of_values(values))
    assert list(components) == ["height", "clip"]
    np.testing.assert_array_equal(components["height"], values)
    np.testing.assert_allclose(total(components), np.clip(values, low, high), rtol=0, atol=1e-9)


def test_clip_by_hand() -> None:
    components = evaluate((2 * HEIGHT).clip(high=1), of_values([-3.0, 0.25, 2.0]))
    np.testing.assert_array_equal(components["height"], [-6, 0.5, 4])
    np.testing.assert_array_equal(components["clip"], [0, 0, -3])
    twice = evaluate(HEIGHT.clip(-1, 1).clip(0, 1), of_values([-3.0, 0.5, 2.0]))
    assert list(twice) == ["height", "clip", "clip_2"]
    np.testing.assert_array_equal(total(twice), [0, 0.5, 1])


def test_clip_of_process_rewards() -> None:
    """Gao et al. 2024, Clip: min(r - eta, 0)."""
    values = np.array([0.1, 0.9, 0.95])
    np.testing.assert_allclose(total(evaluate((HEIGHT - 0.9).clip(high=0), of_values(values))), [-0.8, 0, 0])


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [(1, 0, "low <= high"), (np.nan, 1, "low must be a number"), (0, "x", "high must be a number, got 'x'")],
)
def test_clip_bounds(low: float, high: float, text: str) -> None:
    with pytest.raises(RewardError, match=text):
        HEIGHT.clip(low, high)


@pytest.mark.parametrize("value", [np.nan, np.inf, "much", None])
def test_numbers_must_be_finite(value: Any) -> None:
    with pytest.raises(RewardError, match="scale must be a finite number, got"):
        Scaled(HEIGHT, value)
    with pytest.raises(RewardError, match="value must be a finite number, got"):
        Constant(value)


# Normalisation


def test_normalized_is_the_identity_before_it_learned(batch: Transition) -> None:
    got = evaluate(HEIGHT.normalize(center=True), batch)
    np.testing.assert_array_equal(got["height"], batch.next_state["obs"][:, 0])
    np.testing.assert_array_equal(got["center"], 0)


@given(st.lists(hnp.arrays(np.float64, hnp.array_shapes(min_dims=2, max_dims=2), elements=finite), min_size=1))
def test_normalized_statistics_are_those_of_all_rollouts(rollouts: list[np.ndarray]) -> None:
    reward = Normalized(HEIGHT)
    for values in rollouts:
        reward.update(of_values(values))
    seen = np.concatenate([values.ravel() for values in rollouts])
    assert reward.count == seen.size
    np.testing.assert_allclose(reward.mean, seen.mean(), rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(reward.squares / reward.count, seen.var(), rtol=1e-6, atol=1e-6)


def test_normalized_divides_by_the_running_std() -> None:
    reward = (GAIT + 3.0).normalize(center=True)
    rng = np.random.default_rng(1)
    obs, action = rng.normal(size=(50, 4, 2)), rng.normal(size=(50, 4, 2))
    never = np.zeros((50, 4), bool)
    rollout = Transition({"obs": obs}, action, {"obs": obs}, never, never)
    metrics = reward.update(rollout)
    values = obs[..., 1] - (action**2).sum(-1) + 3
    np.testing.assert_allclose([metrics["mean"], metrics["std"]], [values.mean(), values.std()])
    components = evaluate(reward, rollout.flatten())
    assert list(components) == ["gait/speed", "gait/effort", "constant", "center"]
    np.testing.assert_allclose(total(components), ((values - values.mean()) / values.std()).ravel(), atol=1e-9)


def test_a_constant_reward_is_not_blown_up() -> None:
    reward = Normalized(HEIGHT)
    reward.update(of_values(np.full((100, 3), 0.1)))  # its variance is round-off
    np.testing.assert_allclose(total(evaluate(reward, of_values([0.1, 0.2]))), [0.1, 0.2])


def test_small_rewards_are_normalised_too() -> None:
    reward = Normalized(HEIGHT)
    reward.update(of_values(np.array([[-1e-12], [1e-12]])))
    np.testing.assert_allclose(total(evaluate(reward, of_values([1e-12]))), [1.0])


def test_only_update_learns(batch: Transition) -> None:
    reward = HEIGHT.normalize()
    reward.update(of_values(np.arange(6.0).reshape(3, 2)))
    before = reward.state_dict()
    evaluate(reward, batch)
    reward.relabel(batch.map(lambda a: a[None]))
    assert {name: array.item() for name, array in before.items()} == {"count": 6, "mean": 2.5, "squares": 17.5}
    assert reward.state_dict() == before


def test_update_reaches_every_learner() -> None:
    reward = Sum(a=HEIGHT.normalize(), b=0.5 * (HEIGHT + 1).normalize())
    metrics = reward.update(of_values(np.arange(6.0).reshape(3, 2)))
    assert metrics["a/mean"] == 2.5
    assert metrics["b/reward/mean"] == 3.5


# Differences


def test_delta_by_hand_with_an_episode_that_ends() -> None:
    values = np.array([[1.0, 5.0], [3.0, 5.0], [2.0, 4.0], [2.0, 9.0]])
    t = of_values(values)
    terminated = np.zeros((4, 2), bool)
    terminated[1, 0] = True
    rollout = Transition(t.state, t.action, t.next_state, terminated, np.zeros((4, 2), bool))
    got = Delta(HEIGHT).relabel(rollout)["height"]
    np.testing.assert_array_equal(got, [[1, 5], [2, 0], [2, -1], [0, 5]])


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 8), st.integers(1, 3)), elements=finite))
def test_delta_telescopes(values: np.ndarray) -> None:
    got = Delta(HEIGHT).relabel(of_values(values))["height"]
    np.testing.assert_allclose(got.cumsum(0), values, rtol=0, atol=1e-8)


def test_delta_keeps_components_and_its_parts_memory() -> None:
    t = random_batch({"obs": (2,)}, action_shape=(1,))
    reward, memory = Delta(GAIT + Remembers()), EpisodeMemory(len(t))
    first, second = evaluate(reward, t, memory), evaluate(reward, t, memory)
    assert list(first) == ["gait/speed", "gait/effort", "steps"]
    np.testing.assert_array_equal(first["steps"], 1)
    np.testing.assert_array_equal(second["steps"], 1)
    np.testing.assert_array_equal(second["gait/speed"], 0)


@pytest.mark.parametrize("ended", [False, True])
def test_delta_continues_over_rollouts(ended: bool) -> None:
    t = of_values(np.random.default_rng(0).normal(size=(6, 2)))
    truncated = np.zeros((6, 2), bool)
    truncated[3, 1] = ended
    rollout = Transition(t.state, t.action, t.next_state, t.terminated, truncated)
    memory = EpisodeMemory(2)
    parts = [Delta(HEIGHT).relabel(rollout[rows], memory)["height"] for rows in (slice(4), slice(4, None))]
    np.testing.assert_array_equal(np.concatenate(parts), Delta(HEIGHT).relabel(rollout)["height"])


@pytest.mark.parametrize("wrap", [Delta, lambda r: (2 * Delta(r)).clip(-1, 1) + Remembers()])
def test_a_markov_part_relabels_at_once(wrap: Callable[[RewardFn], RewardFn]) -> None:
    """Beside a reward that is not Markov, an expensive one is still called once for the whole rollout."""
    calls = []

    @reward_fn
    def judge(next_obs: np.ndarray) -> np.ndarray:
        calls.append(len(next_obs))
        return next_obs[:, 0]

    t = random_batch({"obs": (1,)}, n=12).map(lambda a: a.reshape(4, 3, *a.shape[1:]))
    at_once = total(wrap(judge).relabel(t))
    assert calls == [12]
    np.testing.assert_allclose(at_once, total(RewardFn.relabel(wrap(judge), t)), rtol=1e-12)  # step by step
    assert calls == [12, 3, 3, 3, 3]


# What goes wrong is named


def test_errors_name_the_part() -> None:
    @reward_fn
    def broken(next_obs: np.ndarray) -> np.ndarray:
        return next_obs

    @reward_fn
    def raising(next_obs: np.ndarray) -> np.ndarray:
        raise KeyError("x")

    t = of_values(np.zeros(3))
    with pytest.raises(RewardError, match=r"'broken', component 'broken': expected shape \(3,\)"):
        evaluate((HEIGHT + broken.clip(0, 1)), t)
    with pytest.raises(RewardError, match=r"component 'broken': expected shape \(3,\)"):
        evaluate((HEIGHT + broken), t)
    with pytest.raises(RewardError, match="'raising' raised KeyError"):
        evaluate((HEIGHT + 2 * raising), t)


def test_clipped_defaults_change_nothing(batch: Transition) -> None:
    np.testing.assert_array_equal(evaluate(Clipped(GAIT), batch)["clip"], 0)

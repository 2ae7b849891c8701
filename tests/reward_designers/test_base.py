"""The interface: batches of transitions, what a function reads, episode memory, and errors that say what is wrong."""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from reward_designers.base import (
    Components,
    EpisodeMemory,
    FunctionReward,
    RewardError,
    RewardFn,
    Transition,
    as_reward,
    evaluate,
    reward_fn,
    total,
    unknown_name,
)
from reward_designers.checker import random_batch


def plain(obs: np.ndarray, next_obs: np.ndarray, action: np.ndarray, weight: float = 2.0) -> np.ndarray:
    return weight * (next_obs[:, 0] - obs[:, 0]) - np.abs(action[:, 0])


PLAIN_PATH = f"{__name__}:plain"


@dataclass(eq=False)
class Counter(RewardFn):
    """Steps of the episode so far, times a number."""

    step: float = 1.0

    name, inputs, reads, markov = "count", frozenset(), frozenset(), False

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        assert memory is not None
        steps = memory.array("steps")
        steps += self.step
        return {"count": steps}  # not a copy: `evaluate` makes one


@pytest.fixture
def rollout() -> Transition:
    """Five steps of three environments."""
    flat = random_batch({"obs": (2,)}, n=15, action_shape=(1,))
    return flat.map(lambda a: a.reshape(5, 3, *a.shape[1:]))


# Transitions


def test_transition_indexing(rollout: Transition) -> None:
    assert rollout.batch_shape == (5, 3)
    assert len(rollout) == 5
    step = rollout[2]
    assert step.batch_shape == (3,)
    np.testing.assert_array_equal(step.state["obs"], rollout.state["obs"][2])
    rows = rollout[2][np.array([True, False, True])]
    np.testing.assert_array_equal(rows.next_state["obs"], rollout.next_state["obs"][2, [0, 2]])
    np.testing.assert_array_equal(rows.action, rollout.action[2, [0, 2]])


def test_flatten_goes_by_steps_then_environments(rollout: Transition) -> None:
    flat = rollout.flatten()
    assert flat.batch_shape == (15,)
    np.testing.assert_array_equal(flat.state["obs"][4], rollout.state["obs"][1, 1])
    np.testing.assert_array_equal(flat.terminated[7], rollout.terminated[2, 1])
    assert flat.state["obs"].base is not None  # a view
    np.testing.assert_array_equal(flat.flatten().action, flat.action)


def test_flatten_where_there_is_nothing_to_act_with() -> None:
    never = np.zeros((2, 3), bool)
    assert Transition({}, np.zeros((2, 3, 0)), {}, never, never).flatten().action.shape == (6, 0)


# Plain functions


def test_a_function_names_what_it_reads(rollout: Transition) -> None:
    reward = FunctionReward(plain)
    assert reward.name == "plain"
    assert reward.inputs == {"obs"}
    assert reward.reads == {"state", "action", "next_state"}
    t = rollout.flatten()
    change = t.next_state["obs"][:, 0] - t.state["obs"][:, 0]
    np.testing.assert_allclose(evaluate(reward, t)["plain"], 2 * change - np.abs(t.action[:, 0]))


@pytest.mark.parametrize(
    ("function", "inputs", "reads"),
    [
        (lambda next_torso_height: next_torso_height, {"torso_height"}, {"next_state"}),
        (lambda qpos, qvel: qpos, {"qpos", "qvel"}, {"state"}),
        (lambda action: action[:, 0], set(), {"action"}),
        (lambda terminated, truncated: -1.0 * terminated, set(), set()),
    ],
)
def test_inputs_and_reads(function: Any, inputs: set[str], reads: set[str]) -> None:
    reward = FunctionReward(function)
    assert reward.inputs == inputs
    assert reward.reads == reads
    assert reward.name == "reward"


def test_flags_are_arguments(rollout: Transition) -> None:
    t = rollout.flatten()

    def alive(terminated: np.ndarray, truncated: np.ndarray) -> dict[str, np.ndarray]:
        return {"alive": ~terminated, "cut": truncated.astype(int)}

    components = evaluate(FunctionReward(alive), t)
    np.testing.assert_array_equal(components["alive"], 1.0 - t.terminated)
    np.testing.assert_array_equal(components["cut"], t.truncated)
    assert {array.dtype for array in components.values()} == {np.dtype(np.float64)}


def test_parameters(rollout: Transition) -> None:
    t = rollout.flatten()
    doubled = reward_fn(plain, weight=4.0)
    decorated = reward_fn(weight=4.0)(plain)
    again = FunctionReward(reward_fn(plain), {"weight": 4.0})
    partial = FunctionReward(functools.partial(plain, weight=4.0))
    assert partial.name == "plain"
    for reward in (decorated, again, partial):
        np.testing.assert_array_equal(evaluate(doubled, t)["plain"], total(evaluate(reward, t)))
    with pytest.raises(
        RewardError, match=r"unknown parameter of reward function 'plain' 'weigth'. Did you mean 'weight'"
    ):
        reward_fn(plain, weigth=1.0)


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda *arrays: arrays[0], "must name the arrays that it reads, but takes arrays"),
        (lambda **arrays: 0, "but takes arrays"),
        (max, "cannot tell what reward function 'max' reads|but takes"),
        (3, "expected a function of named arrays, got 3"),
        (dict, "expected a function of named arrays"),
        (Counter(), "expected a function of named arrays"),
    ],
)
def test_functions_that_do_not_say(function: Any, text: str) -> None:
    with pytest.raises(RewardError, match=text):
        FunctionReward(function)


def test_an_array_that_is_not_there(rollout: Transition) -> None:
    with pytest.raises(RewardError, match=r"reward 'reward': unknown next_state array 'obz'. Did you mean 'obs'"):
        evaluate(FunctionReward(lambda next_obz: next_obz[:, 0]), rollout.flatten())


# as_reward and import paths


def test_as_reward(rollout: Transition) -> None:
    t = rollout.flatten()
    for given in (plain, FunctionReward(plain), PLAIN_PATH):
        np.testing.assert_array_equal(
            evaluate(as_reward(given), t)["plain"], evaluate(FunctionReward(plain), t)["plain"]
        )
    assert isinstance(as_reward(Counter), Counter)
    assert isinstance(as_reward(f"{__name__}:Counter"), Counter)
    for nonsense in (None, 3.0):
        with pytest.raises(RewardError, match="expected a reward or a function"):
            as_reward(nonsense)  # type: ignore[arg-type]


# Evaluation: what comes back is checked


def value(result: Any, name: str = "stand") -> RewardFn:
    def constant(next_obs: np.ndarray) -> Any:
        return result

    constant.__name__ = name
    return FunctionReward(constant)


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (np.zeros((3, 1)), r"component 'stand': expected shape \(3,\), one value per row, got \(3, 1\)"),
        (np.zeros(4), r"expected shape \(3,\)"),
        (0.5, r"expected shape \(3,\), one value per row, got \(\)"),
        (None, "expected real numbers, got NoneType"),
        (["a", "b", "c"], "expected real numbers, got list"),
        (np.zeros(3, complex), "expected real numbers, got ndarray .complex128"),
        (np.array([1, None, 2]), "expected real numbers, got ndarray .object"),
        ([[1, 2], [3], [4]], "expected real numbers, got list"),
        (np.array([1.0, np.nan, -np.inf]), "2 of 3 values are not finite: nan in env 1, -inf in env 2"),
        (
            {"a": np.zeros(3), "b": np.array([0, 0, np.inf])},
            "component 'b': 1 of 3 values are not finite: inf in env 2",
        ),
        ({}, "must return a dict of named components, got {}"),
    ],
)
def test_bad_results_are_named(result: Any, text: str) -> None:
    with pytest.raises(RewardError, match="reward 'stand'") as caught:
        evaluate(value(result), random_batch({"obs": (2,)}, n=3))
    assert caught.match(text)


def test_bad_results_of_a_rollout_name_the_environment() -> None:
    result = np.zeros(6)
    result[4] = np.nan
    rollout = random_batch({"obs": (2,)}, n=6).map(lambda a: a.reshape(3, 2, *a.shape[1:]))
    with pytest.raises(RewardError, match="nan in env 0"):
        value(result).relabel(rollout)


def test_exceptions_are_named_and_chained() -> None:
    def divides(next_obs: np.ndarray) -> np.ndarray:
        return next_obs[:, 1 // 0]

    with pytest.raises(RewardError, match="reward 'divides' raised ZeroDivisionError: integer") as caught:
        evaluate(FunctionReward(divides), random_batch({"obs": (2,)}))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_class_that_returns_an_array_is_told() -> None:
    class Bare(RewardFn):
        def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Any:
            return t.next_state["obs"][:, 0]

    with pytest.raises(RewardError, match="must return a dict of named components, got array"):
        evaluate(Bare(), random_batch({"obs": (2,)}))


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint64, np.float16, np.float32, np.float64])
def test_results_are_float64_copies(dtype: Any) -> None:
    result = np.array([0, 1, 1], dtype)
    got = evaluate(value(result), random_batch({"obs": (2,)}, n=3))["stand"]
    assert got.dtype == np.float64
    np.testing.assert_array_equal(got, result)
    assert not np.shares_memory(got, result)


def test_lists_of_numbers_are_taken() -> None:
    assert evaluate(value([1, 2, 3]), random_batch({"obs": (2,)}, n=3))["stand"].tolist() == [1, 2, 3]


def test_large_finite_values_are_finite() -> None:
    """The quick look must not take a sum that overflows for a value that is not finite."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = evaluate(value({"a": np.full(3, 1e308), "b": np.full(3, 1e308)}), random_batch({"obs": (2,)}, n=3))
    assert got["a"].tolist() == [1e308] * 3


def test_total_adds_in_order_and_leaves_components_alone() -> None:
    components = {"a": np.array([1e16, 1.0]), "b": np.array([1.0, 2.0]), "c": np.array([-1e16, 3.0])}
    np.testing.assert_array_equal(total(components), [0.0, 6.0])  # 1e16 + 1 rounds to 1e16
    np.testing.assert_array_equal(components["a"], [1e16, 1.0])
    np.testing.assert_array_equal(total({"flag": np.array([True, True]), "other": np.array([True, False])}), [2, 1])


# Rollouts


def test_relabel_of_a_markov_reward_is_one_call(rollout: Transition) -> None:
    calls = []

    def counted(next_obs: np.ndarray) -> np.ndarray:
        calls.append(len(next_obs))
        return next_obs[:, 0]

    got = FunctionReward(counted).relabel(rollout)
    assert calls == [15]
    np.testing.assert_array_equal(got["counted"], rollout.next_state["obs"][:, :, 0])


def test_relabel_scans_and_forgets_at_episode_ends(rollout: Transition) -> None:
    ends = np.zeros((5, 3), bool)
    terminated, truncated = ends.copy(), ends.copy()
    terminated[1, 0] = truncated[3, 2] = True
    rollout = Transition(rollout.state, rollout.action, rollout.next_state, terminated, truncated)
    memory = EpisodeMemory(3)
    got = Counter().relabel(rollout, memory)["count"]
    np.testing.assert_array_equal(got.T, [[1, 2, 1, 2, 3], [1, 2, 3, 4, 5], [1, 2, 3, 4, 1]])
    np.testing.assert_array_equal(memory.array("steps"), [3, 5, 1])
    np.testing.assert_array_equal(Counter().relabel(rollout)["count"], got)  # a fresh memory by itself
    np.testing.assert_array_equal(Counter().relabel(rollout, memory)["count"][0], [4, 6, 2])


def test_a_reward_with_memory_needs_one(rollout: Transition) -> None:
    with pytest.raises(RewardError, match="'count' is not Markov: give it an EpisodeMemory, or relabel"):
        evaluate(Counter(), rollout[0])


# Episode memory


def test_memory_arrays_and_reset() -> None:
    memory = EpisodeMemory(3)
    best = memory.array("best", shape=(2,), dtype=np.float32, fill=-1)
    assert best.shape == (3, 2)
    assert best.dtype == np.float32
    best[:] = 5
    assert memory.array("best", shape=(2,)) is best
    memory.reset(np.array([False, True, False]))
    np.testing.assert_array_equal(best[:, 0], [5, -1, 5])


def test_memory_keeps_its_shape() -> None:
    memory = EpisodeMemory(3)
    memory.array("best", shape=(2,))
    with pytest.raises(ValueError, match=r"'best' has rows of shape \(2,\), asked for \(\)"):
        memory.array("best")


def test_scopes_do_not_collide_and_are_emptied_together() -> None:
    memory = EpisodeMemory(2)
    a, b = memory.scope("a").array("x"), memory.scope("b").array("x", fill=7)
    a += 1
    assert b.tolist() == [7, 7]
    memory.scope("a").scope("c").array("x")[:] = 3
    memory.scope("b").reset(np.array([True, True]))
    assert a.tolist() == [1, 1]
    memory.reset(np.array([True, False]))
    assert a.tolist() == [0, 1]
    assert memory.scope("a").scope("c").array("x").tolist() == [0, 3]


def test_tables_belong_to_a_row() -> None:
    memory = EpisodeMemory(3)
    seen = memory.array("seen", dtype=object, fill=dict)
    seen[0]["door"] = 2
    seen[2]["key"] = 1
    assert seen.tolist() == [{"door": 2}, {}, {"key": 1}]
    restored = EpisodeMemory(3)
    restored.load_state_dict(memory.state_dict())
    memory.reset(np.array([True, False, False]))
    assert seen.tolist() == [{}, {}, {"key": 1}]
    again = restored.array("seen", dtype=object, fill=dict)
    assert again.tolist() == [{"door": 2}, {}, {"key": 1}]
    restored.reset(np.array([False, False, True]))
    assert again[2] == {}
    lists = memory.array("path", dtype=object, fill=list)
    lists[1].append("north")
    assert lists.tolist() == [[], ["north"], []]


def test_memory_is_restored_with_what_rows_are_emptied_to() -> None:
    memory = EpisodeMemory(2)
    memory.scope("a").array("best", fill=-np.inf)[:] = [1, 2]
    state = memory.state_dict()
    assert all(array.dtype != object for array in state.values())
    restored = EpisodeMemory(2)
    restored.load_state_dict(state)
    restored.reset(np.array([True, False]))
    np.testing.assert_array_equal(restored.scope("a").array("best", fill=-np.inf), [-np.inf, 2])
    with pytest.raises(ValueError, match="'a/best' has 2 rows, expected 3"):
        EpisodeMemory(3).load_state_dict(state)


# Parts


@dataclass(eq=False)
class Team(RewardFn):
    first: RewardFn
    members: list[RewardFn] = field(default_factory=list)
    named: dict[str, RewardFn] = field(default_factory=dict)

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        return {}


def test_parts_are_found_in_fields_lists_and_dicts() -> None:
    a, b, c = Counter(), Counter(2), Counter(3)
    assert Team(a, [b, c], {"x": c}).parts() == {"first": a, "members_0": b, "members_1": c, "x": c}
    with pytest.raises(RewardError, match="two parts named 'first'"):
        Team(a, named={"first": b}).parts()


# Messages


def test_unknown_name() -> None:
    assert unknown_name("env", "Humanod", ["Hopper", "Humanoid"]) == (
        "unknown env 'Humanod'. Did you mean 'Humanoid'? Available: Hopper, Humanoid."
    )
    assert "Did you mean 'Humanoid'" in unknown_name("env", "HUMANOID", ["Hopper", "Humanoid"])
    assert unknown_name("env", "xyz", ["Hopper"]) == "unknown env 'xyz'. Available: Hopper."
    assert unknown_name("env", "xyz", []) == "unknown env 'xyz'. Available: none."

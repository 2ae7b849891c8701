"""What a reward returns or raises is checked, and errors say what is wrong."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from reward_designers.base import Components, FunctionReward, RewardFn, Transition
from reward_designers.checker import random_batch
from reward_designers.errors import RewardError
from reward_designers.evaluation import evaluate, total
from reward_designers.memory import EpisodeMemory


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


def test_a_reward_with_memory_needs_one() -> None:
    class Steps(RewardFn):
        name, markov = "count", False

        def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
            assert memory is not None
            return {"count": memory.array("steps")}

    t = random_batch({"obs": (2,)}, n=3)
    with pytest.raises(RewardError, match="'count' is not Markov: give it an EpisodeMemory, or relabel"):
        evaluate(Steps(), t)
    assert evaluate(Steps(), t, EpisodeMemory(3))["count"].tolist() == [0, 0, 0]

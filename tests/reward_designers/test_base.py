"""The interface: batches of transitions, what a function reads, rollouts, and the parts of a reward."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from reward_designers.base import Components, FunctionReward, RewardFn, Transition, as_reward, reward_fn
from reward_designers.checker import random_batch
from reward_designers.errors import RewardError
from reward_designers.evaluation import evaluate, total
from reward_designers.memory import EpisodeMemory


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

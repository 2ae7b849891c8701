"""An environment that was captured goes on as the original does, to the bit."""

from __future__ import annotations

import json
from collections import Counter, defaultdict, deque
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import envs
from agents.capture import NotCapturable, capture, capture_env, restore, restore_env


def walk(env: gym.Env, steps: int) -> np.ndarray:
    """Observations and rewards of random actions, with resets."""
    seen: list[np.ndarray] = []
    for _ in range(steps):
        obs, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        seen += [np.ravel(obs).astype(np.float64), np.array([reward, terminated, truncated], float)]
        if terminated or truncated:
            seen.append(np.ravel(env.reset()[0]).astype(np.float64))
    return np.concatenate(seen)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "env_id",
    ["Humanoid-v5", "Ant-v5", "Hopper-v5", "Pusher-v5", "InvertedDoublePendulum-v5"]
    + ["CartPole-v1", "Pendulum-v1", "Acrobot-v1", "FrozenLake-v1"],
)
def test_a_captured_environment_goes_on_exactly(env_id: str) -> None:
    env, other = gym.make(env_id, max_episode_steps=50), gym.make(env_id, max_episode_steps=50)
    env.reset(seed=0)
    env.action_space.seed(0)
    walk(env, 37)  # contacts, a few resets, an episode half over
    arrays: dict[str, np.ndarray] = {}
    node = json.loads(json.dumps(capture_env(env, arrays)))
    expected = walk(env, 60)
    other.reset(seed=9)
    restore_env(other, node, arrays)
    np.testing.assert_array_equal(walk(other, 60), expected)


def test_derived_arrays_are_as_the_last_step_left_them() -> None:
    """Gymnasium measures velocities from positions that lag behind the state by a substep."""
    env, other = envs.make("Humanoid"), envs.make("Humanoid")
    for one in (env, other):
        one.reset(seed=0)
        one.action_space.seed(0)
    walk(env, 10)
    arrays: dict[str, np.ndarray] = {}
    restore_env(other, capture_env(env, arrays), arrays)
    for name in ("xipos", "cvel", "cfrc_ext", "qfrc_actuator", "qacc_warmstart", "qpos", "time"):
        here, there = (getattr(e.unwrapped.data, name) for e in (env, other))  # type: ignore[attr-defined]
        np.testing.assert_array_equal(here, there, err_msg=name)


def test_masses_that_vary_from_episode_to_episode_are_captured() -> None:
    env, other = gym.make("Hopper-v5"), gym.make("Hopper-v5")
    for one in (env, other):
        one.reset(seed=0)
        one.action_space.seed(0)
    env.unwrapped.model.body_mass[2] *= 1.7  # type: ignore[attr-defined]
    arrays: dict[str, np.ndarray] = {}
    node = capture_env(env, arrays)
    expected = walk(env, 10)
    restore_env(other, node, arrays)
    np.testing.assert_array_equal(walk(other, 10), expected)


def test_another_environment_is_refused() -> None:
    arrays: dict[str, np.ndarray] = {}
    hopper, walker = gym.make("Hopper-v5"), gym.make("Walker2d-v5")
    hopper.reset(seed=0)
    node = capture_env(hopper, arrays)
    with pytest.raises(ValueError, match="HopperEnv"):
        restore_env(walker, node, arrays)
    with pytest.raises(ValueError, match="layers"):
        restore_env(gym.wrappers.TimeLimit(hopper, 5), node, arrays)


class Hidden(gym.Wrapper):
    def __init__(self, env: gym.Env):
        super().__init__(env)
        self.source: Any = iter([1, 2, 3])


class Open(Hidden):
    """The same, with a way to tell its state."""

    def __init__(self, env: gym.Env):
        super().__init__(env)
        self.taken = 0

    def state_dict(self) -> dict[str, Any]:
        return {"taken": self.taken}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.taken = state["taken"]


def test_what_cannot_be_captured_is_named_and_may_offer_its_state() -> None:
    with pytest.raises(NotCapturable, match=r"Hidden\.source is a builtins\.list_iterator"):
        capture_env(Hidden(gym.make("CartPole-v1")), {})
    env, other = Open(gym.make("CartPole-v1")), Open(gym.make("CartPole-v1"))
    env.taken = 2
    arrays: dict[str, np.ndarray] = {}
    restore_env(other, capture_env(env, arrays), arrays)
    assert other.taken == 2


def test_plain_values_come_back_as_they_were_and_in_place() -> None:
    value: dict[str, Any] = {
        "numbers": [1, 2.5, None, True, "text", np.float32(0.1), np.int64(2**40)],
        "nested": {3: (np.arange(4), {"x"}), (1, 2): deque([1, 2], maxlen=2)},
        "generator": np.random.default_rng(3),
        "empty": (),
    }
    expected = np.random.default_rng(3).random(3)
    arrays: dict[str, np.ndarray] = {}
    node = json.loads(json.dumps(capture(value, arrays)))
    value["generator"].random(100)
    held = value["nested"][3][0]
    held[:] = 0
    back = restore(node, arrays, value)
    assert back is value
    assert held.tolist() == [0, 1, 2, 3]  # whoever holds on to the array sees the change
    assert back["numbers"] == [1, 2.5, None, True, "text", np.float32(0.1), np.int64(2**40)]
    assert isinstance(back["numbers"][5], np.float32)
    assert back["nested"][3][1] == {"x"}
    assert back["nested"][1, 2] == deque([1, 2])
    assert back["nested"][1, 2].maxlen == 2
    assert back["empty"] == ()
    np.testing.assert_array_equal(back["generator"].random(3), expected)
    fresh = restore(node, arrays)
    np.testing.assert_array_equal(fresh["generator"].random(3), expected)


def test_tables_for_each_environment_come_back() -> None:
    tables = np.empty(2, object)
    tables[0], tables[1] = Counter({"door": 2}), {(1, 2): [0.5]}
    arrays: dict[str, np.ndarray] = {}
    back = restore(json.loads(json.dumps(capture({"seen": tables}, arrays))), arrays)["seen"]
    assert back.dtype == object
    assert back[0] == Counter({"door": 2})
    assert isinstance(back[0], Counter)
    assert back[1] == {(1, 2): [0.5]}
    with pytest.raises(NotCapturable, match="defaultdict"):
        capture({"seen": defaultdict(int)}, {}, "memory")

"""CartPole: Gymnasium's reward as a function, and the variant that goes on after a fall."""

from __future__ import annotations

import math

import gymnasium as gym
import numpy as np
import pytest

import envs
from envs.classic import CartPole, CartPoleUpright


@pytest.mark.parametrize("sutton_barto_reward", [False, True])
def test_the_analytic_reward_equals_the_environments(sutton_barto_reward: bool) -> None:
    env = envs.ReplaceReward(
        gym.make("CartPole-v1", sutton_barto_reward=sutton_barto_reward), CartPole(sutton_barto_reward)
    )
    env.reset(seed=0)
    env.action_space.seed(0)
    ends = 0
    for _ in range(300):
        _, reward, terminated, truncated, info = env.step(env.action_space.sample())
        assert reward == info["env_reward"]
        if terminated or truncated:
            ends += 1
            env.reset()
    assert ends > 5


def upright(state: tuple[float, float, float, float]) -> CartPoleUpright:
    env = CartPoleUpright()
    env.reset(seed=0)
    env.state = np.array(state)
    return env


def test_nothing_ends_the_episode_and_observations_stay_in_bounds() -> None:
    env = gym.make("reward_designers/CartPoleUpright-v0").unwrapped
    obs, _ = env.reset(seed=0)
    rng = np.random.default_rng(0)
    seen = []
    for step in range(3000):
        action = int(rng.random() < 0.5 + 0.5 * math.sin(step / 40))  # swings it wildly
        obs, reward, terminated, truncated, _ = env.step(action)
        assert not terminated
        assert not truncated
        assert env.observation_space.contains(obs)
        assert reward == float(abs(obs[2]) <= math.radians(12))
        seen.append(obs)
    reached = np.abs(seen).max(axis=0)
    assert reached[0] == np.float32(2.4)  # both the buffers ...
    assert reached[2] > 3.1  # ... and the hanging pole were seen


def test_a_hanging_pole_comes_to_no_energy_of_its_own() -> None:
    """A pole let go from the horizontal never rises far above it if pushes cancel out; explicit Euler lets it."""
    env = upright((0.0, 0.0, math.pi / 2, 0.0))
    heights = []
    for step in range(500):
        env.step(step % 2)
        assert env.state is not None
        heights.append(math.cos(env.state[2]))
    assert max(heights[:100]) < 0.15
    assert max(heights) < 0.15


def test_the_buffers_stop_the_cart() -> None:
    env = upright((2.39, 3.0, 0.0, 0.0))
    obs, *_ = env.step(1)
    assert obs[0] == np.float32(2.4)
    assert obs[1] == 0.0
    obs, *_ = env.step(0)
    assert obs[0] < 2.4


def test_agrees_with_cartpole_until_it_falls() -> None:
    """The same masses, actions and initial states: a step differs by the integrator alone."""
    ours, stock = CartPoleUpright(), gym.make("CartPole-v1").unwrapped
    np.testing.assert_array_equal(ours.reset(seed=3)[0], stock.reset(seed=3)[0])
    a, b = ours.step(1)[0], stock.step(1)[0]
    np.testing.assert_array_equal(a[[1, 3]], b[[1, 3]])
    np.testing.assert_allclose(a, b, atol=0.02 * 0.35)


def test_a_frame_can_be_drawn_at_once() -> None:
    pytest.importorskip("pygame")
    env = envs.make("CartPole", "upright")
    env.reset(seed=0)
    frame = env.render()
    assert isinstance(frame, np.ndarray)
    assert np.ptp(frame) > 0

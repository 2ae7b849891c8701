"""Random states: drawn as documented, whole, and not in the floor."""

from __future__ import annotations

import gymnasium as gym
import mujoco
import numpy as np
import pytest
from gymnasium.wrappers import RescaleObservation, TransformObservation

import envs
from envs.random_states import RandomStates, random_state


def states(name: str, n: int = 400) -> tuple[mujoco.MjModel, np.ndarray, np.ndarray]:
    world = envs.make(name).unwrapped
    rng = np.random.default_rng(0)
    drawn = [random_state(world.model, world.init_qpos, rng) for _ in range(n)]
    return world.model, np.stack([qpos for qpos, _ in drawn]), np.stack([qvel for _, qvel in drawn])


def test_joints_are_uniform_within_their_limits():
    model, qpos, qvel = states("Humanoid")
    for joint in range(1, model.njnt):
        low, high = model.jnt_range[joint]
        angle = qpos[:, model.jnt_qposadr[joint]]
        assert low <= angle.min() < low + 0.1 * (high - low)
        assert high >= angle.max() > high - 0.1 * (high - low)
        assert abs(angle.mean() - (low + high) / 2) < 0.1 * (high - low)
    np.testing.assert_allclose(qvel[:, :3].std(), 1, rtol=0.1)
    np.testing.assert_allclose(qvel[:, 3:].std(0), 3, rtol=0.2)


def test_orientations_are_uniform():
    _, qpos, _ = states("Humanoid")
    w, x, y, z = qpos[:, 3:7].T
    np.testing.assert_allclose(np.linalg.norm(qpos[:, 3:7], axis=1), 1)
    up = w * w - x * x - y * y + z * z  # the vertical component of the body's own z axis: uniform in [-1, 1]
    assert abs(up.mean()) < 0.1
    np.testing.assert_allclose(up.std(), 3**-0.5, rtol=0.1)


@pytest.mark.parametrize("name", ["Hopper", "Humanoid", "Ant", "HalfCheetah"])
def test_nobody_begins_in_the_floor(name: str):
    model, qpos, qvel = states(name, 100)
    model.geom_margin[:] = 0.005  # what is this near counts as a contact
    data = mujoco.MjData(model)
    touching = 0
    for position, velocity in zip(qpos, qvel, strict=True):
        data.qpos[:], data.qvel[:] = position, velocity
        mujoco.mj_forward(model, data)
        with_floor = (model.geom_bodyid[data.contact.geom] == 0).any(1) if data.ncon else np.zeros(0, bool)
        assert (data.contact.dist[with_floor] > -1e-6).all()
        touching += with_floor.any()
    assert touching > 3  # some were lifted out of it, and no further


def test_one_step_from_each():
    env = RandomStates(envs.make("Hopper"))
    obs, _ = env.reset(seed=3)
    np.testing.assert_array_equal(obs, env.unwrapped._get_obs())
    assert obs[1] != env.reset()[0][1]
    np.testing.assert_array_equal(env.reset(seed=3)[0], obs)
    env.action_space.seed(0)
    ends = [env.step(env.action_space.sample())[2:4] for _ in range(20) if env.reset()]
    assert all(terminated != truncated for terminated, truncated in ends)


def test_a_state_that_is_the_observation():
    env = RandomStates(envs.make("CartPole", "upright"))
    drawn = np.stack([env.reset(seed=0 if n == 0 else None)[0] for n in range(500)])
    space = env.observation_space
    np.testing.assert_allclose(drawn.mean(0) / space.high, 0, atol=0.1)
    np.testing.assert_allclose(drawn.std(0) / space.high, 3**-0.5, rtol=0.1)
    obs, _ = env.reset()
    after = env.step(1)[0]
    assert after[0] == pytest.approx(np.clip(obs[0] + 0.02 * after[1], -2.4, 2.4), abs=1e-5)  # semi-implicit Euler


def test_what_cannot_be_put_into_a_state():
    for name in ("CartPole-v1", "Pendulum-v1"):
        with pytest.raises(ValueError, match="cannot be put into a random state: that takes a MuJoCo"):
            RandomStates(gym.make(name))
    doubled = TransformObservation(envs.make("Hopper"), lambda obs: 2 * obs, None)
    with pytest.raises(ValueError, match="a wrapper changes its observations"):
        RandomStates(doubled)
    scaled = RescaleObservation(envs.make("MountainCar-v0"), np.float32(-1), np.float32(1))
    with pytest.raises(ValueError, match="a wrapper changes its observations"):
        RandomStates(scaled)

"""The analytic rewards equal Gymnasium's own: step by step, component by component, with any weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import envs
from envs.mujoco import rewards
from reward_designers.base import RewardFn

NAMES = [name for name in envs.names() if name != "CartPole"]
WEIGHTS: dict[str, dict[str, Any]] = {
    "Ant": {
        "forward_reward_weight": 2.0,
        "ctrl_cost_weight": 0.3,
        "contact_cost_weight": 0.01,
        "contact_force_range": (-3.0, 2.0),
        "healthy_reward": 0.7,
        "healthy_z_range": (0.4, 0.8),
        "main_body": "front_left_leg",
    },
    "HalfCheetah": {"forward_reward_weight": 3.0, "ctrl_cost_weight": 0.7, "frame_skip": 3},
    "Hopper": {
        "forward_reward_weight": 0.5,
        "ctrl_cost_weight": 0.2,
        "frame_skip": 8,
        "healthy_reward": 2.0,
        "healthy_z_range": (0.9, 1.2),
        "healthy_angle_range": (-0.5, 0.1),
        "healthy_state_range": (-3.0, 3.0),
    },
    "Walker2d": {"ctrl_cost_weight": 0.1, "healthy_reward": 3.0, "healthy_angle_range": (-0.1, 0.2)},
    "Humanoid": {
        "forward_reward_weight": 3.0,
        "ctrl_cost_weight": 0.5,
        "contact_cost_weight": 1e-4,
        "contact_cost_range": (0.5, 4.0),
        "healthy_reward": 2.0,
        "healthy_z_range": (0.8, 1.3),
    },
    "HumanoidStandup": {"ctrl_cost_weight": 0.3, "impact_cost_weight": 1e-3, "impact_cost_range": (0.2, 5.0)},
    "Swimmer": {"forward_reward_weight": 2.0, "ctrl_cost_weight": 0.1, "frame_skip": 2},
    "Reacher": {"reward_dist_weight": 3.0, "reward_control_weight": 0.2},
    "Pusher": {"reward_near_weight": 2.0, "reward_dist_weight": 3.0, "reward_control_weight": 0.5},
    "InvertedDoublePendulum": {"healthy_reward": 3.0},
}
CASES = [(name, {}) for name in NAMES] + list(WEIGHTS.items())
TERMINATING = ("Ant", "Hopper", "Walker2d", "Humanoid")  # on demand; the pendulums always do
IDS = [f"{name}{'-other-weights' if weights else ''}" for name, weights in CASES]


def reward_of(name: str, weights: dict[str, Any]) -> RewardFn:
    return getattr(rewards, name)(**weights)


def rollout(env: gym.Env, steps: int, seed: int = 0) -> list[tuple[float, bool, dict[str, Any]]]:
    """Random steps in double precision, going on over terminations and resets."""
    rng = np.random.default_rng(seed)
    low, high = env.action_space.low.astype(np.float64), env.action_space.high.astype(np.float64)
    env.reset(seed=seed)
    seen = []
    for step in range(steps):
        _, reward, terminated, truncated, info = env.step(rng.uniform(low, high))
        seen.append((float(reward), terminated, info))
        if terminated or truncated or step % 150 == 149:
            env.reset()
    return seen


@pytest.mark.parametrize(
    ("name", "weights", "other"),
    [(*case, {}) for case in CASES]
    + [(*case, {"terminate_when_unhealthy": False}) for case in CASES if case[0] in TERMINATING],
    ids=[*IDS, *(f"{id}-endless" for id, case in zip(IDS, CASES, strict=True) if case[0] in TERMINATING)],
)
def test_equals_the_environments_own(name: str, weights: dict[str, Any], other: dict[str, Any]) -> None:
    """On Gymnasium's bare environment, over hundreds of steps with falls and resets, component by component."""
    env = gym.make(f"{name}-v5", **weights, **other)
    seen = rollout(envs.ReplaceReward(env, reward_of(name, weights)), 400)
    own = np.array([info["env_reward"] for _, _, info in seen])
    np.testing.assert_allclose([reward for reward, _, _ in seen], own, rtol=1e-9, atol=1e-9)
    assert np.ptp(own) > 0
    for _, _, info in seen:
        components = info.pop("reward_components")
        components.pop("constant", None)  # HumanoidStandup adds 1 that it does not report
        reported = {key.removeprefix("reward_"): info[key] for key in info if "reward_" in key or "penalty" in key}
        assert components == pytest.approx(reported, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", [*TERMINATING, "InvertedPendulum", "InvertedDoublePendulum"])
def test_equals_it_where_the_episode_ends(name: str) -> None:
    weights = {"healthy_z_range": (0.4, 0.8)} if name == "Ant" else {}  # it seldom falls over
    seen = rollout(envs.ReplaceReward(gym.make(f"{name}-v5", **weights), reward_of(name, weights)), 400)
    last = [(reward, info["env_reward"]) for reward, terminated, info in seen if terminated]
    assert len(last) > 1
    np.testing.assert_allclose(*zip(*last, strict=True), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("name", "weights"), CASES, ids=IDS)
def test_a_tasks_reward_takes_over_what_make_is_given(name: str, weights: dict[str, Any]) -> None:
    task = envs.task_of(envs.make(name, **weights))
    assert task is not None
    assert task.reward is not None
    assert vars(task.reward()) == vars(reward_of(name, weights))


@pytest.mark.parametrize(("name", "task"), [(n, t) for n in NAMES for t in envs.tasks(n)])
def test_every_tasks_reward_equals_its_environments(name: str, task: str) -> None:
    found = envs.find_task(name, task)
    assert found.reward is not None
    seen = rollout(envs.ReplaceReward(envs.make(name, task), found.reward()), 120)
    np.testing.assert_allclose([r for r, _, _ in seen], [i["env_reward"] for _, _, i in seen], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("name", "weights"), CASES, ids=IDS)
def test_saves_and_loads(name: str, weights: dict[str, Any], tmp_path: Path) -> None:
    reward = reward_of(name, weights)
    reward.save(tmp_path / "reward.npz")
    loaded = RewardFn.load(tmp_path / "reward.npz")
    assert type(loaded) is type(reward)
    assert {k: tuple(v) if isinstance(v, list) else v for k, v in vars(loaded).items()} == vars(reward)


def test_single_precision_actions_agree_to_single_precision() -> None:
    env = envs.ReplaceReward(envs.make("Ant"), rewards.Ant())
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(50):
        _, reward, *_, info = env.step(env.action_space.sample())
        assert reward == pytest.approx(info["env_reward"], abs=1e-6)

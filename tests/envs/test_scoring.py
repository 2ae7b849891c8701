"""The scorer: reward and ground truth of each transition, apart from each other."""

from __future__ import annotations

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest

import envs
from envs.scoring import Scorer
from envs.wrappers import WithTask
from reward_designers import EnvReward, Sum
from reward_designers.base import FunctionReward
from reward_designers.errors import RewardError
from tests.envs.worlds import TASK, Walk


def far(next_where: np.ndarray) -> np.ndarray:
    return next_where


def test_ground_truth_needs_a_task_and_the_environments() -> None:
    world = Walk()
    task = replace(TASK, success=FunctionReward(lambda next_where: next_where == 0))
    assert not Scorer(far, 1, world.observation_space, task=TASK, envs=[world]).measures.keys() - {"fitness"}
    assert Scorer(None, 1, world.observation_space, task=task, envs=[world]).measures.keys() == {"fitness", "success"}
    assert not Scorer(None, 1, world.observation_space, task=task).measures
    assert not Scorer(None, 1, world.observation_space, envs=[world]).measures


def test_success_is_one_or_zero() -> None:
    task = replace(TASK, success=FunctionReward(lambda next_where: next_where > 0))
    env = envs.ReplaceReward(WithTask(Walk(length=50), task))
    env.reset(seed=0)
    for action in (2, 0, 1, 2, 0):
        *_, info = env.step(action)
        assert info["success"] == float(env.unwrapped.place > 0)
        assert info["fitness"] == -abs(env.unwrapped.place)


def test_a_bad_fitness_is_not_blamed_on_the_reward() -> None:
    env = envs.ReplaceReward(
        WithTask(Walk(), replace(TASK, fitness=FunctionReward(lambda next_where: np.nan * next_where)))
    )
    env.reset(seed=0)
    with pytest.raises(RewardError, match=r"'ground truth', component 'fitness'.*nan in env 0"):
        env.step(1)


def test_fitness_does_not_depend_on_the_reward() -> None:
    totals = []
    for reward in (None, far, lambda next_obs: 0 * next_obs[:, 0], TASK.fitness):
        env = envs.ReplaceReward(WithTask(Walk(length=30), TASK), reward)
        env.reset(seed=2)
        totals.append([env.step(action)[4]["fitness"] for action in (0, 1, 2, 2, 1)])
    assert totals[1:] == totals[:-1]


@pytest.mark.parametrize("read", ["where", "next_where", "place_now", "next_obs", "obs", "action"])
def test_a_reward_cannot_write_what_it_is_judged_by_or_what_the_agent_sees(read: str) -> None:
    """Trap: reward code that writes the state from which fitness is computed."""
    text = f"def cheat({read}):\n    {read}[...] = 0\n    return 1.0 * {read}.reshape(len({read}), -1)[:, 0]\n"
    exec(text, written := {})
    env = envs.ReplaceReward(WithTask(Walk(length=30), TASK), written["cheat"])
    obs, _ = env.reset(seed=2)
    before = obs.tolist()
    with pytest.raises(RewardError, match="'cheat' raised ValueError: assignment destination is read-only"):
        env.step(0)
    assert obs.tolist() == before
    vector = envs.vector.ReplaceReward(
        gym.vector.SyncVectorEnv([lambda: WithTask(Walk(length=1), TASK)] * 2), lambda where: where
    )
    vector.reset(seed=2)
    for _ in range(3):  # after automatic resets, too
        vector.step(np.zeros(2, int))
        assert not any(array.flags.writeable for array in vector.scorer.tracker._state.values())


def test_the_reward_is_the_sum_of_its_components_in_their_order() -> None:
    parts = {"a": 1e16, "b": 1.0, "c": -1e16}
    env = envs.ReplaceReward(Walk(), lambda obs: {name: np.full(1, value) for name, value in parts.items()})
    env.reset(seed=0)
    _, reward, *_, info = env.step(1)
    assert reward == (1e16 + 1.0) - 1e16
    assert info["reward_components"] == parts


def test_what_the_environment_paid_is_a_reward_like_any_other() -> None:
    env = envs.ReplaceReward(WithTask(Walk(length=4), TASK), Sum(env=2 * EnvReward(), far=far))
    for episode in range(2):
        env.reset(seed=episode)
        for action in (0, 1, 2, 2):
            _, reward, *_, info = env.step(action)
            place = env.unwrapped.place
            assert info["reward_components"] == {"env": 2 * info["env_reward"], "far": place}
            assert reward == 2 * info["env_reward"] + place

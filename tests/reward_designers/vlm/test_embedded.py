"""The embedded model on real frames: it loads by default, knows its tasks' words, and ranks good above bad."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import envs
from agents.sb3 import VecReplaceReward
from envs.rendering import frame_of
from reward_designers.assets import asset
from reward_designers.vlm import VLMReward


@pytest.fixture(scope="module")
def standing() -> VLMReward:
    task = envs.find_task("Humanoid", "standing")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return VLMReward(task.goal_prompts, task.baseline_prompts, device="cpu")


def frame(env, reward) -> np.ndarray:
    height, width = reward.encoders[reward.key].frame_size
    return frame_of(env, height=height, width=width, camera=envs.task_of(env).camera).copy()


def test_it_is_the_default_and_small():
    reward = VLMReward("a humanoid robot kneeling", device="cpu", precision="bf16")
    assert reward.inputs == {"frame@tiny_clip:bf16"}
    assert sum(path.stat().st_size for path in asset("tiny_clip").iterdir()) < 10e6


@pytest.mark.parametrize("name", ["Humanoid", "Hopper", "InvertedPendulum", "CartPole"])
def test_it_knows_the_words_of_the_tasks_it_was_trained_for(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for task in envs.tasks(name).values():
            VLMReward(task.goal_prompts, task.baseline_prompts, 0.5, device="cpu")


def test_a_standing_humanoid_scores_above_a_lying_one(standing):
    env = envs.make("Humanoid", task="standing")
    env.reset(seed=0)
    upright = frame(env, standing)
    data = env.unwrapped.data
    lying = data.qpos.copy()
    lying[2:7] = 0.15, np.sqrt(0.5), 0, np.sqrt(0.5), 0
    env.unwrapped.set_state(lying, data.qvel.copy())
    high, low = standing.score(np.stack([upright, frame(env, standing)]))
    assert high > low + 0.1


def test_a_step_is_rewarded_for_the_frame_after_it_and_a_rollout_alike(standing):
    """The reward of a vector environment's step equals that of a frame drawn from each successor."""

    class Buffer:
        def begin(self) -> None: ...

        def settle(self) -> None: ...

    from stable_baselines3.common.vec_env import DummyVecEnv

    def make():
        return envs.make("Humanoid", task="standing", max_episode_steps=3)

    stepwise = envs.vector.ReplaceReward(envs.make_vec("Humanoid", 2, task="standing", max_episode_steps=3), standing)
    deferred = VecReplaceReward(DummyVecEnv([make, make]), standing)
    deferred.bind(Buffer())
    stepwise.reset(seed=5)
    deferred.seed(5)
    deferred.reset()
    actions = np.random.default_rng(0).uniform(-0.4, 0.4, (5, 2, 17)).astype(np.float32)
    rewards, drawn = [], []
    for action in actions:
        rewards.append(stepwise.step(action)[1])
        if len(rewards) != 3:  # the third step ends the episodes, and resets them
            drawn.append((len(rewards) - 1, [frame(env, standing) for env in stepwise.unwrapped.envs]))
        deferred.step(action)
    finished = deferred.finish_rollout()
    assert finished is not None
    np.testing.assert_array_equal(finished[0], np.array(rewards, np.float32))
    for step, frames in drawn:
        np.testing.assert_array_equal(rewards[step], standing.score(np.stack(frames)))

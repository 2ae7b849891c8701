"""Every analytic reward and every fitness keeps the laws of rewards, on real transitions of its environment."""

from __future__ import annotations

import numpy as np
import pytest

import envs
from envs.expose import StateTracker
from reward_designers.base import RewardFn, Transition
from reward_designers.checker import check_reward

ALL = [(name, task) for name in envs.names() for task in envs.tasks(name)]


def transitions(name: str, task: str, reward: RewardFn, steps: int = 40) -> Transition:
    """Random steps of one environment, as a batch ``(steps, ...)``."""
    env = envs.make(name, task)
    tracker = StateTracker(1, env.observation_space, [reward], task=envs.task_of(env), envs=[env])
    env = tracker.exposed[0] if tracker.exposed else env
    env.action_space.seed(0)

    def begin(seed: int | None = None) -> None:
        obs, _ = env.reset(seed=seed)
        tracker.reset(tracker.observations.single(obs))

    begin(seed=0)
    seen: list[Transition] = []
    for _ in range(steps):
        action = env.action_space.sample()
        obs, _, terminated, truncated, _ = env.step(action)
        batch = tracker.observations.single(obs)
        t = tracker.step(np.asarray(action)[None], batch, np.array([terminated]), np.array([truncated]))
        seen.append(t.map(np.array))
        tracker.advance(batch, np.zeros(1, bool))
        if terminated or truncated:
            begin()
    return Transition(
        {key: np.concatenate([t.state[key] for t in seen]) for key in seen[0].state},
        np.concatenate([t.action for t in seen]),
        {key: np.concatenate([t.next_state[key] for t in seen]) for key in seen[0].next_state},
        np.concatenate([t.terminated for t in seen]),
        np.concatenate([t.truncated for t in seen]),
    )


@pytest.mark.parametrize(("name", "task"), ALL)
def test_rewards_and_fitness_keep_the_laws(name: str, task: str) -> None:
    found = envs.find_task(name, task)
    assert found.reward is not None
    for reward in (found.reward(), found.fitness):
        report = check_reward(reward, transitions(name, task, reward))
        # What cannot be asked of it: one component, everything read, nothing remembered.
        assert report.skipped.keys() <= {"total", "reads", "episodes"}, report

"""What `VecReplaceReward` adds to a step of 16 Hopper environments, with a reward of ten operations.

    python -m benchmarks.reward_overhead [--rounds 200] [--steps 25] [--num-envs 16]

Plain and wrapped vector environments take turns in one process, in short rounds of CPU time. The share is given twice:
of each one's fastest tenth of rounds, which other processes disturbed least, and as the median ratio within a round. On
a busy machine the second is higher, for whoever else is running empties the caches from which so little code lives.

"by hand" is the least that a reward can cost: a wrapper that calls the same function and returns its sum, without
components, true successors, statistics or checks. It does without what `agents.serial` saves.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import gymnasium as gym
import numpy as np
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

import envs
from agents.sb3 import VecReplaceReward
from reward_designers.base import Components


def from_observations(next_obs: np.ndarray, action: np.ndarray) -> Components:
    """Ten array operations on observations (Hopper: height 0, pitch 1, forward velocity 5)."""
    return ten_operations(next_obs[:, 0], next_obs[:, 1], next_obs[:, 5], action)


def from_fields(
    next_torso_height: np.ndarray, next_torso_pitch: np.ndarray, next_forward_velocity: np.ndarray, action: np.ndarray
) -> Components:
    """The same on named fields of the task."""
    return ten_operations(next_torso_height, next_torso_pitch, next_forward_velocity, action)


def ten_operations(height: np.ndarray, pitch: np.ndarray, speed: np.ndarray, action: np.ndarray) -> Components:
    """Four components from ten operations on arrays."""
    return {
        "upright": np.exp(-np.square(pitch)),  # 1, 2, 3
        "height": np.minimum(height - 0.7, 0.5),  # 4, 5
        "speed": np.tanh(0.5 * speed),  # 6, 7
        "effort": -0.001 * np.square(action).sum(-1),  # 8, 9, 10
    }


class ByHand(VecEnvWrapper):
    """Returns the sum of what `from_observations` returns, and nothing else."""

    def reset(self) -> VecEnvObs:
        """Reset all environments."""
        return self.venv.reset()

    def step_async(self, actions: np.ndarray) -> None:
        """Start stepping."""
        self.actions = actions
        self.venv.step_async(actions)

    def step_wait(self) -> VecEnvStepReturn:
        """Finish the step with another reward."""
        obs, _, dones, infos = self.venv.step_wait()
        reward = sum(from_observations(obs, self.actions).values()).astype(np.float32)
        return obs, reward, dones, infos


def cpu_time(venv: VecEnv, actions: np.ndarray) -> float:
    """CPU seconds of one vector step, over ``actions`` ``(steps, num_envs, dimensions)``."""
    start = time.process_time()
    for action in actions:
        venv.step(action)
    return (time.process_time() - start) / len(actions)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--num-envs", type=int, default=16)
    args = parser.parse_args()

    def dummy(make: Callable[[], gym.Env]) -> VecEnv:
        return DummyVecEnv([make] * args.num_envs)

    def with_task() -> gym.Env:
        return envs.make("Hopper")

    def without_task() -> gym.Env:
        return gym.make("Hopper-v5", disable_env_checker=True)

    setups: dict[str, VecEnv] = {
        "plain DummyVecEnv": dummy(with_task),
        "reward of observations, by hand": ByHand(dummy(without_task)),
        "reward of observations": VecReplaceReward(dummy(without_task), from_observations),
        "reward of observations, with fitness": VecReplaceReward(dummy(with_task), from_observations),
        "reward of named fields, with fitness": VecReplaceReward(dummy(with_task), from_fields),
        "reward=None, with fitness": VecReplaceReward(dummy(with_task), None),
    }
    for venv in setups.values():
        venv.seed(0)
        venv.reset()
    rng = np.random.default_rng(0)
    times: dict[str, list[float]] = {name: [] for name in setups}
    for _ in range(args.rounds):
        actions = rng.uniform(-1, 1, (args.steps, args.num_envs, 3)).astype(np.float32)
        for name, venv in setups.items():
            times[name].append(cpu_time(venv, actions))
    plain = np.array(times["plain DummyVecEnv"])
    print(f"{'':40} µs per env-step   over plain   median ratio")
    for name, values in times.items():
        fast, ratio = np.quantile(values, 0.1), np.median(np.array(values) / plain)
        share = fast / np.quantile(plain, 0.1)
        print(f"{name:40} {1e6 * fast / args.num_envs:15.2f} {share - 1:12.1%} {ratio - 1:14.1%}")


if __name__ == "__main__":
    main()

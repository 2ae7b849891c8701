"""What `envs.vector.ReplaceReward` adds to a step of 16 Hopper environments, layer by layer.

    python -m benchmarks.exposure [--rounds 100] [--steps 12] [--num-envs 16]

The setups take turns of a few steps in one process; the figures are medians over the rounds of CPU time, and of the
ratio within each round, so that a busy machine slows all alike.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import gymnasium as gym
import numpy as np

import envs
from envs.expose import Expose
from reward_designers.base import Components


def of_observations(next_obs: np.ndarray, action: np.ndarray) -> Components:
    """Components of observations (Hopper: height 0, pitch 1, forward velocity 5)."""
    return _components(next_obs[:, 0], np.cos(next_obs[:, 1]), next_obs[:, 5], action)


def of_fields(
    next_torso_height: np.ndarray, next_uprightness: np.ndarray, next_forward_velocity: np.ndarray, action: np.ndarray
) -> Components:
    """The same of named fields."""
    return _components(next_torso_height, next_uprightness, next_forward_velocity, action)


def _components(height: np.ndarray, upright: np.ndarray, speed: np.ndarray, action: np.ndarray) -> Components:
    return {
        "height": np.minimum(height, 1.25),
        "upright": upright,
        "speed": 0.5 * speed,
        "effort": -0.001 * np.square(action).sum(axis=-1),
    }


def stepper(venv: gym.vector.VectorEnv) -> Callable[[np.ndarray], float]:
    """A function that makes steps with the given actions ``(steps, num_envs, 3)``; CPU seconds of one step."""
    venv.reset(seed=0)

    def run(actions: np.ndarray) -> float:
        start = time.process_time()
        for action in actions:
            venv.step(action)
        return (time.process_time() - start) / len(actions)

    return run


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--num-envs", type=int, default=16)
    args = parser.parse_args()

    def with_task(**options: object) -> gym.vector.VectorEnv:
        return envs.make_vec("Hopper", args.num_envs, **options)

    def without_task() -> gym.vector.VectorEnv:
        make = [lambda: gym.make("Hopper-v5", disable_env_checker=True)] * args.num_envs
        return gym.vector.SyncVectorEnv(make, autoreset_mode=gym.vector.AutoresetMode.SAME_STEP)

    wrapped = envs.vector.ReplaceReward
    setups = {
        "Gymnasium's SyncVectorEnv": without_task(),
        "envs.make_vec": with_task(),
        "arrays exposed (qpos, qvel)": with_task(wrappers=[lambda env: Expose(env, ["qpos", "qvel"])]),
        "reward of observations": wrapped(without_task(), of_observations),
        "fitness alone": wrapped(with_task(), None),
        "reward of named fields, with fitness": wrapped(with_task(), of_fields),
        "the same around each environment": with_task(wrappers=[lambda env: envs.ReplaceReward(env, of_fields)]),
    }
    run = {name: stepper(venv) for name, venv in setups.items()}
    rng = np.random.default_rng(0)
    times: dict[str, list[float]] = {name: [] for name in setups}
    for _ in range(args.rounds):
        actions = rng.uniform(-1, 1, (args.steps, args.num_envs, 3)).astype(np.float32)
        for name in setups:
            times[name].append(run[name](actions))
    plain = np.array(times["Gymnasium's SyncVectorEnv"])
    print(f"{'':40} µs per env-step   over Gymnasium's")
    for name, values in times.items():
        share = np.median(np.array(values) / plain) - 1
        print(f"{name:40} {1e6 * np.median(values) / args.num_envs:15.2f} {share:15.1%}")


if __name__ == "__main__":
    main()

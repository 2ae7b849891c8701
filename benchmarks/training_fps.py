"""Training speed with the environments' own reward, beside plain Stable-Baselines3 with the same settings.

    python -m benchmarks.training_fps [--env Hopper] [--algorithm ppo] [--rounds 20]

Ours has what a run has: the named task, fitness, episode statistics and a snapshot of each rollout for checkpoints.
Plain is SB3's ``make_vec_env`` (with its ``Monitor``) and ``DummyVecEnv``. Both take turns, rollout by rollout, in one
process; the ratio is the median over the rounds, in CPU time, so that a busy machine slows both alike.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

import envs
from agents.checkpoint import Checkpoints
from agents.sb3 import VecReplaceReward, make_algorithm


def settings(algorithm: str, num_envs: int) -> dict[str, Any]:
    """The same for both; off-policy rollouts are made as long as on-policy ones so that both can take turns."""
    if "ppo" in algorithm:
        return {"n_steps": 2048 // num_envs, "batch_size": 64, "n_epochs": 10}
    return {"train_freq": 16, "gradient_steps": 16, "learning_starts": 100, "buffer_size": 100_000}


class Training:
    """One model, trained a rollout at a time.

    Args:
        model: To be trained.
        callback: What watches it.
    """

    def __init__(self, model: BaseAlgorithm, callback: BaseCallback):
        self.model = model
        _, self.callback = model._setup_learn(10**9, callback)
        self.callback.on_training_start({}, {})

    def rollout(self) -> float:
        """Collect a rollout and learn from it; CPU seconds a timestep."""
        model: Any = self.model
        start, steps = time.process_time(), model.num_timesteps
        if hasattr(model, "rollout_buffer"):
            model.collect_rollouts(model.env, self.callback, model.rollout_buffer, model.n_steps)
            model.train()
        else:
            for _ in range(8):
                model.collect_rollouts(
                    model.env, self.callback, model.train_freq, model.replay_buffer, None, model.learning_starts
                )
                if model.num_timesteps > model.learning_starts:
                    model.train(model.gradient_steps, model.batch_size)
        return (time.process_time() - start) / (model.num_timesteps - steps)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--env", default="Hopper")
    parser.add_argument("--algorithm", default="ppo")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--num-envs", type=int, default=16)
    args = parser.parse_args()

    env_id = envs.make(args.env).spec.id  # type: ignore[union-attr]
    options = {"seed": 0, **settings(args.algorithm, args.num_envs)}
    plain_env = VecNormalize(make_vec_env(env_id, args.num_envs, env_kwargs={"disable_env_checker": True}))
    plain = Training(make_algorithm(args.algorithm, plain_env, **options), CallbackList([]))
    with tempfile.TemporaryDirectory() as folder:
        our_env = VecNormalize(VecReplaceReward(DummyVecEnv([lambda: envs.make(args.env)] * args.num_envs), None))
        ours = Training(make_algorithm(args.algorithm, our_env, **options), Checkpoints(folder, every=10**9))
        seconds: dict[Training, list[float]] = {plain: [], ours: []}
        for number in range(args.rounds):
            for training in (plain, ours) if number % 2 else (ours, plain):
                seconds[training].append(training.rollout())
    ratios = np.array(seconds[plain][1:]) / np.array(seconds[ours][1:])
    for name, training in (("plain SB3", plain), ("ours, reward=None", ours)):
        print(f"{name:20} {1 / np.median(seconds[training][1:]):8.0f} frames per CPU-second")
    low, high = np.quantile(ratios, [0.25, 0.75])
    print(f"ours / plain         {np.median(ratios):8.3f}   (quartiles {low:.3f}, {high:.3f}, {len(ratios)} rounds)")


if __name__ == "__main__":
    main()

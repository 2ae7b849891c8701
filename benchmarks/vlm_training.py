"""Where the time of a whole `reward=vlm` training goes: physics, rendering, inference, learning, the rest.

    python -m benchmarks.vlm_training                              # Humanoid standing, the embedded model
    python -m benchmarks.vlm_training --env Hopper --model ViT-B-32 --rollouts 1

It trains for real, with the settings that `agents.train` resolves to. CPU time of this process, one thread; models
other than the embedded one get random weights, which are as fast as any.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("LP_NUM_THREADS", "1")


class Stopwatch:
    """CPU seconds spent in the functions that it watches."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def watch(self, owner: Any, name: str, part: str) -> None:
        """Count time spent in ``owner.name`` under ``part``; the parts must not contain one another."""
        function: Callable[..., Any] = getattr(owner, name)

        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.process_time()
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds[part] = self.seconds.get(part, 0.0) + time.process_time() - start

        setattr(owner, name, timed)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="Humanoid")
    parser.add_argument("--task", default="standing")
    parser.add_argument("--model", default="tiny_clip", help="tiny_clip, or any open_clip architecture")
    parser.add_argument("--num-envs", type=int, default=8)
    parser.add_argument("--rollouts", type=int, default=4, help="of about 512 steps each")
    arguments = parser.parse_args()

    from agents.build import make_model, make_venv, resolve
    from agents.cli import settle_libraries
    from agents.config import PPO, EnvConfig, TrainConfig
    from envs import find_task, rendering
    from reward_designers.vlm import VLMReward
    from reward_designers.vlm.encoder import ClipEncoder

    settle_libraries()
    env = EnvConfig(name=arguments.env)
    config = resolve(
        TrainConfig(
            env=env, task=arguments.task, algo=PPO(n_steps=512 // arguments.num_envs), num_envs=arguments.num_envs
        )
    )
    task = find_task(arguments.env, arguments.task)
    weights = {} if arguments.model == "tiny_clip" else {"pretrained": ""}
    reward = VLMReward(task.goal_prompts, task.baseline_prompts, model=arguments.model, **weights)
    venv = make_venv(config, arguments.num_envs, reward)
    model: Any = make_model(config, venv)
    per_rollout = arguments.num_envs * model.n_steps
    model.learn(per_rollout)  # first frames and forward passes cost more

    watch = Stopwatch()
    watch.watch(rendering, "frame_of", "rendering")
    watch.watch(ClipEncoder, "__call__", "inference")
    watch.watch(model, "train", "learning")
    for one in venv.unwrapped.envs:
        watch.watch(one.unwrapped, "step", "physics")
    start, wall, steps = time.process_time(), time.perf_counter(), arguments.rollouts * per_rollout
    model.learn(steps, reset_num_timesteps=False)
    used, wall = time.process_time() - start, time.perf_counter() - wall

    watch.seconds["the rest"] = used - sum(watch.seconds.values())
    print(f"{arguments.env} {arguments.task}, {arguments.model}, PPO, {arguments.num_envs} envs, {steps} steps\n")
    print("| part | CPU-ms a step | share |\n|---|---|---|")
    for part in ("physics", "rendering", "inference", "learning", "the rest"):
        seconds = watch.seconds.get(part, 0.0)
        print(f"| {part} | {1e3 * seconds / steps:.3f} | {seconds / used:.0%} |")
    print(f"| in all | {1e3 * used / steps:.3f} | {steps / used:.0f} steps per CPU-second, {steps / wall:.0f} fps |")


if __name__ == "__main__":
    main()

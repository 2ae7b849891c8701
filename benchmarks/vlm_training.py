"""Environment steps a second of the whole `reward=vlm` training, and where the time goes.

    python -m benchmarks.vlm_training                                   # Humanoid, PPO, the embedded model
    python -m benchmarks.vlm_training env=Hopper reward.model=ViT-B-32 reward.pretrained=''    # any option of train

CPU time of this process, one thread. What is timed are the very functions that training calls.
"""

from __future__ import annotations

import functools
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

import envs.rendering
from agents import build, cli
from agents.config.commands import TRAIN
from agents.errors import UsageError, fail
from agents.rewarding.make import make_reward
from reward_designers.vlm.encoder import ClipEncoder

ROLLOUTS = 2


class Stopwatch:
    """CPU seconds by name; what is timed within something else that is timed counts for itself alone."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self._running: list[str] = []
        self._since = time.process_time()

    def _switch(self) -> None:
        now = time.process_time()
        self.spent[self._running[-1] if self._running else "rest"] += now - self._since
        self._since = now

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        self._switch()
        self._running.append(name)
        try:
            yield
        finally:
            self._switch()
            self._running.pop()

    def stop(self) -> None:
        """Count the time until now."""
        self._switch()

    def time(self, owner: Any, method: str, name: str) -> None:
        """From now on ``owner.method`` is timed."""
        original: Callable[..., Any] = getattr(owner, method)

        @functools.wraps(original)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self(name):
                return original(*args, **kwargs)

        setattr(owner, method, timed)


def main() -> None:
    """Compose the config as `agents.train` does; train one rollout to warm up, then a few that count."""
    given = {argument.partition("=")[0] for argument in sys.argv[1:]}
    arguments = [text for text in ("env=Humanoid", "reward=vlm") if text.partition("=")[0] not in given]
    arguments += sys.argv[1:]
    try:
        config = build.resolve(cli.compose(TRAIN, "train", arguments))
        reward = make_reward(config)
    except (UsageError, ValueError) as error:
        fail(error)
    torch.set_num_threads(1)
    envs.rendering.ensure_gl()
    venv = build.make_venv(config, config.num_envs or 1, reward)
    model = build.make_model(config, venv)
    rollout = model.n_steps * venv.num_envs if hasattr(model, "n_steps") else 1024

    watch = Stopwatch()
    for env in venv.unwrapped.envs:
        watch.time(env.unwrapped, "step", "physics")
    watch.time(envs.rendering, "frame_of", "rendering")
    watch.time(ClipEncoder, "__call__", "inference")
    watch.time(type(model), "train", "learning")
    watch.time(model.policy, "forward", "policy")

    model.learn(rollout)
    watch.spent.clear()
    start = time.perf_counter()
    model.learn(ROLLOUTS * rollout, reset_num_timesteps=False)
    wall = time.perf_counter() - start
    watch.stop()
    steps, total = ROLLOUTS * rollout, sum(watch.spent.values())
    print(f"{' '.join(arguments)}: {venv.num_envs} environments, {steps} steps")
    print(f"{steps / total:.0f} steps a CPU-second, {steps / wall:.0f} a second on the wall")
    for name, seconds in sorted(watch.spent.items(), key=lambda item: -item[1]):
        print(f"  {name:10s} {seconds / steps * 1e3:7.3f} CPU-ms a step   {seconds / total:4.0%}")


if __name__ == "__main__":
    main()

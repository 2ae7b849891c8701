"""Training in NetHack beside plain Stable-Baselines3 on upstream's environment, and where the time of a step goes.

    python -m benchmarks.nethack_training [--env MiniHack-KeyRoom-S5] [--rounds 8] [--num-envs 16]

Setups take turns, rollout by rollout, in one process, learning included; CPU seconds, so that a busy machine slows all
alike (another program on the same core still costs caches). Then the last one's rollouts are taken apart: each part's
time is its own, without that of parts called from it; measuring costs a few microseconds a step.
"""

from __future__ import annotations

import argparse
import functools
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import CallbackList
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

from agents.build import make_model, make_venv, resolve
from agents.checkpoint import Checkpoints
from agents.cli import compose
from agents.config.commands import TRAIN
from agents.rewarding.intrinsic import teach
from agents.rewarding.make import make_reward
from agents.rewarding.terms import part_of
from agents.sb3 import VecReplaceReward
from benchmarks.training_fps import Training
from envs.nethack.captions import Captions
from envs.nethack.followers import DoorsOpened, Map
from envs.nethack.game import NetHackGame
from reward_designers.base import RewardFn
from reward_designers.intrinsic import IntrinsicReward

OBSERVED = ("glyphs_crop", "blstats", "message", "inv_glyphs")
"""What the kit's policies see; upstream's default is some 200 KB more a step."""
PARTS = ("game", "environment", "captions", "reward", "inference", "learning", "the rest")
"""The game's own code; the kit's around it, resets included; captions; reward and statistics; policy; updates; SB3."""


class Meter:
    """Whose time it is: of nested calls each has its own part alone."""

    def __init__(self) -> None:
        self.seconds = Counter[str]()
        self._inner: list[float] = []

    def timed(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """``call``, counted."""

        @functools.wraps(call)
        def counted(*args: Any, **kwargs: Any) -> Any:
            self._inner.append(0.0)
            start = time.thread_time()
            try:
                return call(*args, **kwargs)
            finally:
                spent = time.thread_time() - start
                self.seconds[part] += spent - self._inner.pop()
                if self._inner:
                    self._inner[-1] += spent

        return counted

    @contextmanager
    def watching(self, training: Training) -> Iterator[None]:
        """Count the parts of a training's rollouts."""
        model = training.model
        venv = model.get_env()
        assert venv is not None
        of_classes = [
            *((NetHackGame, name, "environment") for name in ("step", "reset")),
            *((cls, name, "captions") for cls in (Captions, Map, DoorsOpened) for name in ("step", "begin")),
            *((VecReplaceReward, name, "reward") for name in ("step_wait", "finish_rollout")),
        ]
        kept = [(owner, name, getattr(owner, name)) for owner, name, _ in of_classes]
        for owner, name, part in of_classes:
            setattr(owner, name, self.timed(part, getattr(owner, name)))
        wrapper: Any = venv
        inner, wrapper._step_inner = wrapper._step_inner, self.timed("the rest", wrapper._step_inner)
        games = [env.unwrapped for env in wrapper.unwrapped.envs]
        for game in games:
            game._pynethack = Timed(game._pynethack, self)
        model.policy.forward = self.timed("inference", model.policy.forward)  # type: ignore[method-assign]
        model.train = self.timed("learning", model.train)  # type: ignore[method-assign]
        try:
            yield
        finally:
            for owner, name, function in kept:
                setattr(owner, name, function)
            wrapper._step_inner = inner
            for game in games:
                game._pynethack = game._pynethack.game
            del model.policy.forward, model.train  # type: ignore[attr-defined]


class Timed:
    """NLE's extension, whose instances take no other methods."""

    def __init__(self, game: Any, meter: Meter):
        self.game, self.step = game, meter.timed("game", game.step)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.game, name)


def plain(env: str, num_envs: int, rollout: int) -> Training:
    """Stable-Baselines3's defaults, on what upstream registers; rollouts as long as ours, to take turns."""
    import minihack  # noqa: F401  # registers them

    options: dict[str, Any] = {"disable_env_checker": True}
    if env.startswith("MiniHack"):
        options["observation_keys"] = OBSERVED
    else:
        options["observation_keys"] = ("glyphs", *OBSERVED[1:])  # it has no crop
    venv = VecMonitor(DummyVecEnv([lambda: gym.make(f"{env}-v0", **options)] * num_envs))
    return Training(PPO("MultiInputPolicy", venv, n_steps=rollout // num_envs, seed=0, device="cpu"), CallbackList([]))


def ours(env: str, num_envs: int, folder: Path, *options: str) -> tuple[Training, RewardFn | None]:
    """The kit's tuned settings, with all that a run has; and its reward."""
    config = resolve(compose(TRAIN, "train", (f"env={env}", f"num_envs={num_envs}", "algo.n_steps=128", *options)))
    reward = make_reward(config)
    part = part_of(reward, IntrinsicReward)
    if part is not None:
        teach(part, config, folder)
    model = make_model(config, make_venv(config, num_envs, reward))
    return Training(model, Checkpoints(folder, every=10**9)), part


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--env", default="MiniHack-KeyRoom-S5")
    parser.add_argument("--num-envs", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=8, help="rollouts of each setup, the first not counted")
    args = parser.parse_args()
    size = 128 * args.num_envs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sparse, _ = ours(args.env, args.num_envs, folder / "env", "reward=env")
        judged, reward = ours(args.env, args.num_envs, folder / "intrinsic", "reward=intrinsic")
        setups = {
            "Stable-Baselines3, its defaults, upstream's environment": plain(args.env, args.num_envs, size),
            "the kit, tuned settings, `reward=env`": sparse,
            "the kit, tuned settings, `reward=intrinsic`": judged,
        }
        seconds: dict[str, list[float]] = {name: [] for name in setups}
        for turn in range(args.rounds):
            for name in list(setups)[:: 1 if turn % 2 else -1]:
                seconds[name].append(setups[name].rollout())
        meter = Meter()
        rollouts = max(1, args.rounds // 2)
        with meter.watching(judged):
            whole = sum(judged.rollout() for _ in range(rollouts)) / rollouts
        assert isinstance(reward, IntrinsicReward)
        assert reward.annotation is not None
        reward.annotation.close()
    first = np.array(next(iter(seconds.values()))[1:])
    print(f"\n{args.env}, {args.num_envs} environments\n\n| training | CPU-µs a step | steps a CPU-second | times |")
    print("|---|---|---|---|")
    for name, values in seconds.items():
        middle, ratio = np.median(values[1:]), np.median(first / np.array(values[1:]))
        print(f"| {name} | {1e6 * middle:,.0f} | {1 / middle:,.0f} | {ratio:.1f} |")
    meter.seconds["the rest"] += whole * rollouts * size - meter.seconds.total()
    print("\n| part of a step, `reward=intrinsic` | CPU-µs | share |\n|---|---|---|")
    for part in PARTS:
        spent = meter.seconds[part] / (rollouts * size)
        print(f"| {part} | {1e6 * spent:.0f} | {100 * spent / whole:.0f} % |")


if __name__ == "__main__":
    main()

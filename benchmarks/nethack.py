"""Steps of NetHack and MiniHack beside upstream's, and what captions and other readers add.

    python -m benchmarks.nethack [--rounds 20] [--steps 400] [--envs MiniHack-KeyRoom-S5 ...]

Random actions. The setups take turns of a few steps in one process; the figures are medians over the rounds of CPU
time, and of the ratio within each round, so that a busy machine slows all alike. Resets are part of it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

import envs
from envs.nethack.captions import PARTS
from envs.nethack.game import NetHackGame

SAME_OBSERVATIONS = ("glyphs_crop", "blstats", "message")
"""The observations that both can be asked for."""
Run = Callable[[], float]


def single(env: gym.Env, steps: int, after: Callable[[], Any] | None = None) -> Run:
    """CPU seconds of one step of ``env``; ``after`` is called after each."""
    env.reset(seed=0)
    rng = np.random.default_rng(0)

    def run() -> float:
        actions = rng.integers(env.action_space.n, size=steps).tolist()  # type: ignore[attr-defined]
        start = time.process_time()
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if after is not None:
                after()
            if terminated or truncated:
                env.reset()
        return (time.process_time() - start) / steps

    return run


def vector(venv: gym.vector.VectorEnv, steps: int) -> Run:
    """CPU seconds of one step of one environment of ``venv``."""
    venv.reset(seed=0)
    venv.action_space.seed(0)
    steps = max(1, steps // venv.num_envs)

    def run() -> float:
        actions = [venv.action_space.sample() for _ in range(steps)]
        start = time.process_time()
        for action in actions:
            venv.step(action)
        return (time.process_time() - start) / (steps * venv.num_envs)

    return run


def compare(setups: dict[str, Run], rounds: int) -> None:
    """Let the setups take turns, and print a row for each; the first is what the others are compared with."""
    times: dict[str, list[float]] = {name: [] for name in setups}
    for run in setups.values():
        run()
    for _ in range(rounds):
        for name, run in setups.items():
            times[name].append(run())
    first = np.array(next(iter(times.values())))
    for name, values in times.items():
        median = float(np.median(values))
        print(f"| {name} | {1e6 * median:.1f} | {1 / median:,.0f} | {np.median(first / np.array(values)):.2f} |")


def added(name: str, rounds: int, steps: int) -> None:
    """Print what a step costs more where somebody reads captions, their parts, or other fields."""

    def reading(field: str, **options: Any) -> Run:
        env = envs.make(name, **options)
        game = env.unwrapped
        assert isinstance(game, NetHackGame)
        read = game.state_arrays[field]
        if callable(read):
            read()
            return single(env, steps, read)
        return single(env, steps)

    runs = {"nothing": single(envs.make(name), steps), "caption, all events": reading("happened")}
    runs |= {f"caption, {part} alone": reading("happened", captions=(part,)) for part in PARTS}
    runs |= {"map_text": reading("drawn"), "doors_opened": reading("opened"), "message": reading("said")}
    times: dict[str, list[float]] = {reader: [] for reader in runs}
    for turn in range(rounds + 1):
        for reader, run in runs.items():
            value = run()
            if turn:
                times[reader].append(value)
    nothing = np.array(times.pop("nothing"))
    print(f"\n{name}: µs that a step costs more with a reader of\n\n| field | µs |\n|---|---|")
    for reader, values in times.items():
        print(f"| {reader} | {1e6 * np.median(np.array(values) - nothing):.1f} |")


def main() -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--num-envs", type=int, nargs="*", default=[32])
    parser.add_argument("--envs", nargs="*", default=["MiniHack-KeyRoom-S5", "MiniHack-Room-15x15", "NetHackScore"])
    args = parser.parse_args()
    import minihack  # noqa: F401  # registers upstream's

    for name in args.envs:
        upstream_id = f"{name}-v0"

        def theirs(upstream_id: str = upstream_id, **options: Any) -> gym.Env:
            return gym.make(upstream_id, disable_env_checker=True, **options)

        def ours(name: str = name, **options: Any) -> gym.Env:
            return envs.make(name, **options)

        same = [key for key in SAME_OBSERVATIONS if key != "glyphs_crop" or name.startswith("MiniHack")]
        print(f"\n{name}, one environment\n\n| setup | CPU-µs a step | steps/s | times upstream's |\n|---|---|---|---|")
        compare(
            {
                "upstream": single(theirs(), args.steps),
                "upstream, few observations": single(theirs(observation_keys=same), args.steps),
                "the kit, the same few": single(ours(observation_keys=same), args.steps),
                "the kit": single(ours(), args.steps),
            },
            args.rounds,
        )
        for num_envs in args.num_envs:
            mode = gym.vector.AutoresetMode.SAME_STEP
            print(f"\n{name}, {num_envs} environments in one process\n")
            print("| setup | CPU-µs a step | steps/s | times upstream's |\n|---|---|---|---|")
            compare(
                {
                    "upstream": vector(gym.vector.SyncVectorEnv([theirs] * num_envs, autoreset_mode=mode), args.steps),
                    "the kit": vector(envs.make_vec(name, num_envs), args.steps),
                },
                args.rounds,
            )
    for name in args.envs:
        added(name, args.rounds, args.steps)


if __name__ == "__main__":
    main()

"""Steps of ALFWorld beside TextWorld's own: rate, resets, memory for each environment, and whether memory grows.

    python -m benchmarks.alfworld [--games FOLDER] [--count 6] [--rounds 3] [--steps 15] [--long 100000]

Random admissible commands; both play the same games and commands in turns, in one process. Figures are medians over
rounds of CPU time, and of the ratio within each round, so that a busy machine slows both alike. Needs the extra
alfworld for TextWorld's part.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import envs
from envs.alfworld.games import TASK_TYPES, Game, load_games
from envs.alfworld.simulator import Simulator, world_of
from envs.alfworld.stock import load_game, stock_env

_NUM_ENVS = 16


def chosen(games: str | None, count: int) -> list[Game]:
    """Games of all types, a few of each."""
    found = load_games(games)
    by_type = [[game for game in found if game.task_type == kind] for kind in TASK_TYPES]
    mixed = [game for turn in zip(*[iter(g * count) for g in by_type if g], strict=False) for game in turn]
    return list(dict.fromkeys(mixed))[:count]


def play_both(games: list[Game], rounds: int, steps: int) -> None:
    """Print a row for each game."""
    print(
        "| game | TextWorld, steps/s | here | times | TextWorld, load and reset, ms | here |\n|---|---|---|---|---|---|"
    )
    ratios = []
    with stock_env() as env:
        for game in games:
            times: list[tuple[float, float, float, float]] = []
            for number in range(rounds):
                rng = random.Random(number)
                start = time.process_time()
                load_game(env, game)
                env.reset()
                loaded = time.process_time() - start
                world_of.cache_clear()
                start = time.process_time()
                simulator = Simulator(game)
                state = simulator.reset()
                begun = time.process_time() - start
                commands = []
                for _ in range(steps):
                    commands.append(rng.choice(state.admissible))
                    state = simulator.step(commands[-1])
                start = time.process_time()
                for command in commands:
                    theirs = env.step(command)[0]
                slow = (time.process_time() - start) / steps
                assert theirs["feedback"] == state.feedback
                start = time.process_time()
                for _ in range(10):
                    simulator.reset()
                    for command in commands:
                        simulator.step(command)
                times.append((slow, (time.process_time() - start) / (10 * steps), loaded, begun))
            slow, fast, loaded, begun = np.median(times, axis=0)
            ratios.append(float(np.median([a / b for a, b, *_ in times])))
            name = game.name.split("/")[0]
            print(
                f"| {name} | {1 / slow:.0f} | {1 / fast:,.0f} | {ratios[-1]:.0f} | {1e3 * loaded:.0f} "
                f"| {1e3 * begun:.1f} |",
                flush=True,
            )
    print(f"\nhere / TextWorld: {np.median(ratios):.0f} times, {min(ratios):.0f} to {max(ratios):.0f}\n")


def vector(games: str | None, steps: int) -> None:
    """Print the rate of `envs.make_vec`, and what memory does over a long run."""
    venv = envs.make_vec("ALFWorld", _NUM_ENVS, games=games)
    venv.reset(seed=0)
    rng = np.random.default_rng(0)
    inner = [env.unwrapped for env in venv.unwrapped.envs]
    marks = []
    spent = 0.0
    for step in range(steps // _NUM_ENVS + 1):
        if step % max(1, steps // _NUM_ENVS // 10) == 0:
            marks.append(resident())
        actions = np.array([rng.integers(np.count_nonzero(env.action_masks())) for env in inner])
        start = time.process_time()
        venv.step(actions)
        spent += time.process_time() - start
    each = 1e6 * spent / (step + 1) / _NUM_ENVS
    print(f"envs.make_vec, {_NUM_ENVS} environments: {each:.0f} CPU-µs a step of one, resets included")
    print(f"resident memory over {steps:,} steps, MB: {' '.join(f'{mark:.0f}' for mark in marks)}")


def resident() -> float:
    """MB of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def memory(which: str, games: str | None) -> None:
    """Print what `_NUM_ENVS` environments with a game each take in a process of their own, MB an environment."""
    rng = random.Random(0)
    drawn = chosen(games, _NUM_ENVS)
    drawn = [drawn[number % len(drawn)] for number in range(_NUM_ENVS)]
    with contextlib.ExitStack() as stack:
        if which == "stock":
            stock = [stack.enter_context(stock_env()) for _ in range(_NUM_ENVS + 1)]
            load_game(stock[-1], drawn[0])
            stock[-1].reset()
            before = resident()
            for env, game in zip(stock, drawn, strict=False):
                load_game(env, game)
                state = env.reset()
                for _ in range(3):
                    state = env.step(rng.choice(state["admissible_commands"]))[0]
        else:
            Simulator(drawn[0])
            before = resident()
            kept = [Simulator(game) for game in drawn]
            for simulator in kept:
                for _ in range(200):
                    simulator.step(rng.choice(simulator.state.admissible))
        print(f"{(resident() - before) / _NUM_ENVS:.2f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--games", help="as for envs.make; the embedded games by default")
    parser.add_argument("--count", type=int, default=6, help="games to play")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=15, help="steps of a game in a round")
    parser.add_argument("--long", type=int, default=100_000, help="steps of the run that shows whether memory grows")
    parser.add_argument("--memory", choices=("stock", "here"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.memory:
        memory(args.memory, args.games)
        return
    play_both(chosen(args.games, args.count), args.rounds, args.steps)
    for which, name in (("stock", "TextWorld"), ("here", "here")):
        command = [sys.executable, "-m", "benchmarks.alfworld", "--memory", which]
        command += ["--games", args.games] if args.games else []
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        print(f"{name}: {said.split()[-1]} MB for each of {_NUM_ENVS} environments")
    vector(args.games, args.long)


if __name__ == "__main__":
    main()

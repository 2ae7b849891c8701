"""Trajectories of the kit's own worlds in words, with the true reward of each step.

python -m agents.prediction.generate FOLDER [DOMAIN ...] [--tasks 20] [--seed 0]

The positive trajectory of a task is an expert's, after up to three random commands; the negative one is of a policy
that draws its commands uniformly, as long as the positive one, and not successful. Random commands are worth 0, the
t-th of the expert's T commands t / T: `shaped`. `raw` is 1 where the goal is reached.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from agents.errors import fail
from agents.prediction.data import PredictionTask, Step, Trajectory, write_tasks
from agents.terminal import tell
from envs.text.game import Maker, TextGame, TextState
from envs.text.worlds import WORLDS, maker
from reward_designers.errors import unknown_name

PREFIX = 3
"""At most so many random commands before the expert's."""
SHORTEST, LONGEST = 3, 60
"""Commands of an expert; games that need fewer or more are passed over."""
TRIES = 20
"""How often a trajectory is drawn anew: if the expert has no way after the prefix, or the random policy succeeds."""


def generate(
    domain: str, tasks: int, seed: int, folder: Path, tell: Callable[[str], None] = lambda _: None
) -> list[PredictionTask]:
    """Tasks of one world.

    Args:
        domain: One of `envs.text.worlds.WORLDS`.
        tasks: How many.
        seed: Other seeds play other games.
        folder: Where games that must be compiled are kept.
        tell: Is told how far it is.

    Raises:
        ValueError: There is no such world.
    """
    if domain not in WORLDS:
        raise ValueError(unknown_name("domain", domain, WORLDS))
    made: list[PredictionTask] = []
    for number in _numbers(tasks, seed):
        task = make_task(domain, maker(domain, number, folder), np.random.default_rng([seed, number]))
        if task is not None and task.name not in {other.name for other in made}:
            made.append(task)
            tell(f"{domain}: {len(made)} of {tasks} tasks")
        if len(made) == tasks:
            break
    else:
        raise RuntimeError(f"{domain}: only {len(made)} of {tasks} games have a way of {SHORTEST} to {LONGEST} steps")
    return made


def make_task(domain: str, make: Maker, rng: np.random.Generator) -> PredictionTask | None:
    """The task of one game; None if the expert's way is too short or too long, or chance finds it each time."""
    game = make()
    try:
        positive = _positive(game, rng)
        if positive is None:
            return None
        for _ in range(TRIES):
            steps = _random_steps(game, len(positive) - 1, rng)
            if len(steps) == len(positive) and not any(step.raw for step in steps):
                return PredictionTask(domain, game.name, positive, (Trajectory(game.goal, tuple(steps)),))
        return None
    finally:
        game.close()


def _positive(game: TextGame, rng: np.random.Generator) -> Trajectory | None:
    for _ in range(TRIES):
        steps = _random_steps(game, int(rng.integers(PREFIX + 1)), rng)
        followed = _expert_steps(game) if not steps[-1].raw else []
        if SHORTEST <= len(followed) <= LONGEST:
            whole = len(followed)
            shaped = [_step(command, state, t / whole, True) for t, (command, state) in enumerate(followed, 1)]
            return Trajectory(game.goal, (*steps, *shaped))
    return None


def _expert_steps(game: TextGame) -> list[tuple[str, TextState]]:
    """What the expert does from here; empty if it does not reach the goal."""
    followed: list[tuple[str, TextState]] = []
    while (command := game.expert()) is not None and len(followed) < LONGEST:
        state = game.step(command)
        followed.append((command, state))
        if state.over:
            return followed if state.won else []
    return []


def _random_steps(game: TextGame, number: int, rng: np.random.Generator) -> list[Step]:
    """The start and ``number`` random commands; fewer if the game ends before."""
    state = game.reset()
    steps = [_step("", state, 0.0, False)]
    for _ in range(number):
        if state.over:
            break
        command = state.admissible[rng.integers(len(state.admissible))]
        state = game.step(command)
        steps.append(_step(command, state, 0.0, False))
    return steps


def _step(command: str, state: TextState, shaped: float, expert: bool) -> Step:
    return Step(command, state.feedback, float(state.won), shaped, expert, tuple(sorted(state.facts)), state.score)


def _numbers(tasks: int, seed: int) -> Iterator[int]:
    """Numbers of games to try, different ones for each seed."""
    return iter(range(seed * 1000, seed * 1000 + 5 * tasks + 20))


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    about = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m agents.prediction.generate", description=about)
    parser.add_argument("folder", type=Path, help="where the trajectories are written")
    parser.add_argument("domains", nargs="*", metavar="DOMAIN", help=f"of {', '.join(WORLDS)}; default: all")
    parser.add_argument("--tasks", type=int, default=20, help="of each domain [20]")
    parser.add_argument("--seed", type=int, default=0, help="other seeds play other games [0]")
    options = parser.parse_args(arguments)
    try:
        for domain in options.domains or WORLDS:
            made = generate(domain, options.tasks, options.seed, options.folder / "games", tell)
            write_tasks(options.folder, made)
            steps = sum(len(trajectory) for task in made for trajectory in task.trajectories)
            tell("")
            print(f"{domain}: {len(made)} tasks, {steps} steps in {options.folder / domain}")
    except (ValueError, RuntimeError, OSError, ModuleNotFoundError) as error:
        fail(error)


if __name__ == "__main__":
    main()

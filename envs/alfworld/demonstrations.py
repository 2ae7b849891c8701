"""Games as they are played by somebody who can, or by chance: trajectories to evaluate rewards on, and to learn from.

    python -m envs.alfworld.demonstrations                              # how often the expert wins the embedded games
    python -m envs.alfworld.demonstrations FOLDER --player random       # or chance, those in a folder or archive

for demonstration in demonstrations(load_games(split="train"), "planner"):
    demonstration.commands, demonstration.states[-1].won, demonstration.progress
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import mean

import numpy as np

from envs.alfworld.expert import Expert
from envs.alfworld.games import SPLITS, TASK_TYPES, Game, load_games
from envs.alfworld.planner import plan
from envs.alfworld.simulator import Simulator, State
from envs.alfworld.stock import AlfworldExpert
from reward_designers.errors import unknown_name

STEPS = 50
"""ALFWorld's own limit."""


@dataclass(frozen=True)
class Demonstration:
    """One game as it was played.

    Attributes:
        game: Which.
        player: One of `PLAYERS`.
        commands: What was done, ``steps`` of them.
        states: What the game had come to before each command and at the end, ``steps + 1`` of them: its words, the
            admissible commands, the share of the goal's conditions, and (privileged) all facts.
    """

    game: Game
    player: str
    commands: tuple[str, ...]
    states: tuple[State, ...]

    @property
    def won(self) -> bool:
        """Whether the goal was reached."""
        return self.states[-1].won

    @property
    def progress(self) -> np.ndarray:
        """The true progress after each command as RewardPrediction shapes it, ``(steps,)`` float64.

        t / T for the t-th of T commands of somebody who knows the way and wins, 0 for chance (arXiv 2603.09400).
        """
        steps = len(self.commands)
        if self.player == "random" or not self.won:
            return np.zeros(steps)
        return np.arange(1, steps + 1) / steps


def demonstrations(
    games: Iterable[Game], player: str = "planner", *, steps: int = STEPS, seed: int = 0
) -> Iterator[Demonstration]:
    """Play each game once.

    Args:
        games: Which.
        player: ``planner`` knows all facts and goes the shortest way; ``expert`` knows the texts alone and has to
            search (`Expert`); ``random`` draws from the admissible commands; ``alfworld`` is the expert of the package
            alfworld, which is told the facts, to compare with (needs the extra alfworld).
        steps: When to give up.
        seed: For ``random`` and ``alfworld``; a game is played the same way whatever games come before it.

    Raises:
        ValueError: The player is unknown, or a game cannot be played.
    """
    if player not in PLAYERS:
        raise ValueError(unknown_name("player", player, PLAYERS))
    for game in games:
        simulator = Simulator(game)
        act = PLAYERS[player](game, seed)
        states = [simulator.reset()]
        commands: list[str] = []
        while not states[-1].won and len(commands) < steps:
            commands.append(act(states[-1]))
            states.append(simulator.step(commands[-1]))
        yield Demonstration(game, player, tuple(commands), tuple(states))


def _planner(game: Game, seed: int) -> Callable[[State], str]:
    commands = iter(plan(game))
    return lambda state: next(commands)


def _expert(game: Game, seed: int) -> Callable[[State], str]:
    expert = Expert()
    return lambda state: expert.act(state.feedback)


def _random(game: Game, seed: int) -> Callable[[State], str]:
    rng = Random(f"{seed} {game.name}")
    return lambda state: rng.choice(state.admissible)


def _alfworld(game: Game, seed: int) -> Callable[[State], str]:
    return AlfworldExpert(game, seed).act


PLAYERS: dict[str, Callable[[Game, int], Callable[[State], str]]] = {
    "planner": _planner,
    "expert": _expert,
    "random": _random,
    "alfworld": _alfworld,
}
"""By name: what makes a function from states to commands for a game and a seed."""


def table(played: Sequence[Demonstration]) -> str:
    """How often games were won, and in how many commands, by type of task and by split."""
    lines = [f"{'':32}{'won':>12}{'':8}{'commands':>10}{'most':>6}"]
    for name in (*TASK_TYPES, *SPLITS, "all"):
        group = [d for d in played if name in (d.game.task_type, d.game.split, "all")]
        won = [len(d.commands) for d in group if d.won]
        if group:
            share = f"{len(won):>5} of {len(group):<4}{len(won) / len(group):>8.1%}"
            lines.append(f"{name:32}{share}" + (f"{mean(won):>10.1f}{max(won):>6}" if won else ""))
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """The command; see the module."""
    about = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m envs.alfworld.demonstrations", description=about)
    parser.add_argument("games", nargs="?", type=Path, help="a folder, game or archive; default: the embedded games")
    parser.add_argument("--player", default="expert", help=f"{', '.join(PLAYERS)} [expert]")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"when to give up [{STEPS}]")
    parser.add_argument("--seed", type=int, default=0, help="of players that draw [0]")
    args = parser.parse_args(argv)
    try:
        games = load_games(args.games)
        print(table(list(demonstrations(games, args.player, steps=args.steps, seed=args.seed))))
    except (ValueError, OSError, ModuleNotFoundError) as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()

"""Play a game of ALFWorld by hand.

python -m envs.alfworld.play
python -m envs.alfworld.play --split valid_unseen --task-type pick_two_obj_and_place --seed 3
python -m envs.alfworld.play --games ~/.cache/alfworld/json_2.1.1
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence

from envs.alfworld.games import load_games
from envs.alfworld.simulator import Simulator


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask for commands, by word or number, until the game is won or the input ends."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--games", help="a folder, file or archive; the embedded games by default")
    parser.add_argument("--split", help="train, valid_seen or valid_unseen")
    parser.add_argument("--task-type", help="one of ALFWorld's six")
    parser.add_argument("--seed", type=int, help="which game; another each time by default")
    options = parser.parse_args(arguments)
    try:
        games = load_games(options.games, split=options.split, task_types=options.task_type)
        simulator = Simulator(random.Random(options.seed).choice(games))
    except (ValueError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 2
    state = simulator.reset()
    print(f"{state.feedback}\n\nCommands are taken by word or number; an empty line ends the game.")
    steps = 0
    while not state.won:
        print("\n" + "   ".join(f"{number} {command}" for number, command in enumerate(state.admissible, 1)))
        try:
            said = input("> ").strip()
        except EOFError:
            said = ""
        if not said:
            hint = ", ".join(simulator.game.walkthrough)
            print(f"\nNot won after {steps} commands." + (f" This would have done it: {hint}." if hint else ""))
            return 0
        if said.isdigit() and 0 < int(said) <= len(state.admissible):
            said = state.admissible[int(said) - 1]
            print(f"> {said}")
        state = simulator.step(said)
        steps += 1
        print(f"{state.feedback}   [{state.conditions:.0%} of the goal]")
    print(f"\nWon, in {steps} commands.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What a reward is worth for choosing actions: an agent that guesses, and a reward that picks the best of its guesses.

python -m benchmarks.reranking [--games 40] [--worlds alfworld blocksworld]

At each step eight commands are drawn at random, as proposals of `agents.acting`; the reward values what a copy of the
game says would happen, and the best is done (`agents.acting.planning`, lookahead=simulator). No language model is
involved, so that the reward's own worth is seen. Success within 50 steps, with 95 % bootstrap intervals over games.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agents.acting.command import play
from agents.acting.planning import Planner
from agents.evaluation import interval
from agents.prediction.sources import make_source
from envs.text.worlds import maker
from reward_designers.llm import LLM, Prompt, Reply

JUDGES = ("(first guess)", "random", "similarity", "factored", "factored:embedding", "conditions")
PROPOSALS, STEPS = 8, 50


class Guesses(LLM):
    """Proposes possible commands at random, all different while there are enough."""

    def __init__(self, seed: int):
        self._rng = np.random.default_rng(seed)

    def sample_all(self, prompts: Sequence[Prompt]) -> list[list[Reply]]:
        """See `LLM.sample_all`."""
        return [[Reply(f"Action: {c}", "", i, "chance", "") for i, c in enumerate(self._drawn(p))] for p in prompts]

    def close(self) -> None:
        """Nothing is held."""

    def _drawn(self, prompt: Prompt) -> list[str]:
        commands = re.split(r"Possible commands:\n", prompt.messages[-1]["content"])[-1].splitlines()
        drawn = self._rng.permutation(commands).tolist()
        return [drawn[i % len(drawn)] for i in range(prompt.n)]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--games", type=int, default=40)
    parser.add_argument("--worlds", nargs="+", default=["alfworld", "blocksworld"])
    options = parser.parse_args()
    print(f"| chosen by | {' | '.join(options.worlds)} |\n|---|{'---|' * len(options.worlds)}")
    for judge in JUDGES:
        cells = []
        for world in options.worlds:
            makers = [maker(world, number, Path("games")) for number in range(options.games)]
            planner = None if judge == JUDGES[0] else Planner(make_source(judge, 0), world, None)
            won = [float(p.state.won) for p in play(makers, Guesses(0), planner, STEPS, PROPOSALS)]
            low, high = interval(won)
            cells.append(f"{np.mean(won):.2f} ({low:.2f} to {high:.2f})")
        print(f"| {judge} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()

"""Which similarity makes a scale of progress: scores along ALFWorld's shortest ways beside random walks.

    python -m benchmarks.alfworld_scores                                     # writes docs/images/factored-scores.png
    python -m benchmarks.alfworld_scores --similarities exact embedding all-MiniLM-L6-v2

For each game the score after every step of its walkthrough, and after every step of a random walk of the same length
from the same start. `text` is what needs no factored state: the cosine of the whole observation's embedding and the
goal's. Played on unseen rooms. A scale is worth something if it rises on the way to the goal, ends high there and low
elsewhere: `rank` is the share of pairs (end of a way, end of a walk, of all games) that it orders rightly, `rises` the
correlation of score and time on the way, 1 for a straight line.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from agents.drawing import COLORS, style
from envs.alfworld.games import TASK_TYPES, Game, load_games
from envs.alfworld.simulator import Simulator
from reward_designers.embeddings import Embedder
from reward_designers.factored import AlfworldGoals, AlfworldRules, Episode

Scorer = Callable[[str, Sequence[str]], list[float]]
"""A goal's text and an episode's observations to a score after each."""
GRID = np.linspace(0, 1, 21)
"""Shares of the way at which curves are drawn."""


def factored(similarity: str, credit: bool) -> Scorer:
    """The score of what rules believe."""

    def scores(goal: str, observations: Sequence[str]) -> list[float]:
        episode = Episode(AlfworldRules(), AlfworldGoals(credit), similarity)
        first = episode.begin(observation=observations[0], goal=goal)
        return [first, *(episode.step(observation=text) for text in observations[1:])]

    return scores


def text(encoder: str) -> Scorer:
    """The cosine of goal and observation."""
    embed = Embedder(encoder)
    return lambda goal, observations: [max(0.0, embed.cosine(goal, text)) for text in observations]


def scorers(similarities: Sequence[str]) -> dict[str, Scorer]:
    """By name; embeddings of the last similarity read whole texts as well."""
    made: dict[str, Scorer] = {"exact": factored("exact", False), "exact, half-way counts": factored("exact", True)}
    for name in similarities:
        if name != "exact":
            made[name] = factored(name, False)
            made[f"text, {name}"] = text("wordllama" if name == "embedding" else name)
    return made


def play(game: Game, commands: Sequence[str] | None, rng: random.Random, steps: int) -> list[str]:
    """The observations of an episode: these commands, or as many steps of a random walk that does not win."""
    simulator = Simulator(game)
    state = simulator.reset()
    seen = [state.feedback]
    for number in range(steps):
        state = simulator.step(commands[number] if commands else rng.choice(state.admissible))
        if not commands and state.won:
            return play(game, commands, rng, steps)
        seen.append(state.feedback)
    return seen


def measure(
    scorer: Scorer, episodes: Sequence[tuple[str, list[str], list[str]]]
) -> tuple[Mapping[str, float], np.ndarray]:
    """Figures of one scale, and its mean curve on the way and on the walk, ``(2, len(GRID))``."""
    ways = [np.array(scorer(goal, way)) for goal, way, _ in episodes]
    walks = [np.array(scorer(goal, walk)) for goal, _, walk in episodes]
    ends, lost = np.array([way[-1] for way in ways]), np.array([walk[-1] for walk in walks])
    order = (ends[:, None] > lost).mean() + (ends[:, None] == lost).mean() / 2
    rises = [np.corrcoef(way, np.arange(len(way)))[0, 1] if way.std() else 0.0 for way in ways]
    figures = {
        "at the start": float(np.mean([way[0] for way in ways])),
        "at the goal": float(ends.mean()),
        "after a walk": float(lost.mean()),
        "rises": float(np.mean(rises)),
        "rank": float(order),
    }
    curves = [
        np.mean([np.interp(GRID, np.linspace(0, 1, len(scores)), scores) for scores in group], axis=0)
        for group in (ways, walks)
    ]
    return figures, np.array(curves)


def draw(curves: Mapping[str, np.ndarray], path: Path, title: str) -> None:
    """One panel for each scale."""
    import matplotlib.pyplot as plt

    with style():
        columns = 3
        rows = -(-len(curves) // columns)
        figure, axes = plt.subplots(rows, columns, figsize=(10.2, 2.6 * rows), sharex=True, sharey=True, squeeze=False)
        for axis, (name, (way, walk)) in zip(axes.flat, curves.items(), strict=False):
            axis.plot(GRID, way, color=COLORS[0], label="shortest way")
            axis.plot(GRID, walk, color=COLORS[1], linestyle="--", label="random walk")
            axis.set_title(name, fontsize=10)
            axis.set_ylim(-0.02, 1.02)
        for axis in list(axes.flat)[len(curves) :]:
            axis.set_visible(False)
        axes[0, 0].legend(fontsize=8)
        axes[0, 0].set_ylabel("score")
        axes[-1, 0].set_xlabel("share of the steps")
        figure.suptitle(title, fontsize=10)
        figure.tight_layout()
        figure.savefig(path, dpi=120, facecolor="white")


def main() -> None:
    """Play, score, print a table, draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--similarities", nargs="*", default=["exact", "embedding"])
    parser.add_argument("--games", type=int, default=60)
    parser.add_argument("--plot", type=Path, default=Path("docs/images/factored-scores.png"))
    args = parser.parse_args()
    games = load_games(split="valid_unseen", task_types=TASK_TYPES)[: args.games]
    episodes = []
    for number, game in enumerate(games):
        rng, steps = random.Random(number), len(game.walkthrough)
        way, walk = (play(game, commands, rng, steps) for commands in (game.walkthrough, None))
        episodes.append((game.goal, way, walk))
    curves = {}
    for name, scorer in scorers(args.similarities).items():
        figures, curves[name] = measure(scorer, episodes)
        if len(curves) == 1:
            print("| similarity | " + " | ".join(figures) + " |\n" + "|---" * (len(figures) + 1) + "|")
        print(f"| {name} | " + " | ".join(f"{value:.2f}" for value in figures.values()) + " |", flush=True)
    draw(curves, args.plot, f"Scores in {len(games)} unseen games of ALFWorld")
    print(f"\n{args.plot}")


if __name__ == "__main__":
    main()

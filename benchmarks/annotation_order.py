"""Which captions to have judged first: steps covered against captions asked about, on captions of real episodes.

    python -m benchmarks.annotation_order                       # some minutes; writes docs/images/annotation-order.png
    python -m benchmarks.annotation_order --captions message    # of messages alone, without the kit's events

A random policy plays NetHack; its captions come in rollouts, and at an even pace one of those that wait is sent to a
judge who takes a while. A step is covered if its caption's answer had arrived before. Steps that the lexicon finds
helpful for some goal are counted apart: they are few, and what a reward is made of. `ONI's` is a stack of all
occurrences of captions without an answer, from which the latest is asked about, whether it was asked about already or
not (arXiv 2410.23022).
"""

from __future__ import annotations

import argparse
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

import envs
from agents.drawing import COLORS, MARKERS, WIDTH, Plot, style
from reward_designers.intrinsic import Lexicon
from reward_designers.intrinsic.queue import KEYS, CaptionQueue

RATES = (0.3, 1.0, 3.0, 10.0, 30.0)
"""Captions asked about in 1,000 steps."""
ROLLOUT = 64
"""Steps of each environment after which captions are submitted."""
STACK = 100_000
GOALS = ("NetHackScore", "NetHackOracle", "NetHackGold", "NetHackEat", "NetHackScout")
"""Tasks by whose texts the lexicon judges."""


class Order(Protocol):
    """What waits to be asked about."""

    def see(self, captions: Sequence[str]) -> None:
        """Captions without an answer, of one step of all environments."""

    def submit(self) -> None:
        """A rollout ended."""

    def next(self) -> str | None:
        """What to ask about now."""

    def answered(self, caption: str) -> None:
        """Its answer arrived."""


class Ours:
    """The queue of `Annotation`, which hears of captions once a rollout."""

    def __init__(self, order: str):
        self._queue, self._new = CaptionQueue(order), Counter[str]()

    def see(self, captions: Sequence[str]) -> None:
        self._new.update(captions)

    def submit(self) -> None:
        for caption, count in self._new.items():
            self._queue.see(caption, count)
        self._queue.end_rollout()
        self._new.clear()

    def next(self) -> str | None:
        return next(iter(self._queue.take(1)), None)

    def answered(self, caption: str) -> None:
        self._queue.done(caption)
        self._new.pop(caption, None)


class Frequency(Ours):
    """The most frequent first, and nothing else."""

    def __init__(self) -> None:
        super().__init__("priority")

    def next(self) -> str | None:
        waiting = self._queue._waiting
        if not waiting:
            return None
        best = max(waiting.values(), key=KEYS["frequent"])
        self._queue._asked[best.caption] = waiting.pop(best.caption)
        return best.caption


class Stack:
    """ONI's: every occurrence is pushed, the latest is popped."""

    def __init__(self) -> None:
        self._stack: deque[str] = deque(maxlen=STACK)

    def see(self, captions: Sequence[str]) -> None:
        self._stack.extend(captions)

    def submit(self) -> None:
        """It heard at once."""

    def next(self) -> str | None:
        return self._stack.pop() if self._stack else None

    def answered(self, caption: str) -> None:
        """It does not mind."""


MADE: dict[str, Callable[[], Order]] = {
    "priority (default)": lambda: Ours("priority"),
    "frequency alone": Frequency,
    "fifo": lambda: Ours("fifo"),
    "newest": lambda: Ours("newest"),
    "newest, no pending set (ONI's)": Stack,
}


def play(env: str, parts: Sequence[str] | None, steps: int, num_envs: int, seed: int) -> list[list[str]]:
    """Captions of a random policy, ``num_envs`` in each step."""
    options = {} if parts is None else {"captions": tuple(parts)}
    games = [envs.make(env, **options) for _ in range(num_envs)]
    rng = np.random.default_rng(seed)
    for index, game in enumerate(games):
        game.reset(seed=seed * num_envs + index)
        game.unwrapped.follow("caption")
    captions = []
    for actions in rng.integers(games[0].action_space.n, size=(steps // num_envs, num_envs)).tolist():
        row = []
        for game, action in zip(games, actions, strict=True):
            _, _, terminated, truncated, _ = game.step(action)
            row.append(game.unwrapped.follow("caption"))
            if terminated or truncated:
                game.reset()
        captions.append(row)
    return captions


@dataclass
class Coverage:
    """Shares: of all steps, and of the helpful ones (mean over goals), that were covered; of calls that were wasted."""

    steps: float
    helpful: float
    wasted: float


def cover(
    captions: Sequence[Sequence[str]], order: Order, rate: float, latency: int, goods: list[set[str]]
) -> Coverage:
    """Steps whose answer had arrived before.

    Args:
        captions: ``(steps, num_envs)``.
        order: What waits.
        rate: Captions asked about in 1,000 steps (of one environment).
        latency: Steps (of one environment) until an answer arrives.
        goods: Helpful captions, for each goal.
    """
    known, asked, coming = set[str](), set[str](), deque[tuple[int, str]]()
    covered = Counter[str]()
    pace, calls, wasted = 0.0, 0, 0
    num_envs = len(captions[0])
    for step, row in enumerate(captions):
        now = step * num_envs
        while coming and coming[0][0] <= now:
            caption = coming.popleft()[1]
            known.add(caption)
            order.answered(caption)
        covered.update(caption for caption in row if caption in known)
        order.see([caption for caption in row if caption not in known])
        if step % ROLLOUT == ROLLOUT - 1:
            order.submit()
        pace += rate * num_envs / 1000
        while pace >= 1.0:
            pace -= 1.0
            caption = order.next()
            if caption is not None:
                calls += 1
                wasted += caption in asked
                asked.add(caption)
                coming.append((now + latency, caption))
    counts = Counter(caption for row in captions for caption in row)
    shares = [sum(covered[c] for c in good) / sum(counts[c] for c in good) for good in goods]
    return Coverage(covered.total() / counts.total(), float(np.mean(shares)), wasted / max(calls, 1))


def draw(results: Mapping[str, np.ndarray], path: Path, title: str) -> None:
    """Both coverages against the rate, a line for each order with the range over seeds."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    with style():
        figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.9), layout="constrained")
        for (name, values), color, marker in zip(results.items(), COLORS, MARKERS, strict=False):
            for axis, column in zip(axes, range(2), strict=True):
                shares = 100 * values[:, :, column]
                axis.plot(RATES, shares.mean(0), color=color, marker=marker, markersize=5, label=name)
                axis.fill_between(RATES, shares.min(0), shares.max(0), color=color, alpha=0.15, linewidth=0)
        for axis, name in zip(axes, ("all steps", "helpful steps"), strict=True):
            axis.set(xscale="log", xlabel="captions asked about in 1,000 steps", title=f"{name} covered, %")
            axis.set_xticks(RATES, [f"{rate:g}" for rate in RATES])
            axis.minorticks_off()
            axis.set_ylim(bottom=0)
            axis.grid(alpha=0.25)
        axes[0].legend(loc="lower right", fontsize=8.5, frameon=False)
        figure.suptitle(title, fontsize=10)
        Plot(figure, title).save(path)
    plt.close(figure)


def main() -> None:
    """Play, simulate, print tables, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--env", default="NetHackScore")
    parser.add_argument("--captions", nargs="*", default=None, help="parts of captions; all events if left out")
    parser.add_argument("--steps", type=int, default=100_000, help="of all environments together")
    parser.add_argument("--num-envs", type=int, default=16)
    parser.add_argument("--latency", type=int, default=3000, help="steps until an answer arrives")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--plot", type=Path, default=Path("docs/images/annotation-order.png"))
    args = parser.parse_args()
    results = {name: np.zeros((args.seeds, len(RATES), 3)) for name in MADE}
    for seed in range(args.seeds):
        captions = play(args.env, args.captions, args.steps, args.num_envs, seed)
        counts = Counter(caption for row in captions for caption in row)
        goods = [
            {label.caption for label in Lexicon().label(envs.find_task(name).text, list(counts)) if label.value > 0.25}
            for name in GOALS
        ]
        goods = [good for good in goods if good]
        shares = " ".join(f"{sum(counts[caption] for caption in good) / counts.total():.2%}" for good in goods)
        print(
            f"seed {seed}: {len(counts)} captions in {counts.total():,} steps; helpful for {len(goods)} goals: {shares}"
        )
        for name, make in MADE.items():
            for column, rate in enumerate(RATES):
                found = cover(captions, make(), rate, args.latency, goods)
                results[name][seed, column] = found.steps, found.helpful, found.wasted
    for column, what in enumerate(("all steps covered", "helpful steps covered", "calls wasted")):
        print(f"\n| {what}; captions asked about in 1,000 steps | " + " | ".join(f"{rate:g}" for rate in RATES) + " |")
        print("|---" * (len(RATES) + 1) + "|")
        for name, values in results.items():
            cells = (f"{100 * values[:, index, column].mean():.0f} %" for index in range(len(RATES)))
            print(f"| {name} | " + " | ".join(cells) + " |")
    title = f"{args.env}, random policy, {args.steps:,} steps, answers after {args.latency:,} steps; {args.seeds} seeds"
    draw(results, args.plot, title)
    print(f"\n{args.plot}")


if __name__ == "__main__":
    main()

"""Which captions to have judged first: steps covered against captions asked about, on captions of real episodes.

    python -m benchmarks.annotation_order                          # two minutes; writes docs/images/annotation-order.png
    python -m benchmarks.annotation_order --captions message       # of messages alone, without the kit's events
    python -m benchmarks.annotation_order --env MiniHack-KeyRoom-S15

A random policy plays; its captions come in rollouts, and at an even pace one of those waiting is sent to a judge who
takes a while. A step is covered if its caption's answer had arrived before. Steps that the lexicon finds helpful are
counted apart: they are few, and the ones that a reward is made of. `ONI's` is a stack of all occurrences of captions
without an answer, from which the latest is asked about, whether it was asked about already or not (arXiv 2410.23022).
"""

from __future__ import annotations

import argparse
from collections import Counter, deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

import envs
from reward_designers.intrinsic import Lexicon
from reward_designers.intrinsic.queue import ORDERS, CaptionQueue

RATES = (0.3, 1.0, 3.0, 10.0, 30.0)
"""Captions asked about in 1,000 steps."""
ROLLOUT = 64
"""Steps of each environment after which captions are submitted."""
STACK = 100_000


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
        taken = [entry.caption for entry in self._queue._best("frequent", 1)]
        return next(iter(taken), None)


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


def cover(captions: Sequence[Sequence[str]], order: Order, rate: float, latency: int, good: set[str]) -> tuple[float, float]:
    """Share of all steps, and of those with a caption in `good`, whose answer had arrived before.

    Args:
        captions: ``(steps, num_envs)``.
        order: What waits.
        rate: Captions asked about in 1,000 steps (of one environment).
        latency: Steps (of one environment) until an answer arrives.
        good: Captions that a reward is made of.
    """
    known: set[str] = set()
    coming: deque[tuple[int, str]] = deque()
    covered = covered_good = all_good = 0
    asked = 0.0
    num_envs = len(captions[0])
    for step, row in enumerate(captions):
        now = step * num_envs
        while coming and coming[0][0] <= now:
            caption = coming.popleft()[1]
            known.add(caption)
            order.answered(caption)
        for caption in row:
            covered += caption in known
            if caption in good:
                all_good += 1
                covered_good += caption in known
        order.see([caption for caption in row if caption not in known])
        if step % ROLLOUT == ROLLOUT - 1:
            order.submit()
        asked += rate * num_envs / 1000
        while asked >= 1.0:
            asked -= 1.0
            caption = order.next()
            if caption is not None:
                coming.append((now + latency, caption))
    return covered / (len(captions) * num_envs), covered_good / max(all_good, 1)


def draw(results: dict[str, np.ndarray], path: Path, title: str) -> None:
    """Both coverages against the rate, a line for each order with the range over seeds."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
    styles = ("-", "--", "-.", ":", "-")
    for (name, values), style in zip(results.items(), styles, strict=True):
        for axis, column in zip(axes, range(2), strict=True):
            mean = values[:, :, column].mean(0)
            (line,) = axis.plot(RATES, 100 * mean, style, marker="o", label=name)
            low, high = values[:, :, column].min(0), values[:, :, column].max(0)
            axis.fill_between(RATES, 100 * low, 100 * high, color=line.get_color(), alpha=0.15, linewidth=0)
    for axis, name in zip(axes, ("all steps", "steps that the lexicon finds helpful"), strict=True):
        axis.set(xscale="log", xlabel="captions asked about in 1,000 steps", title=f"Covered: {name}", ylim=(0, 100))
        axis.set_xticks(RATES, [f"{rate:g}" for rate in RATES])
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("share of steps, %")
    axes[0].legend(loc="lower right", fontsize=8)
    figure.suptitle(title, fontsize=10)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    """Play, simulate, print tables, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--env", default="NetHackScore")
    parser.add_argument("--captions", nargs="*", default=None, help="parts of captions; all events if left out")
    parser.add_argument("--steps", type=int, default=100_000, help="of all environments together")
    parser.add_argument("--num-envs", type=int, default=16)
    parser.add_argument("--latency", type=int, default=1000, help="steps until an answer arrives")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--plot", type=Path, default=Path("docs/images/annotation-order.png"))
    args = parser.parse_args()
    goal = envs.find_task(args.env).text
    results = {name: np.zeros((args.seeds, len(RATES), 2)) for name in MADE}
    for seed in range(args.seeds):
        captions = play(args.env, args.captions, args.steps, args.num_envs, seed)
        counts = Counter(caption for row in captions for caption in row)
        good = {label.caption for label in Lexicon().label(goal, list(counts)) if label.value}
        share = sum(counts[caption] for caption in good) / counts.total()
        print(f"seed {seed}: {len(counts)} captions, {len(good)} of them helpful, in {share:.1%} of {counts.total():,} steps")
        for name, make in MADE.items():
            for column, rate in enumerate(RATES):
                results[name][seed, column] = cover(captions, make(), rate, args.latency, good)
    for which, column in (("all steps", 0), ("helpful steps", 1)):
        print(f"\n| {which} covered, captions asked about in 1,000 steps | " + " | ".join(f"{r:g}" for r in RATES) + " |")
        print("|---" * (len(RATES) + 1) + "|")
        for name, values in results.items():
            cells = (f"{100 * values[:, i, column].mean():.0f} %" for i in range(len(RATES)))
            print(f"| {name} | " + " | ".join(cells) + " |")
    draw(results, args.plot, f"{args.env}, random policy, {args.steps:,} steps, {args.seeds} seeds")
    print(f"\n{args.plot}")


if __name__ == "__main__":
    main()

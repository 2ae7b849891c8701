"""Do the caption models learn what judges say? A known order from noisy comparisons, and probabilities that are meant.

    python -m benchmarks.reward_models              # minutes; prints tables, writes docs/images/reward-models.png
    python -m benchmarks.reward_models --seeds 2    # a quick look

Captions are all combinations of verbs and things, each worth the sum of both; a judge sees worth with a normal error
and answers by that, "same" where the difference is small. A fifth of the captions is never compared (never labeled):
how they are placed shows what the network makes of words. The share of comparisons won is what a table could know.
"""

from __future__ import annotations

import argparse
import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agents.drawing import COLORS, MARKERS, WIDTH, Plot, style
from reward_designers.intrinsic import Classification, Label, Preference
from reward_designers.intrinsic.motif import fit_preferences

VERBS = {
    "picked up": 1.0,
    "You now wield": 0.8,
    "You find": 0.6,
    "You see here": 0.2,
    "You feel": 0.0,
    "You kick": -0.2,
    "You drop": -0.5,
    "You stumble over": -0.7,
    "You break": -0.9,
    "You are hit by": -1.1,
}
THINGS = {
    "a key": 0.9,
    "a magic lamp": 0.7,
    "5 gold pieces": 0.5,
    "a long sword": 0.4,
    "an apple": 0.2,
    "a wand": 0.1,
    "a torn scroll": 0.0,
    "a rock": -0.1,
    "an iron chain": -0.3,
    "a rusty dagger": -0.4,
    "a dead newt": -0.5,
    "a cursed ring": -0.8,
}
WORTH = {f"{verb} {thing}.": a + b for (verb, a), (thing, b) in itertools.product(VERBS.items(), THINGS.items())}
CAPTIONS = list(WORTH)
SPREAD = float(np.std(list(WORTH.values())))
TIE = 0.1
NOISE = (0.0, 0.5, 1.0, 2.0)
"""Standard deviations of the judge's error, in those of worth."""
PAIRS = (100, 300, 1000, 3000)
LABELED = (100, 300, 900)
ERRORS = (0.05, 0.2)
BINS = np.linspace(0, 1, 6)


def halves(rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Four fifths of the captions, and the rest."""
    shuffled = [CAPTIONS[i] for i in rng.permutation(len(CAPTIONS))]
    cut = len(CAPTIONS) * 4 // 5
    return shuffled[:cut], shuffled[cut:]


def compare(captions: Sequence[str], pairs: int, noise: float, rng: np.random.Generator) -> list[Preference]:
    """What a judge with an error of `noise` says about pairs drawn at random."""
    found = {}
    while len(found) < pairs:
        a, b = (captions[i] for i in rng.choice(len(captions), 2, replace=False))
        difference = (WORTH[a] - WORTH[b]) / SPREAD + noise * rng.normal()
        found[a, b] = Preference(a, b, 0.5 if abs(difference) < TIE else float(difference > 0))
    return list(found.values())


def wrong(preferences: Sequence[Preference]) -> float:
    """Share of the answers that decide for the worse caption."""
    return float(np.mean([(p.outcome - 0.5) * (WORTH[p.first] - WORTH[p.second]) < 0 for p in preferences]))  # type: ignore[operator]


def tau(scores: Sequence[float], captions: Sequence[str]) -> float:
    """Kendall's tau-b of scores and worth."""
    from scipy.stats import kendalltau

    return float(kendalltau(scores, [WORTH[caption] for caption in captions]).statistic)


def rank(seed: int, noise: float, pairs: int) -> tuple[float, float, float, float]:
    """Tau of the network on captions that were compared, on others, of shares won; and the share of wrong answers."""
    rng = np.random.default_rng([seed, PAIRS.index(pairs), NOISE.index(noise)])
    known, unseen = halves(rng)
    preferences = compare(known, pairs, noise, rng)
    model = fit_preferences(preferences, dict.fromkeys(known, 1), seed=seed)
    won, met = Counter[str](), Counter[str]()
    for p in preferences:
        assert p.outcome is not None
        won[p.first] += p.outcome  # type: ignore[assignment]
        won[p.second] += 1 - p.outcome  # type: ignore[assignment]
        met.update((p.first, p.second))
    shares = [won[c] / met[c] if met[c] else 0.5 for c in known]
    predict = model.network.predict
    return tau(predict(known), known), tau(predict(unseen), unseen), tau(shares, known), wrong(preferences)


def classify(seed: int, labeled: int, error: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of captions that were never labeled: probabilities, those without a temperature, what they would be labeled.

    A judge finds a caption helpful if its worth is above the mean, and is wrong in a share ``error`` of the cases.
    There are many captions of a kind: each has a color as well.
    """
    rng = np.random.default_rng([seed, labeled, int(100 * error)])
    colors = ("red", "blue", "green", "black", "white", "gray", "pink", "violet", "brown", "orange", "golden")
    captions = [f"{caption[:-1]} ({color})." for caption in CAPTIONS for color in colors]
    helpful = np.array([worth > 0 for worth in WORTH.values() for _ in colors])
    said = np.where(rng.random(len(captions)) < error, ~helpful, helpful).astype(float)
    order = rng.permutation(len(captions))
    model = Classification(seed=seed)
    model.learn([Label(captions[i], said[i]) for i in order[:labeled]], [], {})
    rest = order[labeled:]
    p = model.probability([captions[i] for i in rest])
    model.temperature = 1.0
    return p, model.probability([captions[i] for i in rest]), said[rest]


def reliability(p: np.ndarray, said: np.ndarray) -> tuple[np.ndarray, float]:
    """By bins of p: mean of p, share labeled helpful, share of captions, ``(bins, 3)``; and the calibration error.

    The expected calibration error (Naeini et al. 2015): the mean over captions of how far the two are apart in a bin.
    """
    rows = np.full((len(BINS) - 1, 3), np.nan)
    which = np.clip(np.digitize(p, BINS) - 1, 0, len(rows) - 1)
    for number in range(len(rows)):
        inside = which == number
        if inside.any():
            rows[number] = p[inside].mean(), said[inside].mean(), inside.mean()
    return rows, float(np.nansum(np.abs(rows[:, 0] - rows[:, 1]) * rows[:, 2]))


def spread(values: Sequence[float]) -> str:
    """The mean, and the lowest and highest of the seeds."""
    return f"{np.mean(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--plot", type=Path, default=Path("docs/images/reward-models.png"))
    args = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    seeds = range(args.seeds)
    ranks = {(noise, pairs): [rank(seed, noise, pairs) for seed in seeds] for noise in NOISE for pairs in PAIRS}
    print(f"Kendall's tau, mean and range of {args.seeds} seeds\n")
    print(f"| judge's error (wrong answers) | | {' | '.join(f'{pairs:,} pairs' for pairs in PAIRS)} |")
    print("|---" * (2 + len(PAIRS)) + "|")
    for noise in NOISE:
        mistakes = np.mean([row[3] for pairs in PAIRS for row in ranks[noise, pairs]])
        for column, name in enumerate(("compared", "never compared", "share won")):
            cells = [spread([row[column] for row in ranks[noise, pairs]]) for pairs in PAIRS]
            print(
                f"| {f'{noise:g} ({mistakes:.0%})' if not column else ''} | {name} | {' | '.join(cells)} |", flush=True
            )
    found: dict[tuple[int, float], list[np.ndarray]] = {}
    print("\n| labels | wrong | calibration error | without a temperature | accuracy |\n|---|---|---|---|---|")
    for labeled in LABELED:
        for share in ERRORS:
            results = [classify(seed, labeled, share) for seed in seeds]
            found[labeled, share] = [reliability(p, said)[0] for p, _, said in results]
            columns = (
                [reliability(p, said)[1] for p, _, said in results],
                [reliability(raw, said)[1] for _, raw, said in results],
                [float(((p > 0.5) == (said > 0.5)).mean()) for p, _, said in results],
            )
            print(f"| {labeled} | {share:.0%} | {' | '.join(map(spread, columns))} |", flush=True)
    draw({key: np.array(rows) for key, rows in ranks.items()}, found, args.plot)


def draw(
    ranks: dict[tuple[float, int], np.ndarray], found: dict[tuple[int, float], list[np.ndarray]], path: Path
) -> None:
    """Tau against comparisons, and shares against probabilities."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    title = "Left: a known order, recovered from noisy comparisons. Right: what is said to be likely, and is."
    with style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.9), layout="constrained")
        for noise, color, marker in zip(NOISE, COLORS, MARKERS, strict=False):
            for column, line in enumerate(("-", ":")):
                values = np.array([ranks[noise, pairs][:, column] for pairs in PAIRS])
                name = None if column else f"error {noise:g}"
                left.plot(PAIRS, values.mean(1), line, color=color, marker=marker, markersize=5, label=name)
                left.fill_between(PAIRS, values.min(1), values.max(1), color=color, alpha=0.12, linewidth=0)
        left.set(xscale="log", xlabel="comparisons", ylabel="Kendall's tau (dotted: never compared)", ylim=(0, 1))
        left.set_xticks(PAIRS, [f"{pairs:,}" for pairs in PAIRS])
        left.minorticks_off()
        right.plot([0, 1], [0, 1], color="gray", lw=1)
        for (labeled, error), color, marker in zip(found, COLORS, MARKERS, strict=False):
            rows = np.nanmean(found[labeled, error], axis=0)
            name = f"{labeled} labels, {error:.0%} wrong"
            right.plot(rows[:, 0], rows[:, 1], color=color, marker=marker, markersize=5, label=name)
        right.set(xlabel="probability", ylabel="share labeled helpful")
        for axis in (left, right):
            axis.legend(frameon=False, fontsize=8.5)
            axis.grid(alpha=0.25)
        figure.suptitle(title, fontsize=10)
        Plot(figure, title).save(path)
    plt.close(figure)


if __name__ == "__main__":
    main()

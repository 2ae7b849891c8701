"""Preferences first, then a reward that stays as it is: Motif (Klissarov et al. 2023, arXiv 2310.00166).

    model = fit_preferences(preferences, counts)          # which of two captions is better; how often each occurred
    reward = frozen(model, quantile=0.5, beta=3)          # an IntrinsicReward that asks nobody
    for caption, score, count in order(model): ...        # what it has learned, the best first

Motif pays r(caption) / N^beta where r is above a quantile of the data set, else nothing. Here what is paid is how far
above it is, so that a caption just above the quantile is not worth much more than one just below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reward_designers.errors import RewardError
from reward_designers.intrinsic.labels import Preference
from reward_designers.intrinsic.models import Ranking
from reward_designers.intrinsic.reward import IntrinsicReward

PASSES, BATCH = 30, 256
FEWEST, MOST = 200, 3000
"""Gradient steps."""
HELD_OUT = 0.1


def fit_preferences(
    preferences: Sequence[Preference], counts: Mapping[str, int], *, steps: int | None = None, seed: int = 0
) -> Ranking:
    """A ranking of captions from comparisons of two.

    Args:
        preferences: Invalid ones (None) are left out. In which order they come makes no difference.
        counts: How often each caption occurred, by which scores are standardized.
        steps: Of the gradient; by default 30 passes, within 200 to 3,000 steps.
        seed: Of the network.

    Raises:
        RewardError: No preference is valid, or nothing occurred.
    """
    valid = sorted((p for p in preferences if p.outcome is not None), key=lambda p: (p.first, p.second))
    if not valid or not counts:
        raise RewardError(f"{len(preferences)} preferences ({len(valid)} valid) about {len(counts)} captions: too few")
    passes = -(-PASSES * len(valid) // BATCH)
    model = Ranking(steps=min(max(passes, FEWEST), MOST) if steps is None else steps, seed=seed)
    model.learn([], valid, counts)
    return model


def held_out_accuracy(
    preferences: Sequence[Preference], counts: Mapping[str, int], *, seed: int = 0
) -> tuple[float, int] | None:
    """How often a ranking of nine tenths of the preferences agrees with the last tenth, and of how many.

    Ties are left out, for a ranking of numbers has none. None where fewer than ten decided ones would be held out.
    """
    valid = sorted((p for p in preferences if p.outcome is not None), key=lambda p: (p.first, p.second))
    shuffled = [valid[i] for i in np.random.default_rng(seed).permutation(len(valid))]
    cut = int(len(valid) * HELD_OUT)
    decided = [p for p in shuffled[:cut] if p.outcome != 0.5]
    if len(decided) < 10:
        return None
    model = fit_preferences(shuffled[cut:], counts, seed=seed)
    first, second = (model.network.predict([getattr(p, side) for p in decided]) for side in ("first", "second"))
    won = np.array([p.outcome for p in decided])
    return float(((first > second) == (won == 1.0)).mean()), len(decided)


def threshold_at(model: Ranking, quantile: float) -> float:
    """The score (standard deviations above the mean) that a share ``quantile`` of all steps does not pass.

    Raises:
        RewardError: The quantile is no share, or the model has learned nothing.
    """
    if not 0 <= quantile <= 1:
        raise RewardError(f"quantile={quantile}, expected 0 to 1: the share of steps that pay nothing")
    if not model.version or not model.counts:
        raise RewardError("this ranking has learned nothing")
    rows = sorted((score, count) for _, score, count in order(model))
    shares = np.cumsum([count for _, count in rows]) / sum(count for _, count in rows)
    return rows[int(np.searchsorted(shares, quantile - 1e-12))][0]


def order(model: Ranking) -> list[tuple[str, float, int]]:
    """Captions with their scores and how often they occurred, the best first."""
    captions = list(model.counts)
    scores = (model.network.predict(captions) - model.mean) / model.std
    rows = zip(captions, scores.tolist(), model.counts.values(), strict=True)
    return sorted(rows, key=lambda row: -row[1])


def frozen(model: Ranking, quantile: float = 0.5, **options: Any) -> IntrinsicReward:
    """The reward that a ranking gives; nobody is asked any more.

    Args:
        model: See `fit_preferences`.
        quantile: The share of steps, of those that the captions come from, which pay nothing.
        **options: Of `IntrinsicReward`: ``beta``, ``cap``, ``caption``.
    """
    reward = IntrinsicReward("ranking", threshold_at(model, quantile), seed=model.seed, **options)
    reward.model.load_state_dict(model.state_dict())
    return reward


def at_quantile(reward: IntrinsicReward, quantile: float) -> IntrinsicReward:
    """The same reward with another threshold.

    Raises:
        RewardError: It ranks nothing; or as for `threshold_at`.
    """
    if not isinstance(reward.model, Ranking):
        raise RewardError(f"a quantile is of a ranking, not of {reward.kind}")
    options = {"beta": reward.beta, "cap": reward.cap, "caption": reward.caption}
    return frozen(reward.model, quantile, **options)

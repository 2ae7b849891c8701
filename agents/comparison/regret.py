"""What policies trained on each reward are worth: fitness, and regret under the reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95


def summarize(values: Sequence[np.ndarray], seed: int = 0) -> dict[str, Any]:
    """Mean with its interval, and the mean of each seed.

    Args:
        values: For each seed (training run) ``(episodes,)``.
        seed: Of the bootstrap; see `resample`.
    """
    low, high = _interval(resample(values, np.random.default_rng(seed)))
    means = [float(v.mean()) for v in values]
    return {"mean": float(np.mean(means)), "low": low, "high": high, "values": means, "interval": over(values)}


def regret(
    judged: Sequence[np.ndarray], reference: Sequence[np.ndarray], random: np.ndarray, seed: int = 0
) -> dict[str, Any]:
    """Normalised regret: (J(pi_reference) - J(pi_judged)) / (J(pi_reference) - J(random)), J the reference's return.

    0 is as good as training on the reference itself, so that a failure of the optimiser is not blamed on the reward; 1
    as bad as acting at random; it is below 0 or above 1 where a policy is better or worse than these.

    Args:
        judged: For each seed ``(episodes,)`` returns, under the reference reward, of policies trained on another.
        reference: The same of policies trained on the reference reward itself.
        random: ``(episodes,)`` the same of the random policy.
        seed: Of the bootstrap.

    Returns:
        ``mean``, ``low``, ``high``, ``values`` of each judged seed, and ``reason`` where they are None: if training on
        the reference is not clearly better than acting at random, there is no scale to measure regret on.
    """
    rng = np.random.default_rng(seed)
    top, bottom = resample(reference, rng), resample([random], rng)
    # Of the reference itself the policies are the same ones: resampled alike, or its regret would seem uncertain.
    values = top if judged is reference else resample(judged, rng)
    best, worst = _mean(reference), float(random.mean())
    if not np.quantile(top - bottom, (1 - LEVEL) / 2) > 0:
        reason = (
            f"policies trained on the reference return {best:.4g} under it, acting at random {worst:.4g}: too close to "
            "measure regret between them"
        )
        return {"mean": None, "low": None, "high": None, "values": [], "reason": reason}
    low, high = _interval((top - values) / (top - bottom))
    each = [float((best - v.mean()) / (best - worst)) for v in judged]
    mean = float((best - _mean(judged)) / (best - worst))
    about = {"interval": f"{over(judged)}; {over(reference)} of the reference", "confidence": LEVEL}
    return {"mean": mean, "low": low, "high": high, "values": each, "seeds": len(judged), "reason": None} | about


def resample(values: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Bootstrap means ``(RESAMPLES,)``: seeds are drawn first, then episodes within each (with one seed, these alone).

    Args:
        values: For each seed ``(episodes,)``.
        rng: Makes the draws.
    """
    means = np.stack([v[rng.integers(len(v), size=(RESAMPLES, len(v)))].mean(1) for v in values])  # (seeds, resamples)
    seeds = rng.integers(len(values), size=(RESAMPLES, len(values)))
    return means[seeds, np.arange(RESAMPLES)[:, None]].mean(1)


def over(values: Sequence[np.ndarray]) -> str:
    """What an interval of `resample` is over, in words."""
    episodes = f"bootstrap over {min(map(len, values))} episodes"
    return f"{episodes} of one seed" if len(values) == 1 else f"{episodes} within {len(values)} seeds"


def _mean(values: Sequence[np.ndarray]) -> float:
    return float(np.mean([v.mean() for v in values]))


def _interval(resampled: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)

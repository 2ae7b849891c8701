"""Whether two rewards put policies, or trajectories, in the same order: Kendall's tau-b, in [-1, 1].

1 is the same order, 0 unrelated, -1 the opposite one. They come as a `Distance`, for its interval and ``degenerate``.
"""

from __future__ import annotations

import numpy as np

from reward_designers.distances.bootstrap import (
    BLOCK,
    Trajectories,
    draws,
    nested,
    paired,
    paired_many,
    summary,
    varies,
    vector,
    without_order,
)
from reward_designers.distances.distance import Distance, round_off


def kendall_tau(
    returns_a: Trajectories,
    returns_b: Trajectories,
    *,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Distance:
    """Kendall's tau-b between the orders in which two rewards put a fixed set of policies.

    tau-b = (concordant - discordant) / sqrt(pairs not tied under a * pairs not tied under b): Kendall 1945. Returns
    that differ by no more than the round-off of float64 are tied. Time and (in blocks) memory grow with the square of
    the number of policies.

    Args:
        returns_a: ``(policies,)`` mean returns under one reward, or each policy's returns in several episodes
            (``(policies, episodes)``, or a sequence of arrays where they have different numbers).
        returns_b: Those of the same policies (in the same episodes) under the other reward.
        confidence: Of the interval, a percentile bootstrap: over the episodes of each policy where they are given, so
            that it says how well the order of *these* policies is known; else over policies.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.

    Raises:
        ValueError: Shapes differ, values are not finite, or there are fewer than two policies.
    """
    first, second = ("returns_a", returns_a), ("returns_b", returns_b)
    if not nested(returns_a) and not nested(returns_b):
        a, b = paired(first, second, "policies")
        return _over_items("kendall_tau", ("returns_a", a), ("returns_b", b), "policies", confidence, resamples, seed)
    many = paired_many(first, second, "policy")
    a, b = paired(("returns_a", _means(many[0])), ("returns_b", _means(many[1])), "policies")
    samples = {"policies": len(a), "episodes": sum(map(len, many[0]))}
    for name, means in (("returns_a", a), ("returns_b", b)):
        if not varies(means):
            return without_order("kendall_tau", name, means, "policies", samples)
    rng = np.random.default_rng(seed)
    resampled = np.empty((2, resamples, len(a)))
    for policy, (x, y) in enumerate(zip(*many, strict=True)):
        for start, rows in draws(rng, len(x), resamples):
            resampled[0, start : start + len(rows), policy] = x[rows].mean(1)
            resampled[1, start : start + len(rows), policy] = y[rows].mean(1)
    value, step = float(_tau(_order(a[None]), _order(b[None]))[0]), max(1, BLOCK // len(a) ** 2)
    taus = [_tau(_order(x), _order(y)) for x, y in (resampled[:, i : i + step] for i in range(0, resamples, step))]
    about = "bootstrap over the episodes of each policy"
    return summary("kendall_tau", value, np.concatenate(taus), confidence, about, samples)


def trajectory_alignment(
    returns: np.ndarray,
    preference: np.ndarray,
    *,
    pairs: np.ndarray | None = None,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Distance:
    """Trajectory Alignment Coefficient: Kendall's tau-b between a reward's order of trajectories and a person's.

    Muslimani et al. 2025 (arXiv 2503.05996); 1 if the reward agrees with every preference. The discount belongs to
    what is judged: `returns.episode_returns` takes it. For distributions of trajectories give their mean returns.

    Args:
        returns: ``(trajectories,)`` under the reward that is judged.
        preference: ``(trajectories,)`` a score of each, larger is better, equal for indifference: a rank counted from
            the worst, a rating, or the return under a ground truth. With ``pairs``, ``(m,)`` judgments instead: 1 the
            first of the pair is better, -1 the second, 0 indifferent.
        pairs: ``(m, 2)`` int, which trajectories were compared; judgments need not be transitive, nor complete.
        confidence: Of the interval, a percentile bootstrap over trajectories, or over pairs where they are given.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.

    Raises:
        ValueError: Shapes differ, values are not finite, a pair names no trajectory, or there are fewer than two.
    """
    method = "trajectory_alignment"
    if pairs is None:
        a, b = paired(("returns", returns), ("preference", preference), "trajectories")
        named = ("returns", a), ("preference", b)
        return _over_items(method, *named, "trajectories", confidence, resamples, seed)
    returns, judged, pairs = vector("returns", returns), vector("preference", preference), np.asarray(pairs)
    if pairs.shape != (len(judged), 2) or pairs.dtype.kind not in "iu" or not len(pairs):
        raise ValueError(
            f"pairs must be ({len(judged)}, 2) int, one row for each preference, got {pairs.shape} {pairs.dtype}"
        )
    if pairs.min() < 0 or pairs.max() >= len(returns):
        raise ValueError(f"pairs must name trajectories 0 to {len(returns) - 1}, got {pairs.min()} to {pairs.max()}")
    if len(odd := judged[~np.isin(judged, (-1, 0, 1))]):
        raise ValueError(f"the preference in a pair must be -1, 0 or 1, got {odd[0]:g}")
    gap = returns[pairs[:, 0]] - returns[pairs[:, 1]]
    ordered = np.where(np.abs(gap) <= round_off(float(np.abs(returns).max())), 0.0, np.sign(gap))
    samples = {"trajectories": len(returns), "pairs": len(pairs)}
    for name, signs in (("returns", ordered), ("preference", judged)):
        if not signs.any():
            return without_order(method, f"{name} differences", signs, "pairs", samples)
    value, rng = float(_tau(ordered[None], judged[None])[0]), np.random.default_rng(seed)
    taus = [_tau(ordered[rows], judged[rows]) for _, rows in draws(rng, len(pairs), resamples)]
    return summary(method, value, np.concatenate(taus), confidence, "bootstrap over pairs", samples)


def _over_items(
    method: str,
    first: tuple[str, np.ndarray],
    second: tuple[str, np.ndarray],
    what: str,
    confidence: float,
    resamples: int,
    seed: int,
) -> Distance:
    """tau-b over items with one value each, and over resamples of the items."""
    samples = {what: len(first[1])}
    for name, values in (first, second):
        if not varies(values):
            return without_order(method, name, values, what, samples)
    n, rng = len(first[1]), np.random.default_rng(seed)
    counts: list[np.ndarray] = [
        np.ones((1, n))
    ]  # how often each item was drawn: an item is tied with itself, so only counts matter
    for _, rows in draws(rng, n, resamples):
        flat = rows + n * np.arange(len(rows))[:, None]
        counts.append(np.bincount(flat.ravel(), minlength=rows.size).reshape(rows.shape).astype(np.float64))
    drawn = np.concatenate(counts)
    sums = np.zeros((3, len(drawn)))
    for i in range(0, n, step := max(1, BLOCK // n)):
        a, b = (_order(values, slice(i, i + step)) for _, values in (first, second))
        for row, signs in enumerate((a * b, np.abs(a), np.abs(b))):
            sums[row] += np.einsum("ri,ri->r", drawn[:, i : i + step], drawn @ signs.T)
    taus = _ratio(*sums)
    return summary(method, float(taus[0]), taus[1:], confidence, f"bootstrap over {what}", samples)


def _order(values: np.ndarray, rows: slice = slice(None)) -> np.ndarray:
    """Signs of the differences within the last axis, ``(..., len(rows), n)``; round-off counts as a tie."""
    gap = values[..., rows, None] - values[..., None, :]
    noise = round_off(1.0) * np.abs(values).max(axis=-1)[..., None, None]
    return np.where(np.abs(gap) <= noise, 0.0, np.sign(gap))


def _tau(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """tau-b from the signs of pairs ``(m, ...)``, one for each of the m."""
    over = tuple(range(1, a.ndim))
    return _ratio((a * b).sum(over), np.abs(a).sum(over), np.abs(b).sum(over))


def _ratio(agree: np.ndarray, ordered_a: np.ndarray, ordered_b: np.ndarray) -> np.ndarray:
    """NaN where everything is tied."""
    scale = np.sqrt(ordered_a * ordered_b)
    return np.divide(agree, scale, out=np.full(len(agree), np.nan), where=scale > 0)


def _means(runs: list[np.ndarray]) -> np.ndarray:
    return np.array([values.mean() for values in runs])

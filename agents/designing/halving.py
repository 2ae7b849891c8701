"""Successive halving over steps and seeds (Jamieson and Talwalkar 2016, arXiv 1502.07943): bad candidates stop early.

Stage by stage, one in ``factor`` candidates goes on, for ``factor`` times the steps and seeds. A run of an earlier
stage is not repeated, but continued.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Rung:
    """A stage: each candidate that has come so far is trained for so many steps, with so many seeds."""

    steps: int
    seeds: int


def ladder(steps: int, seeds: int, rungs: int, factor: int) -> list[Rung]:
    """The stages; the last one is a whole training, all are different."""
    parts = [factor**i for i in reversed(range(rungs))]
    return list(dict.fromkeys(Rung(math.ceil(steps / part), math.ceil(seeds / part)) for part in parts))


def climb(
    names: Sequence[str],
    rungs: Sequence[Rung],
    train: Callable[[Sequence[str], Rung], Mapping[str, float | None]],
) -> dict[str, Rung]:
    """Train candidates stage by stage.

    Args:
        names: The candidates.
        rungs: See `ladder`.
        train: Trains some for a stage and returns their mean scores; None for those that have failed.

    Returns:
        The last stage that each candidate went through. One that is alone goes through all of them at once, for there
        is nothing to choose; those that are equal at the cut all go on.
    """
    reached: dict[str, Rung] = {}
    alive = list(names)
    for i, rung in enumerate(rungs):
        if len(alive) == 1 and rung is not rungs[-1]:
            continue
        if not alive:
            break
        scores = train(alive, rung)
        reached |= dict.fromkeys(alive, rung)
        found = sorted((score for score in scores.values() if score is not None), reverse=True)
        if not found or i == len(rungs) - 1:
            break
        kept = math.ceil(len(found) * rungs[i].steps / rungs[i + 1].steps)
        cut = found[max(kept, 1) - 1]
        alive = [name for name in alive if (score := scores[name]) is not None and score >= cut]
    return reached

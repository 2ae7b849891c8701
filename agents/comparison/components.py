"""What each component of a reward does to it: its share of the variance, and the distance that it makes.

EPIC's canonicalisation is linear, so the canonical reward is the sum of its canonical components, and what remains
without one is a difference of arrays: components are evaluated once each. A reward can only be evaluated as a whole,
though, so that one with five components costs five times as much as its distance; hence `MOST` samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from agents.errors import located
from reward_designers.base import Components, RewardFn, Transition
from reward_designers.distances import Coverage
from reward_designers.distances.canonical import Canonical, Canonicalizer
from reward_designers.distances.jackknife import distances
from reward_designers.distances.samples import Samples, draw
from reward_designers.errors import RewardError
from reward_designers.evaluation import call
from reward_designers.memory import EpisodeMemory

Progress = Callable[[int, int], None]
MOST = 1024
"""Transitions, and draws for the mean. The cost of a reward without structure grows with the square."""
TOTAL = "all components"


@dataclass(eq=False)
class Component(RewardFn):
    """One component of a Markov reward.

    Attributes:
        reward: The whole.
        component: Its name.
    """

    reward: RewardFn
    component: str

    def __post_init__(self) -> None:
        self.name = f"{self.reward.name}: {self.component}"
        self.inputs, self.reads, self.expensive = self.reward.inputs, self.reward.reads, self.reward.expensive

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        """See `RewardFn`."""
        found = self.reward(t).get(self.component)  # components may come and go, as `EpisodeStatistics` has it too
        return {self.component: np.zeros(len(t)) if found is None else found}


def components(
    rewards: Mapping[str, RewardFn], coverage: Coverage, *, discount: float, samples: int, seed: int, progress: Progress
) -> dict[str, Any]:
    """``rows``: one for each component of each Markov reward that has several, as ``report.json`` has them, and
    ``errors``: what went wrong, by reward.

    ``variance_share`` is the component's covariance with the canonical reward over that one's variance: the shares sum
    to 1, and one that works against the others is negative. ``distance_alone`` is how far the component by itself is
    from the whole reward, ``distance_without`` how far the reward is without it.

    Args:
        rewards: By name.
        coverage: The transitions.
        discount: gamma.
        samples: Transitions, and draws for EPIC's mean; no more than `MOST`.
        seed: Of the draws; the same as for the distances.
        progress: Called with the number of rewards that are done, and of all.
    """
    t, samples = coverage.transitions, min(samples, MOST)
    drawn = draw(t, None, None, n_transitions=samples, n_mean_samples=samples, seed=seed, episodes=coverage.episode)
    canonicalize = Canonicalizer(drawn, discount)
    rows: list[dict[str, Any]] = []
    errors = {}
    for number, (name, reward) in enumerate(rewards.items()):
        progress(number, len(rewards))
        if not reward.markov:
            continue
        try:
            named = list(call(reward, coverage.encoded([reward]).transitions))
            if len(named) > 1:
                parts = {part: canonicalize(Component(reward, part)) for part in named}
                rows += [{"reward": name, **row} for row in _rows(parts, drawn)]
        except RewardError as error:
            errors[name] = located(error)
    return {"rows": rows, "errors": errors}


def _rows(parts: Mapping[str, Canonical], drawn: Samples) -> list[dict[str, Any]]:
    whole = reduce(Canonical.plus, parts.values())
    without = [whole.plus(part.scaled(-1.0)) for part in parts.values()]
    names = [TOTAL, *parts, *(f"all but {part}" for part in parts)]
    found = distances(names, [whole, *parts.values(), *without], drawn)
    shares = shares_of(whole.values, {part: c.values for part, c in parts.items()}, whole.round_off)
    return [
        {
            "component": part,
            **shares[part],
            "distance_alone": found[0, place].to_json(),
            "distance_without": found[0, place + len(parts)].to_json(),
        }
        for place, part in enumerate(parts, start=1)
    ]


def shares_of(whole: np.ndarray, parts: Mapping[str, np.ndarray], round_off: float) -> dict[str, dict[str, Any]]:
    """The share of each part in the variance of the whole, and its correlation with it; None where undefined.

    Args:
        whole: ``(n,)``, the sum of the parts.
        parts: ``(n,)`` each.
        round_off: Standard deviations up to this are none.
    """
    centred = whole - whole.mean()
    found: dict[str, dict[str, Any]] = {}
    for name, part in parts.items():
        covariance = float(np.mean(centred * (part - part.mean())))
        flat_whole, flat_part = whole.std() <= round_off, part.std() <= round_off
        found[name] = {
            "variance_share": None if flat_whole else covariance / float(centred.var()),
            "correlation": None if flat_whole or flat_part else covariance / float(whole.std() * part.std()),
        }
    return found

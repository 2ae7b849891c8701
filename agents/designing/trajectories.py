"""Episodes that are known to be better and worse, on which later programs are checked (CARD, arXiv 2410.14660).

The better ones are of the best policy that the search has trained so far, the worse ones of the random policy: where
episodes end early, a good reward may well pay more for a trained policy that does nothing for long. Which is better is
no estimate: the fitness of an episode that was played is known. It is not told to anybody: a program that prefers the
worse episodes hears what its own components add up to on both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.comparison.collect import World, play
from agents.comparison.coverages import CoverageSpec
from agents.comparison.stage import Reads
from agents.designing.folder import DesignDir
from agents.designing.journal import Journal, trained_as
from agents.designing.setting import Setting
from agents.errors import UsageError
from reward_designers.base import Transition
from reward_designers.code.search import History, select
from reward_designers.distances import Coverage

RANDOM = "random"
EPISODES = 8
"""Played of each policy."""
SEED = 6_000_000
"""Of the first: no training, evaluation or score begins like them."""


@dataclass(frozen=True)
class Pair:
    """Episodes ``(T, ...)``: each of ``better`` has a higher fitness than any of ``worse``."""

    better: tuple[Transition, ...] = ()
    worse: tuple[Transition, ...] = ()


class Trajectories:
    """Chooses a pair for each round, and finds it again when a search goes on.

    Args:
        setting: Of the search.
        folder: Of the search; its policies are there.
        journal: Where it is written which episodes were chosen, with hashes of what was played.
    """

    def __init__(self, setting: Setting, folder: DesignDir, journal: Journal):
        self.setting, self.folder, self.journal = setting, folder, journal
        env, reads = setting.training.env, Reads([], frozenset({"obs", *setting.fields}))
        self._world = World(env.id or env.name or "", [reads], setting.training.task, env.kwargs)
        self._found: dict[str, Pair] = {}

    def pair(self, history: History) -> Pair:
        """What the programs of the round that is going on are checked on; empty if nothing is clearly better.

        Raises:
            UsageError: The policies or episodes in the folder are not those that the journal knows.
        """
        number = str(len(history.rounds))
        if number not in self._found:
            chosen = self.journal.once("trajectories", number, lambda: self._choose(history))
            better, worse = (() if chosen is None else self._episodes(chosen[side]) for side in ("better", "worse"))
            self._found = {number: Pair(better, worse)}
        return self._found[number]

    def _choose(self, history: History) -> dict[str, Any] | None:
        """The best policy's episodes, and the random one's if they are clearly worse."""
        best = select(history.candidates.values()).best
        if best is None:
            return None
        scores = {seed: score for seed, score in history[best].scores.items() if score is not None}
        seed = max(scores, key=lambda seed: scores[seed])
        policies = {"better": f"{trained_as(self.journal, best)}/seed_{seed}", "worse": RANDOM}
        played = {side: self._play(policy) for side, policy in policies.items()}
        fitness = {side: self._fitness(coverage) for side, coverage in played.items()}
        chosen = apart(fitness["better"], fitness["worse"])
        if chosen is None:
            return None
        return {
            side: {
                "policy": policies[side],
                "hash": played[side].content_hash,
                "episodes": rows.tolist(),
                "fitness": [float(value) for value in fitness[side][rows]],
            }
            for side, rows in zip(policies, chosen, strict=True)
        }

    def _play(self, policy: str) -> Coverage:
        """Episodes of a policy; those played before are read."""
        trained = policy != "random"
        spec = CoverageSpec(
            policy, "own" if trained else "random", str(self.folder.trainings / policy) if trained else ""
        )
        return play(spec, self._world, episodes=EPISODES, seed=SEED, cache=self.folder.coverages)

    def _fitness(self, coverage: Coverage) -> np.ndarray:
        """Of each episode; the environment's own return where the kit has no task."""
        steps = coverage.env_reward if self.setting.task is None else coverage.measures["fitness"]
        assert steps is not None
        return np.array([steps[rows].sum() for rows in coverage.episodes])

    def _episodes(self, chosen: Mapping[str, Any]) -> tuple[Transition, ...]:
        coverage = self._play(chosen["policy"])
        if coverage.content_hash != chosen["hash"]:
            raise UsageError(
                f"the episodes of policy {chosen['policy']} are not those on which earlier programs were checked: "
                f"{self.folder.trainings} or {self.folder.coverages} was changed. Restore it, or begin a new search"
            )
        episodes = coverage.episodes
        return tuple(coverage.subset(episodes[number]).transitions for number in chosen["episodes"])


def apart(better: np.ndarray, worse: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Episodes of two policies by which they can be told apart, from the fitness ``(n,)`` of each.

    The intervals are those of a single episode, not of the mean: a policy that is better by little, however certainly,
    says little about rewards.

    Returns:
        Which of the better policy's are not below, and which of the worse one's are not above the interval in which 95
        per cent of its episodes are expected; None if the two overlap. So each of the former is better than each of the
        latter.
    """
    low, high = _interval(better)[0], _interval(worse)[1]
    if not low > high:
        return None
    return np.flatnonzero(better >= low), np.flatnonzero(worse <= high)


def _interval(values: np.ndarray) -> tuple[float, float]:
    """Student's prediction interval."""
    from scipy.special import stdtrit

    n, mean = len(values), float(values.mean())
    half = float(stdtrit(n - 1, 0.975)) * float(values.std(ddof=1)) * math.sqrt(1 + 1 / n)
    return mean - half, mean + half

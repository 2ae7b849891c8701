"""Programs that say what a trained one said already need no training."""

from __future__ import annotations

import numpy as np

from reward_designers.base import Transition
from reward_designers.code import CodeReward
from reward_designers.code.program import Entry
from reward_designers.distances.epic import epic
from reward_designers.evaluation import evaluate, total

SAMPLES = 512
"""Transitions, and draws for their expectations, of an EPIC distance."""


class Duplicates:
    """Finds the program that a new one repeats.

    EPIC alone would not do: it is blind to scale, constants and shaping, and learners are not (a constant decides
    whether it pays to end an episode). So the plain rewards have to be as near, on the transitions of a random policy.

    Args:
        transitions: ``(n, ...)``.
        fields: That programs may read.
        entry: Of programs. Potentials are compared by their values alone.
        gamma: The learner's discount.
        threshold: Largest EPIC distance, and half the largest difference of plain rewards in standard deviations,
            which is the same for small ones.
        seconds: Limit of a call.
        sandbox: Of programs.
    """

    def __init__(
        self,
        transitions: Transition,
        fields: tuple[str, ...],
        *,
        entry: Entry,
        gamma: float,
        threshold: float,
        seconds: float,
        sandbox: str,
    ):
        self.transitions = transitions.flatten()
        self.fields, self.entry, self.gamma, self.threshold = fields, entry, gamma, threshold
        self.seconds, self.sandbox = seconds, sandbox
        self._values: dict[str, np.ndarray] = {}

    def find(self, source: str, others: dict[str, str]) -> tuple[str, float] | None:
        """Key of the first of ``others`` (key to program) that the program repeats, and their distance; None if none.

        Raises:
            RewardError: A program fails on these transitions.
        """
        values = self._of(source)
        for key, other in others.items():
            known = self._of(other)
            difference = float(np.sqrt(np.mean(np.square(values - known))))
            if difference > 2 * self.threshold * float(known.std()):
                continue
            if self.entry == "potential" or difference == 0:
                return key, 0.0 if difference == 0 else difference / (2 * float(known.std()))
            distance = self._epic(source, other)
            if distance is not None and distance <= self.threshold:
                return key, distance
        return None

    def _of(self, source: str) -> np.ndarray:
        if source not in self._values:
            code = self.load(source)
            try:
                self._values[source] = total(evaluate(code, self.transitions))
            finally:
                code.close()
        return self._values[source]

    def _epic(self, a: str, b: str) -> float | None:
        """The distance; None where a reward has no direction, so that nothing can be said."""
        rewards = self.load(a), self.load(b)
        try:
            found = epic(
                *rewards,
                transitions=self.transitions,
                discount=self.gamma,
                n_transitions=SAMPLES,
                n_mean_samples=SAMPLES,
                seed=0,
            )
        finally:
            for reward in rewards:
                reward.close()
        return found.value

    def load(self, source: str) -> CodeReward:
        """A program as a reward; whoever loads it closes it."""
        return CodeReward(source, self.fields, self.entry, self.seconds, sandbox=self.sandbox)  # type: ignore[arg-type]

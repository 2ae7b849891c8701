"""Count-based novelty: what was seldom seen pays more, and less each time.

    reward = CountNovelty(of=("x", "y", "depth"))       # places; any arrays of the state: captions, glyphs, obs
    mixed = EnvReward() + 0.1 * reward

1 / sqrt(N) is the bonus of MBIE-EB (Strehl and Littman 2008, "An analysis of model-based Interval Estimation for Markov
Decision Processes"), with counts of hashed states as in Tang et al. 2017 (arXiv 1611.04717). Within an episode
repetition is divided out as well: the product of both kinds of counts is what works in most worlds (Henaff et al. 2023,
arXiv 2306.03236).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reward_designers.base import Components, RewardFn, Transition
from reward_designers.errors import RewardError
from reward_designers.memory import EpisodeMemory
from reward_designers.novelty.keys import Keys
from reward_designers.novelty.sketch import Sketch


@dataclass(eq=False)
class CountNovelty(RewardFn):
    """1 / sqrt(N) / M^beta: N counts the successor in all of training, M in its episode, this time included.

    N changes in `update` alone: within a rollout it is the count before it, plus one. So a reward is the same however
    often it is computed, and in evaluation nothing is counted.

    Attributes:
        of: The state arrays that are counted together, by name; see `keys`.
        lifelong: Whether N counts; if not, each episode begins anew.
        beta: How fast repetition within an episode loses its worth; 0: not at all.
        bits: Of the SimHash of continuous numbers.
        seed: Of that.
        distinct: How many different ones there were so far.
    """

    of: Sequence[str] = ("obs",)
    lifelong: bool = True
    beta: float = 1.0
    bits: int = 32
    seed: int = 0

    name = "count"
    reads = frozenset({"next_state"})

    def __post_init__(self) -> None:
        self.of = [self.of] if isinstance(self.of, str) else list(self.of)
        if not self.of:
            raise RewardError("of is empty: name the state arrays to be counted, such as of=['x', 'y']")
        if self.beta < 0 or not np.isfinite(self.beta):
            raise RewardError(f"beta={self.beta}, expected a number that is at least 0")
        if self.bits < 1:
            raise RewardError(f"bits={self.bits}, expected at least 1")
        if not self.lifelong and not self.beta:
            raise RewardError("with lifelong=False and beta=0 nothing is counted")
        self.inputs = frozenset(self.of)
        self.markov = self.beta == 0
        self.distinct = 0
        self._keys = Keys(self.of, self.bits, self.seed)
        self._sketch = Sketch()

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        keys = self._keys(t.next_state)
        pay = 1 / np.sqrt(1 + self._sketch(keys)) if self.lifelong else np.ones(len(keys))
        if self.beta:
            assert memory is not None, "what was seen in the episode is in its memory: give it an EpisodeMemory"
            tables = memory.array("seen", dtype=object, fill=dict)
            for row, key in enumerate(keys):
                count = tables[row][key] = tables[row].get(key, 0) + 1
                pay[row] /= count**self.beta
        return {"count": pay}

    def update(self, rollout: Transition) -> dict[str, float]:
        """Count the rollout's successors."""
        state = rollout.flatten().next_state
        if self._keys.continuous is None:
            self._keys.fit(state)
        keys = self._keys(state)
        unseen = [key for key, count in zip(keys, self._sketch(keys).tolist(), strict=True) if not count]
        self._sketch.add(keys)
        self.distinct += len(set(unseen))
        return {"distinct": float(self.distinct), "new": len(unseen) / len(keys)}

    def state_dict(self) -> dict[str, np.ndarray]:
        """The counts, and what continuous states look like."""
        return {"distinct": np.array(self.distinct), **self._keys.state_dict(), **self._sketch.state_dict()}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Restore what `state_dict` returned."""
        self.distinct = int(state["distinct"])
        self._keys.load_state_dict(state)
        self._sketch.load_state_dict(state)

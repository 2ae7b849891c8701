"""The transitions on which rewards are compared: which states a policy visits decides what a distance means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reward_designers.base import Transition


@dataclass(frozen=True, eq=False)
class Coverage:
    """Transitions of one kind, in the order in which they happened.

    Attributes:
        name: ``random``, ``expert``, ``mixture``, ...
        transitions: n transitions (s, a, s'), with all state arrays that the rewards to be compared read, and the
            simulator's state where it can be restored (``qpos``, ``qvel``). No reward is stored: any can be computed.
        episode: ``(n,)`` int, the episode of each; transitions of one episode are consecutive and in order.
        env_reward: ``(n,)`` the environment's own, as it was paid; None if unknown.
        measures: Ground truth of each transition by name, ``fitness`` and ``success``, each ``(n,)``.
        about: Where it comes from: environment, task, policy, seed, versions. What JSON can hold.
    """

    name: str
    transitions: Transition
    episode: np.ndarray
    env_reward: np.ndarray | None = None
    measures: Mapping[str, np.ndarray] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.transitions)

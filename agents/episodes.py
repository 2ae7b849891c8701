"""What the episodes of a training run came to: returns, ground truth and component sums, counted in one place."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

from envs.task import Task
from reward_designers.base import Components

KEPT_EPISODES = 10_000
"""Finished episodes that wait to be drained; older ones are dropped, so nobody has to drain."""


class EpisodeStatistics:
    """Sums over the running episodes of ``num_envs`` environments, and a row for each finished one.

    A row has ``length``, ``reward``, ``env_reward``, ``reward/<component>`` (sums over the episode) and, with a task,
    ``fitness`` (sum / max_episode_steps) and ``success`` (1.0 if it held for half of max_episode_steps).

    Args:
        num_envs: Number of environments.
        task: Says how long an episode may be, for fitness and success.
    """

    def __init__(self, num_envs: int, task: Task | None = None):
        self.num_envs = num_envs
        self._max_steps = task.max_episode_steps if task else 0
        self._ones = np.ones(num_envs)
        self._names: list[str] = []
        self._shape: tuple[str | None, ...] | None = None
        self._sums = np.zeros((0, num_envs))  # a row for each name
        self._finished: deque[tuple[list[str], np.ndarray]] = deque(maxlen=KEPT_EPISODES)

    def step(
        self,
        reward: np.ndarray,
        components: Components,
        env_reward: np.ndarray,
        measures: Mapping[str, np.ndarray],
        ended: np.ndarray,
    ) -> None:
        """Count one step of all environments.

        Args:
            reward: ``(num_envs,)``, as all that follow.
            components: The reward's parts.
            env_reward: The environments' own.
            measures: Ground truth.
            ended: Indices of the environments whose episodes this step ended.
        """
        rows = [self._ones, reward, env_reward, *measures.values(), *components.values()]
        shape = (*measures, None, *components)
        if shape != self._shape:  # the first step, or a reward that changes its components
            names = ["length", "reward", "env_reward", *measures, *(f"reward/{name}" for name in components)]
            rows = self._widen(dict(zip(names, rows, strict=True)))
            self._shape = shape if names == self._names else None
        self._sums += np.array(rows)
        for env in ended.tolist():
            self._finished.append((self._names, self._sums[:, env].copy()))
            self._sums[:, env] = 0

    def reset(self) -> None:
        """Forget the running episodes, which were cut short from outside."""
        self._sums[:] = 0

    def drain(self) -> dict[str, np.ndarray]:
        """The episodes finished since the last call, by name, each ``(episodes,)``; empty if there are none."""
        episodes = self._collect()
        self._finished.clear()
        return episodes

    def _collect(self) -> dict[str, np.ndarray]:
        episodes = [dict(zip(names, sums.tolist(), strict=True)) for names, sums in self._finished]
        names = dict.fromkeys(name for episode in episodes for name in episode)
        finished = {name: np.array([episode.get(name, 0.0) for episode in episodes]) for name in names}
        if "fitness" in finished:
            finished["fitness"] /= self._max_steps
        if "success" in finished:
            finished["success"] = (finished["success"] >= self._max_steps / 2).astype(np.float64)
        return finished

    def state_dict(self) -> dict[str, Any]:
        """What to resume from: the running sums, and the episodes not yet drained."""
        return {
            "names": list(self._names),
            "sums": self._sums.copy(),
            "finished": [(list(names), sums.copy()) for names, sums in self._finished],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._names, self._sums, self._shape = list(state["names"]), np.array(state["sums"]), None
        self._finished.clear()
        self._finished.extend((list(names), np.array(sums)) for names, sums in state["finished"])

    def _widen(self, rows: dict[str, np.ndarray]) -> list[np.ndarray]:
        """Make room for new names; the rows in our order."""
        new = [name for name in rows if name not in self._names]
        self._names = self._names + new
        self._sums = np.vstack([self._sums, np.zeros((len(new), self.num_envs))])
        return [rows.get(name, np.zeros(self.num_envs)) for name in self._names]

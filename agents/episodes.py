"""What the episodes of a training run came to: returns, ground truth and component sums, counted in one place."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np

from envs.task import Task
from reward_designers.base import Components

KEPT_EPISODES = 10_000
"""Finished episodes that wait to be drained; older ones are dropped so that nobody has to drain."""


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
        self._sums: dict[str, np.ndarray] = {}
        self._finished: deque[dict[str, float]] = deque(maxlen=KEPT_EPISODES)

    def step(
        self,
        reward: np.ndarray,
        components: Components,
        env_reward: np.ndarray,
        measures: Mapping[str, np.ndarray],
        dones: np.ndarray,
    ) -> None:
        """Count one step of all environments; every array is ``(num_envs,)``, ``dones`` bool."""
        self._add("length", 1.0)
        self._add("reward", reward)
        self._add("env_reward", env_reward)
        for name, values in measures.items():
            self._add(name, values)
        for name, values in components.items():
            self._add(f"reward/{name}", values)
        if dones.any():
            self._finish(np.flatnonzero(dones))

    def reset(self) -> None:
        """Forget the running episodes, which were cut short from outside."""
        self._sums.clear()

    def drain(self) -> dict[str, np.ndarray]:
        """The episodes finished since the last call, by name, each ``(episodes,)``; empty if there are none."""
        rows = list(self._finished)
        self._finished.clear()
        names = dict.fromkeys(name for row in rows for name in row)
        return {name: np.array([row.get(name, 0.0) for row in rows]) for name in names}

    def state_dict(self) -> dict[str, np.ndarray]:
        """Arrays to resume from: the running sums, and the rows not yet drained."""
        rows = list(self._finished)
        finished = {f"finished:{name}": values for name, values in self.drain().items()}
        self._finished.extend(rows)
        return {f"sum:{name}": values.copy() for name, values in self._sums.items()} | finished

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Restore what `state_dict` returned."""
        by_kind: dict[str, dict[str, np.ndarray]] = {"sum": {}, "finished": {}}
        for key, values in state.items():
            kind, name = key.split(":", 1)
            by_kind[kind][name] = np.array(values)
        self._sums = by_kind["sum"]
        self._finished.clear()
        finished = by_kind["finished"]
        for row in zip(*finished.values(), strict=True):
            self._finished.append(dict(zip(finished, map(float, row), strict=True)))

    def _add(self, name: str, values: np.ndarray | float) -> None:
        if name not in self._sums:
            self._sums[name] = np.zeros(self.num_envs)
        self._sums[name] += values

    def _finish(self, rows: np.ndarray) -> None:
        ended = {name: sums[rows] for name, sums in self._sums.items()}
        if "fitness" in ended:
            ended["fitness"] = ended["fitness"] / self._max_steps
        if "success" in ended:
            ended["success"] = (ended["success"] >= self._max_steps / 2).astype(np.float64)
        for sums in self._sums.values():
            sums[rows] = 0.0
        for values in zip(*(values.tolist() for values in ended.values()), strict=True):
            self._finished.append(dict(zip(ended, values, strict=True)))

"""What the episodes of a training run came to: returns, ground truth and component sums, counted in one place."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np

from envs.task import Task
from reward_designers.base import Components

KEPT_BATCHES = 10_000
"""Batches of episodes finished together that wait to be drained; older ones are dropped, so nobody has to drain."""


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
        self._sums = np.zeros((0, num_envs))  # a row for each name
        self._finished: deque[dict[str, np.ndarray]] = deque(maxlen=KEPT_BATCHES)

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
        names = ["length", "reward", "env_reward", *measures, *map("reward/{}".format, components)]
        rows = [self._ones, reward, env_reward, *measures.values(), *components.values()]
        if names != self._names:
            rows = self._widen(dict(zip(names, rows, strict=True)))
        self._sums += np.array(rows)
        if len(ended):
            self._finish(ended)

    def reset(self) -> None:
        """Forget the running episodes, which were cut short from outside."""
        self._sums[:] = 0

    def drain(self) -> dict[str, np.ndarray]:
        """The episodes finished since the last call, by name, each ``(episodes,)``; empty if there are none."""
        episodes = self._collect()
        self._finished.clear()
        return episodes

    def _collect(self) -> dict[str, np.ndarray]:
        names = dict.fromkeys(name for batch in self._finished for name in batch)
        missing = [np.zeros(len(batch["length"])) for batch in self._finished]
        return {
            name: np.concatenate([b.get(name, zeros) for b, zeros in zip(self._finished, missing, strict=True)])
            for name in names
        }

    def state_dict(self) -> dict[str, np.ndarray]:
        """Arrays to resume from: the running sums, and the rows not yet drained."""
        finished = {f"finished:{name}": values for name, values in self._collect().items()}
        return {f"sum:{name}": sums.copy() for name, sums in zip(self._names, self._sums, strict=True)} | finished

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Restore what `state_dict` returned."""
        by_kind: dict[str, dict[str, np.ndarray]] = {"sum": {}, "finished": {}}
        for key, values in state.items():
            kind, name = key.split(":", 1)
            by_kind[kind][name] = np.array(values)
        self._names = list(by_kind["sum"])
        self._sums = np.array([*by_kind["sum"].values()]).reshape(-1, self.num_envs)
        self._finished.clear()
        if by_kind["finished"]:
            self._finished.append(by_kind["finished"])

    def _widen(self, rows: dict[str, np.ndarray]) -> list[np.ndarray]:
        """Make room for new names (at the first step, or when a reward changes its components); rows in our order."""
        new = [name for name in rows if name not in self._names]
        self._names = self._names + new
        self._sums = np.vstack([self._sums, np.zeros((len(new), self.num_envs))])
        return [rows.get(name, np.zeros(self.num_envs)) for name in self._names]

    def _finish(self, ended: np.ndarray) -> None:
        finished = dict(zip(self._names, self._sums[:, ended], strict=True))
        self._sums[:, ended] = 0
        if "fitness" in finished:
            finished["fitness"] = finished["fitness"] / self._max_steps
        if "success" in finished:
            finished["success"] = (finished["success"] >= self._max_steps / 2).astype(np.float64)
        self._finished.append(finished)

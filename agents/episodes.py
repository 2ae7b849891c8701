"""What the episodes of a training run came to: returns, ground truth and component sums, counted in one place."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

from envs.scoring import Scores
from envs.task import Task

KEPT_EPISODES = 10_000
"""Finished episodes that wait to be drained; older ones are dropped, so nobody has to drain."""
WAITING_STEPS = 32
"""Steps that are kept to be counted together: between two steps of a simulator, little code fits in the caches."""


class EpisodeStatistics:
    """Sums over the running episodes of ``num_envs`` environments, and a row for each finished one.

    A row has ``length``, ``reward``, ``env_reward``, ``reward/<component>`` (sums over the episode) and, with a task,
    ``fitness`` and ``success`` of the episode, see `envs.task.Task`.

    Args:
        num_envs: Number of environments.
        task: Says what fitness and success of an episode are.
    """

    def __init__(self, num_envs: int, task: Task | None = None):
        self.num_envs = num_envs
        self._task = task
        self._names: list[str] = []
        self._layout: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())  # measures and components of waiting steps
        self._sums = np.zeros((0, num_envs))  # a row for each name
        self._finished: deque[tuple[list[str], np.ndarray]] = deque(maxlen=KEPT_EPISODES)
        self._waiting: list[tuple[Scores, np.ndarray, np.ndarray]] = []

    def step(self, scores: Scores, env_reward: np.ndarray, ended: np.ndarray) -> None:
        """Count one step of all environments; the arrays are kept for a while, nobody may write to them.

        Args:
            scores: Of ``num_envs`` transitions.
            env_reward: ``(num_envs,)``, the environments' own reward.
            ended: Indices of the environments whose episodes this step ended.
        """
        layout = (tuple(scores.measures), scores.names)
        if layout != self._layout or len(self._waiting) == WAITING_STEPS:
            self._count()
            self._layout = layout
        self._waiting.append((scores, env_reward, ended))

    def _count(self) -> None:
        """Add the steps that wait to the sums."""
        if not self._waiting:
            return
        scores, env_rewards, endings = zip(*self._waiting, strict=True)
        self._waiting.clear()
        measures, components = self._layout
        names = ["length", "reward", "env_reward", *measures, *(f"reward/{name}" for name in components)]
        if new := [name for name in names if name not in self._names]:
            self._names = self._names + new  # a new list: finished episodes keep theirs
            self._sums = np.vstack([self._sums, np.zeros((len(new), self.num_envs))])
        places = [self._names.index(name) for name in names]
        added = np.zeros((len(scores), *self._sums.shape))
        added[:, places[0]] = 1
        added[:, places[1]] = [score.reward for score in scores]
        added[:, places[2]] = env_rewards
        for place, name in zip(places[3:], measures, strict=False):
            added[:, place] = [score.measures[name] for score in scores]
        added[:, places[3 + len(measures) :]] = [score.rows for score in scores]
        for step, ended in zip(added, endings, strict=True):
            self._sums += step
            for env in ended.tolist():
                self._finished.append((self._names, self._sums[:, env].copy()))
                self._sums[:, env] = 0

    def reset(self) -> None:
        """Forget the running episodes, which were cut short from outside."""
        self._count()
        self._sums[:] = 0

    def drain(self) -> dict[str, np.ndarray]:
        """The episodes finished since the last call, by name, each ``(episodes,)``; empty if there are none."""
        self._count()
        episodes = self._collect()
        self._finished.clear()
        return episodes

    def _collect(self) -> dict[str, np.ndarray]:
        episodes = [dict(zip(names, sums.tolist(), strict=True)) for names, sums in self._finished]
        names = dict.fromkeys(name for episode in episodes for name in episode)
        finished = {name: np.array([episode.get(name, 0.0) for episode in episodes]) for name in names}
        if self._task is not None and "fitness" in finished:
            finished["fitness"] = self._task.episode_fitness(finished["fitness"])
        if self._task is not None and "success" in finished:
            finished["success"] = self._task.episode_success(finished["success"])
        return finished

    def state_dict(self) -> dict[str, Any]:
        """What to resume from: the running sums, and the episodes not yet drained."""
        self._count()
        return {
            "names": list(self._names),
            "sums": self._sums.copy(),
            "finished": [(list(names), sums.copy()) for names, sums in self._finished],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._waiting.clear()
        self._names, self._sums = list(state["names"]), np.array(state["sums"])
        self._finished.clear()
        self._finished.extend((list(names), np.array(sums)) for names, sums in state["finished"])

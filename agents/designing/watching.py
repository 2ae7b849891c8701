"""A few moments of the worst episodes of a policy, for an analyst to read (Auto MC-Reward, arXiv 2312.09238)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from agents.build import find_task
from agents.runs import RunDir

EPISODES, WORST, MOMENTS = 4, 2, 8
"""Episodes that are played, those that are told, and moments of each."""


def worst_episodes(run: RunDir, fields: Sequence[str], seed: int) -> list[dict[str, Any]]:
    """Fields of a run's last policy in its worst episodes, as `reward_designers.code.search.Episode` has them.

    Args:
        run: The run.
        fields: Names of numbers of the state; others are left out.
        seed: Of the episodes.
    """
    from agents.comparison.collect import World, play
    from agents.comparison.coverages import CoverageSpec
    from agents.comparison.stage import Reads

    config = run.read_config()
    world = World(
        config.env.id or config.env.name or "", [Reads([], frozenset(fields))], config.task, config.env.kwargs
    )
    seen = play(CoverageSpec("own", "own", str(run.path)), world, episodes=EPISODES, seed=seed)
    task = find_task(world.env, config.task)
    score = seen.env_reward if task is None else task.episode_fitness(seen.measures["fitness"])
    found = []
    for rows in seen.episodes:
        length = rows.stop - rows.start
        ticks = np.unique(np.linspace(0, length - 1, min(MOMENTS, length)).round().astype(int))
        states = {name: seen.transitions.next_state[name][rows][ticks] for name in fields}
        found.append(
            {
                "length": length,
                "terminated": bool(seen.transitions.terminated[rows.stop - 1]),
                "score": None if score is None else _plain(score[rows].sum()),
                "ticks": (ticks + 1).tolist(),
                "fields": {name: list(map(_plain, v)) for name, v in states.items() if v.ndim == 1},
            }
        )
    return sorted(found, key=lambda episode: -np.inf if episode["score"] is None else episode["score"])[:WORST]


def _plain(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None

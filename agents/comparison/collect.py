"""Coverages for a comparison: transitions of random, trained and noisy policies, independent states, given files.

world = World("Hopper", rewards=[stand, vlm])
specs = parse_coverages(["random", "expert:runs/hopper", "mixture"])
coverages = [collect(spec, world, num_transitions=4096, seed=0, cache=Path("coverages")) for spec in specs]
episodes = play(specs[1], world, episodes=20, seed=0)            # whole ones, for returns
shown = film(specs[1], world, seed=0)                            # one of them, with pictures
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from reward_designers.base import RewardFn
from reward_designers.distances import Coverage

Progress = Callable[[int, int], None]
"""Called with the number of transitions made so far, and in all."""

KINDS = ("random", "iid", "expert", "own", "noised", "file", "mixture")


@dataclass(frozen=True)
class CoverageSpec:
    """A coverage as it was asked for.

    Attributes:
        name: Names it in the report; no two are the same.
        kind: One of `KINDS`. ``random``: uniformly random actions. ``iid``: states drawn independently, see
            `envs.random_states`. ``expert``: the best policy of a run, by evaluated fitness. ``own``: the last policy
            of a run, the one that its reward led to. ``noised``: the best policy of a run, whose actions are replaced
            by random ones in `noise` of the steps. ``file``: given. ``mixture``: equal shares of `parts`, by episodes.
        path: The run directory or file.
        noise: Share of the steps in which ``noised`` acts at random.
        parts: Of a mixture.
    """

    name: str
    kind: str
    path: str = ""
    noise: float = 0.3
    parts: tuple[CoverageSpec, ...] = ()


@dataclass(frozen=True, eq=False)
class World:
    """Where coverages are collected, and for whom.

    Attributes:
        env: Plain name or Gymnasium id.
        rewards: The rewards to be compared: every state array that one of them reads is collected.
        task: Of the environment; its first by default.
        kwargs: For the environment.
        render: Options of `envs.rendering.frame_of` for the frames that rewards see: ``preset`` and ``texture``.
    """

    env: str
    rewards: Sequence[RewardFn]
    task: str | None = None
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    render: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Film:
    """One whole episode, with pictures.

    Attributes:
        episode: Its transitions, on which all rewards can be computed; ``measures["fitness"]`` is that of each step.
        seconds: ``(n,)`` simulated time at the end of each step.
        frames: Pictures ``(size, size, 3)`` uint8 by step: frame k shows the state after k steps, 0 the first.
    """

    episode: Coverage
    seconds: np.ndarray
    frames: Mapping[int, np.ndarray]


def parse_coverages(texts: Sequence[str]) -> list[CoverageSpec]:
    """The coverages that ``texts`` ask for, such as ``random``, ``expert:RUN_DIR``, ``noised:RUN_DIR``, ``file:PATH``.

    A name may be put before, as in ``fast=expert:runs/a``; else the kind names it, with a number where it comes twice.
    ``mixture`` mixes all others that are policies.

    Raises:
        UsageError: One is not understood, its file or directory is not there, or a name was given twice.
    """
    raise NotImplementedError


def collect(
    spec: CoverageSpec,
    world: World,
    *,
    num_transitions: int,
    seed: int,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Coverage:
    """Transitions as a policy meets them in the long run, every step of an episode as likely as any other.

    Args:
        spec: Which policy.
        world: Environment, task and rewards.
        num_transitions: How many; a file may hold fewer.
        seed: Of initial states and actions.
        cache: Folder of earlier coverages: what was made from the same is read from there, else it is written there.
        progress: See `Progress`.

    Raises:
        UsageError: The run or file does not fit the world, or the kind cannot be had there.
    """
    raise NotImplementedError


def play(
    spec: CoverageSpec,
    world: World,
    *,
    episodes: int = 20,
    seed: int,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Coverage:
    """Whole episodes from their first state to their end, for returns; arguments and errors as for `collect`.

    Of a file, those of its episodes that are complete. Independent states make no episodes.
    """
    raise NotImplementedError


def film(spec: CoverageSpec, world: World, *, seed: int, size: int = 240, max_frames: int = 120) -> Film:
    """One whole episode of a policy with pictures of it, not more than ``max_frames`` at equal distances.

    Raises:
        UsageError: The kind is no policy, or the run does not fit the world.
        GLError: Pictures cannot be drawn here.
    """
    raise NotImplementedError

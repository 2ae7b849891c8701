"""How far programs are from each other: EPIC on the search's transitions, and a plane on which to see it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from agents.designing.duplicates import SAMPLES, Duplicates
from agents.designing.journal import Journal
from reward_designers.base import RewardFn
from reward_designers.distances.canonical import Canonicalizer
from reward_designers.distances.distance import DegenerateRewardError, direction, pearson_distance
from reward_designers.distances.samples import draw
from reward_designers.errors import RewardError

OWN = "env"
"""Stands for the environment's own reward."""


class Distances:
    """Writes the distances of programs into the journal, each once.

    Args:
        duplicates: Has the transitions, and the sandbox in which programs run.
        own: The environment's own reward, if it can be written down.
    """

    def __init__(self, duplicates: Duplicates, own: RewardFn | None):
        self.duplicates, self.own = duplicates, own
        self._directions: dict[str, np.ndarray | None] = {}

    def update(self, journal: Journal, programs: Mapping[str, str]) -> None:
        """Measure programs that were not measured yet.

        An entry holds the distance to each program before it and to `OWN`; None where one of the two has no direction.
        Potentials are not measured: to EPIC, they are all the same.

        Args:
            journal: Of the search.
            programs: Key to program, always in the same order.
        """
        if self.duplicates.entry == "potential" or all(("distance", key) in journal for key in programs):
            return
        if self.own is not None and OWN not in self._directions:
            self._directions[OWN] = self._direction(self.own)
        known = [] if self.own is None else [OWN]
        for key, source in programs.items():
            if key not in self._directions:
                with closing(self.duplicates.load(source)) as program:
                    self._directions[key] = self._direction(program)
            if ("distance", key) not in journal:
                journal.write("distance", key, {other: self._between(key, other) for other in known})
            known = [*known, key]

    def _between(self, a: str, b: str) -> float | None:
        one, other = self._directions[a], self._directions[b]
        return None if one is None or other is None else round(pearson_distance(one, other), 4)

    def _direction(self, reward: RewardFn) -> np.ndarray | None:
        """The unit vector along a canonicalised reward, ``(SAMPLES,)``; None for a constant, or one that fails."""
        samples = draw(self.duplicates.transitions, None, None, n_transitions=SAMPLES, n_mean_samples=SAMPLES, seed=0)
        try:
            canonical = Canonicalizer(samples, self.duplicates.gamma)(reward)
            return direction(canonical.values, round_off=canonical.round_off)
        except (DegenerateRewardError, RewardError):
            return None


@dataclass(frozen=True, eq=False)
class Plane:
    """Things with distances, laid out in two dimensions.

    Attributes:
        names: Of those that have a place.
        places: ``(n, 2)``.
        share: Of the squared distances that the plane shows, in [0, 1].
        stress: Kruskal's stress-1: root of the squared errors of distances over the squared distances.
        lost: Names of those without a distance.
    """

    names: tuple[str, ...]
    places: np.ndarray
    share: float
    stress: float
    lost: tuple[str, ...]


def matrix(entries: Mapping[str, Mapping[str, float | None]]) -> tuple[list[str], np.ndarray]:
    """Names, and distances of every pair ``(n, n)``, NaN where there is none, from what `Distances` wrote."""
    names = list(dict.fromkeys([*([OWN] if any(OWN in row for row in entries.values()) else []), *entries]))
    place = {name: i for i, name in enumerate(names)}
    values = np.full((len(names), len(names)), np.nan)
    np.fill_diagonal(values, 0.0)
    for name, row in entries.items():
        for other, value in row.items():
            if value is not None and other in place:
                values[place[name], place[other]] = values[place[other], place[name]] = value
    return names, values


def lay_out(names: list[str], distances: np.ndarray) -> Plane:
    """Classical multidimensional scaling (Torgerson 1952): the plane that keeps most of the squared distances.

    EPIC distances are half the distances of unit vectors, so they fit into a Euclidean space of enough dimensions.

    Args:
        names: ``n`` of them.
        distances: ``(n, n)``, NaN where there is none; things without distances are left out, the worst first.
    """
    from agents.comparison.results import known

    kept = known(distances)
    lost = tuple(name for i, name in enumerate(names) if i not in kept)
    d = distances[np.ix_(kept, kept)]
    n = len(kept)
    if n < 2 or not d.any():
        return Plane(tuple(names[i] for i in kept), np.zeros((n, 2)), 1.0, 0.0, lost)
    centre = np.eye(n) - 1 / n
    values, vectors = np.linalg.eigh(-0.5 * centre @ np.square(d) @ centre)
    places = (vectors * np.sqrt(np.maximum(values, 0)))[:, ::-1][:, :2]
    places = np.pad(places, ((0, 0), (0, 2 - places.shape[1])))
    places *= np.where(places[np.abs(places).argmax(0), [0, 1]] < 0, -1, 1)  # signs are arbitrary: always the same
    share = float(np.maximum(values[-2:], 0).sum() / np.maximum(values, 0).sum())
    shown = np.sqrt(np.square(places[:, None] - places[None]).sum(-1))
    stress = float(np.sqrt(np.square(d - shown).sum() / np.square(d).sum()))
    return Plane(tuple(names[i] for i in kept), places, share, stress, lost)

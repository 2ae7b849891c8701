"""The transitions on which rewards are compared: which states a policy visits decides what a distance means."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from reward_designers.base import RewardFn, State, Transition
from reward_designers.encoders import encode
from reward_designers.saving import write_npz

FORMAT = 1


class CoverageError(ValueError):
    """A coverage is not what it should be, or lacks what a reward reads; the message says what to do."""


@dataclass(frozen=True, eq=False)
class Coverage:
    """Transitions of one kind, in the order in which they happened.

    Attributes:
        name: ``random``, ``expert``, ``mixture``, ...
        transitions: n transitions (s, a, s'), with all state arrays that the rewards to be compared read, and the
            simulator's state where it can be restored (``qpos``, ``qvel``), each for s and for s'. No reward is stored:
            any can be computed.
        episode: ``(n,)`` int, the episode of each; transitions of one episode are consecutive and in order. Episodes
            may have gaps, and lack their beginning or end, see `complete`.
        env_reward: ``(n,)`` the environment's own, as it was paid; None if unknown.
        measures: Ground truth of each transition by name, ``fitness`` and ``success``, each ``(n,)``.
        about: Where it comes from: environment, task, policy, seed, versions. What JSON can hold.
        step: ``(n,)`` int, how many steps of its episode came before each transition, -1 if it belongs to none. By
            default episodes are here from their beginnings.

    Raises:
        CoverageError: Arrays do not belong together, or an episode is torn.
    """

    name: str
    transitions: Transition
    episode: np.ndarray
    env_reward: np.ndarray | None = None
    measures: Mapping[str, np.ndarray] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    step: np.ndarray = None  # type: ignore[assignment]  # filled in below

    def __post_init__(self) -> None:
        t = self.transitions
        if t.terminated.ndim != 1 or not len(t):
            raise CoverageError(f"{self.name}: expected a flat batch of at least one transition, got {t.batch_shape}")
        if t.state.keys() != t.next_state.keys():
            odd = ", ".join(sorted(t.state.keys() ^ t.next_state.keys()))
            raise CoverageError(f"{self.name}: every state array is needed for s and for s', but not both have {odd}")
        for name, array in self._arrays():
            if len(array) != len(t):
                raise CoverageError(f"{self.name}: {name} has {len(array)} rows, expected {len(t)} as in terminated")
        for name, before in t.state.items():
            after = t.next_state[name]
            if (before.shape, before.dtype) != (after.shape, after.dtype):
                raise CoverageError(
                    f"{self.name}: {name} is {before.shape} {before.dtype} in s, {after.shape} {after.dtype} in s'"
                )
        for name in ("terminated", "truncated"):
            if getattr(t, name).dtype != bool:
                raise CoverageError(f"{self.name}: {name} must be bool, got {getattr(t, name).dtype}")
        if self.episode.dtype.kind not in "iu" or self.episode.ndim != 1:
            raise CoverageError(f"{self.name}: episode must be ({len(t)},) int, got {self.episode.dtype}")
        if len(np.unique(self.episode)) != len(self._starts):
            raise CoverageError(f"{self.name}: the transitions of an episode must be consecutive; is it shuffled?")
        if self.step is None:
            lengths = np.diff([*self._starts, len(t)])
            object.__setattr__(self, "step", np.arange(len(t)) - np.repeat(self._starts, lengths))

    def __len__(self) -> int:
        return len(self.transitions)

    @cached_property
    def _starts(self) -> np.ndarray:
        """Where episodes start."""
        return np.flatnonzero(np.diff(self.episode, prepend=self.episode[0] - 1))

    def _arrays(self) -> Iterable[tuple[str, np.ndarray]]:
        """All that is there, by name, in a fixed order."""
        return ((name, array) for name, array in self._named() if array is not None)

    def _named(self) -> Iterable[tuple[str, np.ndarray | None]]:
        t = self.transitions
        for side, arrays in (("state", t.state), ("next_state", t.next_state), ("measure", self.measures)):
            yield from ((f"{side}/{name}", arrays[name]) for name in sorted(arrays))
        yield from (("action", t.action), ("terminated", t.terminated), ("truncated", t.truncated))
        yield from (("episode", self.episode), ("step", self.step), ("env_reward", self.env_reward))

    # What it has

    @property
    def episodes(self) -> list[slice]:
        """The rows of each episode."""
        return [slice(start, stop) for start, stop in pairwise([*self._starts.tolist(), len(self)])]

    @property
    def complete(self) -> np.ndarray:
        """``(episodes,)`` bool: whether it is here from its first state to its end, terminated or truncated."""
        t = self.transitions
        lengths = np.diff([*self._starts, len(self)])
        last = self._starts + lengths - 1
        whole = (self.step[self._starts] == 0) & (self.step[last] == lengths - 1)
        return whole & (t.terminated | t.truncated)[last]

    @property
    def states(self) -> dict[str, np.ndarray]:
        """Every state visited, ``(m, ...)`` each: a distribution D_S. An s' that is also the next s is there once."""
        return {name: self._pooled(name) for name in self.transitions.state}

    @property
    def actions(self) -> np.ndarray:
        """Every action taken, ``(n, ...)``: a distribution D_A."""
        return self.transitions.action

    @cached_property
    def _fresh(self) -> np.ndarray:
        """``(n,)`` bool: whether s is another state than the s' of the row before."""
        t = self.transitions
        joined = self.episode[1:] == self.episode[:-1]
        for name, array in t.state.items():
            same = _bits(array[1:]) == _bits(t.next_state[name][:-1])
            joined &= same.reshape(len(joined), math.prod(same.shape[1:])).all(1)
        return np.concatenate([[True], ~joined])

    @property
    def _after(self) -> np.ndarray:
        """``(n,)`` where the pool of states has each s'; its s comes before that."""
        return np.arange(len(self)) + np.cumsum(self._fresh)

    def _pooled(self, name: str) -> np.ndarray:
        before, after = self.transitions.state[name], self.transitions.next_state[name]
        pool = np.empty((len(self) + int(self._fresh.sum()), *before.shape[1:]), before.dtype)
        pool[self._after] = after
        pool[self._after[self._fresh] - 1] = before[self._fresh]
        return pool

    def require(self, rewards: Iterable[RewardFn]) -> None:
        """Make sure that all state arrays are here that the rewards read.

        Raises:
            CoverageError: It names the arrays, and the rewards that read them.
        """
        here = self.transitions.state
        for reward in rewards:
            if missing := sorted(reward.inputs - here.keys()):
                raise CoverageError(
                    f"coverage {self.name!r} lacks {', '.join(missing)}, which reward {reward.name!r} reads; it has "
                    f"{', '.join(sorted(here))}. Collect it with this reward among the rewards, or add the arrays "
                    f"state/{missing[0]} and next_state/{missing[0]} to its file"
                )

    # What can be made of it

    def subset(self, rows: np.ndarray | slice, name: str | None = None) -> Coverage:
        """The transitions at ``rows`` (mask, indices or slice), in the order of this coverage."""
        kept = np.unique(np.arange(len(self))[rows])
        return replace(
            self,
            name=name or self.name,
            transitions=self.transitions[kept],
            episode=self.episode[kept],
            env_reward=None if self.env_reward is None else self.env_reward[kept],
            measures={name: values[kept] for name, values in self.measures.items()},
            step=self.step[kept],
        )

    def sample(self, n: int, seed: int) -> Coverage:
        """``n`` of the transitions, drawn without replacement, in their order.

        Raises:
            CoverageError: There are fewer.
        """
        if n > len(self):
            raise CoverageError(f"coverage {self.name!r} has {len(self)} transitions, {n} were asked for")
        return self.subset(np.random.default_rng(seed).permutation(len(self))[:n])

    def recombined(self, n: int, seed: int, name: str | None = None) -> Coverage:
        """The product distribution D_S x D_A x D_S: s, a and s' drawn independently of each other, with replacement.

        What EPIC takes expectations over. Its transitions are mostly impossible ones; each state by itself is real.
        """
        rng = np.random.default_rng(seed)
        states = self.states
        size = len(next(iter(states.values()), self.actions))
        before, after = (_taken(states, rng.integers(size, size=n)) for _ in range(2))
        action = self.actions[rng.integers(len(self), size=n)]
        t = Transition(before, action, after, np.zeros(n, bool), np.zeros(n, bool))
        about = {**self.about, "recombined": {"of": self.content_hash, "n": n, "seed": seed}}
        return Coverage(name or f"{self.name}, recombined", t, np.arange(n), about=about)

    def derived(self, compute: Callable[[State], Mapping[str, np.ndarray]]) -> Coverage:
        """With further state arrays, which ``compute`` makes of those that are here, once for each state.

        Args:
            compute: From named arrays ``(m, ...)`` to those to be added, ``(m, ...)`` each.
        """
        t, after = self.transitions, self._after
        before = after - 1
        made = compute(self.states)
        state = {**t.state, **_taken(made, before)}
        return replace(
            self,
            transitions=Transition(state, t.action, {**t.next_state, **_taken(made, after)}, t.terminated, t.truncated),
        )

    def encoded(self, rewards: Iterable[RewardFn]) -> Coverage:
        """With what the rewards' encoders make of raw sources that are here (embeddings of ``frame``, say)."""
        encoders = {name: encoder for reward in rewards for name, encoder in reward.encoders.items()}
        have = self.transitions.state.keys()
        wanted = {n: e for n, e in encoders.items() if n not in have and e.source in have}
        if not wanted:
            return self
        return self.derived(lambda states: {name: encode(wanted, states)[name] for name in wanted})

    # On disk

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of all arrays: names, types, shapes and bytes. Neither `name` nor `about` is part of it."""
        digest = hashlib.sha256()
        for name, array in self._arrays():
            stored = np.ascontiguousarray(_storable(name, array))
            digest.update(f"{name} {stored.dtype.str} {stored.shape}\n".encode())
            digest.update(stored.reshape(-1).view(np.uint8).data)
        return digest.hexdigest()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one ``.npz`` file, whole or not at all, without pickle; each state is in it once.

        Raises:
            CoverageError: A state array holds Python objects other than text.
        """
        t = self.transitions
        header = {
            "format": FORMAT,
            "name": self.name,
            "about": self.about,
            "hash": self.content_hash,
            "text": sorted(name for name, array in t.state.items() if array.dtype == object),
        }
        arrays = {name: array for name, array in self._arrays() if not name.startswith(("state/", "next_state/"))}
        arrays |= {f"pool/{name}": _storable(name, self._pooled(name)) for name in t.state}
        arrays |= {"fresh": self._fresh, "header": np.array(json.dumps(header))}
        write_npz(path, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Coverage:
        """Read what `save` wrote, and verify its hash.

        Raises:
            CoverageError: The file is damaged, or is no saved coverage.
            OSError: It cannot be read.
        """
        path = os.fspath(path)
        try:
            with np.load(path, allow_pickle=False) as file:
                header = json.loads(str(file["header"]))
                if header["format"] != FORMAT:
                    raise CoverageError(f"it has format {header['format']}, this version reads {FORMAT}")
                arrays = {name: file[name] for name in file.files if name != "header"}
            coverage = cls._assembled(header, arrays)
        except OSError as error:
            raise error if error.errno else CoverageError(f"{path} is no saved coverage: {error}") from error
        except Exception as error:  # zip files and arrays can be damaged in many ways
            what = f"it has no {error}" if isinstance(error, KeyError) else error
            raise CoverageError(f"{path} is no saved coverage, or is damaged: {what}") from error
        if coverage.content_hash != header["hash"]:
            raise CoverageError(
                f"{path} is damaged: its content has the hash {coverage.content_hash}, that of what was written is "
                f"{header['hash']}; delete it, and it will be made again"
            )
        return coverage

    @classmethod
    def _assembled(cls, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Coverage:
        after = np.arange(len(arrays["fresh"])) + np.cumsum(arrays["fresh"])
        pool = {name.removeprefix("pool/"): array for name, array in arrays.items() if name.startswith("pool/")}
        pool |= {name: pool[name].astype(object) for name in header["text"]}
        t = Transition(
            _taken(pool, after - 1), arrays["action"], _taken(pool, after), arrays["terminated"], arrays["truncated"]
        )
        measures = {name.removeprefix("measure/"): a for name, a in arrays.items() if name.startswith("measure/")}
        return cls(
            header["name"], t, arrays["episode"], arrays.get("env_reward"), measures, header["about"], arrays["step"]
        )


def concatenate(coverages: Sequence[Coverage], name: str) -> Coverage:
    """The transitions of all, one coverage after the other; episodes are numbered anew.

    Raises:
        CoverageError: They have different state arrays.
    """
    first = coverages[0]
    for other in coverages[1:]:
        if odd := first.transitions.state.keys() ^ other.transitions.state.keys():
            raise CoverageError(
                f"coverages {first.name!r} and {other.name!r} cannot be joined, for only one has "
                f"{', '.join(sorted(odd))}; collect both for the same rewards"
            )
    batches = [coverage.transitions for coverage in coverages]
    numbers = [np.searchsorted(c._starts, np.arange(len(c)), side="right") - 1 for c in coverages]
    offsets = np.cumsum([0, *(len(c._starts) for c in coverages)])
    measures = set.intersection(*(set(c.measures) for c in coverages))
    paid = [c.env_reward for c in coverages if c.env_reward is not None]
    return Coverage(
        name,
        Transition(
            {key: np.concatenate([t.state[key] for t in batches]) for key in batches[0].state},
            np.concatenate([t.action for t in batches]),
            {key: np.concatenate([t.next_state[key] for t in batches]) for key in batches[0].next_state},
            np.concatenate([t.terminated for t in batches]),
            np.concatenate([t.truncated for t in batches]),
        ),
        np.concatenate([number + offset for number, offset in zip(numbers, offsets, strict=False)]),
        np.concatenate(paid) if len(paid) == len(coverages) else None,
        {key: np.concatenate([c.measures[key] for c in coverages]) for key in sorted(measures)},
        {"parts": [{"name": c.name, "n": len(c), "hash": c.content_hash, **c.about} for c in coverages]},
        np.concatenate([c.step for c in coverages]),
    )


def mixture(coverages: Sequence[Coverage], n: int, seed: int, name: str = "mixture") -> Coverage:
    """``n`` transitions, the same number of each coverage, by episodes: drawn at random, the last one cut.

    Raises:
        CoverageError: They have different state arrays, or one is too short for its share.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for number, coverage in enumerate(coverages):
        share = n // len(coverages) + (number < n % len(coverages))
        if len(coverage) < share:
            raise CoverageError(
                f"a mixture of {n} needs {share} transitions of each, but {coverage.name!r} has {len(coverage)}"
            )
        spans = coverage.episodes
        order = rng.permutation(len(spans))
        rows = np.concatenate([np.arange(len(coverage))[spans[i]] for i in order])[:share]
        parts.append(coverage.subset(rows))
    return concatenate(parts, name)


def _taken(arrays: Mapping[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
    return {name: array[rows] for name, array in arrays.items()}


def _bits(array: np.ndarray) -> np.ndarray:
    """Floats as the integers with their bits, so that 0.0 is not -0.0 and NaN is itself."""
    return array.view(f"u{array.itemsize}") if array.dtype.kind == "f" and array.itemsize <= 8 else array


def _storable(name: str, array: np.ndarray) -> np.ndarray:
    """The array as a file can hold it without pickle: Python's texts as numpy's."""
    if array.dtype != object:
        return array
    if not all(isinstance(item, str) for item in array.flat):
        raise CoverageError(f"{name} holds Python objects, which cannot be saved; let an encoder make numbers of them")
    return array.astype(str)

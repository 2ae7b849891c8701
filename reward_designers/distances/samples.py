"""What sampled distances are computed from: transitions, draws of an action and a next state, and groups of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from reward_designers.base import RewardFn, State, Transition
from reward_designers.encoders import Encoder, encode
from reward_designers.errors import RewardError, unknown_name

GROUPS = 64
"""Groups that the jackknife leaves out in turn: its standard errors are right to 1 / sqrt(2 * 63), about 9 %."""
ENCODED = 64
"""Distinct rows given to an encoder at once."""


class Side:
    """Rows of a pool of states, gathered (and encoded, each distinct row once) when a reward reads them.

    Args:
        arrays: The pool's arrays by name, each ``(pool, ...)``.
        rows: ``(n,)`` index into the pool.
        what: How messages call it.
        codes: What encoders have made of which rows, shared between the sides.
    """

    def __init__(self, arrays: State, rows: np.ndarray, what: str, codes: dict[tuple[str, bytes], np.ndarray]):
        self._arrays, self._rows, self._what, self._codes = arrays, rows, what, codes
        self._ready: dict[str, np.ndarray] = {}

    def of(self, reward: RewardFn, wanted: bool = True) -> dict[str, np.ndarray]:
        """What ``reward`` reads of these states, each ``(n, ...)``; nothing unless ``wanted``.

        Raises:
            RewardError: An array is missing.
        """
        return {name: self._array(name, reward) for name in sorted(reward.inputs)} if wanted else {}

    def _array(self, name: str, reward: RewardFn) -> np.ndarray:
        if name not in self._ready:
            encoder = reward.encoders.get(name)
            if name in self._arrays:
                self._ready[name] = np.asarray(self._arrays[name])[self._rows]
            elif encoder is not None and encoder.source in self._arrays:
                self._ready[name] = self._encoded(name, encoder)
            else:
                wanted = name if encoder is None else encoder.source
                raise RewardError(
                    f"reward {reward.name!r} reads {wanted!r} of the {self._what}: "
                    f"{unknown_name('state array', wanted, self._arrays)}"
                )
        return self._ready[name]

    def _encoded(self, name: str, encoder: Encoder) -> np.ndarray:
        source = np.asarray(self._arrays[encoder.source])
        keys = [(name, _digest([source], row)) for row in self._rows]
        new = {key: row for key, row in zip(keys, self._rows, strict=True) if key not in self._codes}
        todo = list(new.items())
        for start in range(0, len(todo), ENCODED):
            part = todo[start : start + ENCODED]
            codes = encode({name: encoder}, {encoder.source: source[[row for _, row in part]]})[name]
            self._codes.update(zip((key for key, _ in part), codes, strict=True))
        return np.stack([self._codes[key] for key in keys])


@dataclass(frozen=True, eq=False)
class Samples:
    """N_V transitions, N_M joint draws (a, s'), and a partition of both into groups that are independent.

    Attributes:
        state: Of the transitions.
        action: ``(N_V, ...)``.
        after: The transitions' next states.
        mean_action: ``(N_M, ...)`` of the draws.
        drawn: The draws' next states.
        group: ``(N_V,)`` int, the group of each transition.
        mean_group: ``(N_M,)`` int, ascending: that of each draw.
        groups: Number of groups.
        clustered: Whether groups consist of whole episodes.
    """

    state: Side
    action: np.ndarray
    after: Side
    mean_action: np.ndarray
    drawn: Side
    group: np.ndarray
    mean_group: np.ndarray
    groups: int
    clustered: bool

    @property
    def transitions(self) -> int:
        """N_V."""
        return len(self.group)

    @property
    def sampled(self) -> str:
        """What it is that was sampled, in words."""
        return "transitions and mean samples"

    @property
    def counts(self) -> dict[str, int]:
        """N_V and N_M, as `Distance.samples` has them."""
        return self.counted(np.ones(self.groups, bool))

    def counted(self, kept: np.ndarray) -> dict[str, int]:
        """The same in the groups of the mask ``kept``."""
        return {"transitions": int(kept[self.group].sum()), "mean_samples": int(kept[self.mean_group].sum())}


def draw(
    transitions: Transition,
    states: State | None,
    actions: np.ndarray | None,
    *,
    n_transitions: int,
    n_mean_samples: int,
    seed: int,
    episodes: np.ndarray | None = None,
    state_episodes: np.ndarray | None = None,
) -> Samples:
    """Draw samples from pools; see `epic.epic` for the arguments."""
    batch = _flat(transitions)
    pool: State = batch.next_state if states is None else states
    if states is None:
        state_episodes = episodes
    actions = batch.action if actions is None else np.asarray(actions)
    n_states = _length(pool, "states")
    for name, value in (("n_transitions", n_transitions), ("n_mean_samples", n_mean_samples)):
        if value < 2:
            raise ValueError(f"{name} must be at least 2, got {value}")
    if not len(actions):
        raise ValueError("the pool of actions is empty")
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(batch))[:n_transitions]
    next_rows = rng.choice(n_states, n_mean_samples, replace=n_mean_samples > n_states)
    action_rows = rng.choice(len(actions), n_mean_samples, replace=n_mean_samples > len(actions))
    episode = _ids("episodes", episodes, len(batch))
    mean_episode = _ids("state_episodes", state_episodes, n_states)
    return _grouped(batch, rows, actions, action_rows, pool, next_rows, episode, mean_episode, rng)


def given(
    batch: Transition,
    mean_samples: tuple[np.ndarray, State],
    episodes: np.ndarray | None = None,
    mean_episodes: np.ndarray | None = None,
) -> Samples:
    """Samples that the caller has drawn; see `epic.epic_from_samples` for the arguments."""
    batch = _flat(batch)
    actions, pool = np.asarray(mean_samples[0]), mean_samples[1]
    n = _length({"action": actions, **pool}, "mean samples")
    episode, mean_episode = _ids("episodes", episodes, len(batch)), _ids("mean_episodes", mean_episodes, n)
    all_, each = np.arange(len(batch)), np.arange(n)
    return _grouped(batch, all_, actions, each, pool, each, episode, mean_episode, np.random.default_rng(0))


def _grouped(
    batch: Transition,
    rows: np.ndarray,
    actions: np.ndarray,
    action_rows: np.ndarray,
    pool: State,
    next_rows: np.ndarray,
    episode: np.ndarray | None,
    mean_episode: np.ndarray | None,
    rng: np.random.Generator,
) -> Samples:
    """Samples from rows of the pools, put into groups: episodes stay whole, the same in transitions and draws."""
    episode = None if episode is None else episode[rows]
    mean_episode = None if mean_episode is None else mean_episode[next_rows]
    ids = np.unique(np.concatenate([ids for ids in (episode, mean_episode) if ids is not None] or [np.arange(0)]))
    groups = min(GROUPS, len(rows), len(next_rows), len(ids) or GROUPS)
    of_episode = rng.permutation(len(ids)) % groups
    group, mean_group = (
        np.arange(n) * groups // n if own is None else of_episode[np.searchsorted(ids, own)]
        for own, n in ((episode, len(rows)), (mean_episode, len(next_rows)))
    )
    order = np.argsort(mean_group, kind="stable")
    codes: dict[tuple[str, bytes], np.ndarray] = {}
    return Samples(
        state=Side(batch.state, rows, "transitions' states", codes),
        action=batch.action[rows],
        after=Side(batch.next_state, rows, "transitions' next states", codes),
        mean_action=actions[action_rows[order]],
        drawn=Side(pool, next_rows[order], "pool of states", codes),
        group=group,
        mean_group=mean_group[order],
        groups=groups,
        clustered=len(ids) > 0,
    )


def distinct(arrays: Sequence[np.ndarray], n: int) -> tuple[np.ndarray, np.ndarray]:
    """The first of each kind of row, where n rows are alike if all arrays ``(n, ...)`` have the same bytes there.

    Returns:
        The index of each distinct row in order of appearance, and ``(n,)`` the place of every row's kind among them.
    """
    arrays = [np.ascontiguousarray(array) for array in arrays]
    seen: dict[bytes, int] = {}
    first: list[int] = []
    kind = np.empty(n, np.intp)
    for row in range(n):
        digest = _digest(arrays, row)
        if digest not in seen:
            seen[digest] = len(first)
            first.append(row)
        kind[row] = seen[digest]
    return np.array(first), kind


def _digest(arrays: Sequence[np.ndarray], row: Any) -> bytes:
    made = blake2b(digest_size=16)
    for array in arrays:
        made.update(array[row].tobytes())
    return made.digest()


def _flat(t: Transition) -> Transition:
    t = t.flatten() if len(t.batch_shape) > 1 else t
    n = _length(
        {
            "action": t.action,
            **{f"state {name!r}": array for name, array in t.state.items()},
            **{f"next_state {name!r}": array for name, array in t.next_state.items()},
            "terminated": t.terminated,
        },
        "transitions",
    )
    if n < 2:
        raise ValueError(f"a correlation needs transitions, got {n}")
    return t


def _length(arrays: Mapping[str, np.ndarray], what: str) -> int:
    """How many rows all of them have."""
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ValueError(f"arrays of the {what} have different lengths: {shown}")
    if not lengths or not next(iter(lengths.values())):
        raise ValueError(f"the {what} are empty")
    return next(iter(lengths.values()))


def _ids(name: str, ids: np.ndarray | None, n: int) -> np.ndarray | None:
    if ids is not None and np.shape(ids) != (n,):
        raise ValueError(f"{name} must have shape ({n},), one for each row, got {np.shape(ids)}")
    return None if ids is None else np.asarray(ids)

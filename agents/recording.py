"""Keeps the transitions of a rollout in little memory, until their rewards are computed or learned from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from reward_designers.base import RewardFn, Transition
from reward_designers.encoders import Encoder

CHUNK_BYTES = 64 << 20
"""Raw sources (frames) that may wait for their encoder."""


class TransitionRecorder:
    """Records steps of ``num_envs`` environments, and gives them back as one rollout ``(T, num_envs, ...)``.

    It keeps what the reward reads and nothing else. Raw sources of encoders are encoded chunk by chunk. A state that is
    also the successor of the step before is stored, and encoded, once.

    Args:
        num_envs: Number of environments.
        reward: Says which state arrays are read.
        encoders: The encoders still to be applied, by the input that they make; the steps then bring raw sources.
        chunk_bytes: Raw data that may accumulate before it is encoded.
    """

    def __init__(
        self,
        num_envs: int,
        reward: RewardFn,
        encoders: Mapping[str, Encoder],
        chunk_bytes: int = CHUNK_BYTES,
    ):
        self.num_envs = num_envs
        self._names = sorted(reward.inputs)
        self._encoders = dict(encoders)
        self._state_read = "state" in reward.reads
        self._chunk_bytes = chunk_bytes
        self._last: dict[str, np.ndarray] = {}
        self._fresh = np.ones(num_envs, bool)
        self._clear()

    def _clear(self) -> None:
        self._actions: list[np.ndarray] = []
        self._terminated: list[np.ndarray] = []
        self._truncated: list[np.ndarray] = []
        self._starts: list[np.ndarray] = []
        self._next = Column(self._names, self._encoders)
        self._initial = Column(self._names, self._encoders)

    def __len__(self) -> int:
        """Number of steps recorded."""
        return len(self._actions)

    def reset(self) -> None:
        """All environments begin new episodes; nothing may be pending."""
        self._fresh[:] = True

    def add(self, t: Transition) -> None:
        """Record one step of all environments; arrays are copied."""
        self._actions.append(np.array(t.action))
        self._terminated.append(t.terminated.copy())
        self._truncated.append(t.truncated.copy())
        self._starts.append(self._fresh)
        self._next.add(t.next_state)
        if self._state_read and self._fresh.any():
            rows = np.flatnonzero(self._fresh)
            self._initial.add({name: array[rows] for name, array in t.state.items()})
        self._fresh = t.terminated | t.truncated
        if self._next.raw_bytes + self._initial.raw_bytes >= self._chunk_bytes:
            self._encode_next()
            self._initial.encode()

    def _encode_next(self) -> None:
        """Encode the successors that still wait: the latest steps."""
        ends = [a | b for a, b in zip(self._terminated, self._truncated, strict=True)]
        self._next.encode(ends)

    def take(self) -> Transition:
        """Everything recorded, as a rollout; the recorder is empty then, and goes on from there."""
        self._encode_next()
        next_state = self._next.take(len(self), self.num_envs)
        state: dict[str, np.ndarray] = {}
        starts = np.stack(self._starts)
        if self._state_read:
            initial = self._initial.take()
            for name, after in next_state.items():
                before = np.empty_like(after)
                before[1:] = after[:-1]
                if name in self._last:
                    before[0] = self._last[name]
                if name in initial:
                    before[starts] = initial[name]
                state[name] = before
            self._last = {name: array[-1].copy() for name, array in next_state.items()}
        rollout = Transition(
            state, np.stack(self._actions), next_state, np.stack(self._terminated), np.stack(self._truncated)
        )
        self._clear()
        return rollout

    def state_dict(self) -> dict[str, np.ndarray]:
        """Arrays to resume from; nothing may be pending."""
        assert not len(self), "compute the pending rewards before saving"
        return {"fresh": self._fresh.copy()} | {f"last:{name}": array.copy() for name, array in self._last.items()}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Restore what `state_dict` returned."""
        self._clear()
        self._fresh = np.array(state["fresh"])
        self._last = {key.split(":", 1)[1]: np.array(a) for key, a in state.items() if key.startswith("last:")}


class Column:
    """Batches of state arrays, one after another; raw sources wait and are encoded together."""

    def __init__(self, names: Iterable[str], encoders: Mapping[str, Encoder]):
        self._encoders = {name: encoder for name, encoder in encoders.items() if name in set(names)}
        self._done: dict[str, list[np.ndarray]] = {name: [] for name in names}
        self._raw: dict[str, list[np.ndarray]] = {encoder.source: [] for encoder in self._encoders.values()}
        self.raw_bytes = 0

    def add(self, state: Mapping[str, np.ndarray]) -> None:
        for name, batches in self._done.items():
            if name in state and name not in self._encoders:
                batches.append(np.array(state[name]))
        for source, batches in self._raw.items():
            if source in state:
                batches.append(np.array(state[source]))
                self.raw_bytes += batches[-1].nbytes

    def encode(self, ends: Sequence[np.ndarray] | None = None) -> None:
        """Encode what waits; ``ends`` says where episodes end if the batches are consecutive steps, the latest last."""
        for name, encoder in self._encoders.items():
            batches = self._raw[encoder.source]
            if batches and ends is None:
                self._done[name].append(encoder(np.concatenate(batches)))
            elif batches and ends is not None:
                encoded = encoder.rollout(np.stack(batches), np.stack(ends[-len(batches) :]))
                self._done[name].append(encoded.reshape(-1, *encoded.shape[2:]))
        for batches in self._raw.values():
            batches.clear()
        self.raw_bytes = 0

    def take(self, *shape: int) -> dict[str, np.ndarray]:
        """All rows by name, ``(rows, ...)`` or with ``shape`` as leading dimensions; they are gone from here then."""
        self.encode()
        rows = {}
        for name in [name for name, batches in self._done.items() if batches]:  # one by one: not all are there twice
            array = np.concatenate(self._done.pop(name))
            rows[name] = array.reshape(*shape, *array.shape[1:]) if shape else array
        return rows

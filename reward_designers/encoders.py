"""Heavy inputs of rewards, made small while transitions are collected."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np

from reward_designers.base import State, Transition


class Encoder(ABC):
    """Turns a heavy state array into a small one while transitions are collected: frame to embedding, text to facts.

    What is stored, cached and compared is the small result, so a new prompt costs nothing. It is made once however many
    rewards read it, so the input's name must say what makes it: encoders of the same name must give the same result.

    Attributes:
        source: The state array that it reads, such as ``frame``.
        frame_size: (height, width) at which it wants frames; None if it reads no frames.
        every: 1, or how many steps of a rollout it encodes one of, interpolating between: it needs whole rollouts then.
    """

    source: str = "frame"
    frame_size: tuple[int, int] | None = None
    every: int = 1

    @abstractmethod
    def __call__(self, source: np.ndarray) -> np.ndarray:
        """Encode a batch ``(n, ...)`` into ``(n, ...)``."""

    def rollout(self, source: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Encode consecutive steps ``(T, num_envs, ...)`` into ``(T, num_envs, ...)``.

        Args:
            source: What to encode.
            ends: ``(T, num_envs)`` bool, True at the last step of an episode.
        """
        encoded = self(source.reshape(-1, *source.shape[2:]))
        return encoded.reshape(*ends.shape, *encoded.shape[1:])


def encode(encoders: Mapping[str, Encoder], state: State) -> dict[str, np.ndarray]:
    """``state`` with what the encoders make of it added, where it is missing and its source is there."""
    made = {
        name: encoder(state[encoder.source])
        for name, encoder in encoders.items()
        if name not in state and encoder.source in state
    }
    return {**state, **made}


def encode_transition(encoders: Mapping[str, Encoder], t: Transition) -> Transition:
    """``t`` with both of its states through `encode`."""
    if not encoders:
        return t
    return Transition(encode(encoders, t.state), t.action, encode(encoders, t.next_state), t.terminated, t.truncated)

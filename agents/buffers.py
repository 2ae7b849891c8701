"""Buffers whose rewards are computed for a whole rollout at once.

`use_relabelling` gives them to a Stable-Baselines3 algorithm. They hold what stepwise rewards would have given, to the
bit: truncation bootstraps, VecNormalize's return statistics and episode memories included.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sb3_contrib.common.maskable.buffers import MaskableDictRolloutBuffer, MaskableRolloutBuffer
from sb3_contrib.common.recurrent.buffers import RecurrentDictRolloutBuffer, RecurrentRolloutBuffer
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import (
    BaseBuffer,
    DictReplayBuffer,
    DictRolloutBuffer,
    NStepReplayBuffer,
    ReplayBuffer,
    RolloutBuffer,
)
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import (
    VecCheckNan,
    VecEnv,
    VecEnvWrapper,
    VecExtractDictObs,
    VecFrameStack,
    VecNormalize,
    VecTransposeImage,
    VecVideoRecorder,
)

from agents.sb3 import VecReplaceReward, find_reward_wrapper

MAX_PENDING = 8192
"""Transitions of an off-policy algorithm that may wait for their rewards (while it warms up, nothing is sampled)."""

REWARD_NEUTRAL = (VecNormalize, VecFrameStack, VecTransposeImage, VecCheckNan, VecExtractDictObs, VecVideoRecorder)
"""Wrappers that may sit above a deferred reward; VecNormalize's reward statistics are replayed."""


class _Relabelled(BaseBuffer):
    """What the buffers have in common: which of their rows wait for rewards, and how they get them."""

    _source: VecReplaceReward | None = None
    _normalizer: VecNormalize | None = None
    _keeps_normalized = True

    def bind(self, source: VecReplaceReward, env: VecEnv) -> None:
        """Take rewards from ``source``, which is somewhere among the wrappers of ``env``."""
        wrapper: VecEnv = env
        while wrapper is not source:
            assert isinstance(wrapper, VecEnvWrapper)
            if not isinstance(wrapper, REWARD_NEUTRAL):
                raise ValueError(
                    f"{type(wrapper).__name__} sits above a reward that is computed per rollout and might read or "
                    "change rewards that are not there yet; put it below VecReplaceReward, or pass deferred=False"
                )
            if isinstance(wrapper, VecNormalize):
                if self._normalizer is not None:
                    raise ValueError("two VecNormalize above a reward that is computed per rollout")
                self._normalizer = wrapper
            wrapper = wrapper.venv
        self._rows: list[tuple[int, int]] = []
        self._source = source
        source.bind(self)

    def begin(self) -> None:
        """See `agents.sb3.Consumer`."""
        if self._normalizer is not None:
            self._before = (self._normalizer.ret_rms.copy(), self._normalizer.returns.copy())

    def settle(self) -> None:
        """Give the rows added since the last call their rewards, and let the reward learn."""
        if self._source is None:
            return
        rows, self._rows = self._rows, []
        finished = self._source.finish_rollout()
        if finished is None:
            return
        rewards, dones = finished
        if self._normalizer is not None:
            normalized = _replay(self._normalizer, self._before, rewards, dones)
            rewards = normalized if self._keeps_normalized else rewards
        self._receive(rewards, rows)

    def _receive(self, rewards: np.ndarray, rows: list[tuple[int, int]]) -> None:
        """Add ``rewards[step]`` to the row at ``position``, for each (step, position); the rows hold zeros, or more.

        SB3 has already added gamma * V(s') to the provisional zero of a truncated step, so overwriting would lose it.
        The sum is exact in float64, hence rounded as stepwise rewards are.
        """
        for step, position in rows:
            self.rewards[position] = self.rewards[position].astype(np.float64) + rewards[step]

    def add(self, *args: Any, **kwargs: Any) -> None:
        """See `BaseBuffer.add`."""
        if self._source is not None:
            self._rows.append((self._source.pending - 1, self.pos))
        super().add(*args, **kwargs)


class _RelabelledRollout(_Relabelled):
    """An on-policy buffer: rewards come when the rollout is complete, before returns are computed."""

    def reset(self) -> None:
        """Empty the buffer. Steps of an abandoned rollout still count for episode memories and statistics."""
        self._rows = []
        self.settle()
        super().reset()

    def compute_returns_and_advantage(self, last_values: Any, dones: np.ndarray) -> None:
        """See `RolloutBuffer.compute_returns_and_advantage`."""
        self.settle()
        super().compute_returns_and_advantage(last_values, dones)


class _RelabelledReplay(_Relabelled):
    """An off-policy buffer: rewards come before anything is sampled, and are normalized then."""

    _keeps_normalized = False

    def add(self, *args: Any, **kwargs: Any) -> None:
        """See `ReplayBuffer.add`."""
        super().add(*args, **kwargs)
        if len(self._rows) * self.n_envs >= MAX_PENDING:
            self.settle()

    def sample(self, *args: Any, **kwargs: Any) -> Any:
        """See `ReplayBuffer.sample`."""
        self.settle()
        return super().sample(*args, **kwargs)

    def _receive(self, rewards: np.ndarray, rows: list[tuple[int, int]]) -> None:
        super()._receive(rewards, rows[-self.buffer_size :])


class RelabelledRolloutBuffer(_RelabelledRollout, RolloutBuffer):
    """`RolloutBuffer` whose rewards are computed per rollout."""


class RelabelledDictRolloutBuffer(_RelabelledRollout, DictRolloutBuffer):
    """`DictRolloutBuffer` whose rewards are computed per rollout."""


class RelabelledRecurrentRolloutBuffer(_RelabelledRollout, RecurrentRolloutBuffer):
    """`RecurrentRolloutBuffer` whose rewards are computed per rollout."""


class RelabelledRecurrentDictRolloutBuffer(_RelabelledRollout, RecurrentDictRolloutBuffer):
    """`RecurrentDictRolloutBuffer` whose rewards are computed per rollout."""


class RelabelledMaskableRolloutBuffer(_RelabelledRollout, MaskableRolloutBuffer):
    """`MaskableRolloutBuffer` whose rewards are computed per rollout."""


class RelabelledMaskableDictRolloutBuffer(_RelabelledRollout, MaskableDictRolloutBuffer):
    """`MaskableDictRolloutBuffer` whose rewards are computed per rollout."""


class RelabelledReplayBuffer(_RelabelledReplay, ReplayBuffer):
    """`ReplayBuffer` whose rewards are computed per rollout."""


class RelabelledDictReplayBuffer(_RelabelledReplay, DictReplayBuffer):
    """`DictReplayBuffer` whose rewards are computed per rollout."""


class RelabelledNStepReplayBuffer(_RelabelledReplay, NStepReplayBuffer):
    """`NStepReplayBuffer` whose rewards are computed per rollout."""


RELABELLED: dict[type[BaseBuffer], type[_Relabelled]] = {
    RolloutBuffer: RelabelledRolloutBuffer,
    DictRolloutBuffer: RelabelledDictRolloutBuffer,
    RecurrentRolloutBuffer: RelabelledRecurrentRolloutBuffer,
    RecurrentDictRolloutBuffer: RelabelledRecurrentDictRolloutBuffer,
    MaskableRolloutBuffer: RelabelledMaskableRolloutBuffer,
    MaskableDictRolloutBuffer: RelabelledMaskableDictRolloutBuffer,
    ReplayBuffer: RelabelledReplayBuffer,
    DictReplayBuffer: RelabelledDictReplayBuffer,
    NStepReplayBuffer: RelabelledNStepReplayBuffer,
}


def use_relabelling(model: BaseAlgorithm) -> None:
    """Let ``model`` compute the rewards of its `VecReplaceReward` per rollout (expensive ones, or those that learn).

    The class of its buffer is exchanged in place: SB3 lets some algorithms choose it, but not RecurrentPPO.

    Raises:
        ValueError: The environment has no `VecReplaceReward`, or the buffer is of an unknown kind.
    """
    env = model.get_env()
    source = find_reward_wrapper(env)
    if source is None or env is None:
        raise ValueError("the model's environment is not wrapped in agents.sb3.VecReplaceReward")
    buffer: Any = getattr(model, "rollout_buffer", None) or getattr(model, "replay_buffer", None)
    if type(buffer) not in RELABELLED:
        known = ", ".join(kind.__name__ for kind in RELABELLED)
        raise ValueError(f"rewards per rollout work with {known}, not with {type(buffer).__name__}")
    buffer.__class__ = RELABELLED[type(buffer)]
    buffer.bind(source, env)


def _replay(
    normalizer: VecNormalize, before: tuple[RunningMeanStd, np.ndarray], rewards: np.ndarray, dones: np.ndarray
) -> np.ndarray:
    """Do again, with the true rewards ``(T, num_envs)``, what VecNormalize did with provisional zeros at each step."""
    normalizer.ret_rms, normalizer.returns = before[0], before[1]
    normalized = np.empty_like(rewards)
    for step, reward in enumerate(rewards):
        if normalizer.training:
            normalizer._update_reward(reward)
        normalized[step] = normalizer.normalize_reward(reward)
        normalizer.returns[dones[step]] = 0
    normalizer.old_reward = rewards[-1]
    return normalized

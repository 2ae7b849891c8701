"""Checkpoints from which an interrupted run goes on as if it had not been interrupted, to the bit on a CPU.

    model.learn(total, callback=Checkpoints(run / "checkpoints", every=50_000))
    model.learn(total, callback=Checkpoints(run / "checkpoints", every=50_000, resume=run / "checkpoints"))

The second call is made on a model built as the first was; it restores everything and takes the first one's place.
What is saved: `agents.snapshot`. How: `agents.checkpoint_files`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback

from agents.capture import NotCapturable
from agents.checkpoint_files import CheckpointError, find_checkpoint, read_checkpoint, write_checkpoint
from agents.snapshot import (
    Snapshot,
    SnapshotMismatch,
    apply_random_state,
    apply_snapshot,
    restart_episodes,
    take_snapshot,
)


def save_checkpoint(
    model: BaseAlgorithm, folder: str | os.PathLike[str], *, keep: int = 2, extra: Mapping[str, Any] | None = None
) -> Path:
    """Save ``model`` between two rollouts; returns the new checkpoint's folder within ``folder``.

    Args:
        model: Not in the middle of ``collect_rollouts``.
        folder: Holds the checkpoints of a run.
        keep: Older ones are removed once the new one is safe.
        extra: Objects with ``state_dict`` and ``load_state_dict`` to be saved along, by name.

    Raises:
        CheckpointError: It could not be written; older checkpoints are untouched.
    """
    return write_checkpoint(folder, _snapshot(model, extra), keep=keep)


def load_checkpoint(
    model: BaseAlgorithm, path: str | os.PathLike[str], *, extra: Mapping[str, Any] | None = None
) -> Path:
    """Bring ``model``, built as the saved one was, and its environments to a checkpoint's state.

    Args:
        model: Its state is overwritten.
        path: A checkpoint, or a folder of them, of which the newest is taken.
        extra: See `save_checkpoint`.

    Raises:
        CheckpointError: There is none, it is damaged, or it belongs to another kind of run. It names the file, and the
            newest good checkpoint beside it.
    """
    path = find_checkpoint(path)
    _apply(model, path, read_checkpoint(path), extra or {})
    return path


class Checkpoints(BaseCallback):
    """Saves a checkpoint every so many timesteps, when a rollout begins; resumes from one when training starts.

    Rollouts are not cut in two. On-policy algorithms keep a snapshot of each rollout's beginning in memory, so that
    `stop` can write the newest; off-policy algorithms have short rollouts and finish theirs.

    Environments that cannot be captured (`agents.capture`; other processes) begin new episodes at each checkpoint,
    seeded from the run's seed and timestep, whether the run is interrupted or not; so both still agree.

    Args:
        folder: Holds the checkpoints.
        every: Timesteps between two checkpoints.
        keep: How many to keep.
        resume: A checkpoint, or a folder of them, to go on from.
        extra: See `save_checkpoint`.

    Attributes:
        latest: The newest checkpoint that this run wrote or went on from.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        every: int,
        *,
        keep: int = 2,
        resume: str | os.PathLike[str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ):
        super().__init__()
        if every < 1 or keep < 1:
            raise ValueError(f"expected every >= 1 and keep >= 1, got every={every}, keep={keep}")
        self.folder = Path(folder)
        self.every = every
        self.keep = keep
        self.latest: Path | None = None
        self._resume = resume
        self._extra = dict(extra or {})
        self._snapshot: Snapshot | None = None
        self._resumed: Snapshot | None = None
        self._stopping = self._stop_now = False
        self._in_rollout = False
        self._timesteps = 0

    def stop(self) -> None:
        """End training soon, with a checkpoint; may be called from a signal handler."""
        self._stopping = True

    def flush(self) -> None:
        """Write the newest snapshot if it is not on disk yet: after an error in training, say."""
        if self._snapshot is not None:
            self.latest = write_checkpoint(self.folder, self._snapshot, keep=self.keep, previous=self.latest)
            self._snapshot = None

    def _on_training_start(self) -> None:
        if self._resume is not None:
            self.latest = find_checkpoint(self._resume)
            snapshot = read_checkpoint(self.latest)
            _apply(self.model, self.latest, snapshot, self._extra)
            self._resumed = snapshot
        self._timesteps = self.model.num_timesteps

    def _on_rollout_start(self) -> None:
        self._in_rollout = True
        if self._resumed is not None:
            # Since `_on_training_start` SB3 may have drawn exploration noise, which the saved run had drawn as well.
            if self._resumed.meta["at_rollout_start"]:
                apply_random_state(self.model, self._resumed)
            self._resumed = None
            return
        timesteps = self.model.num_timesteps
        due = timesteps // self.every > self._timesteps // self.every
        self._timesteps = timesteps
        on_policy = hasattr(self.model, "rollout_buffer")
        if due or (self._stopping and not on_policy):
            self._snapshot = _snapshot(self.model, self._extra, at_rollout_start=True)
            self.flush()
            self._stop_now = self._stopping
        elif on_policy:
            try:
                self._snapshot = take_snapshot(self.model, self._extra, at_rollout_start=True)
            except NotCapturable:
                self._snapshot = None

    def _on_step(self) -> bool:
        on_policy = hasattr(self.model, "rollout_buffer")
        return not (self._stop_now or (self._stopping and on_policy))

    def _on_rollout_end(self) -> None:
        self._in_rollout = False

    def _on_training_end(self) -> None:
        if not self._in_rollout:
            self._snapshot = _snapshot(self.model, self._extra)
        self.flush()


def _apply(model: BaseAlgorithm, path: Path, snapshot: Snapshot, extra: Mapping[str, Any]) -> None:
    try:
        apply_snapshot(model, snapshot, extra)
    except SnapshotMismatch as error:
        raise CheckpointError(f"cannot resume from {path}: {error}") from error


def _snapshot(model: BaseAlgorithm, extra: Mapping[str, Any] | None, at_rollout_start: bool = False) -> Snapshot:
    """A snapshot; where the environments cannot be captured, their episodes end here and new ones begin."""
    try:
        return take_snapshot(model, extra or {}, at_rollout_start=at_rollout_start)
    except NotCapturable:
        seed = restart_episodes(model)
    try:
        return take_snapshot(model, extra or {}, at_rollout_start=at_rollout_start, restarted=seed)
    except NotCapturable as error:
        raise CheckpointError(
            f"cannot save this run: {error}; give its owner state_dict and load_state_dict"
        ) from error

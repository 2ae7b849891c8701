"""A run's directory: one folder that holds all there is to know about a training run, and says who is writing to it.

config.yaml       what was asked for, with every default resolved
meta.json         command, seed, git revision, versions, machine
progress.csv      a row per logging interval; the same numbers as TensorBoard's in tensorboard/
checkpoints/      what `resume` continues from
best.safetensors  the policy with the highest evaluated fitness; last.safetensors: the newest
reward/           a copy of the file of a custom or code reward
summary.json      what came out; report.html shows it, video.mp4 (of games in text: transcript.txt) too
"""

from __future__ import annotations

import csv
import json
import os
import platform
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from agents.config.commands import TRAIN, TrainConfig
from agents.config.saved import read_config, write_config
from agents.errors import UsageError
from agents.files import dated, locked, make_writable, replacing, require, write_text
from agents.provenance import made_by


class RunDir:
    """The directory of a run. `create` a new one, or `open` one that exists."""

    def __init__(self, path: Path):
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.best = path / "best.safetensors"
        self.last = path / "last.safetensors"
        self.progress = path / "progress.csv"
        self.tensorboard = path / "tensorboard"
        self.video = path / "video.mp4"
        self.transcript = path / "transcript.txt"
        self.report = path / "report.html"

    @classmethod
    def create(cls, path: str | None, name: str) -> RunDir:
        """A new, empty run directory.

        Args:
            path: Where; None makes a dated folder under ``runs/``.
            name: Says what is run, in the default folder's name.

        Raises:
            UsageError: The directory has a run already, or cannot be written.
        """
        run = cls(Path(path) if path else dated("runs", name))
        make_writable(run.path, run.checkpoints, what="run directory ")
        return run

    @classmethod
    def open(cls, path: str | Path) -> RunDir:
        """An existing run's directory.

        Raises:
            UsageError: There is none.
        """
        run = cls(Path(path))
        require(run.path, "config.yaml", "a run directory", "runs")
        return run

    def require_unused(self) -> None:
        """Refuse a directory that has a run already.

        Raises:
            UsageError: Saying how far that run is, and how to go on.
        """
        if not (self.path / "config.yaml").exists():
            return
        summary = self.read_summary()
        state = f"a run ({summary['state']} at {summary['timesteps']:,} steps)" if summary else "an unfinished run"
        raise UsageError(f"{self.path} holds {state} already: go on with resume={self.path}, or choose another run_dir")

    def discard_unused(self) -> None:
        """Remove a directory in which no run has begun, unless there is something else in it."""
        if (self.path / "config.yaml").exists():
            return
        shutil.rmtree(self.path / "reward", ignore_errors=True)
        (self.path / "lock").unlink(missing_ok=True)
        with suppress(OSError):
            self.checkpoints.rmdir()
            self.path.rmdir()

    def lock(self) -> AbstractContextManager[None]:
        """Keep other processes from writing here; see `locked`."""
        return locked(self.path, "run_dir")

    # Config

    def write_config(self, config: TrainConfig) -> None:
        """Save the resolved config."""
        write_config(self.path / "config.yaml", config)

    def read_config(self) -> TrainConfig:
        """The config that `write_config` saved.

        Raises:
            UsageError: The file is damaged.
        """
        return read_config(self.path / "config.yaml", TRAIN, llm="none")  # which runs of earlier versions do not name

    def keep_reward_file(self, config: TrainConfig) -> None:
        """Copy the file of a custom, code or motif reward here, and let the config name the copy.

        Raises:
            UsageError: There is no such file.
        """
        kind = getattr(config.reward, "name", None)
        if kind not in ("custom", "code", "motif"):
            return
        place, separator, function = config.reward.path.rpartition(":")
        if kind != "custom":
            place, separator, function = config.reward.path, "", ""
        elif not place.endswith(".py"):
            return
        source = Path(place)
        if kind == "motif" and source.is_dir():
            source /= "reward.npz"
        if not source.is_file():
            raise UsageError(f"reward.path: no such file {str(source)!r}")
        copy = self.path / "reward" / source.name
        copy.parent.mkdir(exist_ok=True)
        shutil.copy2(source, copy)
        config.reward.path = f"{copy.relative_to(self.path)}{separator}{function}"

    # Facts

    def write_meta(self, seed: int) -> None:
        """Save what is needed to repeat the run elsewhere."""
        meta = made_by() | {
            "seed": seed,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "cpus": os.cpu_count(),
        }
        write_text(self.path / "meta.json", json.dumps(meta, indent=2))

    def read_meta(self) -> dict[str, Any]:
        """What `write_meta` saved; empty if there is nothing."""
        return _read_json(self.path / "meta.json")

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Save what came out."""
        write_text(self.path / "summary.json", json.dumps(summary, indent=2))

    def read_summary(self) -> dict[str, Any]:
        """What `write_summary` saved; empty if there is nothing."""
        return _read_json(self.path / "summary.json")


class ProgressFile:
    """A CSV file that grows by rows, gains columns when new names turn up, and can go back to an earlier step.

    Args:
        path: The file; continued if it exists.
        step: The column that counts steps.
        until: Rows after this step are dropped: they belong to what a resumed run does again.
    """

    def __init__(self, path: Path, step: str = "time/total_timesteps", until: float = float("inf")):
        self.path = path
        self.rows = [row for row in read_progress(path) if row.get(step, 0.0) <= until]
        self.columns: list[str] = list(dict.fromkeys(name for row in self.rows for name in row)) or [step]
        self._rewrite()

    def append(self, row: Mapping[str, float]) -> None:
        """Write a row to disk."""
        self.rows.append(dict(row))
        new = [name for name in row if name not in self.columns]
        if new:
            self.columns += new
            self._rewrite()
            return
        with self.path.open("a", newline="") as file:
            csv.DictWriter(file, self.columns).writerow(row)

    def _rewrite(self) -> None:
        lines = [self.columns] + [[row.get(name, "") for name in self.columns] for row in self.rows]
        with replacing(self.path) as temporary, temporary.open("w", newline="") as file:
            csv.writer(file).writerows(lines)


def read_progress(path: Path) -> list[dict[str, float]]:
    """The rows of a progress file; a last line that was cut off is left out.

    Raises:
        UsageError: The file is damaged.
    """
    if not path.exists():
        return []
    rows = []
    try:
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                if None in row or None in row.values():
                    continue
                rows.append({name: float(value) for name, value in row.items() if value != ""})
    except (ValueError, csv.Error) as error:
        raise UsageError(f"{path} is damaged: {error}; without it a run goes on, and its log begins there") from error
    return rows


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text()) if path.exists() else {}
    except ValueError as error:
        raise UsageError(f"{path} is damaged: {error}; nothing needs it, so it may be deleted") from error

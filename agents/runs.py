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
import difflib
import fcntl
import importlib.metadata
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from agents.config.commands import TRAIN, TrainConfig
from agents.config.worlds import EnvConfig
from agents.errors import UsageError

VERSIONS = ("gymnasium", "mujoco", "numpy", "open_clip_torch", "sb3-contrib", "stable-baselines3", "torch")


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
        run = cls(Path(path) if path else unused(Path("runs") / f"{datetime.now():%Y-%m-%d_%H-%M-%S}_{name}"))
        make_writable(run.path, run.checkpoints, what="run directory ")
        return run

    @classmethod
    def open(cls, path: str | Path) -> RunDir:
        """An existing run's directory.

        Raises:
            UsageError: There is none.
        """
        run = cls(Path(path))
        if not (run.path / "config.yaml").is_file():
            inside = sorted(p.parent for p in run.path.glob("*/config.yaml")) if run.path.is_dir() else []
            hint = f"; there are runs in it: {', '.join(map(str, inside[:5]))}" if inside else ""
            beside = {p.parent.name for p in run.path.parent.glob("*/config.yaml")}
            if near := difflib.get_close_matches(run.path.name, beside, n=3):
                hint = hint or f". Did you mean {' or '.join(str(run.path.parent / name) for name in near)}?"
            what = "has no config.yaml, so it is not a run directory" if run.path.exists() else "does not exist"
            raise UsageError(f"{run.path} {what}{hint}")
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
        raise UsageError(
            f"{self.path} holds {state} already: continue it with resume={self.path}, or choose another run_dir"
        )

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
        from omegaconf import OmegaConf

        write_text(self.path / "config.yaml", OmegaConf.to_yaml(OmegaConf.structured(config)))

    def read_config(self) -> TrainConfig:
        """The config that `write_config` saved.

        Raises:
            UsageError: The file is damaged.
        """
        from omegaconf import OmegaConf
        from omegaconf.errors import OmegaConfBaseException
        from yaml import YAMLError

        path = self.path / "config.yaml"
        try:
            node: Any = OmegaConf.load(path)
            config = OmegaConf.structured(TrainConfig)
            parts: dict[str, type] = {"env": EnvConfig}
            node.setdefault("llm", {"name": "none"})  # not in runs of earlier versions
            for group in ("reward", "algo", "llm"):
                choices = TRAIN.groups[group]
                if "_target_" not in node[group]:
                    parts[group] = type(choices[node[group].name])
            for group, schema in parts.items():
                config[group] = OmegaConf.structured(schema)
            return OmegaConf.to_object(OmegaConf.merge(config, node))  # type: ignore[return-value]
        except (OmegaConfBaseException, YAMLError, UnicodeDecodeError, KeyError, AttributeError) as error:
            told = f"unknown name {error}" if isinstance(error, KeyError) else str(error).partition("\n")[0]
            raise UsageError(f"{path} is damaged: {told}") from error

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
        meta = {
            "command": shlex.join(["python", *sys.orig_argv[1:]]),
            "seed": seed,
            "started": datetime.now().astimezone().isoformat(timespec="seconds"),
            "git": git_revision(),
            "python": platform.python_version(),
            "platform": platform.platform(),
            "cpus": os.cpu_count(),
            "versions": versions(),
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


@contextmanager
def locked(folder: Path, option: str) -> Iterator[None]:
    """Keep other processes from writing here. The lock dies with its process, whatever file it leaves behind.

    Args:
        folder: Where the lock's file is.
        option: By which another folder can be chosen.

    Raises:
        UsageError: Another process is writing here.
    """
    path = folder / "lock"
    try:
        file = path.open("a+")
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip() or "another process"
            raise UsageError(f"{folder} is in use by {owner}; wait for it, or choose another {option}") from None
        file.seek(0)
        file.truncate()
        file.write(f"process {os.getpid()} on {platform.node()}\n")
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path``; what is written there replaces ``path`` as a whole or not at all."""
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def removed_if_empty(folder: Path) -> Iterator[None]:
    """Remove the folder again if an error ends the block before there is anything in it."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            folder.rmdir()
        raise


def write_text(path: Path, text: str) -> None:
    """Write a file as a whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text)


def git_revision() -> dict[str, Any] | None:
    """The commit of the code that runs, and whether it was changed since; None outside a git checkout."""
    root = Path(__file__).resolve().parent.parent

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")) != root:
            return None
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain", "-uno"))}
    except (OSError, subprocess.SubprocessError):
        return None


def versions() -> dict[str, str]:
    """Versions of the packages that results depend on."""
    found = {}
    for name in VERSIONS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text()) if path.exists() else {}
    except ValueError as error:
        raise UsageError(f"{path} is damaged: {error}; nothing needs it, so it may be deleted") from error


def make_writable(folder: Path, *parts: Path, what: str = "") -> None:
    """Make a folder and its parts, where they are missing.

    Args:
        folder: The folder.
        *parts: Folders within it.
        what: How messages call it.

    Raises:
        UsageError: It cannot be made, or cannot be written.
    """
    try:
        for path in (folder, *parts):
            path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise UsageError(f"cannot write to {what}{folder}: {error.filename} is a file") from error
    except OSError as error:
        raise UsageError(f"cannot write to {what}{folder}: {error.strerror}") from error
    if not os.access(folder, os.W_OK):
        raise UsageError(f"cannot write to {what}{folder}: permission denied")


def unused(path: Path) -> Path:
    """The path, or the first of path-2, path-3, ... that does not exist."""
    candidate, number = path, 1
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}-{number}")
    return candidate

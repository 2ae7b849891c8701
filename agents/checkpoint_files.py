"""Checkpoints on disk: a folder each, complete or not there, with a checksum of every file.

``000007-step-12288/`` holds ``state.json``, ``arrays.npz``, ``torch.pt``, the replay buffer in blocks and, written
last, ``manifest.json``. It is written under another name, flushed to the disk and renamed, so that neither a crash nor
a full disk leaves half of one. Blocks of the replay buffer that have not changed are hard links to the previous
checkpoint's.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch

from agents.files import sync_folder
from agents.snapshot import Snapshot

FORMAT = 1
BLOCK_BYTES = 32 << 20
"""Size of a block of the replay buffer."""

_NAME = re.compile(r"(\d{6,})-step-(\d+)")


class CheckpointError(RuntimeError):
    """A checkpoint could not be written, found or read."""


def checkpoints(folder: str | os.PathLike[str]) -> list[Path]:
    """The checkpoints in ``folder``, oldest first."""
    folder = Path(folder)
    found = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)] if folder.is_dir() else []
    return sorted(found, key=lambda path: int(path.name.split("-")[0]))


def find_checkpoint(path: str | os.PathLike[str]) -> Path:
    """``path`` itself if it is a checkpoint, or the newest in it.

    Raises:
        CheckpointError: There is none.
    """
    path = Path(path)
    if _NAME.fullmatch(path.name) and path.is_dir():
        return path
    found = checkpoints(path)
    if not found:
        raise CheckpointError(f"no checkpoint in {path}" if path.is_dir() else f"no such checkpoint or folder: {path}")
    return found[-1]


# Writing


def write_checkpoint(
    folder: str | os.PathLike[str], snapshot: Snapshot, *, keep: int = 2, previous: Path | None = None
) -> Path:
    """Write a checkpoint into ``folder``, then remove all but the newest ``keep``.

    Args:
        folder: Made if it is not there.
        snapshot: What to write.
        keep: At least 1.
        previous: The checkpoint that the same run wrote, or went on from, before: unchanged blocks are linked to it.

    Raises:
        CheckpointError: The disk is full or not writable; what was there before is untouched.
    """
    folder = Path(folder)
    before = checkpoints(folder)
    number = int(before[-1].name.split("-")[0]) + 1 if before else 1
    target = folder / f"{number:06d}-step-{snapshot.meta['num_timesteps']}"
    temporary = folder / f".saving-{target.name}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for abandoned in folder.glob(".saving-*"):
            shutil.rmtree(abandoned)
        temporary.mkdir()
        _write_files(temporary, snapshot, previous)
        sync_folder(temporary)
        temporary.rename(target)
        sync_folder(folder)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        kept = f"the checkpoint before it is untouched: {before[-1]}" if before else "there is no earlier one"
        raise CheckpointError(f"could not save {target}: {error.strerror or error}; {kept}") from error
    for old in before[: max(0, len(before) + 1 - keep)]:
        shutil.rmtree(old)
    return target


def _write_files(folder: Path, snapshot: Snapshot, previous: Path | None) -> None:
    files: dict[str, dict[str, Any]] = {}
    _write(folder, "state.json", files, lambda file: file.write(json.dumps(snapshot.meta).encode()))
    _write(folder, "arrays.npz", files, partial(_savez, snapshot.arrays))
    _write(folder, "torch.pt", files, lambda file: torch.save(snapshot.tensors, file))
    if snapshot.replay:
        _write_replay(folder, snapshot, previous, files)
    manifest = {"format": FORMAT, "num_timesteps": snapshot.meta["num_timesteps"], "files": files}
    _write(folder, "manifest.json", {}, lambda file: file.write(json.dumps(manifest, indent=1).encode()))


def _savez(arrays: dict[str, np.ndarray], file: IO[bytes]) -> None:
    np.savez(file, allow_pickle=False, **arrays)


def _write_replay(folder: Path, snapshot: Snapshot, previous: Path | None, files: dict[str, dict[str, Any]]) -> None:
    (replay,) = snapshot.replay
    rows = len(replay["rewards"])
    row_bytes = sum(array.nbytes for array in replay.values()) // max(1, rows)
    block = max(1, BLOCK_BYTES // max(1, row_bytes))
    unchanged = _unchanged_blocks(snapshot.meta, block, previous)
    for start in range(0, rows, block):
        name = f"replay-{start // block:05d}.npz"
        if name in unchanged:
            assert previous is not None
            _link(previous / name, folder / name)
            files[name] = unchanged[name]
            continue
        arrays = {key: array[start : min(start + block, rows)] for key, array in replay.items()}
        _write(folder, name, files, partial(_savez, arrays))


def _unchanged_blocks(meta: dict[str, Any], block: int, previous: Path | None) -> dict[str, dict[str, Any]]:
    """The files of ``previous`` whose rows have not been written to since; by name, as in its manifest."""
    if previous is None or not previous.is_dir():
        return {}
    try:
        manifest = _read_manifest(previous)
        before = json.loads((previous / "state.json").read_bytes())
    except (CheckpointError, OSError, ValueError):
        return {}
    size, pos = meta["replay"]["size"], before["replay"]["pos"]
    steps = (meta["num_timesteps"] - before["num_timesteps"]) // meta["num_envs"]
    if steps >= size or before["replay"]["size"] != size:
        return {}
    last = size if before["replay"]["full"] else pos
    touched = {(pos + step) % size // block for step in range(steps + 1)}
    whole = {index for index in range(-(-last // block)) if min((index + 1) * block, size) <= last}
    names = {f"replay-{index:05d}.npz" for index in whole - touched}
    return {name: entry for name, entry in manifest["files"].items() if name in names}


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)


def _write(folder: Path, name: str, files: dict[str, dict[str, Any]], write: Callable[[IO[bytes]], Any]) -> None:
    with (folder / name).open("w+b") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
        file.seek(0)
        files[name] = {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "size": file.seek(0, os.SEEK_END)}


# Reading


def read_checkpoint(path: Path) -> Snapshot:
    """Read and verify a checkpoint.

    Raises:
        CheckpointError: A file is missing or damaged. It says which, and which checkpoint beside it is good.
    """
    try:
        manifest = verify_checkpoint(path)
    except CheckpointError as error:
        raise CheckpointError(f"{error}. It was left as it is; {_alternative(path)}") from error
    try:
        meta = json.loads((path / "state.json").read_bytes())
        arrays = _read_arrays(path / "arrays.npz")
        tensors = torch.load(path / "torch.pt", map_location="cpu", weights_only=True)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"cannot read {path}: {error}") from error
    blocks = sorted(name for name in manifest["files"] if name.startswith("replay-"))
    return Snapshot(meta, arrays, tensors, (_read_arrays(path / name) for name in blocks))


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def verify_checkpoint(path: Path) -> dict[str, Any]:
    """Compare every file with its checksum; the manifest.

    Raises:
        CheckpointError: It names the first file that is missing or damaged.
    """
    manifest = _read_manifest(path)
    for name, entry in manifest["files"].items():
        file = path / name
        if not file.is_file():
            raise CheckpointError(f"{file} is missing")
        if file.stat().st_size != entry["size"]:
            raise CheckpointError(f"{file} is damaged: {file.stat().st_size} bytes, expected {entry['size']}")
        with file.open("rb") as opened:
            if hashlib.file_digest(opened, "sha256").hexdigest() != entry["sha256"]:
                raise CheckpointError(f"{file} is damaged: its checksum differs from the manifest's")
    return manifest


def _read_manifest(path: Path) -> dict[str, Any]:
    file = path / "manifest.json"
    try:
        manifest = json.loads(file.read_bytes())
        if manifest["format"] != FORMAT:
            raise CheckpointError(f"{file} has format {manifest['format']}, this version reads {FORMAT}")
        return manifest | {"files": dict(manifest["files"])}
    except FileNotFoundError:
        raise CheckpointError(f"{file} is missing") from None
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{file} is damaged: {error}") from error


def _alternative(path: Path) -> str:
    for other in reversed(checkpoints(path.parent)):
        if other.name != path.name:
            try:
                verify_checkpoint(other)
            except CheckpointError:
                continue
            return f"resume from the good checkpoint before it: {other}"
    return "there is no other good checkpoint beside it"

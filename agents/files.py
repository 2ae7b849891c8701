"""What commands write: folders of their own, one process at a time in each, files as a whole or not at all."""

from __future__ import annotations

import difflib
import fcntl
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from agents.errors import UsageError


def dated(root: str, name: str) -> Path:
    """A folder in ``root`` that does not exist yet, named after now and ``name``."""
    path = Path(root) / f"{datetime.now():%Y-%m-%d_%H-%M-%S}_{name}"
    candidate, number = path, 1
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}-{number}")
    return candidate


def require(folder: Path, file: str, what: str, several: str) -> None:
    """Refuse a folder that is not what it is taken for.

    Args:
        folder: The folder.
        file: What it has to have.
        what: What it is, then: ``a run directory``.
        several: How several are called: ``runs``.

    Raises:
        UsageError: With what there is in it and beside it.
    """
    if (folder / file).is_file():
        return
    inside = sorted(p.parent for p in folder.glob(f"*/{file}")) if folder.is_dir() else []
    hint = f"; there are {several} in it: {', '.join(map(str, inside[:5]))}" if inside else ""
    beside = {p.parent.name for p in folder.parent.glob(f"*/{file}")}
    if near := difflib.get_close_matches(folder.name, beside, n=3):
        hint = hint or f". Did you mean {' or '.join(str(folder.parent / name) for name in near)}?"
    wrong = f"has no {file}, so it is not {what}" if folder.exists() else "does not exist"
    raise UsageError(f"{folder} {wrong}{hint}")


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


@contextmanager
def locked(folder: Path, option: str) -> Iterator[None]:
    """Keep other processes from writing here. The lock dies with its process, whatever file it leaves behind.

    Args:
        folder: Where the lock's file is.
        option: By which another folder can be chosen.

    Raises:
        UsageError: Another process is writing here, or nobody can, as on a full disk.
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
        try:
            try:
                file.truncate(0)
                # Past the file's buffer, which would fail once more when it is closed.
                os.write(file.fileno(), f"process {os.getpid()} on {platform.node()}\n".encode())
            except OSError as error:
                raise UsageError(f"cannot write to {folder}: {error.strerror}") from error
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


def sync_folder(folder: Path) -> None:
    """Have the names of its files on disk: a new file is safe only then."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

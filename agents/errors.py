"""Errors that people can mend: how they are told, and how a command ends with them."""

from __future__ import annotations

import errno
import os
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

OURS = ("agents", "benchmarks", "envs", "reward_designers")


class UsageError(Exception):
    """What was asked for cannot be done; the message says what to ask instead."""


def fail(message: object, code: int = 2) -> NoReturn:
    """End the program with a message."""
    print(f"error: {message}", file=sys.stderr)
    sys.exit(code)


@contextmanager
def explained() -> Iterator[None]:
    """Errors of the user's making end the program with their message alone."""
    from agents.checkpoint_files import CheckpointError
    from envs.gl import GLError
    from reward_designers.errors import RewardError
    from reward_designers.llm import LLMError

    try:
        yield
    except RewardError as error:
        raise UsageError(located(error)) from error
    except (ValueError, ImportError, OSError, CheckpointError, GLError, LLMError) as error:
        raise UsageError(str(error)) from error


@contextmanager
def told() -> Iterator[None]:
    """What cannot be saved or drawn at the very end is told, and does not hide what happened before."""
    from agents.checkpoint_files import CheckpointError
    from envs.gl import GLError

    try:
        yield
    except (OSError, ValueError, CheckpointError, GLError) as error:
        print(f"warning: not everything could be saved: {error}", file=sys.stderr)


def located(error: BaseException) -> str:
    """The error's message, with the line of the file that raised it."""
    cause = error.__cause__
    if cause is None or cause.__traceback__ is None:
        return str(error)
    frames = [f for f in traceback.extract_tb(cause.__traceback__) if not re.search("^<|importlib", f.filename)]
    ours = Path(__file__).resolve().parent.parent
    inner = [f for f in frames if ours not in Path(f.filename).resolve().parents or "reward" in Path(f.filename).parts]
    if not inner:
        return str(error)
    return f"{error}\n  at {inner[0].filename}:{inner[0].lineno}: {inner[0].line}"


def users_line(error: BaseException) -> str | None:
    """The line of somebody's own code, such as an environment, that raised; None if it was ours or a library's."""
    root = Path(__file__).resolve().parent.parent
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename).resolve()
        if any(path.is_relative_to(root / package) for package in OURS):
            return None
        library = "site-packages" in path.parts or path.is_relative_to(Path(os.__file__).resolve().parent)
        if not (library or frame.filename.startswith("<")):
            return f"{frame.filename}:{frame.lineno}: {frame.line}"
    return None


def reason(error: BaseException, folder: Path) -> str:
    """The error's message; where the disk is full, with the folder, which the system does not say."""
    cause = error.__cause__ or error
    if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{folder}: {os.strerror(cause.errno)}"
    return str(error)

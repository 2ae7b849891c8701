"""By what results were made: the command, the commit, the versions."""

from __future__ import annotations

import importlib.metadata
import shlex
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

VERSIONS = ("gymnasium", "mujoco", "numpy", "open_clip_torch", "sb3-contrib", "stable-baselines3", "torch")


def made_by() -> dict[str, Any]:
    """What is needed to make the results of this process again: command, time, commit and versions."""
    return {
        "command": shlex.join(["python", *sys.orig_argv[1:]]),
        "created": datetime.now().astimezone().isoformat(timespec="seconds"),
        "git": git_revision(),
        "versions": versions(),
    }


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

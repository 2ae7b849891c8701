"""Every id that NLE 1.3 and MiniHack 1.0 register, with its time limit: known without either being installed.

They are in names.txt, which the command line reads too, without importing this package.
"""

from __future__ import annotations

from pathlib import Path

from reward_designers.errors import unknown_name

_LINES = Path(__file__).with_suffix(".txt").read_text().splitlines()
TIME_LIMITS = {env_id: int(limit) for env_id, limit in map(str.split, _LINES)}
"""Steps by Gymnasium id, such as ``MiniHack-KeyRoom-S5-v0``."""
NAMES = tuple(env_id.rpartition("-v")[0] for env_id in TIME_LIMITS)
"""The ids without their versions, such as ``MiniHack-KeyRoom-S5``."""
_BY_NAME = dict(zip(NAMES, TIME_LIMITS, strict=True))


def is_nethack(name: str) -> bool:
    """Whether a name looks like one of NetHack's or MiniHack's, whether or not it exists."""
    return name.lower().startswith(("nethack", "minihack"))


def unknown(name: str) -> str:
    """Message for a name that looks like one of theirs, but is none."""
    near = unknown_name("NetHack or MiniHack environment", name, NAMES).partition(" Available:")[0]
    return f"{near} There are {len(NAMES)}; docs/nethack.md lists them."


def upstream_id(name: str) -> str | None:
    """The id that a name with or without version stands for; None if there is none."""
    return name if name in TIME_LIMITS else _BY_NAME.get(name)

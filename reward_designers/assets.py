"""Where the data files that ship with the project are: one answer for a checkout and for an installed wheel.

In a checkout they lie in `assets/` beside the packages. A wheel carries the same folder inside this package as
`_assets/` (pyproject.toml maps it), so that nothing of ours lands at the top level of site-packages.
"""

from __future__ import annotations

import difflib
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def asset(*parts: str) -> Path:
    """Path of a shipped file or folder, for example `asset("tiny_clip", "config.json")`; no parts give the root.

    Args:
        *parts: path below `assets/`, one name a part or joined with "/".

    Returns:
        An existing absolute path. Treat it as read-only: an installed package may belong to another user.

    Raises:
        FileNotFoundError: the asset does not exist; the message names it and what lies beside it.
    """
    path = _root().joinpath(*parts)
    if path.exists():
        return path
    folder = path.parent
    while not folder.is_dir():
        folder = folder.parent
    missing = path.relative_to(folder).parts[0]
    present = sorted(entry.name for entry in folder.iterdir())
    near = difflib.get_close_matches(missing, present, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(present) or 'no files'}"
    raise FileNotFoundError(f"no asset {'/'.join(parts)!r}: {folder} has no {missing!r}{hint}")


def _root() -> Path:
    """The assets folder; the packaged copy first, for site-packages may hold a stranger's `assets`."""
    packaged, checkout = _PACKAGE / "_assets", _PACKAGE.parent / "assets"
    for root in (packaged, checkout):
        if root.is_dir():
            return root
    raise FileNotFoundError(f"the shipped assets are missing: neither {packaged} nor {checkout} exists; reinstall")

"""What is said of a reward that failed, and of a name that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MANY = 60


class RewardError(ValueError):
    """A reward failed: it raised, or returned the wrong shape, type, or a value that is not finite."""


def unknown_name(kind: str, name: object, options: Iterable[str]) -> str:
    """Message for a name that does not exist: the value, the nearest valid choices, then all, if one can read them."""
    options = sorted(map(str, options))
    near = difflib.get_close_matches(str(name), options, n=3, cutoff=0.5)
    if not near:
        folded = {option.lower(): option for option in options}
        near = [folded[match] for match in difflib.get_close_matches(str(name).lower(), folded, n=3, cutoff=0.5)]
    hint = f" Did you mean {' or '.join(repr(match) for match in near)}?" if near else ""
    if near and len(options) > MANY:
        return f"unknown {kind} {name!r}.{hint}"
    return f"unknown {kind} {name!r}.{hint} Available: {', '.join(options) or 'none'}."

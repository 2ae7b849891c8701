"""From what a program returned to named components, with words for its author where it returned something else."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import protocol


class ResultError(Exception):
    """What the program returned is not a reward."""


def components_of(result: Any, entry: str, rows: int) -> dict[str, np.ndarray]:
    """The components, each ``(rows,)`` of real numbers; they may be views of the inputs, and need not be finite.

    Args:
        result: What the program returned.
        entry: The name of the component if it is a single array.
        rows: Of the batch.

    Raises:
        ResultError: It is no reward. A sandbox's parent looks again: this is where the best words can be found.
    """
    components = dict(result) if isinstance(result, dict) else {entry: result}
    if not 0 < len(components) <= protocol.MAX_COMPONENTS:
        raise ResultError(f"expected 1 to {protocol.MAX_COMPONENTS} components, got {len(components)}")
    return {name: _checked(name, values, rows) for name, values in components.items()}


def _checked(name: object, values: Any, rows: int) -> np.ndarray:
    """One component ``(rows,)`` of real numbers."""
    if not isinstance(name, str) or not protocol.COMPONENT.fullmatch(name):
        raise ResultError(f"component names are short text of letters, digits, '_', '.', '-', got {name!r:.60}")
    if isinstance(values, (tuple, dict)):
        raise ResultError(
            f"component {name!r} is a {type(values).__name__}; return a dict of arrays (n,), without their total, "
            "or one array (n,)"
        )
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ResultError(f"component {name!r} is no array: {error}") from error
    if array.dtype.kind not in "biuf":
        raise ResultError(f"component {name!r} must be real numbers, got {type(values).__name__} of {array.dtype}")
    if array.shape != (rows,):
        hint = ""
        if array.ndim == 0:
            hint = "; a constant is np.full(len(obs), value)"
        elif array.shape == (rows, rows):
            hint = "; (n, 1) and (n,) broadcast to (n, n), so index or sum until both are (n,)"
        elif array.ndim > 1:
            hint = "; inputs are batched: index features by x[:, i], and sum over the last axis"
        raise ResultError(f"component {name!r} must have shape (n,) = ({rows},), got {array.shape}{hint}")
    return array

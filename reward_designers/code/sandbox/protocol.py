"""What the parent and the worker say to each other: small binary headers, JSON, and arrays in shared memory.

Nothing that comes from the worker is ever unpickled or evaluated. A request names a number of rows; its arrays lie in
the input memory, one after the other. A reply of a call leaves ``(components, rows)`` float64 in the output memory and
says their names. Every reply is one write of at most `REPLY_LIMIT` bytes, which pipes deliver in one piece.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

REQUEST = struct.Struct("<BQQI")
"""Kind, number, rows, and bytes of JSON that follow."""
REPLY = struct.Struct("<BQII")
"""Status, number (that of the request), components, and bytes of text that follow."""
SETUP, LOAD, CALL = range(1, 4)
READY, RESULT, FAILED = range(1, 4)

REPLY_LIMIT = 4096  # PIPE_BUF on Linux
MAX_COMPONENTS = 32
MAX_SOURCE = 48_000  # fits the request pipe (64 KiB) in JSON, too
COMPONENT = re.compile(r"[A-Za-z][A-Za-z0-9_ .-]{0,47}")
LARGEST = 1e30
ALIGNMENT = 64

Spec = list[tuple[str, str, list[int]]]
"""Of each input array its name, dtype and the shape of a row."""


def spec_of(arrays: Mapping[str, np.ndarray]) -> Spec:
    """What a worker must know to find these arrays, each ``(n, ...)``, in the input memory."""
    return [(name, array.dtype.str, list(array.shape[1:])) for name, array in arrays.items()]


def row_bytes(spec: Spec) -> int:
    """Bytes that a row of all arrays takes."""
    return sum(np.dtype(dtype).itemsize * int(np.prod(shape, dtype=int)) for _, dtype, shape in spec)


def views(spec: Spec, rows: int, memory: Any) -> dict[str, np.ndarray]:
    """The arrays ``(rows, ...)`` in ``memory``, each at the next multiple of `ALIGNMENT`."""
    found, offset = {}, 0
    for name, dtype, shape in spec:
        array: np.ndarray = np.ndarray((rows, *shape), np.dtype(dtype), memory, offset)
        found[name] = array
        offset += -(-array.nbytes // ALIGNMENT) * ALIGNMENT
    return found


def pack_json(value: Any) -> bytes:
    """JSON in UTF-8."""
    return json.dumps(value, separators=(",", ":")).encode()

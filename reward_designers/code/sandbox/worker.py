"""The program that a sandboxed process runs: lock down, load one reward program, answer calls until the pipe closes."""

from __future__ import annotations
import __future__

import json
import math
import mmap
import os
import sys
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import lockdown, protocol
from .namespace import namespace
from .results import components_of

_REQUESTS, _REPLIES = 0, 1  # descriptors
FILENAME = "<reward>"


class Worker:
    """The loop. It reads a request, acts and replies; an error of the program's is a reply like any other."""

    def __init__(self, setup: Mapping[str, Any]):
        inputs = mmap.mmap(setup["input_fd"], setup["input_bytes"], mmap.MAP_SHARED, mmap.PROT_READ)
        outputs = mmap.mmap(setup["output_fd"], setup["output_bytes"])
        self._inputs, self._outputs = memoryview(inputs), memoryview(outputs)
        self._program = namespace(setup["unrestricted"])
        self._entry = ""
        self._spec: protocol.Spec = []
        self._views: tuple[int, dict[str, np.ndarray]] = (-1, {})

    def run(self) -> None:
        """Answer requests for ever."""
        while True:
            kind, number, rows, size = protocol.REQUEST.unpack(_read(protocol.REQUEST.size))
            text = _read(size)
            status, components, reply = protocol.FAILED, 0, b""
            try:
                if kind == protocol.LOAD:
                    self.load(json.loads(text))
                else:
                    components, reply = self.call(rows, text)
                status = protocol.RESULT
            except BaseException as error:  # SystemExit as well: the program may raise what it likes
                reply = _described(error)
            _write(protocol.REPLY.pack(status, number, components, len(reply)) + reply)

    def load(self, program: Mapping[str, str]) -> None:
        """Run the program's top level: its constants and functions."""
        flags = __future__.annotations.compiler_flag  # annotations are for readers: not evaluated
        code = compile(program["source"], FILENAME, "exec", flags, True)
        exec(code, self._program)
        self._entry = program["entry"]

    def call(self, rows: int, spec: bytes) -> tuple[int, bytes]:
        """Call the program's function on the arrays in the input memory; the number of components, and their names."""
        if spec:
            self._spec, self._views = json.loads(spec), (-1, {})
        if self._views[0] != rows:
            self._views = rows, protocol.views(self._spec, rows, self._inputs)
        result = self._program[self._entry](**self._views[1])
        components = components_of(result, self._entry, rows)
        out: np.ndarray = np.ndarray((len(components), rows), np.float64, self._outputs)
        for row, values in zip(out, components.values(), strict=True):
            row[:] = values
        return len(components), protocol.pack_json(list(components))


def _described(error: BaseException) -> bytes:
    """The error as JSON: its type, message, and the program's line, short enough for one write."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILENAME:
            line = trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError):
        line = error.lineno
    try:
        message = str(error)[:1000]
    except Exception as second:  # of a number with thousands of digits, of lists in lists in lists
        message = f"(its message cannot be shown: {type(second).__name__})"
    while True:
        text = protocol.pack_json({"type": type(error).__name__[:60], "message": message, "line": line})
        if len(text) <= protocol.REPLY_LIMIT - protocol.REPLY.size:
            return text
        message = message[: len(message) // 2]


def _read(size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = os.read(_REQUESTS, size - len(data))
        if not part:
            os._exit(0)  # the parent closed its end
        data += part
    return data


def _write(data: bytes) -> None:
    os.write(_REPLIES, data)


def _warm_up() -> None:
    """Make numpy and the compiler import what they import on first use, which they could not do later."""
    import unicodedata  # noqa: F401 (for names such as sigma in Greek, and characters by name)

    import numpy.linalg  # noqa: F401

    a = np.arange(6.0).reshape(3, 2)
    np.linalg.norm(a @ a.T, axis=-1), np.median(a), np.percentile(a, 50), np.einsum("ij,ij->i", a, a), repr(a)
    for fails in (lambda: np.add("a", 1), lambda: a @ a, lambda: np.linalg.inv(np.zeros((2, 2))), lambda: a[9]):
        try:
            fails()
        except Exception as error:
            str(error)
    math.sqrt(2.0)


def main() -> None:
    """Run as a process of its own; `client.Worker` starts it."""
    parent = os.getppid()
    kind, number, _, size = protocol.REQUEST.unpack(_read(protocol.REQUEST.size))
    assert kind == protocol.SETUP
    setup = json.loads(_read(size))
    lockdown.die_with(setup["lifeline"])
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")  # what is not finite is found by the parent
    _warm_up()
    worker = Worker(setup)
    report = lockdown.lock_down(_REQUESTS, _REPLIES, setup["memory"], setup["seconds"], tuple(setup["skip"]))
    report["reachable"] = lockdown.probe(parent)
    sys.stdin = sys.stdout = sys.stderr = None
    text = protocol.pack_json(report)
    _write(protocol.REPLY.pack(protocol.READY, number, 0, len(text)) + text)
    worker.run()

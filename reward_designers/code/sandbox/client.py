"""The parent's side of the sandbox: start a worker, give it batches, believe nothing that comes back."""

from __future__ import annotations

import json
import os
import resource
import select
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from reward_designers.code.sandbox import protocol
from reward_designers.code.sandbox.process import INPUT_BYTES, OUTPUT_BYTES, Process
from reward_designers.code.sandbox.protection import REMEDY, Protection, Sandbox, SandboxUnavailable
from reward_designers.code.text import sanitized
from reward_designers.errors import RewardError

START_TIMEOUT = 120.0
CPU_GRANT = 600.0


_HINTS = {
    "read-only": "inputs are read-only: work on a copy",
    "truth value of an array": "arguments are batched: np.where(condition, a, b) instead of if, & instead of and",
    "can be converted to Python scalars": "math works on single numbers: use numpy's function",
}
"""What numpy's messages mean for the author of a program."""


class ProgramError(RewardError):
    """A reward program failed in the sandbox. The message is fit for its author, a language model or a person.

    Attributes:
        kind: ``raised`` (an exception), ``result`` (it returned no reward), or what ended the worker: ``timeout``,
            ``died``, ``protocol`` (it wrote what is no answer).
        message: The message without the line.
        line: In the program, if known.
    """

    def __init__(self, kind: str, message: str, line: int | None = None):
        self.kind, self.message, self.line = kind, message, line
        super().__init__(message if line is None else f"line {line}: {message}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Candidates are tried in other processes, and their errors come back."""
        return type(self), (self.kind, self.message, self.line)


@dataclass(frozen=True)
class Limits:
    """What a program may use.

    Attributes:
        seconds: Wall-clock time of one call, and of loading.
        memory: Bytes that it may allocate.
    """

    seconds: float = 10.0
    memory: int = 2 << 30


class Worker:
    """A process that runs one program. A failure that ends it is final: the program is not given another.

    One call at a time (threads wait for each other). It does not cross a fork: in the child it is closed. It ends with
    this object, with this process however that ends, or by `close`.

    Args:
        source: The program.
        entry: Name of the function to call.
        limits: What it may use.
        sandbox: See `Protection.require`.
        skip: Layers to leave out, for tests of the others; less than ``sandbox`` asks for is then accepted.
        unrestricted: Give the program all builtins, for tests of the containment.

    Raises:
        ProgramError: The program's top level fails.
        SandboxUnavailable: There is no sandbox that is good enough.
    """

    def __init__(
        self,
        source: str,
        entry: str,
        limits: Limits | None = None,
        sandbox: Sandbox = "available",
        *,
        skip: tuple[str, ...] = (),
        unrestricted: bool = False,
    ):
        if sys.platform != "linux":
            raise SandboxUnavailable(f"there is no sandbox on {sys.platform}. {REMEDY}")
        self.entry, self.limits = entry, limits or Limits()
        self._source_lines = source.splitlines()
        self._lock = threading.Lock()
        self._number, self._sent = 0, False
        self._spec: protocol.Spec = []
        self._views: dict[str, np.ndarray] = {}
        self._rows = -1
        self._names: tuple[bytes, tuple[str, ...]] | None = None
        self._granted = CPU_GRANT
        self._process = Process()
        self._poll = select.poll()
        self._poll.register(self._process.replies, select.POLLIN)
        try:
            self.protection = self._start(skip, unrestricted, sandbox)
            self._send(protocol.LOAD, 0, protocol.pack_json({"source": source, "entry": entry}))
            self._receive(self.limits.seconds)
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def closed(self) -> bool:
        """Whether it has ended, by `close`, by a failure that ended it, or by a fork."""
        return self._process.closed

    def close(self) -> None:
        """End the process; twice is once."""
        self._views = {}
        self._process.close()

    def __call__(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The program's components, each ``(n,)`` float64, finite and the same at every call.

        Args:
            arrays: ``(n, ...)`` each, of real numbers: the arguments of the program's function.

        Raises:
            ProgramError: It failed.
        """
        with self._lock:
            if self.closed:
                raise ProgramError("died", "its process has ended")
            try:
                return self._call(arrays)
            except ProgramError as error:
                if error.kind not in ("raised", "result"):
                    self.close()
                raise
            except BaseException:  # Ctrl-C between request and reply, for one
                self.close()
                raise

    # Calls

    def _call(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        rows = self._place(arrays)
        spec = b""
        if not self._sent:
            spec, self._sent = protocol.pack_json(self._spec), True
        self._grant()
        started = time.monotonic()
        try:
            self._send(protocol.CALL, rows, spec)
            components, text = self._receive(self.limits.seconds)
        finally:
            self._granted -= time.monotonic() - started
        if self._names is None or self._names[0] != text or len(self._names[1]) != components:
            self._names = text, self._new_names(text, components)
        # Copied before it is looked at: the worker could change it in between.
        values = self._output(components, rows).copy()
        if not (np.abs(values) <= protocol.LARGEST).all():  # not for NaN
            self._complain(values)
        return dict(zip(self._names[1], values, strict=True))

    def _place(self, arrays: Mapping[str, np.ndarray]) -> int:
        """Copy the inputs into shared memory; the number of rows."""
        rows = len(next(iter(arrays.values())))
        spec = protocol.spec_of(arrays)
        if spec != self._spec:
            for name, array in arrays.items():
                if array.dtype.kind not in "biuf":
                    raise RewardError(f"programs read numbers, but {name!r} is an array of {array.dtype}")
            self._spec, self._sent, self._rows = spec, False, -1
        if rows != self._rows:
            self._views, self._rows = protocol.views(spec, rows, self._process.inputs), rows
        for name, view in self._views.items():
            if len(arrays[name]) != rows:  # one row would be broadcast
                raise ValueError(f"{name!r} has {len(arrays[name])} rows, expected {rows}")
            view[...] = arrays[name]
        return rows

    def capacity(self, arrays: Mapping[str, np.ndarray]) -> int:
        """How many rows of such arrays one call can take."""
        size = protocol.row_bytes(protocol.spec_of(arrays))
        room = INPUT_BYTES - protocol.ALIGNMENT * len(arrays)
        return min(room // max(1, size), OUTPUT_BYTES // (8 * protocol.MAX_COMPONENTS))

    def _output(self, components: int, rows: int) -> np.ndarray:
        return np.ndarray((components, rows), np.float64, self._process.outputs)

    def _new_names(self, text: bytes, components: int) -> tuple[str, ...]:
        try:
            names = json.loads(text)
        except (ValueError, RecursionError):
            names = None
        valid = (
            isinstance(names, list)
            and len(names) == components
            and all(isinstance(name, str) and protocol.COMPONENT.fullmatch(name) for name in names)
            and len(set(names)) == components
            and 0 < components <= protocol.MAX_COMPONENTS
        )
        if not valid:
            self._fail("protocol", "its process sent names of components that are none")
        if self._names is not None and self._names[1] != tuple(names):
            was, now = ", ".join(self._names[1]), ", ".join(names)
            raise ProgramError("result", f"components must be the same at every call: were {was}, now {now}")
        return tuple(names)

    def _complain(self, values: np.ndarray) -> NoReturn:
        assert self._names is not None
        for name, row in zip(self._names[1], values, strict=True):
            bad = np.flatnonzero(~(np.abs(row) <= protocol.LARGEST))
            if len(bad):
                shown = ", ".join(f"{row[i]} in row {i}" for i in bad[:3])
                what = "not finite" if not np.isfinite(row[bad]).all() else f"larger than {protocol.LARGEST:g}"
                raise ProgramError("result", f"component {name!r}: {len(bad)} of {len(row)} values are {what}: {shown}")
        raise AssertionError("unreachable")

    def _grant(self) -> None:
        """More CPU time, before the worker runs out: its own limit makes it die if this process cannot kill it."""
        if self._granted < self.limits.seconds + 5:
            soft, hard = resource.prlimit(self.pid, resource.RLIMIT_CPU)
            more = int(CPU_GRANT + self.limits.seconds)
            soft = soft + more if hard == resource.RLIM_INFINITY else min(soft + more, hard)
            resource.prlimit(self.pid, resource.RLIMIT_CPU, (soft, hard))
            self._granted += more

    # The process

    def _start(self, skip: tuple[str, ...], unrestricted: bool, sandbox: Sandbox) -> Protection:
        setup = {
            **self._process.setup,
            "memory": self.limits.memory,
            "seconds": int(CPU_GRANT),
            "skip": list(skip),
            "unrestricted": unrestricted,
        }
        try:
            self._send(protocol.SETUP, 0, protocol.pack_json(setup))
            _, text = self._receive(START_TIMEOUT, protocol.READY)
        except ProgramError as error:
            said = f"; it said: {self._process.said}" if self._process.said else ""
            raise SandboxUnavailable(f"the sandbox's process did not start: {error}{said}") from error
        protection = Protection.from_report(json.loads(text), self._process.unsealed)
        if not skip:
            protection.require(sandbox)
        return protection

    def _send(self, kind: int, rows: int, text: bytes) -> None:
        self._number += 1
        message = protocol.REQUEST.pack(kind, self._number, rows, len(text)) + text
        try:
            while message:  # a signal may cut a long one
                message = message[os.write(self._process.requests, message) :]
        except BrokenPipeError:
            self._died()

    def _receive(self, seconds: float, wanted: int = protocol.RESULT) -> tuple[int, bytes]:
        """The answer to the last request: the number of components, and its text."""
        if not self._poll.poll(1000 * seconds):
            self._fail("timeout", f"it took longer than {seconds:g} s (an endless loop, or a loop over rows?)")
        data = os.read(self._process.replies, protocol.REPLY_LIMIT + 1)
        if not data:
            self._died()
        if len(data) < protocol.REPLY.size:
            self._fail("protocol", "its process wrote what is no answer")
        status, number, components, size = protocol.REPLY.unpack_from(data)
        if number != self._number or len(data) != protocol.REPLY.size + size or status not in (wanted, protocol.FAILED):
            self._fail("protocol", "its process wrote what is no answer")
        text = data[protocol.REPLY.size :]
        if status == protocol.FAILED:
            raise self._told(text)
        return components, text

    def _told(self, text: bytes) -> ProgramError:
        """What the worker says of an error, which may be anything."""
        try:
            told = json.loads(text)
            kind, message, line = str(told["type"]), str(told["message"]), told["line"]
        except (ValueError, TypeError, KeyError, RecursionError):
            self._fail("protocol", "its process wrote what is no answer")
        if not isinstance(line, int) or not 0 < line <= len(self._source_lines):
            line = None
        message = sanitized(message, 600)
        if kind == "ResultError":
            return ProgramError("result", message)
        message += next((f" ({hint})" for words, hint in _HINTS.items() if words in message), "")
        shown = f"{sanitized(kind, 60)}: {message}" if message else sanitized(kind, 60)
        if line is not None:
            shown += f"\n    {sanitized(self._source_lines[line - 1].strip(), 160)}"
        return ProgramError("raised", shown, line)

    def _died(self) -> NoReturn:
        how = self._process.death()
        if how is None:
            self._fail("protocol", "its process closed the connection")
        self._fail("died", f"its process {how}")

    def _fail(self, kind: str, message: str) -> NoReturn:
        """The worker cannot be used any more."""
        self.close()
        raise ProgramError(kind, message)

"""A worker's process and the memory that it shares with this one: how it starts, and how it ends in every case."""

from __future__ import annotations

import fcntl
import mmap
import os
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import numpy as np

from reward_designers.code.text import sanitized

_F_SEAL_FUTURE_WRITE = 0x0010  # fcntl has no name for it
INPUT_BYTES, OUTPUT_BYTES = 1 << 30, 1 << 28
"""Sizes of the shared memories. They are sparse: what was never written takes no memory."""
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
_PASSED = ("LD_LIBRARY_PATH", "PYTHONHOME")
"""All that a worker's environment holds: one thread, sets of text that come in the same order every time, and, where
the interpreter does not start without them, the places of its libraries."""
_SIGNALS = {4: "SIGILL", 6: "SIGABRT", 9: "SIGKILL", 11: "SIGSEGV", 24: "SIGXCPU, no CPU time left"}


class Process:
    """A fresh interpreter that runs `worker.main`, with nothing of this process but pipes and memory.

    It is killed by `close`, with this object, and when this process ends, however it does: the kernel kills it when the
    write end of a pipe closes that only this process has. In the child of a fork it is another's, and closed.

    Attributes:
        setup: What the worker must be told of descriptors and sizes.
        requests: Descriptor to write to.
        replies: Descriptor to read from.
        inputs: Memory that only this process can write, ``INPUT_BYTES``.
        outputs: Memory that both can write, ``OUTPUT_BYTES``.
        said: What it had written as errors when it was closed; it can do so only while it starts.
        unsealed: Why the kernel does not keep the worker from writing the inputs; None if it does.
    """

    def __init__(self) -> None:
        input_fd, self.inputs, self.unsealed = _shared(INPUT_BYTES, read_only=True)
        output_fd, self.outputs, _ = _shared(OUTPUT_BYTES, read_only=False)
        self.said = ""
        self._errors = os.memfd_create("errors")
        request, self.requests = os.pipe()
        self.replies, reply = os.pipe()
        lifeline, lifeline_end = os.pipe()
        ours = (self.requests, self.replies, lifeline_end, self._errors)
        folders = [str(Path(__file__).parent.parent), str(Path(np.__file__).parent.parent)]
        boot = f"import sys; sys.path += {folders!r}; from sandbox.worker import main; main()"
        try:
            self._popen = subprocess.Popen(
                [sys.executable, "-P", "-s", "-S", "-B", "-c", boot],
                stdin=request,
                stdout=reply,
                stderr=self._errors,
                pass_fds=(input_fd, output_fd, lifeline),
                env={**_ENVIRONMENT, **{name: os.environ[name] for name in _PASSED if name in os.environ}},
                cwd="/",
                start_new_session=True,  # Ctrl-C is for the trainer
            )
        except BaseException:
            _close(*ours)
            raise
        finally:
            _close(input_fd, output_fd, request, reply, lifeline)
        self.setup = {
            "input_fd": input_fd,
            "input_bytes": INPUT_BYTES,
            "output_fd": output_fd,
            "output_bytes": OUTPUT_BYTES,
            "lifeline": lifeline,
        }
        self._end = weakref.finalize(self, _end, self._popen, ours, os.getpid())
        _LIVE.add(self)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._popen.pid

    @property
    def closed(self) -> bool:
        """Whether `close` was called, here or by a fork."""
        return not self._end.alive

    def close(self) -> None:
        """Kill it, wait for it, and give back what it shared; twice is once."""
        if not self.closed:
            self.said = sanitized(os.pread(self._errors, 4000, 0).decode(errors="replace"), 1000)
        self._end()
        self.inputs = self.outputs = None

    def death(self) -> str | None:
        """How it ended; None if it lives on, for seconds after its end of a pipe was closed."""
        try:
            code = self._popen.wait(5.0)
        except subprocess.TimeoutExpired:
            return None
        if code >= 0:
            return f"exited with code {code}"
        return f"was killed by signal {-code}" + (f" ({_SIGNALS[-code]})" if -code in _SIGNALS else "")


_LIVE: weakref.WeakSet[Process] = weakref.WeakSet()


def _forked() -> None:
    """In the child of a fork: give back the descriptors, lest the workers outlive the parent; leave the workers be."""
    for process in list(_LIVE):
        process.close()


os.register_at_fork(after_in_child=_forked)


def _end(popen: subprocess.Popen[bytes], ours: tuple[int, ...], owner: int) -> None:
    _close(*ours)
    if os.getpid() == owner:
        popen.kill()
        popen.wait()
    else:
        popen.returncode = 0  # not ours to wait for


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _shared(size: int, read_only: bool) -> tuple[int, Any, str | None]:
    """Shared memory of a fixed size: its descriptor, this process's view of it, and why it is not sealed, if so.

    If the worker could shrink it, this process would die of SIGBUS.
    """
    fd = os.memfd_create("reward", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    memory = mmap.mmap(fd, size)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    unsealed = None
    try:
        if read_only:
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _F_SEAL_FUTURE_WRITE)  # Linux 5.1
    except OSError as error:
        unsealed = str(error)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL)
    return fd, memory, unsealed

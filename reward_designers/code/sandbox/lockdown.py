"""What a worker does to itself, once all is imported and before it sees a line of an untrusted program.

Nothing here needs privileges. Each layer that the kernel lacks is reported by name, never claimed; what the report
says of files, processes, sockets and signals was *tried* after the last step (`probe`).
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import resource
import signal
import socket
import struct
import sys
from typing import Any

from . import seccomp

_PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 4, 24, 47, 4
_F_SETSIG = 10
_CAPABILITY_VERSION_3 = 0x20080522
_LANDLOCK_CREATE_RULESET, _LANDLOCK_RESTRICT_SELF = 444, 446  # the same on every architecture
_LANDLOCK_GET_VERSION = 1
_LANDLOCK_FILE_ACCESS = ((1, 13), (2, 14), (3, 15), (5, 16))
"""Since which ABI how many kinds of access to files can be handled (``linux/landlock.h``)."""


def die_with(lifeline: int) -> None:
    """Have the kernel kill this process when the parent's end of the pipe ``lifeline`` closes, that is, when it dies.

    ``PR_SET_PDEATHSIG`` would do so when the *thread* that started the worker ends.
    """
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, _F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)


def lock_down(request_fd: int, reply_fd: int, memory: int, seconds: int, skip: tuple[str, ...] = ()) -> dict[str, Any]:
    """Give up everything but computing.

    Args:
        request_fd: The only descriptor that may still be read.
        reply_fd: The only one that may still be written.
        memory: Bytes that may be allocated from now on.
        seconds: CPU seconds until the parent grants more.
        skip: Layers to leave out, for tests of the others: ``seccomp``, ``landlock``.

    Returns:
        Layer to whether it is in force: True, or the reason why not; Landlock's ABI under ``landlock_abi``.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    report: dict[str, Any] = {"landlock_abi": 0}

    def attempt(layer: str, step: Any) -> None:
        if layer in skip:
            report[layer] = "left out"
            return
        try:
            step()
            report[layer] = True
        except (OSError, ValueError) as error:
            report[layer] = str(error)

    def landlock() -> None:
        report["landlock_abi"] = _landlock(libc)

    used = _address_space()
    attempt("no_new_privileges", lambda: _prctl(libc, seccomp.PR_SET_NO_NEW_PRIVS, 1))
    attempt("capabilities", lambda: _drop_capabilities(libc))
    attempt("not_dumpable", lambda: _prctl(libc, _PR_SET_DUMPABLE, 0))
    attempt("landlock", landlock)
    attempt("limits", lambda: _limit(used + memory, seconds))  # no descriptors, which Landlock needs one of
    attempt("seccomp", lambda: seccomp.install(request_fd, reply_fd))
    return report


def probe(parent: int) -> list[str]:
    """What can still be done that should not be: each is tried, and all must fail."""
    found = []
    for path in ("/", "/etc/passwd", f"/proc/{parent}/environ", sys.executable):
        try:
            os.close(os.open(path, os.O_RDONLY))
            found.append(f"open {path}")
        except OSError:
            pass
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()
        found.append("make a socket")
    except OSError:
        pass
    try:
        os.kill(parent, 0)
        found.append("signal the parent")
    except OSError:
        pass
    try:
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        found.append("fork")
    except OSError:
        pass
    return found


def _address_space() -> int:
    """Bytes in use already, shared memory included."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _limit(address_space: int, seconds: int) -> None:
    """No more than this; the parent raises the soft limit of CPU time as calls go on."""
    for kind, limit in (
        (resource.RLIMIT_AS, address_space),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_SIGPENDING, 0),
        (resource.RLIMIT_NOFILE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (limit, limit))
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)  # ignored signals are inherited, and NetHack has this one ignored
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGXCPU])
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (seconds if hard == resource.RLIM_INFINITY else min(seconds, hard), hard))


def _prctl(libc: Any, option: int, value: int) -> None:
    rest = (ctypes.c_ulong(0),) * 3
    if libc.prctl(option, ctypes.c_ulong(value), *rest) != 0:
        _raise("prctl")


def _drop_capabilities(libc: Any) -> None:
    """A worker of root's is root without root's powers."""
    _prctl(libc, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    for capability in range(64):  # those that the kernel does not know end it, as does not being root
        if libc.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) != 0:
            break
    header = ctypes.create_string_buffer(struct.pack("Ii", _CAPABILITY_VERSION_3, 0), 8)
    if libc.capset(header, ctypes.create_string_buffer(24)) != 0:
        _raise("capset")


def _landlock(libc: Any) -> int:
    """No access to any file, port, abstract socket or process outside; the ABI's version."""
    version = libc.syscall(ctypes.c_long(_LANDLOCK_CREATE_RULESET), None, ctypes.c_size_t(0), _LANDLOCK_GET_VERSION)
    if version < 1:
        _raise("Landlock")
    kinds = max(count for since, count in _LANDLOCK_FILE_ACCESS if version >= since)
    fields = [(1 << kinds) - 1]
    fields += [0b11] if version >= 4 else []  # bind and connect TCP
    fields += [0b11] if version >= 6 else []  # abstract sockets, signals
    attributes = struct.pack(f"{len(fields)}Q", *fields)
    ruleset = libc.syscall(
        ctypes.c_long(_LANDLOCK_CREATE_RULESET), attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0)
    )
    if ruleset < 0:
        _raise("Landlock")
    try:
        if libc.syscall(ctypes.c_long(_LANDLOCK_RESTRICT_SELF), ctypes.c_int(ruleset), ctypes.c_uint(0)) != 0:
            _raise("Landlock")
    finally:
        os.close(ruleset)
    return version


def _raise(what: str) -> None:
    number = ctypes.get_errno()
    raise OSError(number, f"{what}: {os.strerror(number) or errno.errorcode.get(number, number)}")

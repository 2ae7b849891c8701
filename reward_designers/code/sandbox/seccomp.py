"""The system calls that a locked-down worker may make, as a seccomp filter (``man 2 seccomp``), by way of ctypes.

All that computing on arrays takes: memory without execute permission, locks, clocks, reading the request pipe, writing
the reply pipe, and exiting. Anything else (open, socket, clone, execve, kill, ptrace, prctl, ...) fails with EPERM, so
that a program which tries sees an ordinary Python error, that can be told to its author.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import struct
import sys

PR_SET_NO_NEW_PRIVS = 38
_SET_MODE_FILTER = 1
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _JUMP_EQ, _JUMP_GE, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06  # BPF opcodes, words and constants
_X32 = 0x40000000
_MADVICE = (mmap.MADV_DONTNEED, 8, 14, 15)  # 8: FREE, 14: HUGEPAGE, 15: NOHUGEPAGE

ARCHITECTURES: dict[str, tuple[int, dict[str, int]]] = {
    "x86_64": (
        0xC000003E,
        {
            "read": 0, "write": 1, "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigreturn": 15,
            "sched_yield": 24, "mremap": 25, "madvise": 28, "exit": 60, "gettimeofday": 96, "futex": 202,
            "restart_syscall": 219, "clock_gettime": 228, "exit_group": 231, "seccomp": 317,
        },
    ),
    "aarch64": (
        0xC00000B7,
        {
            "read": 63, "write": 64, "mmap": 222, "mprotect": 226, "munmap": 215, "brk": 214, "rt_sigreturn": 139,
            "sched_yield": 124, "mremap": 216, "madvise": 233, "exit": 93, "gettimeofday": 169, "futex": 98,
            "restart_syscall": 128, "clock_gettime": 113, "exit_group": 94, "seccomp": 277,
        },
    ),
}  # fmt: skip
"""By machine: its name in audit (``linux/audit.h``) and the numbers of the system calls named here."""

FREE = (
    "munmap", "brk", "rt_sigreturn", "sched_yield", "mremap", "exit", "gettimeofday", "futex", "restart_syscall",
    "clock_gettime", "exit_group",
)  # fmt: skip
"""Allowed with any arguments; ``read``, ``write``, ``mmap``, ``mprotect`` and ``madvise`` with some."""


class SeccompError(OSError):
    """The kernel refused the filter, or the machine's system calls are not known here."""


def supported() -> bool:
    """Whether this machine's system calls are known here; whether the kernel takes a filter, only trying tells."""
    return sys.platform == "linux" and os.uname().machine in ARCHITECTURES


def program(machine: str, read_fd: int, write_fd: int) -> bytes:
    """The filter as ``struct sock_filter[]``: ``read`` from one descriptor only, ``write`` to one only."""
    audit, numbers = ARCHITECTURES[machine]
    code = [_if(_JUMP_EQ, audit, 1, 0, load=4), _statement(_RETURN, _KILL), _statement(_LOAD, 0)]
    if machine == "x86_64":
        code += [_statement(_JUMP_GE, _X32, 0, 1), _statement(_RETURN, _KILL)]
    allow, deny = _statement(_RETURN, _ALLOW), _statement(_RETURN, _ERRNO | errno.EPERM)
    for name in FREE:
        code += [_statement(_JUMP_EQ, numbers[name], 0, 1), allow]
    conditions = {
        "read": [_is(0, read_fd)],
        "write": [_is(0, write_fd)],
        "mmap": [_without(2, mmap.PROT_EXEC), _is(4, 0xFFFFFFFF)],  # anonymous: the file descriptor is -1
        "mprotect": [_without(2, mmap.PROT_EXEC)],
    }
    for name, tests in conditions.items():
        body = b"".join([*(test + deny for test in tests), allow])
        code += [_statement(_JUMP_EQ, numbers[name], 0, len(body) // 8), body]
    for advice in _MADVICE:  # one comparison after the other, each ending in a verdict or going on
        body = _statement(_LOAD, _argument(2)) + _statement(_JUMP_EQ, advice, 0, 1) + allow + _statement(_LOAD, 0)
        code += [_statement(_JUMP_EQ, numbers["madvise"], 0, len(body) // 8), body]
    return b"".join([*code, deny])


def install(read_fd: int, write_fd: int) -> None:
    """Put the filter in force for this process, for good. ``PR_SET_NO_NEW_PRIVS`` must be set.

    Raises:
        SeccompError: It cannot be.
    """
    machine = os.uname().machine
    if not supported():
        raise SeccompError(errno.ENOSYS, f"system calls of {sys.platform} on {machine} are not known")
    code = program(machine, read_fd, write_fd)
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    holder = ctypes.create_string_buffer(header, len(header))
    libc = ctypes.CDLL(None, use_errno=True)
    call = ARCHITECTURES[machine][1]["seccomp"]
    if libc.syscall(ctypes.c_long(call), _SET_MODE_FILTER, 0, ctypes.byref(holder)) != 0:
        number = ctypes.get_errno()
        raise SeccompError(number, f"seccomp: {os.strerror(number)}")


def _statement(opcode: int, constant: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("HBBI", opcode, then, otherwise, constant)


def _if(opcode: int, constant: int, then: int, otherwise: int, load: int) -> bytes:
    return _statement(_LOAD, load) + _statement(opcode, constant, then, otherwise)


def _argument(index: int) -> int:
    """Where the lower half of an argument is in ``struct seccomp_data``; both machines are little-endian."""
    return 16 + 8 * index


def _is(index: int, value: int) -> bytes:
    """Skip the verdict that follows if an argument (its lower half: descriptors and flags are ints) is ``value``."""
    return _if(_JUMP_EQ, value, 1, 0, load=_argument(index))


def _without(index: int, bits: int) -> bytes:
    """Skip the verdict that follows if an argument has none of ``bits``."""
    return _statement(_LOAD, _argument(index)) + _statement(_AND, bits) + _statement(_JUMP_EQ, 0, 1, 0)

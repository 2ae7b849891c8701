"""The filter of system calls, on a machine of the tests' own: for both architectures, whichever this is."""

from __future__ import annotations

import struct

import pytest

from reward_designers.code.sandbox import seccomp

ALLOW, EPERM, KILL = 0x7FFF0000, 0x00050001, 0x80000000
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# From linux/unistd.h of each; -1 where there is no such call.
CALLS = {
    "read": (0, 63), "write": (1, 64), "mmap": (9, 222), "mprotect": (10, 226), "madvise": (28, 233),
    "munmap": (11, 215), "brk": (12, 214), "futex": (202, 98), "exit_group": (231, 94), "clock_gettime": (228, 113),
    "open": (2, -1), "openat": (257, 56), "socket": (41, 198), "execve": (59, 221), "clone": (56, 220),
    "clone3": (435, 435), "fork": (57, -1), "kill": (62, 129), "tgkill": (234, 131), "ptrace": (101, 117),
    "prctl": (157, 167), "fcntl": (72, 25), "close": (3, 57), "dup": (32, 23), "ftruncate": (77, 46),
    "memfd_create": (319, 279), "prlimit64": (302, 261), "process_vm_readv": (310, 270), "pwrite64": (18, 68),
    "writev": (20, 66), "sendfile": (40, 71), "io_uring_enter": (426, 426), "reboot": (169, 142),
    "nanosleep": (35, 101), "getppid": (110, 173), "unshare": (272, 97), "seccomp": (317, 277),
}  # fmt: skip
FREE = ("munmap", "brk", "futex", "exit_group", "clock_gettime")
CONDITIONAL = ("read", "write", "mmap", "mprotect", "madvise")


def verdict(machine: str, number: int, arguments: tuple[int, ...] = (), audit: int | None = None) -> int:
    """Run the filter as the kernel would; the value that it returns."""
    args = [*arguments, *[0] * (6 - len(arguments))]
    arch = AUDIT[machine] if audit is None else audit
    data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, arch, 0, *(value & (1 << 64) - 1 for value in args))
    code = list(struct.iter_unpack("HBBI", seccomp.program(machine, 0, 1)))
    accumulator, at = 0, 0
    while True:
        opcode, then, otherwise, constant = code[at]
        at += 1
        if opcode == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, constant)
        elif opcode == 0x54:
            accumulator &= constant
        elif opcode == 0x15:
            at += then if accumulator == constant else otherwise
        elif opcode == 0x35:
            at += then if accumulator >= constant else otherwise
        else:
            assert opcode == 0x06
            return constant


@pytest.mark.parametrize("machine", AUDIT)
def test_only_computing_is_allowed(machine: str) -> None:
    for name, numbers in CALLS.items():
        number = numbers[list(AUDIT).index(machine)]
        if number >= 0 and name not in CONDITIONAL:
            assert verdict(machine, number) == (ALLOW if name in FREE else EPERM), name
    allowed = [number for number in range(1000) if verdict(machine, number) == ALLOW]
    assert len(allowed) == len(seccomp.FREE) + 2  # with zeros for arguments: read from 0, mprotect to nothing


@pytest.mark.parametrize("machine", AUDIT)
@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("read", (0,), ALLOW),
        ("read", (1,), EPERM),
        ("read", (7,), EPERM),
        ("write", (1,), ALLOW),
        ("write", (0,), EPERM),
        ("write", (2,), EPERM),
        ("mmap", (0, 4096, 3, 0x22, -1, 0), ALLOW),
        ("mmap", (0, 4096, 3, 0x22, 0xFFFFFFFF, 0), ALLOW),
        ("mmap", (0, 4096, 7, 0x22, -1, 0), EPERM),
        ("mmap", (0, 4096, 5, 0x22, -1, 0), EPERM),
        ("mmap", (0, 4096, 1, 0x01, 3, 0), EPERM),
        ("mprotect", (4096, 4096, 3), ALLOW),
        ("mprotect", (4096, 4096, 4), EPERM),
        ("mprotect", (4096, 4096, 7), EPERM),
        ("madvise", (4096, 4096, 4), ALLOW),
        ("madvise", (4096, 4096, 14), ALLOW),
        ("madvise", (4096, 4096, 9), EPERM),
        ("madvise", (4096, 4096, 100), EPERM),
    ],
)
def test_some_are_allowed_with_some_arguments(
    machine: str, name: str, arguments: tuple[int, ...], expected: int
) -> None:
    assert verdict(machine, CALLS[name][list(AUDIT).index(machine)], arguments) == expected


def test_other_calling_conventions_end_the_process() -> None:
    assert verdict("x86_64", 0x40000000 | 0) == KILL  # x32
    assert verdict("x86_64", 0x40000000 | 231) == KILL
    for machine in AUDIT:
        assert verdict(machine, 1, (1,), audit=0x40000003) == KILL  # i386, whose 1 is exit
        assert verdict(machine, 0, (0,), audit=0x40000028) == KILL  # 32-bit ARM

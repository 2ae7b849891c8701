"""Which layers of the sandbox are in force, and how many somebody insists on."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from reward_designers.errors import RewardError, unknown_name

Sandbox = Literal["required", "available", "none"]
SANDBOXES: tuple[Sandbox, ...] = ("required", "available", "none")

LAYERS = {
    "seccomp": "system calls but computing are refused",
    "landlock": "no file, port or other process can be reached, whatever the system call",
    "no_new_privileges": "no program can give it privileges",
    "capabilities": "it has no powers of root's",
    "not_dumpable": "no other process of the user may look into it",
    "limits": "memory, CPU time, processes, files and their sizes are limited",
    "sealed_inputs": "inputs are read-only and of fixed size, to the kernel",
}
"""Each layer, and what it means."""

_told: set[str] = set()


class SandboxUnavailable(RewardError):
    """This machine cannot contain a reward program as well as it was asked to."""


@dataclass(frozen=True)
class Protection:
    """What holds a worker back, as it found out itself before it saw the program.

    Attributes:
        missing: Layers of `LAYERS` that are not in force, with the reason.
        landlock_abi: Version of the kernel's Landlock; 0 without it.
        reachable: What was tried after locking down and should have failed, but did not.
    """

    missing: Mapping[str, str] = field(default_factory=dict)
    landlock_abi: int = 0
    reachable: tuple[str, ...] = ()

    @classmethod
    def from_report(cls, report: Mapping[str, Any], sealed: str | None) -> Protection:
        """From a worker's report; ``sealed`` says why its inputs are not sealed, if they are not."""
        found = {**report, "sealed_inputs": True if sealed is None else sealed}
        missing = {layer: str(found.get(layer)) for layer in LAYERS if found.get(layer) is not True}
        return cls(missing, int(report["landlock_abi"]), tuple(map(str, report["reachable"])))

    @property
    def in_force(self) -> tuple[str, ...]:
        """The layers in force."""
        return tuple(layer for layer in LAYERS if layer not in self.missing)

    @property
    def full(self) -> bool:
        """Whether all layers are in force, and nothing was reachable."""
        return not self.missing and not self.reachable

    def __str__(self) -> str:
        text = f"sandbox: {', '.join(self.in_force)}"
        if self.landlock_abi:
            text += f" (Landlock ABI {self.landlock_abi})"
        text += "".join(f"; no {layer} ({reason})" for layer, reason in self.missing.items())
        return text + (f"; it could still {', '.join(self.reachable)}" if self.reachable else "")

    def require(self, sandbox: Sandbox) -> None:
        """Say once in the log what is in force; refuse what is less than asked for.

        ``available`` takes what the kernel has, but never less than the filter of system calls.

        Raises:
            SandboxUnavailable: It is less.
        """
        if str(self) not in _told:
            _told.add(str(self))
            logging.getLogger(__name__).log(logging.INFO if self.full else logging.WARNING, "%s", self)
        if self.full or (sandbox == "available" and "seccomp" not in self.missing and not self.reachable):
            return
        remedy = "sandbox=available runs with less" if "seccomp" not in self.missing else REMEDY
        raise SandboxUnavailable(f"sandbox={sandbox} is not met. {self}. {remedy}")


REMEDY = (
    "sandbox=none runs the program unprotected in this process, with all that this user may do: only for programs "
    "that a person has read"
)


def check_name(sandbox: str) -> Sandbox:
    """``sandbox`` as one of the known words.

    Raises:
        RewardError: It is none.
    """
    for known in SANDBOXES:
        if sandbox == known:
            return known
    raise RewardError(unknown_name("sandbox", sandbox, SANDBOXES))

"""A reward program as a reward, which runs in the sandbox.

    reward = load_program(source, fields=tuple(task.fields))
    env = envs.ReplaceReward(envs.make("Hopper"), reward)

Its process starts when it is first needed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reward_designers.base import Components, RewardFn, Transition
from reward_designers.code.program import Entry, parse_program, source_of
from reward_designers.code.sandbox.client import Limits, ProgramError, Worker
from reward_designers.code.sandbox.namespace import namespace
from reward_designers.code.sandbox.protection import REMEDY, Protection, Sandbox, SandboxUnavailable, check_name
from reward_designers.code.sandbox.results import ResultError, components_of
from reward_designers.errors import RewardError
from reward_designers.memory import EpisodeMemory


@dataclass(eq=False)
class CodeReward(RewardFn):
    """A reward program. It is parsed at once; its process starts with the first call, one in each process that calls.

    A program that hangs, dies or breaks the rules is not given another process: every later call raises the same error.

    Attributes:
        source: The program; see `program`.
        fields: Names of the state's fields that it may read.
        entry: ``reward``; ``potential``: a function of one state, to be shaped by ``.potential(gamma)``; or
            ``achieved``: what a `reward_designers.intrinsic.PredicateJudge` reads.
        seconds: Wall-clock limit of one call.
        memory_mib: What the program may allocate.
        sandbox: ``available``: whatever the kernel offers, at least its filter of system calls; ``required``: every
            layer; ``none``: no sandbox at all, the program runs in this process with all that it may do. It belongs to
            the machine: it is not saved, and a loaded reward is always sandboxed.

    Raises:
        ProgramRejected: The program is refused.
    """

    source: str
    fields: tuple[str, ...] = ()
    entry: Entry = "reward"
    seconds: float = 10.0
    memory_mib: int = 2048
    sandbox: Sandbox = "available"

    name = "code"

    def __post_init__(self) -> None:
        self.fields = tuple(self.fields)
        self.sandbox = check_name(self.sandbox)
        self.program = parse_program(self.source, fields=self.fields, entry=self.entry)
        self.inputs, self.reads = self.program.inputs, self.program.reads
        self._arguments = [(name, *source_of(name)) for name in self.program.arguments]
        self._worker: Worker | None = None
        self._failure: ProgramError | None = None
        self._function: Callable[..., Any] | None = None
        if self.sandbox != "none" and sys.platform != "linux":
            raise SandboxUnavailable(f"there is no sandbox on {sys.platform}. {REMEDY}")

    @property
    def protection(self) -> Protection | None:
        """What holds the program back; None before its process has started, and without a sandbox."""
        return None if self._worker is None else self._worker.protection

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        """The program's components, each ``(n,)``.

        Raises:
            ProgramError: It failed, now or before.
        """
        if self.sandbox == "none":
            return self._unprotected(t)
        arrays = self._read(t)
        worker = self._running()
        try:
            rows, most = len(t), worker.capacity(arrays)
            if rows <= most:
                return worker(arrays)
            parts = [worker({k: a[i : i + most] for k, a in arrays.items()}) for i in range(0, rows, most)]
            return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        except ProgramError as error:
            if worker.closed:
                self._failure = error
            raise

    def start(self) -> None:
        """Start the process and load the program now, rather than at the first call.

        Raises:
            ProgramError: Loading it failed.
            SandboxUnavailable: There is no sandbox that is good enough.
        """
        if self.sandbox != "none":
            self._running()

    def close(self) -> None:
        """End the program's process, if there is one; a later call starts another."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def config(self) -> dict[str, Any]:
        """See `RewardFn.config`; without ``sandbox``."""
        config = super().config()
        del config["sandbox"]
        return config

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and other processes have processes of their own."""
        return type(self), (self.source, self.fields, self.entry, self.seconds, self.memory_mib, self.sandbox)

    def _read(self, t: Transition) -> dict[str, np.ndarray]:
        arrays = {}
        for argument, side, key in self._arguments:
            value = getattr(t, side)
            if side in ("state", "next_state"):
                if key not in value:
                    raise RewardError(f"the program reads {key!r}, but the {side} has {', '.join(value) or 'nothing'}")
                value = value[key]
            arrays[argument] = np.asarray(value)
        return arrays

    def _running(self) -> Worker:
        if self._failure is not None:
            raise self._failure
        if self._worker is None or self._worker.closed:
            limits = Limits(self.seconds, self.memory_mib << 20)
            try:
                self._worker = Worker(self.source, self.entry, limits, self.sandbox)
            except ProgramError as error:
                self._failure = error
                raise
        return self._worker

    def _unprotected(self, t: Transition) -> Components:
        if self._function is None:
            variables = namespace()
            exec(compile(self.program.normalized, "<reward>", "exec"), variables)
            self._function = variables[self.entry]
        arrays = {name: array.view() for name, array in self._read(t).items()}
        for array in arrays.values():
            array.flags.writeable = False  # as in the sandbox: fitness is computed from the same arrays
        try:
            components = components_of(self._function(**arrays), self.entry, len(t))
        except ResultError as error:
            raise ProgramError("result", str(error)) from None
        with np.errstate(over="ignore"):  # of longer floats; what is not finite is found by whoever evaluates
            return {name: np.array(values, np.float64) for name, values in components.items()}  # views no longer


def load_program(source: str, *, fields: Sequence[str]) -> CodeReward:
    """A reward program as a reward that runs in the sandbox.

    Args:
        source: See `program`.
        fields: Names of the state's fields that it may read, such as a task's; ``obs``, ``action``, ``next_obs`` and
            ``terminated`` exist anyway.

    Raises:
        ProgramRejected: It is refused; the message says why and where.
    """
    return CodeReward(source, tuple(fields))

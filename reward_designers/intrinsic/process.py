"""Where an annotator works: in this process, or in one of its own that is told over a socket what to ask.

The process imports what the annotator needs and nothing of the training (no torch for a language model). It outlives
the training by the calls that are under way, 30 s at most, since their answers are being paid for; and it says why it
dies.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import weakref
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from reward_designers.intrinsic.labels import Annotator, Label, Preference, Spent
from reward_designers.llm import BudgetError, LLMError

START_SECONDS = 120.0
LINGER_SECONDS = 30.0
BOOT = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); sys.path[:] = {path!r};"
    "from reward_designers.intrinsic.process import work; work({fd})"
)


@dataclass(frozen=True)
class Message:
    """What a worker says.

    Attributes:
        kind: ``ready`` (with what the store knew), ``answered``, ``failed`` (ask again later), ``out of budget`` or
            ``died``.
        call: Which call it is about.
        answers: Labels or preferences.
        spent: What the annotator has used up.
        text: What went wrong.
    """

    kind: str
    call: int = 0
    answers: Sequence[Any] = ()
    spent: Spent | None = None
    text: str = ""


class Worker(ABC):
    """Makes calls, one or more at once, and says how they went."""

    @abstractmethod
    def receive(self) -> Message:
        """The first message, and the next one of an `Inline` worker.

        Raises:
            LLMError: The annotator cannot get ready.
        """

    @abstractmethod
    def send(self, call: int, items: Sequence[Any]) -> None:
        """Begin a call."""

    @abstractmethod
    def close(self) -> None:
        """End it."""

    def wake(self) -> None:  # noqa: B027
        """End a wait in `messages`, from another thread."""

    def messages(self, seconds: float | None) -> list[Message]:
        """What it has said, after waiting for that, for `wake`, or for `seconds`."""
        raise NotImplementedError

    def restart(self) -> None:
        """Start it again after it died."""
        raise NotImplementedError


class Inline(Worker):
    """Works within `send`; what is a bug of the annotator is raised there."""

    def __init__(self, annotator: Annotator, goal: str, store: Path | None, pairs: bool):
        self._annotator, self._goal, self._pairs = annotator, goal, pairs
        annotator.open(store)
        self._said = deque([ready(annotator, goal, pairs)])

    def receive(self) -> Message:
        """See `Worker.receive`."""
        return self._said.popleft()

    def send(self, call: int, items: Sequence[Any]) -> None:
        """See `Worker.send`."""
        self._said.append(answer(self._annotator, self._goal, self._pairs, call, items))

    def close(self) -> None:
        """See `Worker.close`."""
        self._annotator.close()


class Process(Worker):
    """Works in a process of its own."""

    def __init__(self, annotator: Annotator, goal: str, store: Path | None, pairs: bool):
        if type(annotator).__module__ == "__main__":
            raise ValueError(
                f"{type(annotator).__name__} is defined in the script that is being run, which the annotator's process "
                "does not import: put it into a module of its own, or use sync=True"
            )
        self._setup = (annotator, goal, store, pairs)
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._woken, False)
        self._open()
        _LIVE.add(self)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._popen.pid

    def _open(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            fd = theirs.fileno()
            boot = BOOT.format(path=sys.path, fd=fd)
            self._popen = subprocess.Popen([sys.executable, "-c", boot], stdin=subprocess.DEVNULL, pass_fds=(fd,))
        self._connection = Connection(ours.detach())
        with contextlib.suppress(BrokenPipeError):  # its death is noticed when it is listened to
            self._connection.send(self._setup)

    def receive(self) -> Message:
        """See `Worker.receive`."""
        for message in self.messages(START_SECONDS):
            if message.kind == "ready":
                return message
            self.close()
            raise LLMError(f"the annotator cannot start: {message.text}")
        self.close()
        raise LLMError(f"the annotator did not get ready within {START_SECONDS:.0f} s")

    def send(self, call: int, items: Sequence[Any]) -> None:
        """See `Worker.send`."""
        with contextlib.suppress(BrokenPipeError):
            self._connection.send((call, items))

    def wake(self) -> None:
        """See `Worker.wake`."""
        with contextlib.suppress(BlockingIOError):  # full of earlier ones
            os.write(self._wake, b".")

    def messages(self, seconds: float | None) -> list[Message]:
        """See `Worker.messages`."""
        heard = wait([self._connection, self._woken], seconds)
        if self._woken in heard:
            with contextlib.suppress(BlockingIOError):
                os.read(self._woken, 4096)
        if self._connection not in heard:
            return []
        try:
            return [self._connection.recv()]
        except (EOFError, ConnectionResetError):
            return [Message("died", text=self._death())]

    def _death(self) -> str:
        try:
            code = self._popen.wait(5.0)
        except subprocess.TimeoutExpired:
            return "it closed its socket"
        if code >= 0:
            return f"it exited with code {code}"
        return f"it was killed by signal {-code} ({signal.Signals(-code).name})"

    def restart(self) -> None:
        """See `Worker.restart`."""
        self._end(5.0)
        self._open()

    def close(self) -> None:
        """See `Worker.close`; what it still does is cut off."""
        if self in _LIVE:
            _LIVE.discard(self)
            self._end(1.0)
            os.close(self._wake)
            os.close(self._woken)

    def _end(self, seconds: float) -> None:
        self._connection.close()
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()


_LIVE: weakref.WeakSet[Process] = weakref.WeakSet()


def _forked() -> None:
    """In the child of a fork: give back the descriptors, or the annotator would outlive the training by the child."""
    for process in list(_LIVE):
        _LIVE.discard(process)
        process._connection.close()


os.register_at_fork(after_in_child=_forked)


def ready(annotator: Annotator, goal: str, pairs: bool) -> Message:
    """The first message of an annotator that is open."""
    labels, preferences = annotator.known(goal)
    return Message("ready", answers=preferences if pairs else labels, spent=annotator.spent())


def answer(annotator: Annotator, goal: str, pairs: bool, call: int, items: Sequence[Any]) -> Message:
    """Make a call.

    Raises:
        ValueError: The annotator answered something else than it was asked.
    """
    kind, text = "answered", ""
    answers: Sequence[Label | Preference] = ()
    try:
        answers = annotator.prefer(goal, items) if pairs else annotator.label(goal, items)
    except BudgetError as error:
        kind, text = "out of budget", str(error)
    except LLMError as error:
        kind, text = "failed", str(error)
    else:
        told = [a.caption if isinstance(a, Label) else (a.first, a.second) for a in answers]
        if told != list(items):
            raise ValueError(f"{annotator.name} was asked about {list(items)!r:.200} and answered about {told!r:.200}")
    return Message(kind, call, answers, annotator.spent(), text)


def work(fd: int) -> None:
    """What the process does."""
    logging.getLogger("reward_designers").setLevel(logging.ERROR)  # failures are told by the status, not between bars
    connection, lock = Connection(fd), threading.Lock()

    def say(message: Message) -> None:
        with lock, contextlib.suppress(BrokenPipeError):  # nobody listens any more
            connection.send(message)

    def die(error: Exception) -> None:
        say(Message("died", text=f"{type(error).__name__}: {error}"))
        os._exit(1)

    def call(number: int, items: Sequence[Any]) -> None:
        try:
            say(answer(annotator, goal, pairs, number, items))
        except Exception as error:  # whatever it is, it must not end unseen in a thread
            die(error)

    try:
        annotator, goal, store, pairs = connection.recv()
        annotator.open(store)
        say(ready(annotator, goal, pairs))
    except Exception as error:
        die(error)
    pool = ThreadPoolExecutor(annotator.concurrency)
    with contextlib.suppress(EOFError, ConnectionResetError):
        while True:
            pool.submit(call, *connection.recv())
    threading.Timer(LINGER_SECONDS, os._exit, (0,)).start()
    pool.shutdown()
    annotator.close()
    os._exit(0)

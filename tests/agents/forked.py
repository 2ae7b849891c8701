"""Commands in processes of their own that start at once: forked from a server which has imported what takes seconds.

What `python -m` itself does is left to a few tests; the others save the imports, which are most of a small run.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from multiprocessing import forkserver, get_context, util
from pathlib import Path

from agents.designing.training import PRELOADED

ROOT = Path(__file__).resolve().parents[2]


class Forked:
    """What `subprocess.Popen` would be for ``python -m MODULE ARGUMENTS`` here and now, as far as tests need it.

    Args:
        module: Such as ``agents.train``.
        arguments: Of the command.
    """

    def __init__(self, module: str, *arguments: str):
        context = get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        with contextlib.chdir(ROOT):  # the server imports from where it starts, and children go where the test is
            forkserver.ensure_running()
        self._folder = tempfile.TemporaryDirectory()
        self._process = context.Process(target=_main, args=(module, arguments, dict(os.environ), self._folder.name))
        self._process.start()
        util.Finalize(None, self._process.kill, exitpriority=0)  # else pytest would wait for what a failed test left
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, less than zero after a signal; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """See `returncode`."""
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send it, unless the process has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it said, once it has ended."""
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(str(self._process), timeout or 0.0)
        folder = Path(self._folder.name)
        return (folder / "1").read_text(), (folder / "2").read_text()


def _main(module: str, arguments: tuple[str, ...], environment: Mapping[str, str], folder: str) -> None:
    os.environ.clear()
    os.environ.update(environment)
    for number in (1, 2):
        os.dup2(os.open(f"{folder}/{number}", os.O_WRONLY | os.O_CREAT), number)
    sys.argv = [module, *arguments]
    importlib.import_module(module).main()

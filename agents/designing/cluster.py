"""Trainings on a Ray cluster: the same runs, in the same folder, which all machines have to share."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from agents import cli
from agents.designing.training import TRIES, Outcome, Training, failed, train_and_score, trainings_keys
from agents.errors import UsageError

THREADS = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class Cluster:
    """Trains runs wherever the cluster has a free core.

    Args:
        address: ``auto``, or host:port.

    Raises:
        UsageError: Ray is missing, or there is no cluster.
    """

    def __init__(self, address: str):
        try:
            import ray
        except ImportError as error:
            raise UsageError(
                "ray.address= needs the extra of that name: pip install 'reward-designers[ray]'"
            ) from error
        self._ray = ray
        _reach(address)
        if not ray.is_initialized():
            try:
                ray.init(address=address, log_to_driver=False, logging_level="ERROR")
            except (ConnectionError, RuntimeError, ValueError, OSError) as error:
                raise UsageError(f"ray.address={address}: {error}") from error

    def run(self, trainings: Sequence[Training], done: Callable[[Training, Outcome], None]) -> None:
        """See `agents.designing.training.Workers.run`."""
        trainings_keys(trainings)
        options = {"num_cpus": 1, "max_retries": TRIES - 1, "runtime_env": {"env_vars": THREADS}}
        remote = self._ray.remote(**options)(_work)
        running = {remote.remote(training): training for training in trainings}
        try:
            while running:
                ready, _ = self._ray.wait(list(running), num_returns=1)
                training = running.pop(ready[0])
                try:
                    outcome = self._ray.get(ready[0])
                except (self._ray.exceptions.WorkerCrashedError, self._ray.exceptions.NodeDiedError) as error:
                    outcome = failed(f"its process died {TRIES} times ({type(error).__name__})")
                if outcome is None:
                    raise UsageError(f"the training {training.key} was stopped from outside")
                if "error" in outcome:
                    raise UsageError(outcome["error"])
                done(training, outcome)
        finally:
            for reference in running:
                self._ray.cancel(reference)


def _reach(address: str) -> None:
    """Refuse an address where nobody listens: Ray takes minutes to say so.

    Raises:
        UsageError: Nobody does.
    """
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal()) or "/" in host:
        return
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as error:
        raise UsageError(f"ray.address={address}: nothing answers there ({error})") from error


def _work(training: Training) -> Any:
    """What a task does; Ray keeps its process for the next one."""
    cli.settle_libraries()
    Path(training.config.run_dir or "").parent.mkdir(parents=True, exist_ok=True)
    with training.log.open("a") as log, contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
        return train_and_score(training)

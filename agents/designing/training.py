"""Trainings of candidates: each is a run of `agents.train` that can be resumed, in a process of its own.

A process that dies costs one candidate, or nothing if it gets through at the second try. Processes are forked from a
server that has imported the heavy packages once.
"""

from __future__ import annotations

import contextlib
import json
import math
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from agents import cli
from agents.config.commands import TrainConfig
from agents.config.rewards import EnvReward
from agents.errors import UsageError
from agents.files import write_text
from agents.runs import RunDir, read_progress

PRELOADED = [
    *("torch", "torch._dynamo", "matplotlib.figure", "matplotlib.backends.backend_svg", "stable_baselines3"),
    *("agents.train", "agents.evaluation", "agents.callbacks", "agents.policies", "agents.sb3", "agents.checkpoint"),
    *("agents.report", "envs", "reward_designers.code", __name__),
]
"""What takes seconds to import."""
TRIES = 2
"""How often a training's process may die."""
UNWRITABLE = os.EX_CANTCREAT
"""With which a training's process ends that cannot even say what went wrong."""
STOP_SECONDS = 60.0
"""For a training to save itself when the search is interrupted."""

Outcome = dict[str, Any]
"""Of one training: ``score`` (None if it has none), ``failure`` (empty if there is none), ``seconds``, ``cpu_seconds``
(of its process and of the reward's), ``episodes`` (the held-out scores), ``watched`` (some of them in detail) and
``curves``; ``error`` instead where the machine, not the reward, is to blame."""


@dataclass(frozen=True)
class Training:
    """One run to be trained, or trained further, to ``config.total_timesteps``.

    Attributes:
        name: Of what is trained on: a candidate's key, or the name of a baseline.
        config: With ``run_dir``, ``seed`` and ``total_timesteps``.
        episodes: Held-out episodes in which the last policy is scored.
        heldout: Seed of the first of them.
        watched: Fields of the state to be told of its worst episodes.
    """

    name: str
    config: TrainConfig
    episodes: int
    heldout: int
    watched: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """In the journal."""
        return f"{Path(self.config.run_dir or '').parent.name}/{self.config.seed}/{self.config.total_timesteps}"

    @property
    def outcome(self) -> Path:
        """Where the result is written."""
        return Path(f"{self.config.run_dir}.{self.config.total_timesteps}.json")

    @property
    def log(self) -> Path:
        """What the training says."""
        return Path(f"{self.config.run_dir}.log")


class Workers:
    """Trains several runs at a time.

    Args:
        count: How many.
    """

    def __init__(self, count: int):
        self.count = count
        cli.settle_libraries()
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOADED)

    def run(self, trainings: Sequence[Training], done: Callable[[Training, Outcome], None]) -> None:
        """Train all of them; ``done`` is called with each that has ended, in the order in which they end.

        Raises:
            UsageError: The machine is to blame for a failure: no space, another process in the same folder, ...
        """
        waiting, tries = deque(trainings), dict.fromkeys(trainings_keys(trainings), 0)
        running: dict[Any, tuple[Training, Any, Connection]] = {}
        try:
            while waiting or running:
                while waiting and len(running) < self.count:
                    training = waiting.popleft()
                    tries[training.key] += 1
                    process, lifeline = self._start(training)
                    running[process.sentinel] = training, process, lifeline
                for sentinel in wait(list(running)):
                    training, process, lifeline = running.pop(sentinel)
                    process.join()
                    lifeline.close()
                    outcome = _read(training)
                    if process.exitcode == UNWRITABLE:
                        outcome = {"error": f"{training.config.run_dir}: cannot be written; is the disk full?"}
                    if outcome is None and tries[training.key] < TRIES:
                        waiting.appendleft(training)
                        continue
                    if outcome is None:
                        outcome = failed(f"its process died {TRIES} times ({_ending(process.exitcode)})")
                    if "error" in outcome:
                        training.outcome.unlink(missing_ok=True)
                        raise UsageError(outcome["error"])
                    done(training, outcome)
        finally:
            _stop([process for _, process, _ in running.values()])

    def _start(self, training: Training) -> tuple[Any, Connection]:
        Path(training.config.run_dir or "").parent.mkdir(parents=True, exist_ok=True)
        theirs, ours = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_work, args=(training, theirs), daemon=True)
        process.start()
        theirs.close()
        return process, ours


def trainings_keys(trainings: Sequence[Training]) -> list[str]:
    """Their keys.

    Raises:
        ValueError: Two are the same, and would write to one folder.
    """
    keys = [training.key for training in trainings]
    if len(set(keys)) < len(keys):
        raise ValueError(f"a training was asked for twice: {sorted(key for key in keys if keys.count(key) > 1)}")
    return keys


def _work(training: Training, lifeline: Connection) -> None:
    """What a training's process does."""
    os.setsid()  # Ctrl-C is for the search, which asks its trainings to stop
    threading.Thread(target=_die_with, args=(lifeline,), daemon=True).start()
    try:
        log = os.open(training.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        outcome = train_and_score(training)
        if outcome is not None:
            write_text(training.outcome, json.dumps(outcome, allow_nan=False))
    except OSError as error:
        with contextlib.suppress(OSError):
            print(f"error: {error}", file=sys.stderr, flush=True)
        os._exit(UNWRITABLE)


def _die_with(lifeline: Connection) -> None:
    """End this process when the search's process ends, however that ends."""
    try:
        lifeline.recv_bytes()
    except (EOFError, OSError):
        os._exit(1)


def train_and_score(training: Training) -> Outcome | None:
    """Train, or go on training, and score the last policy in episodes that are used for nothing else.

    Returns:
        None if it was asked to stop: what was trained until then is saved.
    """
    from agents.designing.watching import worst_episodes
    from agents.train import train
    from reward_designers.errors import RewardError

    config, began = training.config, (time.monotonic(), _cpu_seconds())
    path = Path(config.run_dir or "")
    try:
        if (path / "config.yaml").exists():
            resumed = TrainConfig(resume=str(path), total_timesteps=config.total_timesteps)
            train(resumed, frozenset({"resume", "total_timesteps"}))
        else:
            train(config)
    except UsageError as error:
        at_fault = isinstance(error.__cause__, RewardError)
        return failed(str(error)) | _spent(began) if at_fault else {"error": str(error)}
    except SystemExit as end:
        if not end.code:
            return None
        summary = RunDir(path).read_summary()
        text = summary.get("failure", "it ended without a reason")
        return failed(text) | _spent(began) if summary.get("at_fault") == "reward" else {"error": text}
    run = RunDir.open(path)
    rows = heldout_rows(run, training.episodes, training.heldout)
    scores = [row.get("fitness", row["env_reward"]) for row in rows]
    mean = math.fsum(scores) / len(scores)
    return {
        "watched": worst_episodes(run, training.watched, training.heldout) if training.watched else [],
        "score": mean if math.isfinite(mean) else None,
        "failure": "",
        **_spent(began),
        "episodes": [score if math.isfinite(score) else None for score in scores],
        "curves": curves(read_progress(run.progress)),
    }


def heldout_rows(run: RunDir, episodes: int, seed: int, watch: Any = None) -> list[dict[str, float]]:
    """Episodes of a run's last policy, without its reward: one row each, see `agents.evaluation.run_episodes`."""
    from agents.build import MAX_EVAL_ENVS, make_player, make_venv
    from agents.evaluation import run_episodes

    config = replace(run.read_config(), reward=EnvReward(), device="cpu")
    venv = make_venv(config, min(episodes, MAX_EVAL_ENVS), None)
    try:
        return run_episodes(make_player(config, venv, run.last), venv, episodes, seed, watch=watch)
    finally:
        venv.close()


def curves(rows: Sequence[dict[str, float]]) -> dict[str, Any]:
    """A training's log, as records want it.

    Where no episode of the training has ended yet, as before its first step, an evaluation says what the components
    and lengths are: a gap would pass for a reward that was not finite.

    Returns:
        ``steps``; ``components`` by name, each the mean per step; ``score``, as evaluated at that step or last before
        it; ``length`` of episodes. None where nothing is known.
    """
    rows = [row for row in rows if "rollout/ep_len_mean" in row or "eval/length" in row]
    logged = {name.removeprefix("eval/") for row in rows for name in row}
    names = sorted(name for name in logged if name.startswith("reward/"))
    score, scores = None, []
    for row in rows:
        score = row.get("eval/fitness", row.get("eval/env_reward", score))
        scores.append(score)
    lengths = [row.get("rollout/ep_len_mean", row.get("eval/length")) for row in rows]
    totals = {
        name: [row.get(name if "rollout/ep_len_mean" in row else f"eval/{name}") for row in rows] for name in names
    }
    components = {
        name.removeprefix("reward/"): [
            _finite(total / length) if total is not None and length else None
            for total, length in zip(totals[name], lengths, strict=True)
        ]
        for name in names
    }
    return {
        "steps": [int(row["time/total_timesteps"]) for row in rows],
        "components": components,
        "score": [_finite(value) for value in scores],
        "length": [_finite(value) for value in lengths],
    }


def _spent(began: tuple[float, float] | None = None) -> dict[str, float]:
    """Seconds since, by the clock and of processors; 0 without a beginning."""
    seconds, cpu_seconds = (0.0, 0.0) if began is None else (time.monotonic() - began[0], _cpu_seconds() - began[1])
    return {"seconds": round(seconds, 1), "cpu_seconds": round(cpu_seconds, 1)}


def _cpu_seconds() -> float:
    """Of this process and of the children that it has waited for: a reward program has a process of its own."""
    return sum(os.times()[:4])


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def failed(text: str) -> Outcome:
    """The outcome of a training that failed for a reason."""
    return {"score": None, "failure": text, **_spent(), "episodes": [], "watched": [], "curves": None}


def _read(training: Training) -> Outcome | None:
    return json.loads(training.outcome.read_text()) if training.outcome.exists() else None


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        return f"{name}: out of memory?" if -code == signal.SIGKILL else name
    return f"exit code {code}"


def _stop(processes: Sequence[Any]) -> None:
    """Ask trainings to save themselves, and see them end."""
    for process in processes:
        process.terminate()
    if processes:
        print(f"waiting for {len(processes)} training(s) to save themselves", file=sys.stderr, flush=True)
    deadline = time.monotonic() + STOP_SECONDS
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.exitcode is None:
            process.kill()
            process.join()

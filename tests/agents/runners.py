"""Runs of `agents.train` for tests: small ones in this process, and the command itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agents.cli import compose
from agents.config.commands import TRAIN, TrainConfig
from agents.runs import RunDir, read_progress
from agents.train import train
from tests.agents.forked import Forked

STEP = "time/total_timesteps"
SMALL = ("env=CartPole", "num_envs=4", "algo.n_steps=32", "algo.batch_size=64", "algo.n_epochs=2", "algo.net_arch=[16]")
SMALL += ("algo.schedule=constant", "video=false", "tensorboard=false")
INTERVALS = ("log_every=256", "eval_every=512", "eval_episodes=2", "checkpoint_every=256")


def configured(*arguments: str) -> TrainConfig:
    return compose(TRAIN, "train", arguments)


def ran(config: TrainConfig, given: frozenset[str] = frozenset(), *, page: bool = False) -> RunDir:
    """Train; drawing the page takes longer than most of these runs, so it is left out unless a test looks at it."""
    with pytest.MonkeyPatch.context() as patch:
        if not page:
            patch.setattr("agents.report.write_report", lambda run: run.report)
        return train(config, given)


def trained(run_dir: Path, *arguments: str, page: bool = False) -> RunDir:
    return ran(configured(f"run_dir={run_dir}", *SMALL, *arguments), page=page)


def resumed(run: RunDir | Path, *arguments: str) -> RunDir:
    path = run.path if isinstance(run, RunDir) else run
    given = frozenset(argument.partition("=")[0] for argument in arguments) | {"resume"}
    return ran(configured(f"resume={path}", *arguments), given)


def command(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-m", "agents.train", *arguments], **pipes, **options)


def forked(*arguments: str) -> Forked:
    """The same without its imports."""
    return Forked("agents.train", *arguments)


def finish(process: subprocess.Popen[str] | Forked) -> tuple[int | None, str]:
    _, errors = process.communicate(timeout=240)
    return process.returncode, errors


def numbers(run: RunDir) -> list[dict[str, float]]:
    """The log without what depends on the clock."""
    rows = read_progress(run.progress)
    return [{k: v for k, v in row.items() if not k.startswith("time/") or k == STEP} for row in rows]


def custom(tmp_path: Path, body: str) -> tuple[str, str]:
    (tmp_path / "mine.py").write_text(body)
    return "reward=custom", f"reward.path={tmp_path / 'mine.py'}:mine"

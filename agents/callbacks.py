"""What happens between updates of a training run: logging, evaluation, checkpoints, and stopping on request."""

from __future__ import annotations

import re
import shutil
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from numbers import Real
from types import FrameType
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter, Logger, TensorBoardOutputFormat
from tqdm import tqdm

from agents.runs import ProgressFile, RunDir
from agents.sb3 import VecReplaceReward

STEP = "time/total_timesteps"


class StopRequest:
    """Turns the first Ctrl-C or SIGTERM into a request to stop; the second aborts."""

    def __init__(self) -> None:
        self.requested = False

    @contextmanager
    def listening(self, stop: Callable[[], None]) -> Iterator[None]:
        """Call ``stop`` when asked; the signals' old meaning comes back afterwards."""

        def handle(number: int, frame: FrameType | None) -> None:
            if self.requested:
                raise KeyboardInterrupt
            self.requested = True
            name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
            print(f"\n{name}: saving, then stopping (again: stop at once)", file=sys.stderr, flush=True)
            stop()

        old = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)


class BetweenUpdates(BaseCallback):
    """Logs and evaluates when it is due, between updates: only there is the state of a run complete.

    What is due depends on the number of steps alone, so that a resumed run does the same as an uninterrupted one. It
    belongs before `agents.checkpoint.Checkpoints` in a list of callbacks: what is logged is not saved as pending.

    Args:
        venv: The training environments.
        log_every: Timesteps between rows of the log.
        eval_every: Timesteps between evaluations; 0 for none.
        evaluate: Returns metrics to log.
        display: Shows progress.
        watch: Is shown every row before it is written; what it records goes with it.
        elapsed: Seconds that the run took before it was resumed.
        resumed: Whether what is due at the first step was done before.

    Attributes:
        timesteps: Steps up to the last complete update.
        began: Whether the first rollout has begun.
    """

    def __init__(
        self,
        venv: VecReplaceReward,
        *,
        log_every: int,
        eval_every: int,
        evaluate: Callable[[], Mapping[str, float]],
        display: Display,
        watch: Callable[[Mapping[str, Any]], None] | None = None,
        elapsed: float = 0.0,
        resumed: bool = False,
    ):
        super().__init__()
        self.timesteps = 0
        self._venv = venv
        self._log_every = log_every
        self._eval_every = eval_every
        self._evaluate = evaluate
        self._display = display
        self._watch = watch
        self._began = time.monotonic() - elapsed
        self._resumed = resumed
        self.began = False
        self._complete = -1
        self._last_log = (time.monotonic(), 0)

    def _on_rollout_start(self) -> None:
        previous, self.timesteps = self.timesteps, self.model.num_timesteps
        if not self.began:
            self.began = True
            self._last_log = (time.monotonic(), self.timesteps)
            if self._eval_every and not self._resumed:
                self._log(evaluated=True)
            return
        evaluated = bool(self._eval_every) and self.timesteps // self._eval_every > previous // self._eval_every
        if evaluated or self.timesteps // self._log_every > previous // self._log_every:
            self._log(evaluated)

    def _on_step(self) -> bool:
        self._display.update(self.model.num_timesteps)
        return True

    def _on_rollout_end(self) -> None:
        self._complete = self.model.num_timesteps

    def _on_training_end(self) -> None:
        """After the last update, not after a stop in mid-rollout: log and evaluate for the last time."""
        if self.model.num_timesteps != self._complete or self.model.num_timesteps == self.timesteps:
            return
        self.timesteps = self.model.num_timesteps
        self._log(evaluated=self._eval_every > 0)

    def _log(self, evaluated: bool) -> None:
        clock, (last_clock, last) = time.monotonic(), self._last_log
        if self.timesteps > last:
            self.logger.record("time/fps", (self.timesteps - last) / max(clock - last_clock, 1e-9))
        if evaluated:
            for name, value in self._evaluate().items():
                self.logger.record(name, value)
        for name, values in self._venv.episodes.drain().items():
            self.logger.record(ROLLOUT.get(name, name if "/" in name else f"rollout/{name}"), float(np.mean(values)))
        for name, value in self._venv.metrics.items():
            self.logger.record(f"reward_model/{name}", value)
        self._last_log = (time.monotonic(), self.timesteps)
        self.logger.record("time/elapsed", time.monotonic() - self._began)
        self.logger.record(STEP, self.timesteps)
        if self._watch is not None:
            self._watch(self.logger.name_to_value)
        self._display.show(self.logger.name_to_value)
        self.logger.dump(self.timesteps)


ROLLOUT = {"reward": "rollout/ep_rew_mean", "length": "rollout/ep_len_mean"}
"""Names that Stable-Baselines3 has made customary."""


class Display:
    """Progress on a terminal as a bar, elsewhere as a line now and then.

    Args:
        total: Steps of the whole run.
        start: Steps done already.
        note: What else there is to tell, asked when numbers are shown; empty if nothing.
        seconds: Between lines where there is no terminal.
    """

    def __init__(self, total: int, start: int = 0, note: Callable[[], str] = str, seconds: float = 30.0):
        self._total, self._start, self._note, self._seconds = total, start, note, seconds
        self._values: dict[str, str] = {}
        self._began = self._printed = time.monotonic()
        self._bar = None
        if sys.stderr.isatty():
            form = "{percentage:3.0f}%|{bar:24}| {n_fmt}/{total_fmt} [{remaining} left, {rate_fmt}{postfix}]"
            width = shutil.get_terminal_size().columns
            self._bar = tqdm(
                total=total, initial=start, unit=" steps", unit_scale=True, bar_format=form, ncols=width, nrows=20
            )

    def show(self, values: Mapping[str, float]) -> None:
        """Take the newest numbers."""
        names = {"reward": "rollout/ep_rew_mean", "fitness": "rollout/fitness", "evaluated": "eval/fitness"}
        self._values |= {short: f"{values[name]:.3g}" for short, name in names.items() if name in values}
        if self._bar is not None:
            shown = ", ".join(f"{name}={value}" for name, value in self._values.items())
            self._bar.set_postfix_str(" · ".join(filter(None, (shown, self._note()))), refresh=False)

    def update(self, steps: int) -> None:
        """Count steps."""
        if self._bar is not None:
            self._bar.update(steps - self._bar.n)
        elif (now := time.monotonic()) - self._printed >= self._seconds:
            self._printed = now
            rate = (steps - self._start) / max(now - self._began, 1e-9)
            left = time.strftime("%H:%M:%S", time.gmtime(max(self._total - steps, 0) / rate)) if rate > 0 else "?"
            shown = "".join(f", {name} {value}" for name, value in self._values.items())
            note = self._note()
            shown += f" ({note})" if note else ""
            print(f"{steps:,}/{self._total:,} steps, {rate:,.0f} fps{shown}, {left} left", file=sys.stderr, flush=True)

    def close(self) -> None:
        """End the bar's line."""
        if self._bar is not None:
            self._bar.close()


class CsvFormat(KVWriter):
    """Stable-Baselines3 log values as rows of a `ProgressFile`."""

    def __init__(self, file: ProgressFile):
        self.file = file

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        """Append a row, the step first and the rest by name."""
        row = {name: float(value) for name, value in sorted(key_values.items()) if isinstance(value, Real)}
        self.file.append({STEP: row.pop(STEP)} | row)

    def close(self) -> None:
        """Nothing is held open."""


class TensorBoardFormat(TensorBoardOutputFormat):
    """TensorBoard events; those after the step that a run resumes from are hidden.

    Args:
        folder: Where events go.
        resumed_at: The step, None for a new run.
    """

    def __init__(self, folder: str, resumed_at: int | None = None):
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(log_dir=folder, purge_step=None if resumed_at is None else resumed_at + 1)
        self._is_closed = False


class WandbFormat(KVWriter):
    """Weights & Biases; a resumed run continues the same one there."""

    def __init__(self, run: RunDir, config: Mapping[str, Any]):
        import wandb

        self._run = wandb.init(
            project="reward-designers", dir=run.path, id=run.path.resolve().name, resume="allow", config=dict(config)
        )

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        """Send a row."""
        self._run.log(dict(key_values), step=step)

    def close(self) -> None:
        """Finish the upload."""
        self._run.finish()


def make_logger(run: RunDir, file: ProgressFile, formats: list[KVWriter]) -> Logger:
    """A Stable-Baselines3 logger that writes a `ProgressFile` and the other ``formats``."""
    return Logger(folder=str(run.path), output_formats=[CsvFormat(file), *formats])


def quiet_warnings() -> None:
    """Show warnings as one line for people rather than with a place in the code."""

    def show(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any) -> None:
        if issubclass(category, UserWarning):
            text = re.sub(r"\x1b\[\d*m", "", str(message)).replace("\n", " ").strip()
            print(f"warning: {text}", file=sys.stderr, flush=True)

    warnings.showwarning = show  # type: ignore[assignment]
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated")  # pygame's business

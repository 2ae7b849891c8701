"""One process's work on a training run: build, learn, evaluate between updates, and report what came out."""

from __future__ import annotations

import importlib.util
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.build import (
    EVAL_EPISODES,
    MAX_EVAL_ENVS,
    check_device,
    check_observations,
    make_env,
    make_model,
    make_venv,
)
from agents.cli import settle_libraries
from agents.config.commands import TrainConfig
from agents.errors import UsageError, explained, fail, located, reason, told
from agents.runs import ProgressFile, RunDir, read_progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stable_baselines3.common.base_class import BaseAlgorithm

    from agents.sb3 import VecReplaceReward
    from envs.task import Task
    from reward_designers.base import RewardFn

DIVERGED = ("found invalid values", "probability tensor contains either")
"""What PyTorch says of a policy that is NaN; the latter where `torch.compile` has turned the checks off."""
EVAL_SEED = 1_000_000
"""Initial states of evaluations are seeded with this plus the run's seed, training with the seed itself."""


class Session:
    """One process's work on a run.

    Args:
        config: Resolved.
        directory: The run's, locked.
        checkpoint: Where to resume from; by default the newest.
    """

    def __init__(self, config: TrainConfig, directory: RunDir, checkpoint: Path | None = None):
        self.config = config
        self.directory = directory
        self.checkpoint = checkpoint

    def run(self, resume: bool) -> RunDir:
        """Train to the end, or until asked to stop; then record a video and report."""
        settle_libraries()
        with explained():
            self._build()
            from agents.callbacks import BetweenUpdates, Display, StopRequest
            from agents.checkpoint import Checkpoints
            from agents.checkpoint_files import CheckpointError, find_checkpoint, read_checkpoint
            from agents.checkpoint_files import checkpoints as checkpoints_in
            from envs.gl import GLError
            from reward_designers.errors import RewardError

            config, run = self.config, self.directory
            total = config.total_timesteps or 0
            latest, start = None, 0
            if resume and (self.checkpoint or checkpoints_in(run.checkpoints)):
                latest = find_checkpoint(self.checkpoint or run.checkpoints)
                read_checkpoint(latest)  # is it good? before anything is changed
                start = steps_of(latest)
        if start >= total and run.read_summary().get("timesteps", -1) >= start:
            print(f"{run.path} has had its {start:,} steps already; give a larger total_timesteps= to go on")
            return run
        with explained():
            self.judged.ask(run.path)
        try:
            run.write_config(config)
            if not resume:
                run.write_meta(config.seed)
            progress = ProgressFile(run.progress, until=start if latest else -1)
            self._open_logs(progress, start if latest else None)
        except OSError as error:
            raise UsageError(reason(error, run.path)) from error
        self.best = best_score(progress.rows, self.judge)
        display, stop = Display(total, start, self.judged.note), StopRequest()
        self.judged.beware("rollout/fitness" if self.task else "rollout/env_reward", progress.rows)
        self.checkpoints = checkpoints = Checkpoints(run.checkpoints, config.checkpoint_every or total, resume=latest)
        between = BetweenUpdates(
            self.venv,
            log_every=config.log_every or total,
            eval_every=config.eval_every or 0,
            evaluate=self._evaluate,
            display=display,
            watch=self._watch,
            elapsed=progress.rows[-1].get("time/elapsed", 0.0) if progress.rows else 0.0,
            resumed=latest is not None,
        )
        print(self._headline(start), file=sys.stderr, flush=True)
        state, failure, at_fault = "finished", "", ""
        try:
            with stop.listening(checkpoints.stop):
                self.model.learn(total, [between, checkpoints], log_interval=None)
            if self.model.num_timesteps < total:
                state = "interrupted"
        except RewardError as error:
            state, failure, at_fault = "failed", located(error), "reward"
            with told():
                checkpoints.flush()
        except (CheckpointError, OSError, GLError) as error:
            if not between.began:
                raise UsageError(str(error)) from error
            state, failure, at_fault = "failed", reason(error, run.path), "machine"
        except Exception as error:
            if not any(said in str(error) for said in DIVERGED):
                checkpoints.flush()
                if between.timesteps:
                    error.add_note(f"what was trained until step {between.timesteps:,} is kept: resume={run.path}")
                raise
            state, at_fault = "failed", "reward"
            failure = (
                "training diverged: what the policy says is no number any more. Rewards that are too large do that "
                "(scale them, or algo.normalize_reward=true), a high algo.learning_rate, observations that are NaN"
            )
        finally:
            display.close()
            with told():
                self.model.logger.close()
            self.judged.close()
        self._finish(state, failure, at_fault, max(between.timesteps, start))
        if failure:
            kept = f"what was trained until step {between.timesteps:,} is kept in {run.path}"
            fail(f"{failure}\n{kept if between.timesteps else 'nothing was trained'}", code=1)
        if state == "interrupted":
            sys.exit(0)  # a sweep ends with it
        return run

    def _build(self) -> None:
        """Environments, reward and algorithm; here the heavy packages are imported."""
        import torch

        from agents.callbacks import quiet_warnings
        from agents.evaluation import picture
        from agents.rewarding.judged import Judged
        from agents.rewarding.make import make_reward
        from envs import task_of
        from envs.gl import ensure_gl

        config, run = self.config, self.directory
        quiet_warnings()
        torch.set_num_threads(1)
        check_device(config.device)
        if config.wandb and importlib.util.find_spec("wandb") is None:
            raise UsageError("wandb=true needs the extra of that name: pip install 'reward-designers[wandb]'")
        self.reward: RewardFn | None = make_reward(config, run.path)
        self.judged = Judged(config, self.reward)
        if "MUJOCO_GL" in os.environ:
            ensure_gl()  # what is set must be valid before mujoco is imported
        env = make_env(config)
        check_observations(env.observation_space)
        self.task: Task | None = task_of(env)
        if self.reward is not None and sees(self.reward):
            env.reset()
            picture(env, 32, config.render.name)  # before anything is trained: is there a way to draw?
        env.close()
        self.venv: VecReplaceReward = make_venv(config, config.num_envs or 1, self.reward)
        self.model: BaseAlgorithm = make_model(config, self.venv)
        expensive = self.reward is not None and self.reward.expensive
        self.judge = "eval/fitness" if self.task else "eval/reward"
        self.scores_reward = not (expensive and self.task)
        episodes = min(config.eval_episodes or EVAL_EPISODES, MAX_EVAL_ENVS)
        self.eval_venv = make_venv(config, episodes, self.reward if self.scores_reward else None, evaluates=True)

    def _watch(self, row: Mapping[str, Any]) -> None:
        if self.judged.watch(row, self.model.logger) and self.config.reward.stop_on_alarm:
            self.checkpoints.stop()

    def _open_logs(self, progress: ProgressFile, resumed_at: int | None) -> None:
        from dataclasses import asdict

        from agents.callbacks import TensorBoardFormat, WandbFormat, make_logger

        formats: list[Any] = []
        if self.config.tensorboard:
            formats.append(TensorBoardFormat(str(self.directory.tensorboard), resumed_at))
        if self.config.wandb:
            formats.append(WandbFormat(self.directory, asdict(self.config)))
        self.model.set_logger(make_logger(self.directory, progress, formats))

    def _evaluate(self) -> dict[str, float]:
        """Evaluate, keep the policy if it is the best so far, and return what to log."""
        from agents.evaluation import means, run_episodes
        from agents.policies import save_policy

        episodes = self.config.eval_episodes or EVAL_EPISODES
        rows = run_episodes(self.model, self.eval_venv, episodes, EVAL_SEED + self.config.seed)
        values = means(rows)
        if not self.scores_reward:
            values = {name: value for name, value in values.items() if name.partition("/")[0] != "reward"}
        logged = {f"eval/{name}": value for name, value in values.items()}
        if logged[self.judge] > self.best:
            self.best = logged[self.judge]
            save_policy(self.model, self.directory.best)
        return logged

    def _headline(self, start: int) -> str:
        config = self.config
        env = f"{config.env.id or config.env.name}{f' ({self.task.name})' if self.task else ''}"
        reward = config.reward_name
        if reward == "vlm":
            goals = getattr(self.reward, "goal", ())
            reward += f" by {config.reward.model}: {' | '.join(goals)}"
        elif reward in ("custom", "code", "motif"):
            reward += f" {config.reward.path}"
        elif reward == "intrinsic":
            reward += f": {config.reward.model.name}, judged by {config.reward.judge.name}: {config.reward.goal}"
        elif reward == "ellm":
            suggested = [] if config.llm.name == "none" else [f"what {config.llm.model or 'a record'} suggests"]
            reward += f": {' | '.join([*(config.reward.goals or ()), *suggested])}"
        elif reward == "calm":
            reward += f": judged by {config.reward.judge.name}: {' '.join(config.reward.subgoals)}"
        elif reward in ("factored", "judge"):
            reward += f": {self.reward}"
        if reward.startswith("code "):
            program: Any = getattr(self.reward, "phi", self.reward)  # within the shaping of a potential
            reward += f"\n{program.protection or 'no sandbox: the program can do all that you can'}"
        went = f", going on from step {start:,}" if start else ""
        return (
            f"{env}, reward {reward}\n{config.algo.name}, {config.num_envs} environments, "
            f"{config.total_timesteps:,} steps, seed {config.seed}{went}\nwriting to {self.directory.path}"
        )

    def _finish(self, state: str, failure: str, at_fault: str, timesteps: int) -> None:
        """Write down what came out; each part that can be written is."""
        from agents.policies import load_policy, save_policy
        from agents.report import write_report

        run, rows = self.directory, read_progress(self.directory.progress)
        last = {name: value for row in rows for name, value in row.items()}
        summary: dict[str, Any] = {
            "state": state,
            "timesteps": timesteps,
            "seconds": round(rows[-1]["time/elapsed"], 1) if rows else 0.0,
            "wanted": self.task.text if self.task else "",
            "judged_by": self.judge,
            "best": self.best if self.best > -float("inf") else None,
            "last": last,
            **self.judged.summary(),
        }
        if failure:
            summary |= {"failure": failure, "at_fault": at_fault}
        with told():
            save_policy(self.model, run.last)
        with told():
            run.write_summary(summary)
        if self.config.video and state != "failed":
            with told():
                if run.best.exists():
                    load_policy(self.model, run.best)
                self._record()
        with told():
            write_report(run)
        fitness = last.get(self.judge)
        how_good = f", {self.judge} {fitness:.3f} (best {self.best:.3f})" if fitness is not None else ""
        page = f"\nreport: {run.report}" if run.report.exists() else ""
        print(f"{state} at step {timesteps:,}{how_good}{page}", file=sys.stderr, flush=True)

    def _record(self) -> None:
        from agents.evaluation import draws, record

        venv = make_venv(self.config, 1, self.reward, evaluates=True)
        if draws(venv):
            record(self.model, venv, self.directory.path, EVAL_SEED + self.config.seed)
        else:
            print("no video: the environment draws no pictures of itself", file=sys.stderr)
        venv.close()


def best_score(rows: Iterable[Mapping[str, float]], judge: str) -> float:
    """The highest finite score so far; nothing is higher than NaN, so that it would stay the best for ever."""
    scores = (row[judge] for row in rows if judge in row)
    return max(filter(math.isfinite, scores), default=-math.inf)


def steps_of(checkpoint: Path) -> int:
    """The timesteps of a checkpoint, which are in its name."""
    return int(checkpoint.name.rpartition("-")[2])


def sees(reward: RewardFn) -> bool:
    """Whether the reward looks at frames."""
    return "frame" in reward.inputs or any(encoder.source == "frame" for encoder in reward.encoders.values())

"""Train an agent on a reward.

python -m agents.train env=Humanoid reward=vlm
python -m agents.train env=Humanoid task=kneeling reward=vlm reward.alpha=0.5 algo=sac total_timesteps=200_000
python -m agents.train env=Hopper reward=custom reward.path=my_rewards.py:stand
python -m agents.train env=Hopper reward=code reward.path=BEST.py
python -m agents.train env.id=LunarLander-v3 reward=env
python -m agents.train -m env=Hopper,Walker2d reward=env,vlm seed=0,1,2
python -m agents.train resume=runs/2026-11-21_12-00-00_Humanoid_vlm
"""

from __future__ import annotations

import importlib.util
import math
import os
import re
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents import cli
from agents.build import EVAL_EPISODES, check_device, find_task, make_env, make_model, make_venv, resolve, spec
from agents.cli import UsageError
from agents.config.commands import TRAIN, TrainConfig
from agents.runs import ProgressFile, RunDir, read_progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from stable_baselines3.common.base_class import BaseAlgorithm

    from agents.sb3 import VecReplaceReward
    from envs.task import Task
    from reward_designers.base import RewardFn
    from reward_designers.intrinsic import Annotation, GoalReward, IntrinsicReward
    from reward_designers.intrinsic.suggestions import Suggestions

MAX_EVAL_ENVS = 16
EVAL_SEED = 1_000_000
"""Initial states of evaluations are seeded with this plus the run's seed, training with the seed itself."""
ALLOWED_ON_RESUME = frozenset({"resume", "total_timesteps", "device", "llm", "wandb", "tensorboard", "video"})


def main() -> None:
    """The command."""
    cli.run(TRAIN, "train", __doc__ or "", train)


def train(config: TrainConfig, given: frozenset[str] = frozenset()) -> RunDir:
    """Train as ``config`` says, or go on with a run.

    Args:
        config: See `agents.config.commands`.
        given: The keys that were set, rather than left at their defaults.

    Returns:
        The run's directory, complete.

    Raises:
        UsageError: The config asks for what is not there.
        SystemExit: With code 0 if asked to stop, with code 1 if the reward failed or the disk is full. What was trained
            until then is saved.
    """
    if config.resume is not None:
        cli.refuse_changes(given, ALLOWED_ON_RESUME, "a run is", f"{config.resume}/config.yaml")
        path = Path(config.resume)
        checkpoint = path if path.parent.name == "checkpoints" else None
        run = RunDir.open(path.parent.parent if checkpoint else path)
        with run.lock():
            saved = run.read_config()
            for key in {key.partition(".")[0] for key in given} - {"resume"}:
                setattr(saved, key, getattr(config, key))
            return Session(saved, run, checkpoint).run(resume=True)

    check_env(config)
    config = resolve(config)
    if _reward_name(config) in ("custom", "code", "motif"):
        from agents.rewarding.make import make_reward

        with explained():
            make_reward(config)  # mistakes in it are told before anything is written
    name = "_".join(str(part) for part in (config.env.id or config.env.name, config.task, _reward_name(config)) if part)
    run = RunDir.create(config.run_dir, name.replace("/", "-"))
    with run.lock():
        run.require_unused()
        try:
            run.keep_reward_file(config)
            if _reward_name(config) == "calm":
                from agents.rewarding.calm import prepare

                with explained():
                    prepare(config, run.path)
            config.run_dir = None
            return Session(config, run).run(resume=False)
        except UsageError:
            run.discard_unused()
            raise


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
        cli.settle_libraries()
        with explained():
            self._build()
            from agents.callbacks import BetweenUpdates, Display, StopRequest
            from agents.checkpoint import CheckpointError, Checkpoints, find_checkpoint
            from agents.checkpoint_files import checkpoints as checkpoints_in
            from agents.checkpoint_files import read_checkpoint
            from agents.guard import HackingAlarm
            from envs.gl import GLError
            from reward_designers.errors import RewardError
            from reward_designers.intrinsic.subgoal_llm import AskedSubgoals

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
        self.annotation: Annotation | Suggestions | None = None
        if self.taught is not None:
            from agents.rewarding import ellm, intrinsic
            from reward_designers.intrinsic import GoalReward

            with explained():
                if isinstance(self.taught, GoalReward):
                    self.annotation = ellm.teach(self.taught, config, run.path)
                elif _reward_name(config) == "intrinsic":
                    self.annotation = intrinsic.teach(self.taught, config, run.path)
        elif self.subgoals is not None and isinstance(self.subgoals.judge, AskedSubgoals):
            from agents.rewarding import calm

            with explained():
                self.annotation = calm.teach(self.subgoals.judge, config, run.path)
        run.write_config(config)
        if not resume:
            run.write_meta(config.seed)
        progress = ProgressFile(run.progress, until=start if latest else -1)
        self.best = best_score(progress.rows, self.judge)
        self._open_logs(progress, start if latest else None)
        display, stop = Display(total, start, self._note), StopRequest()
        truth = "rollout/fitness" if self.task else "rollout/env_reward"
        watched = self.taught.name if self.taught is not None else "subgoals" if self.subgoals is not None else None
        self.alarm = None if watched is None else HackingAlarm(f"reward/{watched}", truth, progress.rows)
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
            state, failure, at_fault = "failed", str(error), "machine"
        except Exception as error:
            if "found invalid values" not in str(error):  # what a distribution of PyTorch says of NaN
                checkpoints.flush()
                raise
            state, at_fault = "failed", "training"
            failure = (
                "training diverged: what the policy says is no number any more. Scale the reward down, such as by "
                f"algo.normalize_reward=true, or lower algo.learning_rate; earlier checkpoints are in {run.checkpoints}"
            )
        finally:
            display.close()
            self.model.logger.close()
            if self.annotation is not None:
                self.annotation.close()
        self._finish(state, failure, at_fault, max(between.timesteps, start))
        if failure:
            cli.fail(f"{failure}\nwhat was trained until step {between.timesteps:,} is kept in {run.path}", code=1)
        if state == "interrupted":
            sys.exit(0)  # a sweep ends with it
        return run

    def _build(self) -> None:
        """Environments, reward and algorithm; here the heavy packages are imported."""
        import torch

        from agents.callbacks import quiet_warnings
        from agents.evaluation import picture
        from agents.rewarding.make import make_reward
        from agents.rewarding.terms import part_of
        from envs import task_of
        from envs.gl import ensure_gl
        from reward_designers.intrinsic import GoalReward, IntrinsicReward, SubgoalReward

        config, run = self.config, self.directory
        quiet_warnings()
        torch.set_num_threads(1)
        check_device(config.device)
        if config.wandb and importlib.util.find_spec("wandb") is None:
            raise UsageError("wandb=true needs the extra of that name: pip install 'reward-designers[wandb]'")
        self.reward: RewardFn | None = make_reward(config, run.path)
        self.taught: IntrinsicReward | GoalReward | None = None
        if _reward_name(config) in ("intrinsic", "motif", "ellm"):
            self.taught = part_of(self.reward, GoalReward) or part_of(self.reward, IntrinsicReward)
        self.subgoals = part_of(self.reward, SubgoalReward) if _reward_name(config) == "calm" else None
        if "MUJOCO_GL" in os.environ:
            ensure_gl()  # what is set must be valid before mujoco is imported
        env = make_env(config)
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
        """What pays, for the log; and an alarm if it pays without the task being done."""
        best = ""
        if self.taught is not None:
            top = self.taught.top()
            table = "\n".join(f"| {amount:.4g} | {times} | {caption} |" for caption, times, amount in top)
            text = f"| paid | times | caption |\n| --- | --- | --- |\n{table}"
            self.model.logger.record("captions/top", text, exclude=("csv",))
            best = "; ".join(f"{caption!r} paid {amount:.3g}" for caption, _, amount in top[:3])
        elif self.subgoals is not None:
            best = "; ".join(f"{text!r} in {share:.0%} of episodes" for text, _, share in self.subgoals.rows())
        if self.alarm is not None and self.alarm(row):
            print(f"\nwarning: {self.alarm.text}. What pays most: {best}", file=sys.stderr, flush=True)
            if self.config.reward.stop_on_alarm:
                self.checkpoints.stop()

    def _note(self) -> str:
        """What else a person wants to see beside the progress."""
        asked = "" if self.annotation is None else str(self.annotation.status())
        if self.subgoals is None:
            return asked
        return " · ".join(filter(None, (self.subgoals.status(), asked.replace("captions known", "moments known"))))

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
        reward = _reward_name(config)
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
        }
        if self.taught is not None:
            summary["captions"] = self.taught.top()
        if self.subgoals is not None:
            summary |= {"subgoals": self.subgoals.rows(), "episodes": self.subgoals.episodes}
        if self.alarm is not None and self.alarm.text:
            summary["alarm"] = self.alarm.text
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
        print(f"{state} at step {timesteps:,}{how_good}\nreport: {run.report}", file=sys.stderr, flush=True)

    def _record(self) -> None:
        from agents.evaluation import record

        venv = make_venv(self.config, 1, self.reward, evaluates=True)
        record(self.model, venv, self.directory.path, EVAL_SEED + self.config.seed)
        venv.close()


@contextmanager
def explained() -> Iterator[None]:
    """Errors of the user's making end the program with their message alone."""
    from agents.checkpoint_files import CheckpointError
    from envs.gl import GLError
    from reward_designers.errors import RewardError
    from reward_designers.llm import LLMError

    try:
        yield
    except RewardError as error:
        raise UsageError(located(error)) from error
    except (ValueError, ImportError, OSError, CheckpointError, GLError, LLMError) as error:
        raise UsageError(str(error)) from error


@contextmanager
def told() -> Iterator[None]:
    """What cannot be saved or drawn at the very end is told, and does not hide what happened before."""
    from agents.checkpoint_files import CheckpointError
    from envs.gl import GLError

    try:
        yield
    except (OSError, ValueError, CheckpointError, GLError) as error:
        print(f"warning: not everything could be saved: {error}", file=sys.stderr)


def sees(reward: RewardFn) -> bool:
    """Whether the reward looks at frames."""
    return "frame" in reward.inputs or any(encoder.source == "frame" for encoder in reward.encoders.values())


def located(error: BaseException) -> str:
    """The error's message, with the line of the file that raised it."""
    cause = error.__cause__
    if cause is None or cause.__traceback__ is None:
        return str(error)
    frames = [f for f in traceback.extract_tb(cause.__traceback__) if not re.search("^<|importlib", f.filename)]
    ours = Path(__file__).resolve().parent.parent
    inner = [f for f in frames if ours not in Path(f.filename).resolve().parents or "reward" in Path(f.filename).parts]
    if not inner:
        return str(error)
    return f"{error}\n  at {inner[0].filename}:{inner[0].lineno}: {inner[0].line}"


def check_env(config: TrainConfig) -> None:
    """Refuse an unknown environment or task before anything heavy is imported.

    Raises:
        UsageError: With the nearest names.
    """
    import gymnasium as gym

    import envs

    try:
        if config.env.id is None:
            assert config.env.name is not None
            envs.find_task(config.env.name, config.task)
        else:
            spec(config.env.id)
            find_task(config.env.id, config.task)
    except (ValueError, ImportError, gym.error.Error) as error:
        raise UsageError(str(error)) from error


def best_score(rows: Iterable[Mapping[str, float]], judge: str) -> float:
    """The highest finite score so far; nothing is higher than NaN, so that it would stay the best for ever."""
    scores = (row[judge] for row in rows if judge in row)
    return max(filter(math.isfinite, scores), default=-math.inf)


def steps_of(checkpoint: Path) -> int:
    """The timesteps of a checkpoint, which are in its name."""
    return int(checkpoint.name.rpartition("-")[2])


def _reward_name(config: TrainConfig) -> str:
    node = config.reward
    return node.get("_target_", "reward").split(".")[-1] if isinstance(node, dict) else node.name


if __name__ == "__main__":
    main()

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

from pathlib import Path

from agents import cli
from agents.build import check_env, resolve
from agents.config.commands import GIVEN_ANEW, TRAIN, TrainConfig
from agents.errors import UsageError, explained
from agents.runs import RunDir
from agents.session import Session


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
        cli.refuse_changes(given, GIVEN_ANEW, "a run is", f"{config.resume}/config.yaml")
        path = Path(config.resume)
        checkpoint = path if path.parent.name == "checkpoints" else None
        run = RunDir.open(path.parent.parent if checkpoint else path)
        with run.lock():
            saved = run.read_config()
            cli.take_over(saved, config, given)
            return Session(saved, run, checkpoint).run(resume=True)

    check_env(config)
    config = resolve(config)
    if config.reward_name in ("custom", "code", "motif"):
        from agents.rewarding.make import make_reward

        with explained():
            make_reward(config)  # mistakes in it are told before anything is written
    name = "_".join(str(part) for part in (config.env.id or config.env.name, config.task, config.reward_name) if part)
    run = RunDir.create(config.run_dir, name.replace("/", "-"))
    with run.lock():
        run.require_unused()
        try:
            run.keep_reward_file(config)
            if config.reward_name == "calm":
                from agents.rewarding.calm import prepare

                with explained():
                    prepare(config, run.path)
            config.run_dir = None
            return Session(config, run).run(resume=False)
        except UsageError:
            run.discard_unused()
            raise


if __name__ == "__main__":
    main()

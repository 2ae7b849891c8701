"""The reward that a config names: what is left open filled in, the reward made, what it had learned restored."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from agents.build import SB3_GAMMA, find_task, make_env, make_model, make_venv
from agents.config.commands import TrainConfig
from agents.config.rewards import (
    CalmReward,
    CountReward,
    EllmReward,
    FactoredReward,
    IntrinsicReward,
    JudgeReward,
    Novelty,
    RNDReward,
)
from agents.rewarding import calm, ellm, intrinsic, novelty, progress

if TYPE_CHECKING:
    import numpy as np

    from agents.runs import RunDir
    from envs.task import Task
    from reward_designers.base import RewardFn


def resolved(config: TrainConfig, task: Task | None) -> Any:
    """``config.reward`` with what was left open filled in from the task.

    Raises:
        UsageError: It cannot be had in this environment.
    """
    reward = config.reward
    if isinstance(reward, IntrinsicReward):
        return intrinsic.resolved(config, task)
    if isinstance(reward, EllmReward):
        return ellm.resolved(config, task)
    if isinstance(reward, CountReward | RNDReward):
        return replace(reward, of=novelty.looked_at(config, Novelty[reward.name], reward.of))
    if isinstance(reward, CalmReward):
        return calm.resolved(config, task)
    if isinstance(reward, FactoredReward | JudgeReward):
        progress.check(config, task)
    return reward


def zero(action: np.ndarray) -> dict[str, np.ndarray]:
    """The reward of `reward=zero`."""
    import numpy as np

    return {"zero": np.zeros(len(action))}


def make_reward(config: TrainConfig, run_dir: Path | None = None) -> RewardFn | None:
    """The reward that a config names; None for the environment's own.

    Args:
        config: Resolved; its ``reward`` may also be a ``_target_`` node from a user's config directory.
        run_dir: Where the file of a custom or code reward was copied to.

    Raises:
        RewardError: It cannot be made.
    """
    from reward_designers.base import FunctionReward, as_reward, reward_fn
    from reward_designers.errors import RewardError

    node = config.reward
    if isinstance(node, dict):
        return _instantiated(node)
    if node.name == "env":
        return None
    if node.name == "zero":
        return reward_fn(zero)
    if node.name == "custom":
        path = node.path
        place, _, function = path.rpartition(":")
        if run_dir is not None and place.endswith(".py") and not Path(place).is_absolute():
            path = f"{run_dir / place}:{function}"
        return FunctionReward(path, dict(node.params)) if node.params else as_reward(path)

    if node.name == "code":
        return make_program(config, run_dir)
    if node.name == "intrinsic":
        return intrinsic.make_intrinsic(config)
    if node.name == "ellm":
        return ellm.make_ellm(config)
    if node.name == "motif":
        return intrinsic.make_motif(config, run_dir)
    if isinstance(node, CountReward | RNDReward):
        return novelty.make_novelty(config)
    if node.name == "calm":
        return calm.make_calm(config, run_dir)
    if isinstance(node, FactoredReward | JudgeReward):
        return progress.make_progress(config, run_dir)

    from reward_designers.vlm import reward as vlm

    if not node.goal:
        raise RewardError("this environment has no task with prompts of its own: give reward.goal='what success shows'")
    options = {f.name: getattr(node, f.name) for f in fields(node) if f.name != "name"}
    changed = {f.name: options[f.name] for f in fields(node) if f.name in options and options[f.name] != f.default}
    return vlm.VLMReward(**changed, device=config.device)


def _instantiated(node: dict[str, Any]) -> RewardFn:
    """The reward of a ``_target_`` node.

    Raises:
        RewardError: There is no such class, it takes other arguments, or it is no reward.
    """
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate

    from reward_designers.base import as_reward
    from reward_designers.errors import RewardError

    try:
        return as_reward(instantiate(node))
    except InstantiationException as error:
        cause = error.__cause__ or error
        raise RewardError(f"_target_={node.get('_target_')}: {type(cause).__name__}: {cause}") from cause
    except RewardError as error:
        raise RewardError(f"_target_={node.get('_target_')}: {error}") from error


def make_program(config: TrainConfig, run_dir: Path | None) -> RewardFn:
    """The reward program that ``config.reward`` names, with its process started.

    Raises:
        RewardError: The program is refused, fails to load, or there is no sandbox for it.
        OSError: Its file cannot be read.
    """
    from reward_designers.code import CodeReward
    from reward_designers.errors import RewardError

    node = config.reward
    path = Path(node.path) if run_dir is None else run_dir / node.path  # an absolute one stays
    task = find_task(config.env.id or config.env.name or "", config.task)
    if task is not None:
        fields = tuple(task.fields)
    else:
        from envs.observations import Observations

        env = make_env(config)
        fields = tuple(name for name in Observations(env.observation_space).names)
        env.close()
    entry: Literal["reward", "potential"] = "potential" if node.potential else "reward"
    if not path.is_file():
        raise RewardError(f"reward.path: no such file {node.path!r}")
    try:
        code = CodeReward(path.read_text(), fields, entry, node.seconds, sandbox=node.sandbox.name)
        code.start()
    except ValueError as error:
        raise RewardError(f"{node.path}: {error}") from error
    return code.potential(SB3_GAMMA if node.gamma is None else node.gamma) if node.potential else code


def restore_reward(reward: RewardFn, config: TrainConfig, run: RunDir) -> None:
    """Give the ``reward`` of a run with ``config`` what it had learned by its newest checkpoint, if it learns at all.

    Raises:
        CheckpointError: There is no checkpoint, or it is damaged.
    """
    from agents.checkpoint import load_checkpoint

    if not reward.state_dict():
        return
    venv = make_venv(config, config.num_envs or 1, reward)
    load_checkpoint(make_model(config, venv), run.checkpoints)
    venv.close()

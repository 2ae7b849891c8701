"""From a config to the things that train: hyper-parameters, environments, reward, algorithm."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from agents.config.algorithms import Schedule, Settings
from agents.config.commands import TrainConfig
from agents.config.options import options
from agents.config.rewards import (
    CodeReward,
    FactoredReward,
    JudgeReward,
    VLMReward,
)
from agents.errors import UsageError

if TYPE_CHECKING:
    import gymnasium as gym
    from gymnasium.envs.registration import EnvSpec
    from stable_baselines3.common.base_class import BaseAlgorithm

    from agents.sb3 import VecReplaceReward
    from envs.task import Task
    from reward_designers.base import RewardFn

ON_POLICY = ("ppo", "recurrent_ppo", "maskable_ppo")
SB3_GAMMA = 0.99
EVAL_EPISODES = 8
MAX_EVAL_ENVS = 16
MAX_ENVS, MIN_STEPS = 8, 64
"""A rollout tuned for one environment is split over at most so many, of at least so many steps each."""


def tuned(algo: str, env: str, settings: Settings = Settings.published) -> dict[str, Any]:
    """The values for an environment (plain name or Gymnasium id), from conf/tuned.yaml."""
    table = yaml.safe_load((Path(__file__).parent / "conf" / "tuned.yaml").read_text())[settings.name]
    entries = table[algo]
    if isinstance(entries, str):
        entries = table[entries]
    name = env.split("/")[-1].split("-v")[0]
    family = next((family for family in ("MiniHack", "NetHack") if name.startswith(family)), "default")
    return dict(entries.get(name) or entries.get(family) or entries["default"])


def resolve(config: TrainConfig) -> TrainConfig:
    """``config`` with defaults filled in: tuned values for what was left open, and intervals from the run's length.

    What is still None afterwards is Stable-Baselines3's default.
    """
    from agents.rewarding.make import resolved

    name = config.env.id or config.env.name or ""
    values = tuned(config.algo.name, name, config.algo.settings)
    task = find_task(name, config.task)
    rollout = values.get("num_envs", 1) * values.get("n_steps", 0)
    open_ended = {k: v for k, v in values.items() if k in options(config.algo) and getattr(config.algo, k) is None}
    if "schedule" in open_ended:
        open_ended["schedule"] = Schedule[open_ended["schedule"]]
    algo = replace(config.algo, **open_ended)
    num_envs = config.num_envs
    if num_envs is None:
        num_envs = values.get("num_envs", 1)
        if algo.name in ON_POLICY and num_envs == 1:
            num_envs = max(1, min(MAX_ENVS, rollout // MIN_STEPS))
    if "n_steps" in open_ended:
        algo.n_steps = max(2, -(-rollout // num_envs))
    total = config.total_timesteps or values["total_timesteps"]
    config = replace(config, eval_episodes=config.eval_episodes or values.get("eval_episodes", EVAL_EPISODES))
    return replace(
        config,
        env=replace(config.env, name=None if config.env.id else config.env.name),
        task=task.name if task is not None else None,
        reward=with_gamma(with_prompts(resolved(config, task), task), algo.gamma),
        algo=algo,
        num_envs=num_envs,
        total_timesteps=total,
        eval_every=_eval_every(config, task, total) if config.eval_every is None else config.eval_every,
        checkpoint_every=config.checkpoint_every or max(1, total // 20),
        log_every=config.log_every or max(1, total // 100),
    )


def with_prompts(reward: Any, task: Task | None) -> Any:
    """A VLM reward's config with the task's prompts where none were given; others as they are."""
    if task is None or not isinstance(reward, VLMReward):
        return reward
    goal, baseline = reward.goal or list(task.goal_prompts), reward.baseline or list(task.baseline_prompts)
    return replace(reward, goal=goal, baseline=baseline)


def with_gamma(reward: Any, gamma: float | None) -> Any:
    """A potential's config with the algorithm's discount where none was given; others as they are."""
    shapes = isinstance(reward, FactoredReward | JudgeReward) or (isinstance(reward, CodeReward) and reward.potential)
    if not shapes or reward.gamma is not None:
        return reward
    return replace(reward, gamma=SB3_GAMMA if gamma is None else gamma)


def find_task(name: str, task: str | None) -> Task | None:
    """The task behind an environment's name and its own; None if the kit has none for this environment.

    Raises:
        ValueError: There is no such task.
    """
    import envs

    if task is None:
        try:
            return envs.find_task(name)
        except ValueError:
            return None
    return envs.find_task(name, task)


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


def _eval_every(config: TrainConfig, task: Task | None, total: int) -> int:
    """A twentieth of the run; less often if evaluation would play more than half as many steps as training."""
    longest = task.max_episode_steps if task is not None else spec(config.env.id or "").max_episode_steps
    longest = config.env.kwargs.get("max_episode_steps", longest) or 1000
    return min(total, max(1, total // 20, 2 * longest * (config.eval_episodes or EVAL_EPISODES)))


def spec(env_id: str) -> EnvSpec:
    """What Gymnasium knows about an id; that of a module, as in ``my_package:MyEnv-v0``, is registered by importing it.

    Raises:
        gymnasium.error.Error: There is no such id.
        ImportError: Or no such module.
    """
    import gymnasium as gym

    module, _, name = env_id.rpartition(":")
    if module:
        importlib.import_module(module)
    return gym.spec(name)


def make_env(config: TrainConfig, evaluates: bool = False) -> gym.Env:
    """One environment, with its task if the kit has one for it, that can show pictures of itself if it knows how.

    Text to read and commands to choose from come as numbers of words, see `envs.alfworld.tokens`.

    Args:
        config: See `agents.config`.
        evaluates: It is for evaluation, which may have arguments of its own.
    """
    import gymnasium as gym

    import envs
    from envs.alfworld.tokens import TokenObservation, takes
    from envs.observations import FlatObservation, is_nested

    name = config.env.id or config.env.name
    assert name is not None
    kwargs = {**config.env.kwargs, **(config.env.eval_kwargs if evaluates else {})}
    try:
        env = envs.make(name, config.task, **kwargs)
    except (ValueError, ImportError, OSError, gym.error.Error):
        raise  # told by whoever asked
    except Exception as error:
        given = f" with {', '.join(f'{k}={v}' for k, v in kwargs.items())}" if kwargs else ""
        raise ValueError(f"{name} could not be made{given}: {type(error).__name__}: {error}") from error
    draws_itself = not hasattr(env.unwrapped, "model")
    if draws_itself and env.render_mode is None and "rgb_array" in env.metadata.get("render_modes", ()):
        env.close()
        try:
            env = envs.make(name, config.task, render_mode="rgb_array", **kwargs)
        except TypeError:  # it says that it draws, but takes no render_mode
            env = envs.make(name, config.task, **kwargs)
    return TokenObservation(env) if takes(env) else FlatObservation(env) if is_nested(env.observation_space) else env


def make_venv(
    config: TrainConfig, num_envs: int, reward: RewardFn | None, *, evaluates: bool = False, **options: Any
) -> VecReplaceReward:
    """``num_envs`` environments in this process, with the reward; see `make_env`."""
    from stable_baselines3.common.vec_env import DummyVecEnv

    from agents.sb3 import VecReplaceReward

    venv = DummyVecEnv([partial(make_env, config, evaluates)] * num_envs)
    return VecReplaceReward(
        venv, reward, render={"preset": config.render.name, "texture": config.texture.name}, **options
    )


def check_observations(space: gym.Space) -> None:
    """Refuse observations for which Stable-Baselines3 has no networks, such as texts, sequences and graphs.

    Raises:
        ValueError: With the name and space of each.
    """
    import gymnasium as gym

    parts = space.spaces if isinstance(space, gym.spaces.Dict) else {"obs": space}
    if strange := ", ".join(f"{name}: {part}" for name, part in parts.items() if not _is_plain(part)):
        raise ValueError(
            "observations must be of Box, Discrete, MultiDiscrete or MultiBinary spaces to be learned from, "
            f"not {strange}; wrap the environment in one that makes numbers of them"
        )


def _is_plain(space: gym.Space) -> bool:
    from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete

    return isinstance(space, Box | Discrete | MultiDiscrete | MultiBinary)


def make_model(config: TrainConfig, venv: VecReplaceReward) -> BaseAlgorithm:
    """The algorithm on ``venv``, normalised as the config says; `resolve` the config first."""
    import gymnasium as gym
    from stable_baselines3.common.preprocessing import is_image_space
    from stable_baselines3.common.vec_env import VecEnv, VecNormalize

    from agents import pointer
    from agents.sb3 import algorithm_class, make_algorithm
    from reward_designers.errors import unknown_name

    algo = config.algo
    if not isinstance(venv.action_space, gym.spaces.Box) and algo.name not in ON_POLICY:
        raise ValueError(f"algo={algo.name} needs continuous actions, not {venv.action_space}; use algo=ppo")
    space = venv.observation_space
    policy: Any = algo.policy
    points = pointer.fits(space)
    if points and (algo.name != "maskable_ppo" or policy is not None):
        raise ValueError(
            "commands have no fixed numbers: use algo=maskable_ppo, which points at one of them, and no algo.policy"
        )
    if not (points or _is_plain(venv.action_space)):
        raise ValueError(
            f"actions must be of one Box, Discrete, MultiDiscrete or MultiBinary space for algo={algo.name}, "
            f"not {venv.action_space}: wrap the environment in one that puts its parts together"
        )
    if algo.name == "maskable_ppo" and not venv.has_attr("action_masks"):
        raise ValueError("algo=maskable_ppo needs an environment with action_masks(); use algo=ppo")
    pictures = is_image_space(space)
    if pictures and policy is None:
        policy = "CnnLstmPolicy" if algo.name == "recurrent_ppo" else "CnnPolicy"
    if points:
        policy = pointer.PointerPolicy
    aliases: Any = algorithm_class(algo.name).policy_aliases
    if isinstance(policy, str) and policy not in aliases:
        raise ValueError(unknown_name("policy", policy, aliases))
    needs_pictures = isinstance(policy, str) and policy.startswith("Cnn")
    if needs_pictures and not pictures:
        raise ValueError(f"algo.policy={policy} looks at pictures, and observations are {space}; leave algo.policy out")
    if any(width < 1 for width in algo.net_arch or ()):
        raise ValueError(f"algo.net_arch={algo.net_arch}: expected widths of 1 or more")
    glyphs = isinstance(space, gym.spaces.Dict) and "glyphs_crop" in space.spaces
    normal = isinstance(space, gym.spaces.Box | gym.spaces.Dict) and not (pictures or glyphs or points)
    parts = dict(space.items()) if isinstance(space, gym.spaces.Dict) else {"obs": space}
    if flat := [name for name, part in parts.items() if isinstance(part, gym.spaces.Box) and part.shape == ()]:
        raise ValueError(
            f"observations without dimensions ({', '.join(flat)}) cannot be learned from: give them shape (1,)"
        )
    keys = None
    if isinstance(space, gym.spaces.Dict):  # of parts, only numbers can be normalised
        keys = [k for k, part in space.items() if isinstance(part, gym.spaces.Box) and not is_image_space(part)]
    normalize_obs = bool(algo.normalize_obs) and normal and keys != []
    env: VecEnv = venv
    if normalize_obs or algo.normalize_reward:
        gamma = {} if algo.gamma is None else {"gamma": algo.gamma}
        normalized: dict[str, Any] = {"norm_obs": normalize_obs, "norm_reward": bool(algo.normalize_reward)}
        env = VecNormalize(venv, **normalized, norm_obs_keys=keys if normalize_obs else None, **gamma)
    arguments = _arguments(algo, env)
    if glyphs:
        from agents.features import NetHackFeatures

        arguments.setdefault("policy_kwargs", {})["features_extractor_class"] = NetHackFeatures
    if points:
        arguments["policy_kwargs"] = pointer.sizes(arguments.get("policy_kwargs", {}))
    device = _device(config, policy)
    try:
        return make_algorithm(algo.name, env, policy=policy, seed=config.seed, device=device, **arguments)
    except (AssertionError, NotImplementedError) as error:  # of Stable-Baselines3, about its arguments
        raise ValueError(f"algo={algo.name}: {error}") from error


def make_player(config: TrainConfig, venv: VecReplaceReward, weights: Path) -> BaseAlgorithm:
    """The algorithm of a run with the policy in ``weights``, to play on ``venv``, however many environments that has.

    Raises:
        ValueError: The file is damaged, or belongs to another kind of policy.
    """
    from agents.policies import load_policy

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="You have specified a mini-batch size")  # nothing is trained here
        model = make_model(config, venv)
    load_policy(model, weights)
    return model


def _device(config: TrainConfig, policy: Any) -> str:
    """On-policy MLPs are faster on the CPU, says SB3, whatever the reward runs on; so is what is no name of SB3's."""
    small = config.algo.name in ON_POLICY and (not isinstance(policy, str) or policy in ("MlpPolicy", "MlpLstmPolicy"))
    return "cpu" if config.device == "auto" and small else config.device


def check_device(device: str) -> None:
    """Refuse a device that is not there.

    Raises:
        ValueError: Saying what is wrong with it.
    """
    import torch

    if device == "auto":
        return
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise ValueError(f"device={device}: expected auto, cpu, cuda or cuda:N") from error
    if kind not in ("cpu", "cuda") and not (kind == "mps" and torch.backends.mps.is_available()):
        raise ValueError(f"device={device}: torch {torch.__version__} cannot train there; use device=cpu")
    if kind == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device={device}: torch {torch.__version__} finds no GPU; use device=cpu")
    if kind == "cuda" and (torch.device(device).index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device={device}: there are {torch.cuda.device_count()} GPUs, counted from 0")


IN_POLICY = ("net_arch", "activation", "log_std_init", "ortho_init", "lstm_hidden_size")
NOT_ARGUMENTS = ("settings", "policy", "schedule", "normalize_obs", "normalize_reward", "noise_std", *IN_POLICY)


def _arguments(algo: Any, env: Any) -> dict[str, Any]:
    """Stable-Baselines3's constructor arguments."""
    given = {name: getattr(algo, name) for name in options(algo) if getattr(algo, name) is not None}
    arguments = {name: value for name, value in given.items() if name not in NOT_ARGUMENTS}
    policy = {name: given[name] for name in IN_POLICY if name in given}
    if "activation" in policy:
        policy["activation_fn"] = _activation(policy.pop("activation"))
    if policy:
        arguments["policy_kwargs"] = policy
    if given.get("schedule") is Schedule.linear:
        from stable_baselines3.common.utils import LinearSchedule

        for name in ("learning_rate", "clip_range"):
            if name in arguments:
                arguments[name] = LinearSchedule(arguments[name], 0.0, 1.0)
    if isinstance(arguments.get("ent_coef"), str) and not arguments["ent_coef"].startswith("auto"):
        arguments["ent_coef"] = float(arguments["ent_coef"])
    if given.get("noise_std"):
        import numpy as np
        from stable_baselines3.common.noise import NormalActionNoise

        size = env.action_space.shape
        arguments["action_noise"] = NormalActionNoise(np.zeros(size), np.full(size, given["noise_std"]))
    return arguments


def _activation(name: str) -> Callable[[], Any]:
    from torch import nn

    from reward_designers.errors import unknown_name

    known = {"relu": nn.ReLU, "tanh": nn.Tanh, "elu": nn.ELU, "gelu": nn.GELU}
    if name not in known:
        raise ValueError(unknown_name("activation", name, known))
    return known[name]

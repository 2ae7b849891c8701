"""Algorithms and their hyper-parameters. None: agents/conf/tuned.yaml has a value, or the algorithm's own default."""

# ruff: noqa: RUF009  (option() returns a dataclass field)
from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from omegaconf import MISSING

from agents.config.options import option


class Settings(Enum):
    """Where hyper-parameters come from that nobody gave: agents/conf/tuned.yaml has both."""

    published = "published"
    small = "small"


class Schedule(Enum):
    """How the learning rate and PPO's clip range go over training."""

    constant = "constant"
    linear = "linear"


@dataclass
class AlgoConfig:
    """What all algorithms share. None means: the value tuned for the environment, else Stable-Baselines3's default."""

    name: str = MISSING
    settings: Settings = option(
        Settings.published, "what is left open below: published, for millions of steps, or small, for 100,000"
    )
    policy: str | None = option(None, "MlpPolicy, CnnPolicy or MultiInputPolicy; default: by the observations")
    learning_rate: float | None = option(None, "step size of Adam", least=0)
    schedule: Schedule | None = option(None, "constant, or linear: learning rate and clip range fall to zero")
    gamma: float | None = option(None, "discount per step", least=0, most=1)
    batch_size: int | None = option(None, "transitions per gradient step", least=1)
    net_arch: list[int] | None = option(None, "hidden layers of policy and critic, such as [256,256]")
    activation: str | None = option(None, "relu, tanh, elu or gelu")
    normalize_obs: bool | None = option(None, "divide observations by their running standard deviation")
    normalize_reward: bool | None = option(None, "divide rewards by the running standard deviation of the return")


@dataclass
class OnPolicyConfig(AlgoConfig):
    """What PPO and its variants share."""

    n_steps: int | None = option(None, "steps of each environment per rollout", least=1)
    n_epochs: int | None = option(None, "passes over a rollout", least=1)
    gae_lambda: float | None = option(None, "trade-off of bias and variance in the advantage", least=0, most=1)
    clip_range: float | None = option(None, "how far the policy may move in one update", least=0)
    ent_coef: float | None = option(None, "weight of the entropy bonus")
    vf_coef: float | None = option(None, "weight of the value loss")
    max_grad_norm: float | None = option(None, "gradients are clipped to this norm", least=0)
    target_kl: float | None = option(None, "stop an update when the policy has moved this far")
    ortho_init: bool | None = option(None, "orthogonal initialisation of the networks")


@dataclass
class PPO(OnPolicyConfig):
    """Proximal policy optimisation (arXiv 1707.06347)."""

    name: str = "ppo"
    log_std_init: float | None = option(None, "logarithm of the initial standard deviation of actions")


@dataclass
class MaskablePPO(OnPolicyConfig):
    """PPO that chooses among valid actions only (arXiv 2006.14171); text games point at one of their commands."""

    name: str = "maskable_ppo"


@dataclass
class RecurrentPPO(PPO):
    """PPO with an LSTM, for what one observation does not show."""

    name: str = "recurrent_ppo"
    lstm_hidden_size: int | None = option(None, "width of the LSTM", least=1)


@dataclass
class OffPolicyConfig(AlgoConfig):
    """What SAC, TD3 and TQC share."""

    buffer_size: int | None = option(None, "transitions kept for replay", least=1)
    learning_starts: int | None = option(None, "steps with random actions before learning", least=0)
    tau: float | None = option(None, "step size of the target networks", least=0, most=1)
    train_freq: int | None = option(None, "steps of each environment between updates", least=1)
    gradient_steps: int | None = option(None, "gradient steps per update; -1: as many as environment steps")


@dataclass
class SAC(OffPolicyConfig):
    """Soft actor-critic (arXiv 1801.01290); continuous actions."""

    name: str = "sac"
    ent_coef: str | None = option(None, "weight of the entropy; auto: learned")
    log_std_init: float | None = option(None, "logarithm of the initial standard deviation of actions")


@dataclass
class TQC(SAC):
    """Truncated quantile critics (arXiv 2005.04269); continuous actions."""

    name: str = "tqc"
    top_quantiles_to_drop_per_net: int | None = option(None, "how pessimistic the critics are")


@dataclass
class TD3(OffPolicyConfig):
    """Twin delayed DDPG (arXiv 1802.09477); continuous actions."""

    name: str = "td3"
    noise_std: float | None = option(None, "standard deviation of the exploration noise on actions", least=0)
    policy_delay: int | None = option(None, "critic updates per policy update", least=1)

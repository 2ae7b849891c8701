"""The commands `agents.train` and `agents.evaluate`: all their options and choices."""

# ruff: noqa: RUF009  (option() returns a dataclass field)
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from agents.config.algorithms import PPO, SAC, TD3, TQC, MaskablePPO, RecurrentPPO
from agents.config.language_models import NoModel, OpenAIModel, ReplayModel
from agents.config.options import MAX_SEED, Command, by_name, option, resume_option
from agents.config.rewards import (
    CalmReward,
    CodeReward,
    CountReward,
    CustomReward,
    EllmReward,
    EnvReward,
    FactoredReward,
    IntrinsicReward,
    JudgeReward,
    MotifReward,
    RNDReward,
    VLMReward,
    ZeroReward,
)
from agents.config.worlds import ENV_CHOICES, EnvConfig, Render, Texture

GIVEN_ANEW = ("total_timesteps", "device", "llm", "video", "tensorboard", "wandb")
"""What may be given when a run is resumed."""


@dataclass
class TrainConfig:
    """A training run."""

    env: EnvConfig = field(default_factory=EnvConfig)
    task: str | None = option(None, "what is wanted in it, such as kneeling; default: the environment's first task")
    reward: Any = MISSING
    algo: Any = MISSING
    llm: Any = MISSING
    total_timesteps: int | None = option(
        None, "environment steps, all environments together; default: the tuned value", least=1
    )
    num_envs: int | None = option(
        None, "environments stepped together, in this process; default: by the algorithm", least=1
    )
    seed: int = option(0, "seeds environments, networks and exploration", least=0, most=MAX_SEED)
    device: str = option("auto", "cpu, cuda, cuda:1, ...; auto: a GPU if there is one")
    render: Render = option(Render.fast, "how a reward's frames are drawn: fast, or fidelity (Gymnasium's own picture)")
    texture: Texture = option(Texture.native, "colors of MuJoCo's bodies in them: native, or parts (each part its own)")
    run_dir: str | None = option(None, "where everything is written; default: a dated folder under runs/", text=True)
    resume: str | None = resume_option("run", GIVEN_ANEW)
    eval_every: int | None = option(
        None,
        "steps between evaluations; 0: none; default: a twentieth of the run, rarer if episodes are long",
        least=0,
    )
    eval_episodes: int | None = option(
        None, "episodes per evaluation, always from the same initial states; default: 8, of ALFWorld 48", least=1
    )
    checkpoint_every: int | None = option(None, "steps between checkpoints; default: a twentieth of the run", least=1)
    log_every: int | None = option(None, "steps between rows of the log; default: a hundredth of the run", least=1)
    video: bool = option(True, "record an evaluation episode at the end")
    tensorboard: bool = option(True, "write TensorBoard events beside progress.csv")
    wandb: bool = option(False, "log to Weights & Biases as well (extra: wandb)")

    @property
    def reward_name(self) -> str:
        """The reward's choice; of a node in a YAML file of the user's, what it makes."""
        if isinstance(self.reward, dict):
            return str(self.reward.get("_target_", "reward")).rpartition(".")[2]
        return self.reward.name


@dataclass
class EvaluateConfig:
    """An evaluation of a finished or unfinished run."""

    run: str = option(MISSING, "the run directory", text=True)
    episodes: int = option(32, "episodes", least=1)
    seed: int = option(
        1_000_000, "seed of the initial states; the default differs from those seen in training", least=0, most=MAX_SEED
    )
    checkpoint: str = option("best", "best (by evaluated fitness) or last")
    reward: str | None = option(
        None, "another reward to score with: env, factored, vlm, zero, file.py:function, code:program.py"
    )
    deterministic: bool | None = option(
        None, "take the policy's most likely actions, not drawn ones; default: true, but for NetHack's games"
    )
    kwargs: dict[str, Any] = option(
        {},
        "environment's arguments that differ from those of the run's evaluations: kwargs.split=valid_seen",
    )
    video: bool = option(True, "record the first episode")
    device: str = option("cpu", "cpu, cuda, ...")
    output: str | None = option(None, "folder for results; default: a dated folder in the run directory", text=True)


TRAIN = Command(
    TrainConfig,
    {
        "env": ENV_CHOICES,
        "reward": by_name(
            EnvReward(),
            ZeroReward(),
            VLMReward(),
            CustomReward(),
            CodeReward(),
            CountReward(),
            RNDReward(),
            IntrinsicReward(),
            CalmReward(),
            FactoredReward(),
            JudgeReward(),
            MotifReward(),
            EllmReward(),
        ),
        "algo": by_name(PPO(), SAC(), TD3(), RecurrentPPO(), TQC(), MaskablePPO()),
        "llm": by_name(NoModel(), OpenAIModel(timeout=120.0, retries=1), ReplayModel()),  # training does not wait
    },
    {"env": "Humanoid", "reward": "env", "algo": "ppo", "llm": "none"},
    {("env", choice): ("algo", "maskable_ppo") for choice in ("ALFWorld", "ALFWorld-v0")},
)
EVALUATE = Command(EvaluateConfig, {}, {})

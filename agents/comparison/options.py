"""What `agents.compare` can be told, and what it is told by default."""

# ruff: noqa: RUF009  (option() returns a dataclass field)
from __future__ import annotations

from dataclasses import dataclass, field

from agents.config.options import MAX_SEED, Command, option, resume_option
from agents.config.worlds import ENV_CHOICES, EnvConfig, Render, Texture

METHODS = ("epic", "dard", "starc", "erc")

GIVEN_ANEW = ("device",)
"""What may be given when a comparison is resumed."""


@dataclass
class CompareConfig:
    """A comparison of rewards."""

    env: EnvConfig = field(default_factory=EnvConfig)
    benchmark: str | None = option(
        None,
        "reward_prediction: compares rewards for text, with options of its own (benchmark=reward_prediction --help)",
    )
    task: str | None = option(None, "what is wanted in it, such as kneeling; default: the environment's first task")
    rewards: list[str] | None = option(
        None,
        "what to compare: env, fitness (the ground truth), zero, vlm (the task's prompts), 'vlm:PROMPT', "
        "my.py:function, package.module:name, code:program.py (sandboxed), run:DIR (what that run was trained on), "
        "saved.npz; NAME=... names one; default: env and those of the runs",
        text=True,
    )
    coverages: list[str] | None = option(
        None,
        "on which transitions: random, expert:DIR (a training run), mixture, ... ; see docs/comparing.md; default: "
        "random, and with runs the policies of each reward and their mixture",
        text=True,
    )
    runs: list[str] | None = option(
        None,
        "training runs: what the policies trained on each reward are worth; several seeds give intervals",
        text=True,
    )
    methods: list[str] = option(["epic", "erc"], f"distances: {', '.join(METHODS)}  [epic,erc]", text=True)
    reference: str | None = option(
        None,
        "name of the reward that stands for the truth; default: fitness or env, if they are compared, else the first",
        text=True,
    )
    discount: float = option(0.99, "per step; what shaping and future rewards count for", least=0, most=1)
    samples: int = option(4096, "transitions per coverage, and as many draws for expectations over them", least=64)
    episodes: int = option(32, "episodes of each policy for returns, fitness and regret", least=2)
    seed: int = option(0, "seeds coverages, samples and intervals", least=0, most=MAX_SEED)
    device: str = option("auto", "of VLM rewards: cpu, cuda, ...; auto: a GPU if there is one")
    render: Render = option(Render.fast, "how rewards' frames are drawn: fast, or fidelity (Gymnasium's own picture)")
    texture: Texture = option(Texture.native, "colors of MuJoCo's bodies in them: native, or parts (each part its own)")
    frames: bool = option(True, "pictures of the episode along which the report shows the rewards")
    output: str | None = option(
        None, "where everything is written; default: a dated folder under comparisons/", text=True
    )
    resume: str | None = resume_option("comparison", GIVEN_ANEW)


COMPARE = Command(
    CompareConfig,
    {"env": ENV_CHOICES},
    {"env": "Humanoid"},
    folder="output",
    root="comparisons",
)

"""What a training run can be told, and what it is told by default.

Every option is a typed field with one line of help; ``python -m agents.train --help`` is written from this file. It
imports nothing heavy, so that a wrong name is answered at once.
"""

# ruff: noqa: RUF009  (option() returns a dataclass field)
from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from enum import Enum
from pathlib import Path
from typing import Any, get_type_hints

from omegaconf import MISSING


class Render(Enum):
    """How frames are drawn: `envs.rendering` describes the presets."""

    fast = "fast"
    fidelity = "fidelity"


class Texture(Enum):
    """Colors of what is drawn: `envs.rendering` describes them."""

    native = "native"
    parts = "parts"


class Sandbox(Enum):
    """How well a reward program must be contained: `reward_designers.code.CodeReward` describes them."""

    available = "available"
    required = "required"
    none = "none"


class Settings(Enum):
    """Where hyper-parameters come from that nobody gave: agents/conf/tuned.yaml has both."""

    published = "published"
    small = "small"


class Schedule(Enum):
    """How the learning rate and PPO's clip range go over training."""

    constant = "constant"
    linear = "linear"


def option(
    default: Any, help: str, *, least: float | None = None, most: float | None = None, text: bool = False
) -> Any:
    """A dataclass field with one line of help.

    Args:
        default: Mutable ones are copied.
        help: Shown by ``--help``.
        least: The smallest valid number.
        most: The largest valid number.
        text: Free text: quoted for the user, and never empty.
    """
    metadata = {"help": help, "least": least, "most": most, "text": text}
    if isinstance(default, dict | list):
        return field(default_factory=lambda: type(default)(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass
class EnvConfig:
    """A world: one of the kit's by its plain name, or any other by its Gymnasium id."""

    name: str | None = option(None, "plain name of one of the kit's environments; `env=Humanoid` sets it")
    id: str | None = option(None, "any other Gymnasium id, such as LunarLander-v3 or my_package:MyEnv-v0")
    kwargs: dict[str, Any] = option({}, "keyword arguments for the environment, as in env.kwargs.frame_skip=2")
    eval_kwargs: dict[str, Any] = option({}, "those that differ in evaluations, as in env.eval_kwargs.split=valid_seen")


ENVS = (
    "Ant",
    "CartPole",
    "HalfCheetah",
    "Hopper",
    "Humanoid",
    "HumanoidStandup",
    "InvertedDoublePendulum",
    "InvertedPendulum",
    "Pusher",
    "Reacher",
    "Swimmer",
    "Walker2d",
)
_NETHACK_IDS = (Path(__file__).parents[1] / "envs" / "nethack" / "names.txt").read_text().split()[::2]
NETHACK = {choice: id.rpartition("-v")[0] for id in _NETHACK_IDS for choice in (id.rpartition("-v")[0], id)}
"""NetHack names, with and without version, from a file: importing `envs` takes longer than an answer may."""
ENV_CHOICES = {name: EnvConfig(name=name) for name in ENVS}
ENV_CHOICES |= {choice: EnvConfig(name=name) for choice, name in NETHACK.items()}
ENV_CHOICES |= {
    choice: EnvConfig("ALFWorld", kwargs={"split": "train"}, eval_kwargs={"split": "valid_unseen"})
    for choice in ("ALFWorld", "ALFWorld-v0")
}


@dataclass
class EnvReward:
    """The environment's own reward."""

    name: str = "env"


@dataclass
class ZeroReward:
    """Always zero: what a run does without any reward."""

    name: str = "zero"


@dataclass
class VLMReward:
    """How well a frame matches a prompt, by a CLIP model (VLM-RM, arXiv 2310.12921)."""

    name: str = "vlm"
    model: str = option("tiny_clip", "tiny_clip (ships with the kit), or any open_clip model such as ViT-B-32")
    pretrained: str | None = option(None, "weights of that model: a tag such as laion2b_s34b_b79k, or a local file")
    goal: Any = option(None, "goal prompt, or a [list, of, prompts] to average; default: the task's", text=True)
    baseline: Any = option(None, "prompt(s) that describe any frame; default: the task's", text=True)
    alpha: float = option(0.0, "strength of goal-baseline regularisation, 0 to 1", least=0, most=1)
    every: int = option(1, "look at every k-th frame and interpolate between", least=1)
    batch_size: int | None = option(None, "frames per forward pass; default: by device and model", least=1)
    precision: str = option("auto", "auto, bf16 or fp32")
    compile: bool = option(False, "torch.compile the image tower (pays off on a GPU)")


@dataclass
class CustomReward:
    """A function of your own, see docs/plugging-in-a-reward.md; its file is copied into the run directory."""

    name: str = "custom"
    path: str = option(MISSING, "path/to/file.py:function or package.module:function", text=True)
    params: dict[str, Any] = option({}, "values for the function's parameters that have a default")


@dataclass
class OpenAIModel:
    """A language model behind an OpenAI-compatible server: OpenAI's own, vLLM, Ollama, llama.cpp."""

    name: str = "openai"
    model: str = option(MISSING, "the model, as the server calls it", text=True)
    base_url: str = option("https://api.openai.com/v1", "the server, such as http://localhost:8000/v1", text=True)
    key_variable: str = option("OPENAI_API_KEY", "environment variable that holds the key")
    temperature: float | None = option(None, "randomness of replies; default: the server's", least=0)
    max_completion_tokens: int = option(4096, "longest reply in tokens, hidden reasoning included", least=1)
    extra: dict[str, Any] = option({}, "further fields of each request, as in llm.extra.reasoning_effort=low")
    max_usd: float | None = option(None, "stop before the run has cost this many US dollars", least=0)
    max_tokens: int | None = option(None, "stop before the run has taken this many tokens", least=0)
    max_calls: int | None = option(None, "stop before the run has made more calls than this", least=0)
    price: list[float] | None = option(
        None, "[prompt,completion] in US dollars per million tokens; default: the shipped table's"
    )
    concurrency: int = option(8, "calls in flight at once", least=1)
    timeout: float = option(600.0, "seconds for one call", least=0)
    retries: int = option(6, "how often a call that failed for now is repeated", least=0)


@dataclass
class ReplayModel:
    """Recorded replies of a language model: no key, no network, no cost."""

    name: str = "replay"
    path: str | None = option(None, "replies.sqlite of a run, or YAML; default: what ships with the kit", text=True)
    match: str = option("label", "exact: recorded prompts only; label: the same step of a search, numbers may differ")
    model: str | None = option(None, "whose replies, where several models' are recorded")
    pending: str | None = option(None, "folder to which prompts without replies are written", text=True)


@dataclass
class CodeReward:
    """A reward program, such as a language model's, in a sandbox; see docs/code-rewards.md. Its file is copied."""

    name: str = "code"
    path: str = option(
        MISSING, "path/to/program.py: a function reward(...) of named fields, and what it needs", text=True
    )
    potential: bool = option(False, "the file has a function potential(...) of one state instead, to shape with")
    gamma: float | None = option(None, "discount of that shaping; default: the algorithm's", least=0, most=1)
    seconds: float = option(10.0, "a call that takes longer ends the run", least=0.01)
    sandbox: Sandbox = option(Sandbox.available, "available, required (all its layers), or none: run it unprotected")


class CaptionModel(Enum):
    """How numbers for captions come from what was said about some: `reward_designers.intrinsic` describes them."""

    retrieval = "retrieval"
    classification = "classification"
    ranking = "ranking"


class Judge(Enum):
    """Who says which captions help: `reward_designers.intrinsic` describes them."""

    lexicon = "lexicon"
    llm = "llm"
    person = "person"


class Order(Enum):
    """Which captions are judged first."""

    priority = "priority"
    fifo = "fifo"
    newest = "newest"


class Novelty(Enum):
    """How new what happened is: `reward_designers.novelty` describes them."""

    none = "none"
    count = "count"
    rnd = "rnd"


@dataclass
class CountReward:
    """The environment's reward, and one for what was seldom seen: counts (arXiv 1611.04717)."""

    name: str = "count"
    of: list[str] | None = option(
        None,
        "state arrays that are counted together, as in [x,y,depth]; default: caption if there is one, else all of obs",
    )
    coefficient: float = option(0.1, "what novelty counts", least=0)
    extrinsic: float = option(1.0, "what the environment's own reward counts; 0: not at all", least=0)
    lifelong: bool = option(True, "the N-th time in all of training it pays 1 / sqrt(N)")
    beta: float = option(1.0, "and, the M-th time in an episode, 1 / M^beta of that", least=0)
    bits: int = option(32, "how finely continuous numbers are told apart: bits of their SimHash", least=1)


@dataclass
class RNDReward:
    """The environment's reward, and one for what a network cannot predict yet (RND, arXiv 1810.12894)."""

    name: str = "rnd"
    of: list[str] | None = option(
        None, "state arrays that it looks at, as in [glyphs_crop]; default: glyphs_crop if there is one, else obs"
    )
    coefficient: float = option(0.1, "what novelty counts", least=0)
    extrinsic: float = option(1.0, "what the environment's own reward counts; 0: not at all", least=0)
    learning_rate: float = option(0.001, "of the network that predicts", least=0)
    epochs: int = option(1, "passes over a rollout", least=1)


@dataclass
class IntrinsicReward:
    """The environment's reward, and one for captions that a judge finds helpful (ONI, arXiv 2410.23022)."""

    name: str = "intrinsic"
    judge: Judge | None = option(
        None, "lexicon (rules that ship with the kit), llm (see llm=), or person; default: llm if given, else lexicon"
    )
    goal: str | None = option(None, "what captions are judged by; default: the task's text", text=True)
    model: CaptionModel = option(
        CaptionModel.retrieval, "from judgements to a reward: retrieval, classification or ranking"
    )
    threshold: float | None = option(None, "the model's, below which nothing is paid; default: 0.5")
    coefficient: float = option(0.5, "what the judge's reward counts", least=0)
    extrinsic: float = option(1.0, "what the environment's own reward counts; 0: not at all", least=0)
    beta: float = option(3.0, "the N-th time in an episode, a caption pays 1 / N^beta", least=0)
    cap: int = option(10, "a caption pays at most so often in an episode", least=1)
    caption: str = option("caption", "state array of captions")
    order: Order = option(Order.priority, "what is asked first: priority (frequent, new, uncertain), fifo or newest")
    store: str | None = option(
        None, "SQLite file of answers that cost something; runs may share it; default: in the run's folder", text=True
    )
    sync: bool = option(False, "wait for every answer, so that runs repeat exactly")
    novelty: Novelty = option(Novelty.none, "reward what is new as well: none, count or rnd")
    novelty_coefficient: float = option(0.1, "what novelty counts", least=0)
    novelty_of: list[str] | None = option(
        None, "of which state arrays, as in [x,y,depth]; default: as in reward=count or rnd"
    )
    stop_on_alarm: bool = option(
        False, "stop when this reward has risen for long while fitness has not; by default it is only said"
    )


class SubgoalJudge(Enum):
    """Who says that a transition achieves a subgoal: docs/subgoals.md describes them."""

    rules = "rules"
    llm = "llm"
    predicate = "predicate"


@dataclass
class CalmReward:
    """The environment's reward, and one for subgoals, each once in an episode (CALM, arXiv 2409.12798)."""

    name: str = "calm"
    judge: SubgoalJudge | None = option(
        None,
        "who says what was achieved: rules (that ship with the kit), predicate (a program that a language model writes "
        "once), or llm (asked about every new moment); default: predicate if llm is given, else rules",
    )
    goal: str | None = option(None, "what is wanted in the end; default: the task's text", text=True)
    subgoals: Any = option(
        None,
        "what is to be achieved on the way: [a, list, of, texts], or llm: a language model breaks the goal up; "
        "default: the task's own",
        text=True,
    )
    coefficient: float = option(0.5, "what an achieved subgoal pays", least=0)
    extrinsic: float = option(1.0, "what the environment's own reward counts; 0: not at all", least=0)
    size: int = option(3, "judge=llm: rows and columns of the map around the hero that are shown, odd", least=1)
    order: Order = option(Order.priority, "judge=llm: what is asked first: priority (frequent and new), fifo or newest")
    store: str | None = option(
        None, "SQLite file of answers that cost something; runs may share it; default: in the run's folder", text=True
    )
    sync: bool = option(False, "judge=llm: wait for every answer, so that runs repeat exactly")
    stop_on_alarm: bool = option(
        False, "stop when this reward has risen for long while fitness has not; by default it is only said"
    )


class Extractor(Enum):
    """What makes factored states: `reward_designers.factored` describes them."""

    rules = "rules"
    facts = "facts"
    llm = "llm"


class ProgressMode(Enum):
    """How a value of progress becomes a reward: `reward_designers.progress` describes them."""

    potential = "potential"
    raw = "raw"


@dataclass
class FactoredReward:
    """How much of the goal holds in what is believed of the world (StateFactory, arXiv 2603.09400)."""

    name: str = "factored"
    extractor: Extractor = option(
        Extractor.rules, "rules (ALFWorld's and NetHack's words, bodies' numbers), facts (ALFWorld's truth), or llm"
    )
    similarity: str = option(
        "exact", "exact, embedding (ships with the extra), all-MiniLM-L6-v2, or sentence-transformers/MODEL"
    )
    mode: ProgressMode = option(ProgressMode.potential, "potential (differences, cannot be farmed) or raw similarity")
    goal: str | None = option(
        None, "text, or objects as in '{hero: {on: staircase down}}'; default: what the game says is wanted", text=True
    )
    credit: bool = option(True, "what is halfway there counts in part: seen, held, the next word on a scale")
    text: str | None = option(None, "state array that a language model reads; default: observation, or caption")
    words: dict[str, Any] = option({}, "scales for numbers, as in reward.words.torso_height=[low,0.9,middle,1.2,high]")
    gamma: float | None = option(None, "discount of potential differences; default: the algorithm's", least=0, most=1)
    store: str | None = option(
        None, "SQLite file of a language model's replies; runs may share it; default: in the run's folder", text=True
    )


class Judgement(Enum):
    """What a judge is asked: `reward_designers.judges` describes them."""

    progress = "progress"
    critic = "critic"


@dataclass
class JudgeReward:
    """A language model says after every step how far the task has come; see llm=."""

    name: str = "judge"
    form: Judgement = option(Judgement.progress, "progress (a score from 1 to 10) or critic (what it still costs)")
    mode: ProgressMode = option(ProgressMode.potential, "potential (differences, cannot be farmed) or the raw value")
    goal: str | None = option(None, "what is wanted; default: what the game says, else the task's text", text=True)
    text: str | None = option(None, "state array with what is observed, in words; default: observation, or caption")
    window: int = option(30, "so many of the last steps are shown", least=1)
    gamma: float | None = option(None, "discount of potential differences; default: the algorithm's", least=0, most=1)
    store: str | None = option(
        None, "SQLite file of replies; runs may share it; default: in the run's folder", text=True
    )


@dataclass
class MotifReward:
    """The environment's reward, and one for captions that was learned before, by agents.motif (arXiv 2310.00166)."""

    name: str = "motif"
    path: str = option(MISSING, "a folder that agents.motif wrote, or its reward.npz; it is copied", text=True)
    coefficient: float = option(0.1, "what that reward counts", least=0)
    extrinsic: float = option(1.0, "what the environment's own reward counts; 0: not at all", least=0)
    quantile: float | None = option(
        None,
        "share of steps, of those that captions were collected in, which pay nothing; default: as saved",
        least=0,
        most=1,
    )
    beta: float = option(3.0, "the N-th time in an episode, a caption pays 1 / N^beta", least=0)
    cap: int = option(10, "a caption pays at most so often in an episode", least=1)
    stop_on_alarm: bool = option(
        False, "stop when this reward has risen for long while fitness has not; by default it is only said"
    )


@dataclass
class EllmReward:
    """The environment's reward, and one for goals in words, given or suggested by a model (ELLM, arXiv 2302.06692)."""

    name: str = "ellm"
    goals: list[str] | None = option(
        None,
        "goals of your own, as in [picked up a key,door opened]; default without llm: the task's subgoals",
        text=True,
    )
    goal: str | None = option(None, "what suggestions are to lead to; default: the task's text", text=True)
    situation: str = option("caption", "state array of text that goals are suggested for")
    caption: str = option("caption", "state array of captions that are compared with goals")
    threshold: float = option(0.6, "cosine from which a goal is taken for achieved", least=-1, most=1)
    encoder: str = option("wordllama", "wordllama (extra: embedding), all-MiniLM-L6-v2 or sentence-transformers/MODEL")
    coefficient: float = option(0.5, "what goals count", least=0)
    extrinsic: float = option(1.0, "what the environment's own reward counts; 0: not at all", least=0)
    store: str | None = option(
        None, "SQLite file of suggestions; runs may share it; default: in the run's folder", text=True
    )
    sync: bool = option(False, "wait for every answer, so that runs repeat exactly")
    stop_on_alarm: bool = option(
        False, "stop when this reward has risen for long while fitness has not; by default it is only said"
    )


@dataclass
class NoModel:
    """No language model is asked."""

    name: str = "none"


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
    seed: int = option(0, "seeds environments, networks and exploration", least=0)
    device: str = option("auto", "cpu, cuda, cuda:1, ...; auto: a GPU if there is one")
    render: Render = option(Render.fast, "how a reward's frames are drawn: fast, or fidelity (Gymnasium's own picture)")
    texture: Texture = option(Texture.native, "colors of MuJoCo's bodies in them: native, or parts (each part its own)")
    run_dir: str | None = option(None, "where everything is written; default: a dated folder under runs/", text=True)
    resume: str | None = option(
        None, "continue the run in this directory; only total_timesteps, device, llm may be given too", text=True
    )
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


@dataclass
class EvaluateConfig:
    """An evaluation of a finished or unfinished run."""

    run: str = option(MISSING, "the run directory", text=True)
    episodes: int = option(32, "episodes", least=1)
    seed: int = option(1_000_000, "seed of the initial states; the default differs from those seen in training")
    checkpoint: str = option("best", "best (by evaluated fitness) or last")
    reward: str | None = option(None, "another reward to score with: env, vlm, zero, file.py:function, code:program.py")
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


@dataclass
class Command:
    """A command's options: its typed config, and its groups with their named choices.

    Attributes:
        config: The class.
        groups: Choices by group and name.
        defaults: The name of each group's default.
        implied: Choices that another choice brings with it where none is given, as (group, choice) by (group, choice).
        folder: The option that says where results go; in a sweep each job has its own.
        root: Where such folders are by default.
    """

    config: type
    groups: dict[str, dict[str, Any]]
    defaults: dict[str, str]
    implied: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    folder: str = "run_dir"
    root: str = "runs"


def _by_name(*configs: Any) -> dict[str, Any]:
    return {config.name: config for config in configs}


TRAIN = Command(
    TrainConfig,
    {
        "env": ENV_CHOICES,
        "reward": _by_name(
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
        "algo": _by_name(PPO(), SAC(), TD3(), RecurrentPPO(), TQC(), MaskablePPO()),
        "llm": _by_name(NoModel(), OpenAIModel(timeout=120.0, retries=1), ReplayModel()),  # training does not wait
    },
    {"env": "Humanoid", "reward": "env", "algo": "ppo", "llm": "none"},
    {("env", choice): ("algo", "maskable_ppo") for choice in ("ALFWorld", "ALFWorld-v0")},
)
EVALUATE = Command(EvaluateConfig, {}, {})


def options(config: Any) -> dict[str, Field[Any]]:
    """The fields of a config (class or instance) that can be set from the command line, by name."""
    return {f.name: f for f in fields(config) if "help" in f.metadata}


def kind(config: Any, name: str) -> Any:
    """The annotated type of a field."""
    return get_type_hints(config if isinstance(config, type) else type(config))[name]

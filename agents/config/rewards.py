"""Rewards that can be named on the command line, and their options."""

# ruff: noqa: RUF009  (option() returns a dataclass field)
from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from omegaconf import MISSING

from agents.config.options import option


class Sandbox(Enum):
    """How well a reward program must be contained: `reward_designers.code.CodeReward` describes them."""

    available = "available"
    required = "required"
    none = "none"


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
    novelty: Novelty = option(Novelty.none, "reward what is new as well: none, count or rnd")
    novelty_coefficient: float = option(0.1, "what novelty counts", least=0)
    novelty_of: list[str] | None = option(
        None, "of which state arrays, as in [x,y,depth]; default: as in reward=count or rnd"
    )
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

"""Where predicted rewards come from: the kit's rewards for text, baselines that know nothing, and functions of users.

A source is asked for the reward after each step of a trajectory, and may read the goal and what was seen and done until
then, nothing later. Those that read what no player sees say so (`privileged`).
"""

from __future__ import annotations

import functools
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agents.cli import UsageError
from agents.prediction.data import Trajectory
from agents.prediction.rules import RULES
from reward_designers.base import RewardError, unknown_name

OFFLINE = ("constant", "random", "clock", "similarity", "factored", "factored:embedding", "conditions")
"""What is compared unless asked for otherwise: nothing of it needs a language model."""
SHOWN = ("constant", "random", "clock", "similarity[:ENCODER]", "lexicon", "factored[:SIMILARITY]", "facts",
         "conditions", "my.py:function")  # fmt: skip


class NotForThis(RewardError):
    """A source has nothing to say about a domain; the message says why."""


class Source(ABC):
    """Predicts rewards.

    Attributes:
        about: What it is, in one sentence.
        privileged: It reads what no player sees.
        of_state: Its reward is one of what is known after a step, so that its distance to `raw` is an EPIC distance.
    """

    about: str = ""
    privileged: bool = False
    of_state: bool = False

    @abstractmethod
    def predict(self, domain: str, trajectories: Sequence[Trajectory]) -> list[np.ndarray]:
        """The reward of each step of each trajectory, ``(steps,)`` float64 each.

        Raises:
            NotForThis: It knows nothing of the domain.
            RewardError: It failed.
        """


class Baseline(Source):
    """A source that does not look at what happens.

    Args:
        about: What it is.
        reward: Number of steps and a generator to the rewards.
        seed: Of the generator.
    """

    def __init__(self, about: str, reward: Callable[[int, np.random.Generator], np.ndarray], seed: int):
        self.about = about
        self._reward, self._seed = reward, seed

    def predict(self, domain: str, trajectories: Sequence[Trajectory]) -> list[np.ndarray]:
        """See `Source.predict`."""
        rng = np.random.default_rng(self._seed)
        return [self._reward(len(trajectory), rng) for trajectory in trajectories]


class TextSimilarity(Source):
    """The cosine of the embeddings of observation and goal, both as they are.

    Args:
        encoder: See `reward_designers.embeddings`.
    """

    of_state = True

    def __init__(self, encoder: str = "wordllama"):
        from reward_designers.embeddings import Embedder

        self.about = f"cosine of observation and goal, as they are, embedded by {encoder}"
        self._embed = Embedder(encoder)

    def predict(self, domain: str, trajectories: Sequence[Trajectory]) -> list[np.ndarray]:
        """See `Source.predict`; an observation without words is worth 0."""
        texts = [t.goal for t in trajectories] + [s.observation for t in trajectories for s in t.steps]
        vectors = {text: v for text, v in zip(texts, self._embed(texts), strict=True) if text.strip()}
        rewards = []
        for trajectory in trajectories:
            goal = vectors.get(trajectory.goal)
            if goal is None:
                raise RewardError(f"the goal {trajectory.goal!r} has no words")
            seen = [vectors.get(step.observation, np.zeros_like(goal)) for step in trajectory.steps]
            rewards.append((np.stack(seen) @ goal).astype(np.float64))
        return rewards


class LexiconSource(Source):
    """The embedded judge's value of what was said in a step; it knows NetHack's messages alone."""

    about = "the rules of reward=intrinsic about NetHack's messages, for each step alone"

    def predict(self, domain: str, trajectories: Sequence[Trajectory]) -> list[np.ndarray]:
        """See `Source.predict`."""
        if domain != "minihack":
            raise NotForThis("its rules are about NetHack's messages")
        from reward_designers.intrinsic import Lexicon

        lexicon = Lexicon()
        return [
            np.array([label.value for label in lexicon.label(t.goal, [step.observation for step in t.steps])])
            for t in trajectories
        ]


class Factored(Source):
    """How much of the goal a factored state fulfils, the state being read by rules (docs/factored-states.md).

    Args:
        similarity: Of identities and values, see `reward_designers.factored.score`.
        facts: Read the true facts instead of the texts (privileged; ALFWorld only).
    """

    of_state = True

    def __init__(self, similarity: str = "exact", facts: bool = False):
        from reward_designers.factored import make_similarity

        self.privileged = facts
        source = "from the true facts" if facts else "read from the texts by rules"
        how = "words compared exactly" if similarity == "exact" else f"words compared by {similarity}"
        self.about = f"how much of the goal holds in a factored state, {source}; {how}"
        self._similarity = make_similarity(similarity)

    def predict(self, domain: str, trajectories: Sequence[Trajectory]) -> list[np.ndarray]:
        """See `Source.predict`."""
        from reward_designers.factored import AlfworldFacts, AlfworldGoals, Episode

        if self.privileged:
            if domain != "alfworld":
                raise NotForThis("there are extractors of facts for alfworld alone; conditions covers all domains")
            return [self._follow(Episode(AlfworldFacts(), AlfworldGoals(), self._similarity), t) for t in trajectories]
        if domain not in RULES:
            raise NotForThis(f"there are rules for {', '.join(RULES)}")
        extractor, goals = RULES[domain]
        return [self._follow(Episode(extractor(), goals(), self._similarity), t) for t in trajectories]

    def _follow(self, episode: Any, trajectory: Trajectory) -> np.ndarray:
        rewards = []
        for number, step in enumerate(trajectory.steps):
            row: dict[str, Any] = {"observation": step.observation, "command": step.action}
            if self.privileged:
                row["facts"] = "\n".join(_facts(trajectory)[number])
            rewards.append(episode.step(**row) if number else episode.begin(**row, goal=trajectory.goal))
        return np.array(rewards)


class Conditions(Source):
    """The share of the goal's conditions that hold in the true state: what a perfect reader of states could say."""

    about = "share of the goal's conditions that hold in the true state"
    privileged = of_state = True

    def predict(self, domain: str, trajectories: Sequence[Trajectory]) -> list[np.ndarray]:
        """See `Source.predict`."""
        scores = [[step.score for step in trajectory.steps] for trajectory in trajectories]
        if any(score is None for steps in scores for score in steps):
            raise NotForThis("these files do not have the true state")
        return [np.array(steps, np.float64) for steps in scores]


class Function(Source):
    """A function of one's own, ``predict(goal, actions, observations)``, that returns a number for each step.

    It gets the trajectory up to each step in turn, and the last number counts: it cannot look ahead.

    Args:
        place: ``file.py:function`` or ``package.module:function``.
    """

    def __init__(self, place: str):
        from reward_designers.saving import resolve

        self.about = place
        self._function = resolve(place)
        if not callable(self._function):
            raise RewardError(f"{place} is no function, but {type(self._function).__name__}")

    def predict(self, domain: str, trajectories: Sequence[Trajectory]) -> list[np.ndarray]:
        """See `Source.predict`."""
        return [np.array([self._at(t, n + 1) for n in range(len(t))]) for t in trajectories]

    def _at(self, trajectory: Trajectory, steps: int) -> float:
        seen = trajectory.steps[:steps]
        try:
            value = float(self._function(trajectory.goal, [s.action for s in seen], [s.observation for s in seen]))
        except Exception as error:  # of the user's code, which may raise anything
            raise RewardError(f"{self.about} failed at step {steps}: {type(error).__name__}: {error}") from error
        if not np.isfinite(value):
            raise RewardError(f"{self.about} returned {value} at step {steps}")
        return value


def make_source(text: str, seed: int) -> Source:
    """The source that a text names.

    Raises:
        UsageError: There is none of that name.
        RewardError: It cannot be made.
    """
    kind, _, option = text.partition(":")
    makers: dict[str, Callable[[], Source]] = {
        "constant": functools.partial(Baseline, "always the same: says nothing", lambda n, _: np.zeros(n), seed),
        "random": functools.partial(Baseline, "drawn at random: knows nothing", lambda n, rng: rng.random(n), seed),
        "clock": functools.partial(
            Baseline, "the number of the step: later is better", lambda n, _: np.arange(n, dtype=np.float64), seed
        ),
        "lexicon": LexiconSource,
        "facts": functools.partial(Factored, facts=True),
        "conditions": Conditions,
    }
    if text in makers:
        return makers[text]()
    try:
        if kind == "similarity":
            return TextSimilarity(option) if option else TextSimilarity()
        if kind == "factored":
            return Factored(option) if option else Factored()
    except ValueError as error:
        raise UsageError(f"rewards: {error}") from error
    if re.fullmatch(r".+\.py:\w[\w.]*", text) or re.fullmatch(r"[\w.]+\.[\w.]+:\w[\w.]*", text):
        if text.rpartition(":")[0].endswith(".py") and not Path(text.rpartition(":")[0]).is_file():
            raise UsageError(f"rewards: no such file {text.rpartition(':')[0]!r} (the folder here is {Path.cwd()})")
        return Function(text)
    raise UsageError(unknown_name("reward", text, SHOWN))


def _facts(trajectory: Trajectory) -> list[tuple[str, ...]]:
    facts = [step.facts for step in trajectory.steps]
    if any(some is None for some in facts):
        raise NotForThis("these files do not have the facts")
    return [some or () for some in facts]

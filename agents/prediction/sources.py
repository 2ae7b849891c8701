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

from agents.errors import UsageError
from agents.prediction.data import Trajectory
from agents.prediction.rules import RULES
from reward_designers.errors import RewardError, unknown_name
from reward_designers.factored import Extractor, GoalInterpreter
from reward_designers.llm import LLM, Questions

OFFLINE = ("constant", "random", "clock", "similarity", "factored", "factored:embedding", "conditions")
"""What is compared unless asked for otherwise: nothing of it needs a language model."""
BY_LLM = ("judge", "critic", "factored:llm")
"""And these too, if there is one."""
SHOWN = ("constant", "random", "clock", "similarity[:ENCODER]", "lexicon", "factored[:SIMILARITY]", "facts",
         "conditions", "judge", "critic", "factored:llm[:SIMILARITY]", "my.py:function")  # fmt: skip


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
    of_state: bool = True

    @property
    def note(self) -> str:
        """What there is to tell after predictions; mostly nothing."""
        return ""

    @abstractmethod
    def predict(self, domain: str, trajectories: Sequence[Trajectory]) -> list[np.ndarray]:
        """The reward of each step of each trajectory, ``(steps,)`` float64 each.

        Raises:
            NotForThis: It knows nothing of the domain.
            RewardError: It failed.
        """

    def value(self, domain: str, trajectories: Sequence[Trajectory]) -> list[float]:
        """The reward of the last step of each trajectory, NaN where a model gave no answer; errors as of `predict`."""
        return [float(rewards[-1]) for rewards in self.predict(domain, trajectories)]


class Baseline(Source):
    """A source that does not look at what happens.

    Args:
        about: What it is.
        reward: Number of steps and a generator to the rewards.
        seed: Of the generator.
        of_state: See `Source`.
    """

    def __init__(self, about: str, reward: Callable[[int, np.random.Generator], np.ndarray], seed: int, of_state: bool):
        self.about, self.of_state = about, of_state
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
    """How much of the goal a factored state fulfils (docs/factored-states.md).

    Args:
        similarity: Of identities and values, see `reward_designers.factored.score`.
        reader: What reads states and goals: ``rules``, ``facts`` (the true state: privileged; ALFWorld only), or the
            language model that is to do it.
    """

    def __init__(self, similarity: str = "exact", reader: str | Questions = "rules"):
        from reward_designers.factored import make_similarity

        self.privileged = reader == "facts"
        ways = {"rules": "read from the texts by rules", "facts": "from the true facts"}
        source = ways[reader] if isinstance(reader, str) else "read by a language model in StateFactory's steps"
        how = "words compared exactly" if similarity == "exact" else f"words compared by {similarity}"
        self.about = f"how much of the goal holds in a factored state, {source}; {how}"
        self._similarity, self._reader = make_similarity(similarity), reader

    def predict(self, domain: str, trajectories: Sequence[Trajectory]) -> list[np.ndarray]:
        """See `Source.predict`; all trajectories are read side by side, step by step."""
        from reward_designers.factored import score

        extractor, interpreter = self._parts(domain)
        rows = [self._rows(trajectory) for trajectory in trajectories]
        states = extractor.begin([own[0] for own in rows])
        goals = interpreter.begin([own[0] for own in rows])
        rewards = [[score(s.listed(), g, similarity=self._similarity)] for s, g in zip(states, goals, strict=True)]
        for number in range(1, max(map(len, rows), default=0)):
            going = [place for place, own in enumerate(rows) if number < len(own)]
            now = [rows[place][number] for place in going]
            later = extractor.observe([states[place] for place in going], now)
            wanted = interpreter.update([goals[place] for place in going], later, now)
            for place, state, goal in zip(going, later, wanted, strict=True):
                states[place], goals[place] = state, goal
                rewards[place].append(score(state.listed(), goal, similarity=self._similarity))
        return [np.array(values) for values in rewards]

    @property
    def note(self) -> str:
        """See `Source.note`."""
        return "" if isinstance(self._reader, str) else _invalid(self._reader)

    def _parts(self, domain: str) -> tuple[Extractor, GoalInterpreter]:
        from reward_designers.factored import AlfworldFacts, AlfworldGoals
        from reward_designers.factored.llm import LLMExtractor, LLMGoals

        if not isinstance(self._reader, str):
            return LLMExtractor(self._reader), LLMGoals(self._reader)
        if self.privileged:
            if domain != "alfworld":
                raise NotForThis("there is an extractor of facts for alfworld alone; conditions covers all domains")
            return AlfworldFacts(), AlfworldGoals()
        if domain not in RULES:
            raise NotForThis(f"there are rules for {', '.join(RULES)}")
        extractor, interpreter = RULES[domain]
        return extractor(), interpreter()

    def _rows(self, trajectory: Trajectory) -> list[dict[str, Any]]:
        rows = [{"goal": trajectory.goal, "command": s.action, "observation": s.observation} for s in trajectory.steps]
        if self.privileged:
            rows = [{**row, "facts": "\n".join(f)} for row, f in zip(rows, _facts(trajectory), strict=True)]
        return rows


class Judge(Source):
    """What a language model says of an episode so far; a step without a valid answer keeps the value before it.

    Args:
        form: One of `reward_designers.judges.FORMS`: ``progress``, a score from 1 to 10, or ``critic``, a cost.
        questions: Whom to ask.
    """

    def __init__(self, form: str, questions: Questions):
        from reward_designers.judges import FORMS

        self._form, self._questions = FORMS[form], questions
        kind = "a score from 1 to 10 for the progress so far" if form == "progress" else "the cost that is left"
        self.about = f"a language model's opinion after each step: {kind}"

    @property
    def note(self) -> str:
        """See `Source.note`."""
        return _invalid(self._questions)

    def value(self, domain: str, trajectories: Sequence[Trajectory]) -> list[float]:
        """See `Source.value`; only the last step is asked about."""
        prompts = [self._form.prompt(t.goal, [(s.action, s.observation) for s in t.steps]) for t in trajectories]
        answers = self._questions.ask(prompts, lambda said, _: self._form.read(said))
        return [float("nan") if answer is None else answer for answer in answers]

    def predict(self, domain: str, trajectories: Sequence[Trajectory]) -> list[np.ndarray]:
        """See `Source.predict`."""
        steps = [[(step.action, step.observation) for step in t.steps] for t in trajectories]
        prompts = [
            self._form.prompt(t.goal, own[:end])
            for t, own in zip(trajectories, steps, strict=True)
            for end in range(1, len(own) + 1)
        ]
        answers = iter(self._questions.ask(prompts, lambda said, _: self._form.read(said)))
        rewards = []
        for own in steps:
            value, values = 0.0, []
            for _ in own:
                answer = next(answers)
                value = value if answer is None else answer
                values.append(value)
            rewards.append(np.array(values))
        return rewards


class Conditions(Source):
    """The share of the goal's conditions that hold in the true state: what a perfect reader of states could say."""

    about = "share of the goal's conditions that hold in the true state"
    privileged = True

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


def needs_llm(text: str) -> bool:
    """Whether the source that a text names asks a language model."""
    return text in BY_LLM or text.startswith("factored:llm:")


def make_source(text: str, seed: int, llm: LLM | None = None) -> Source:
    """The source that a text names.

    Args:
        text: One of `SHOWN`.
        seed: Of the random baseline.
        llm: For those that ask one.

    Raises:
        UsageError: There is none of that name, or it needs a language model and there is none.
        RewardError: It cannot be made.
    """
    kind, _, option = text.partition(":")
    if needs_llm(text):
        if llm is None:
            raise UsageError(f"{text} needs a language model: llm=openai llm.model=NAME, or llm=replay llm.path=FILE")
        questions = Questions(llm)
        if kind == "factored":
            return _named(functools.partial(Factored, option.partition(":")[2] or "exact", questions))
        return Judge({"judge": "progress"}.get(text, text), questions)
    makers: dict[str, Callable[[], Source]] = {
        "constant": lambda: Baseline("always the same: says nothing", lambda n, _: np.zeros(n), seed, False),
        "random": lambda: Baseline("drawn at random: knows nothing", lambda n, rng: rng.random(n), seed, False),
        "clock": lambda: Baseline("the number of the step: later is better", lambda n, _: np.arange(n), seed, True),
        "lexicon": LexiconSource,
        "similarity": TextSimilarity,
        "factored": Factored,
        "facts": functools.partial(Factored, reader="facts"),
        "conditions": Conditions,
    }
    if text in makers:
        return makers[text]()
    if kind in ("similarity", "factored"):
        return _named(functools.partial(TextSimilarity if kind == "similarity" else Factored, option))
    if re.fullmatch(r".+\.py:\w[\w.]*", text) or re.fullmatch(r"[\w.]+\.[\w.]+:\w[\w.]*", text):
        if text.rpartition(":")[0].endswith(".py") and not Path(text.rpartition(":")[0]).is_file():
            raise UsageError(f"no such file {text.rpartition(':')[0]!r} (the folder here is {Path.cwd()})")
        return Function(text)
    raise UsageError(unknown_name("reward", text, SHOWN))


def _named(make: Callable[[], Source]) -> Source:
    """A source with the name of a similarity or an encoder in it, which there may not be."""
    try:
        return make()
    except ValueError as error:
        raise UsageError(f"rewards: {error}") from error


def _invalid(questions: Questions) -> str:
    return f"{questions.invalid} of {questions.asked} questions got no valid answer" if questions.invalid else ""


def _facts(trajectory: Trajectory) -> list[tuple[str, ...]]:
    facts = [step.facts for step in trajectory.steps]
    if any(some is None for some in facts):
        raise NotForThis("these files do not have the facts")
    return [some or () for some in facts]

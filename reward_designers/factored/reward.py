"""`FactoredReward`: how much of the goal holds in what is believed of the world, as a reward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reward_designers.base import Transition
from reward_designers.errors import RewardError, unknown_name
from reward_designers.factored.alfworld import AlfworldFacts, AlfworldGoals, AlfworldRules
from reward_designers.factored.extractor import Extractor, FixedGoal, GoalInterpreter
from reward_designers.factored.llm import LLMExtractor, LLMGoals
from reward_designers.factored.minihack import MinihackRules
from reward_designers.factored.numbers import NumberWords
from reward_designers.factored.score import score
from reward_designers.factored.similarity import make_similarity
from reward_designers.factored.state import FactoredState, Goal
from reward_designers.llm import Questions
from reward_designers.progress import ProgressReward, Row, Table

EXTRACTORS = ("alfworld", "facts", "minihack", "numbers", "llm")


@dataclass(eq=False)
class FactoredReward(ProgressReward):
    """The score of each step's belief against the goal (StateFactory, arXiv 2603.09400); modes: `ProgressReward`.

    Attributes:
        extractor: ``alfworld`` and ``minihack``: rules for the words of those games. ``facts``: ALFWorld's truth, which
            no agent sees. ``numbers``: named numbers as words. ``llm``: a language model.
        goal: What is wanted: text, to be interpreted; or objects, ``{identity: {attribute: value}}``; None: the text
            that the environment's field ``goal`` holds.
        similarity: See `score`; by name.
        credit: What is halfway there counts: see `AlfworldGoals`, and `NumberWords.graded`.
        words: See `NumberWords`.
        text: The state array that a language model reads.
        llm: Options of a language model, see `reward_designers.llm.connect`.
        store: Where its replies are kept.
    """

    extractor: str = "alfworld"
    goal: Any = None
    similarity: str = "exact"
    credit: bool = True
    words: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    text: str = "observation"
    llm: Mapping[str, Any] | None = None
    store: str | None = None

    name = "factored"

    def __post_init__(self) -> None:
        super().__post_init__()
        make_similarity(self.similarity)
        self.questions = Questions(self.llm, self.store)
        self._extractor = self._make_extractor()
        self._goals = self._make_goals()
        self.privileged = self._extractor.privileged
        self.inputs = self._extractor.inputs | self._goals.inputs
        if isinstance(self.goal, str):  # it is given to whoever asks for the text
            self.inputs -= {"goal"}

    def __str__(self) -> str:
        who = str((self.llm or {}).get("model") or "nobody") if self.extractor == "llm" else self.extractor
        wanted = "" if self.goal is None else f", goal {self.goal}"
        return f"{who}{' (privileged)' if self.privileged else ''}, {self.similarity} similarity, {self.mode}{wanted}"

    def open(self) -> None:
        """Connect to the language model, and load embeddings, if any are used: it is better to know before training.

        Raises:
            LLMError: The model cannot be asked.
            EmbeddingError: There are no embeddings.
        """
        if self.extractor == "llm":
            self.questions.open()
        make_similarity(self.similarity).prepare(["goal"])

    def begin(self, rows: Sequence[Row]) -> list[Table]:
        """See `ProgressReward.begin`.

        Raises:
            RewardError: A goal cannot be interpreted.
        """
        rows = self._with_goal(rows)
        states, goals = self._extractor.begin(rows), self._goals.begin(rows)
        return [self._table(state, goal) for state, goal in zip(states, goals, strict=True)]

    def follow(self, tables: Sequence[Table], rows: Sequence[Row]) -> list[Table]:
        """See `ProgressReward.follow`."""
        rows = self._with_goal(rows)
        states = self._extractor.observe([FactoredState(table["objects"]) for table in tables], rows)
        goals = self._goals.update([table["goal"] for table in tables], states, rows)
        return [
            table if state.objects == table["objects"] and goal == table["goal"] else self._table(state, goal)
            for table, state, goal in zip(tables, states, goals, strict=True)
        ]

    def update(self, rollout: Transition) -> dict[str, float]:
        """Learns nothing; tells what share of a language model's answers was not valid."""
        return self.questions.metrics()

    def _table(self, state: FactoredState, goal: Goal) -> Table:
        value = score(state.listed(), goal, similarity=self.similarity)
        return {"value": value, "objects": state.objects, "goal": goal}

    def _with_goal(self, rows: Sequence[Row]) -> Sequence[Row]:
        return [{**row, "goal": self.goal} for row in rows] if isinstance(self.goal, str) else rows

    def _make_goals(self) -> GoalInterpreter:
        if isinstance(self.goal, Mapping):
            goal: Goal = [(str(name), dict(attributes or {})) for name, attributes in self.goal.items()]
            graded = self.credit and isinstance(self._extractor, NumberWords)
            return FixedGoal(self._extractor.graded(goal) if graded else goal)  # type: ignore[attr-defined]
        if self.goal is not None and not isinstance(self.goal, str):
            raise RewardError(f"goal={self.goal!r}, expected text or objects such as {{'mug': {{'location': 'desk'}}}}")
        if self.extractor == "llm":
            return LLMGoals(self.questions, self.text)
        if self.extractor in ("alfworld", "facts"):
            return AlfworldGoals(self.credit)
        raise RewardError(
            f"extractor={self.extractor} has no rules for goals in words: give objects, such as "
            "goal={'hero': {'on': 'staircase down'}}, or use extractor=llm"
        )

    def _make_extractor(self) -> Extractor:
        match self.extractor:
            case "alfworld":
                return AlfworldRules()
            case "facts":
                return AlfworldFacts()
            case "minihack":
                return MinihackRules()
            case "numbers":
                return NumberWords.of(self.goal, self.words)
            case "llm":
                return LLMExtractor(self.questions, self.text)
        raise RewardError(unknown_name("extractor", self.extractor, EXTRACTORS))

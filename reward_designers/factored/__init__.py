"""Factored states: a world as objects with attributes, how much of a goal holds in it, and the reward of that."""

from reward_designers.factored.alfworld import AlfworldFacts, AlfworldGoals, AlfworldRules
from reward_designers.factored.extractor import Episode, Extractor, FixedGoal, GoalInterpreter, Row, RowExtractor
from reward_designers.factored.llm import LLMExtractor, LLMGoals
from reward_designers.factored.minihack import MinihackRules
from reward_designers.factored.numbers import NumberWords
from reward_designers.factored.reward import EXTRACTORS, FactoredReward
from reward_designers.factored.score import score
from reward_designers.factored.similarity import Similarity, make_similarity
from reward_designers.factored.state import FactoredState, Goal, describe

__all__ = [
    "EXTRACTORS",
    "AlfworldFacts",
    "AlfworldGoals",
    "AlfworldRules",
    "Episode",
    "Extractor",
    "FactoredReward",
    "FactoredState",
    "FixedGoal",
    "Goal",
    "GoalInterpreter",
    "LLMExtractor",
    "LLMGoals",
    "MinihackRules",
    "NumberWords",
    "Row",
    "RowExtractor",
    "Similarity",
    "describe",
    "make_similarity",
    "score",
]

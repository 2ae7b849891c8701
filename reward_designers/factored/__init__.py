"""Factored states: a world as objects with attributes, how much of a goal holds in it, and the reward of that."""

from reward_designers.factored.alfworld import AlfworldFacts, AlfworldGoals, AlfworldRules
from reward_designers.factored.extractor import Episode, Extractor, FixedGoal, GoalInterpreter, Row, RowExtractor
from reward_designers.factored.score import score
from reward_designers.factored.similarity import Similarity, make_similarity
from reward_designers.factored.state import FactoredState, Goal, describe

__all__ = [
    "AlfworldFacts",
    "AlfworldGoals",
    "AlfworldRules",
    "Episode",
    "Extractor",
    "FactoredState",
    "FixedGoal",
    "Goal",
    "GoalInterpreter",
    "Row",
    "RowExtractor",
    "Similarity",
    "describe",
    "make_similarity",
    "score",
]

"""Rewards from feedback on captions: what happened, in words, judged by a goal while training runs."""

from reward_designers.intrinsic.annotation import Annotation, Status
from reward_designers.intrinsic.embedding import EmbeddingAnnotator
from reward_designers.intrinsic.goals import GoalReward
from reward_designers.intrinsic.labels import Annotator, Label, Pair, Preference, Spent
from reward_designers.intrinsic.lexicon import Lexicon, Rule
from reward_designers.intrinsic.llm import LLMAnnotator
from reward_designers.intrinsic.models import CaptionModel, Classification, Ranking, Retrieval, make_model
from reward_designers.intrinsic.person import Person
from reward_designers.intrinsic.predicates import PredicateJudge
from reward_designers.intrinsic.replay import Replay
from reward_designers.intrinsic.reward import IntrinsicReward
from reward_designers.intrinsic.scenes import Scene
from reward_designers.intrinsic.subgoal_llm import AskedSubgoals, SubgoalAnnotator, SubgoalReplay
from reward_designers.intrinsic.subgoal_rules import SubgoalRule, SubgoalRules
from reward_designers.intrinsic.subgoals import SubgoalReward

__all__ = [
    "Annotation",
    "Annotator",
    "AskedSubgoals",
    "CaptionModel",
    "Classification",
    "EmbeddingAnnotator",
    "GoalReward",
    "IntrinsicReward",
    "LLMAnnotator",
    "Label",
    "Lexicon",
    "Pair",
    "Person",
    "PredicateJudge",
    "Preference",
    "Ranking",
    "Replay",
    "Retrieval",
    "Rule",
    "Scene",
    "Spent",
    "Status",
    "SubgoalAnnotator",
    "SubgoalReplay",
    "SubgoalReward",
    "SubgoalRule",
    "SubgoalRules",
    "make_model",
]

"""The search for reward programs: what a language model is told, what it hears back, and who proposes what next.

Nothing here trains, runs programs or talks to a server: a `Designer` turns a `History` into `Proposal`s.
"""

from reward_designers.code.search.candidates import Candidate, History, Note, Origin, Rejection
from reward_designers.code.search.critic import Critic, bounded
from reward_designers.code.search.designer import Designer, Proposal, SearchError
from reward_designers.code.search.diagnoses import Diagnosis, diagnose
from reward_designers.code.search.eureka import Eureka
from reward_designers.code.search.leaks import Leak, Secrets
from reward_designers.code.search.prompts import Prompts
from reward_designers.code.search.reflection import reflect
from reward_designers.code.search.selection import Score, Selection, score, select, tied
from reward_designers.code.search.text2reward import Example, Text2Reward
from reward_designers.code.search.training import Curve, Episode, Run, TrainingRecord
from reward_designers.code.search.tree import Tree
from reward_designers.code.search.tried import thought, tried
from reward_designers.code.search.weights import Weights
from reward_designers.code.search.world import ArrayDescription, WorldDescription, describe

__all__ = [
    "ArrayDescription",
    "Candidate",
    "Critic",
    "Curve",
    "Designer",
    "Diagnosis",
    "Episode",
    "Eureka",
    "Example",
    "History",
    "Leak",
    "Note",
    "Origin",
    "Prompts",
    "Proposal",
    "Rejection",
    "Run",
    "Score",
    "SearchError",
    "Secrets",
    "Selection",
    "Text2Reward",
    "TrainingRecord",
    "Tree",
    "Weights",
    "WorldDescription",
    "bounded",
    "describe",
    "diagnose",
    "reflect",
    "score",
    "select",
    "thought",
    "tied",
    "tried",
]

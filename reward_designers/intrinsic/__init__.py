"""Rewards from feedback on captions: what happened, in words, judged by a goal while training runs."""

from reward_designers.intrinsic.annotation import Annotation, Status
from reward_designers.intrinsic.labels import Annotator, Label, Pair, Preference, Spent
from reward_designers.intrinsic.lexicon import Lexicon, Rule

__all__ = ["Annotation", "Annotator", "Label", "Lexicon", "Pair", "Preference", "Rule", "Spent", "Status"]

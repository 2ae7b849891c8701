"""Language models that judge how far an episode has come: to compare factored states with, or to train on."""

from reward_designers.judges.forms import CRITIC, FORMS, PROGRESS, Form, Step
from reward_designers.judges.reward import JudgeReward, rate

__all__ = ["CRITIC", "FORMS", "PROGRESS", "Form", "JudgeReward", "Step", "rate"]

"""From the outcomes of trainings to what a designer remembers of them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from agents.designing.training import Outcome
from agents.designing.watching import WORST
from reward_designers.code.search import Candidate, Curve, Episode, Run, TrainingRecord
from reward_designers.code.search.training import CHECKPOINTS


def after_training(candidate: Candidate, outcomes: Mapping[int, Outcome], steps: int, max_length: int) -> Candidate:
    """The candidate after a stage; rejected, if the training with one of the seeds failed.

    Args:
        candidate: Before.
        outcomes: Of each seed.
        steps: Of the stage.
        max_length: Time limit of an episode.
    """
    failures = {seed: outcome["failure"] for seed, outcome in outcomes.items() if outcome["failure"]}
    if failures:
        seed, reason = min(failures.items())
        return candidate.rejected("training", f"with seed {seed}: {reason}")
    scores = {seed: outcome["score"] for seed, outcome in outcomes.items()}
    return candidate.trained(scores, steps, record(outcomes, max_length))


def record(outcomes: Mapping[int, Outcome], max_length: int) -> TrainingRecord | None:
    """The curves of all seeds at the steps that all of them logged; None if they logged nothing in common."""
    all_curves = {seed: outcome["curves"] for seed, outcome in sorted(outcomes.items())}
    common = sorted(set.intersection(*(set(curves["steps"]) for curves in all_curves.values())))
    names = list(next(iter(all_curves.values()))["components"])
    if not common or not names:
        return None
    runs = []
    for seed, curves in all_curves.items():
        rows = [curves["steps"].index(step) for step in common]

        def curve(values: list[float | None], rows: list[int] = rows) -> Curve:
            return Curve.of([values[row] for row in rows])

        components = {name: curve(values) for name, values in curves["components"].items()}
        runs.append(Run(seed, components, curve(curves["score"]), curve(curves["length"])))
    shown = np.unique(np.linspace(0, len(common) - 1, min(CHECKPOINTS, len(common))).round().astype(int))
    watched = [Episode(**episode) for _, outcome in sorted(outcomes.items()) for episode in outcome["watched"]]
    worst = sorted(watched, key=lambda episode: -math.inf if episode.score is None else episode.score)[:WORST]
    return TrainingRecord(tuple(runs), tuple(common[i] for i in shown), max_length, tuple(worst))

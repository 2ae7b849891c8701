"""From outcomes of trainings to records."""

from __future__ import annotations

from typing import Any

from agents.designing.records import after_training, record
from agents.designing.training import failed
from reward_designers.code.search import Candidate, Origin

CANDIDATE = Candidate("key", "def reward(obs): return obs[:, 0]", Origin("first"))


def outcome(score: float | None, steps: list[int]) -> dict[str, Any]:
    curves = {
        "steps": steps,
        "components": {"up": [float(step) for step in steps]},
        "score": [0.5 for _ in steps],
        "length": [None for _ in steps],
    }
    return {"score": score, "failure": "", "seconds": 1.0, "episodes": [], "watched": [], "curves": curves}


def test_seeds_are_compared_where_all_of_them_logged() -> None:
    found = record({0: outcome(1.0, [0, 10, 20, 30]), 1: outcome(2.0, [0, 20, 30, 40])}, 100)
    assert found is not None
    assert found.steps == (0, 20, 30)
    assert [run.components["up"].values for run in found.runs] == [(0.0, 20.0, 30.0)] * 2
    assert found.max_length == 100
    assert record({0: outcome(1.0, [0]), 1: outcome(1.0, [5])}, 100) is None


def test_long_logs_are_thinned_out_at_the_same_steps() -> None:
    found = record({0: outcome(1.0, list(range(101)))}, 100)
    assert found is not None
    assert found.steps == tuple(int(v or 0) for v in found.runs[0].components["up"].values)
    assert len(found.steps) == 10


def test_a_seed_that_failed_fails_the_candidate_and_a_score_that_is_none_is_kept() -> None:
    broken = after_training(CANDIDATE, {0: outcome(1.0, [0]), 1: failed("nan in row 2")}, 10, 100)
    assert broken.rejection is not None
    assert (broken.rejection.stage, broken.rejection.reason) == ("training", "with seed 1: nan in row 2")
    nothing = after_training(CANDIDATE, {0: outcome(None, [0]), 1: outcome(1.0, [0])}, 10, 100)
    assert nothing.mean is None
    assert nothing.failure == "training: no finite task score with seed 0"

"""The search benchmark: what it counts and compares, on searches that take seconds."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from agents.designing.folder import DesignDir
from agents.runs import RunDir
from benchmarks._search_tables import tables
from benchmarks.reward_search import STUDIES, Study, about, difference, judged, normalized, outcomes, sparse_trainings
from envs import find_task
from tests.agents.designing.scripted import SMALL, designed

CARTPOLE = Study("CartPole", "unused", 256)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a task with a search in it."""
    folder = tmp_path_factory.mktemp("CartPole")
    kind = ("designer=random", "designer.programs=2", "designer.population=2", "sandbox=none")
    designed(*SMALL, *kind, f"output={folder / 'random'}", "rungs=2", "seeds=2", "final_seeds=2", "baselines=true")
    return folder


def test_steps_of_a_search_are_those_of_its_runs(searched: Path) -> None:
    directory = DesignDir(searched / "random")
    runs = [RunDir(run.parent) for run in directory.trainings.glob("*/seed_?/summary.json")]  # final seeds are longer
    found = about(directory)
    assert found["steps"] == sum(run.read_summary()["timesteps"] for run in runs) == found["best_by_round"][-1]["steps"]
    assert found["steps_in_full"] == 2 * 2 * 256 > found["steps"]
    assert found["cpu_seconds"] > 0


def test_the_sparse_reward_is_trained_as_the_baselines_are(searched: Path) -> None:
    (first, second), env = sparse_trainings(CARTPOLE, searched), searched / "random" / "trainings" / "env"
    for training in (first, second):
        baseline = asdict(RunDir.open(env / f"seed_{training.config.seed}").read_config())
        own = asdict(training.config)
        assert own.pop("reward")["path"].endswith("sparse.py:unused")
        assert baseline.pop("reward")["name"] == "env"
        assert own.pop("run_dir") != baseline.pop("run_dir", None)
        assert own == baseline


def test_outcomes_are_those_of_the_last_trainings(searched: Path) -> None:
    final = json.loads((searched / "random" / "summary.json").read_text())["final"]
    found = outcomes(Study("CartPole", None, 256), searched)
    assert found["arms"].keys() == {"random", "env", "zero"}
    assert found["arms"]["random"]["scores"] == list(final["best"]["scores"].values())
    of_seed = [final["best"]["scores"][seed] - final["env"]["scores"][seed] for seed in final["env"]["scores"]]
    assert found["pairs"]["random - env"]["mean"] == pytest.approx(np.mean(of_seed))
    text = tables({"tasks": {"CartPole": found}, "costs": {}})
    assert f"{final['env']['mean']:.3f} (" in text


def test_scores_are_normalized_between_nothing_and_the_environments() -> None:
    arms = {
        "eureka": judged("eureka", {0: 5.0, 1: 6.0}),
        "env": judged("env", {0: 3.0, 1: 3.1}),
        "zero": judged("zero", {0: 1.0, 1: 1.1}),
        "sparse": judged("sparse", {0: 1.0, 1: 5.2}),
    }
    assert normalized(arms, "eureka", "zero") == pytest.approx((5.5 - 1.05) / 2)
    assert normalized(arms, "eureka", "sparse") is None  # the environment's reward cannot be told from it
    assert difference(arms["eureka"], arms["env"]).values == (2.0, pytest.approx(2.9))


@pytest.mark.parametrize("study", [study for study in STUDIES if study.sparse], ids=lambda study: study.env)
def test_sparse_rewards_pay_for_what_the_task_calls_success(study: Study) -> None:
    from benchmarks.rewards import sparse
    from reward_designers import Transition

    threshold = find_task(study.env).success
    state = {"forward_velocity": np.array([9.0, 9.0])}
    following = {"forward_velocity": np.array([threshold - 0.01, threshold + 0.01])}
    over = np.zeros(2, bool)
    (paid,) = getattr(sparse, str(study.sparse))(Transition(state, np.zeros((2, 1)), following, over, over)).values()
    np.testing.assert_array_equal(paid, [0.0, 1.0])

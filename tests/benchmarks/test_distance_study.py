"""The study's rewards keep the laws, and are what the study says that they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import envs
from agents.runs import read_progress
from benchmarks._distance_tables import COVERAGES, draw, find, normalized, tables
from benchmarks.distance_study import STUDIES, Study, measure
from benchmarks.learning import Cell, folder
from reward_designers.base import RewardFn, as_reward
from reward_designers.checker import check_reward
from reward_designers.evaluation import evaluate, total
from tests.agents.runners import trained
from tests.envs.test_laws import transitions


def written(study: Study) -> dict[str, RewardFn]:
    """The rewards of ``benchmarks/rewards`` by name."""
    paths = {name: options[-1].removeprefix("reward.path=") for name, options in study.cell.rewards.items()}
    return {name: as_reward(path) for name, path in paths.items() if path.partition(":")[2] == name}


WRITTEN = [pytest.param(study, name, id=f"{study.cell.env}-{name}") for study in STUDIES for name in written(study)]


@pytest.mark.parametrize(("study", "name"), WRITTEN)
def test_rewards_keep_the_laws(study: Study, name: str) -> None:
    reward = written(study)[name]
    report = check_reward(reward, transitions(study.cell.env, study.cell.task, reward))
    assert report.skipped.keys() <= {"total", "reads", "episodes"}, report


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.cell.env)
def test_components_and_variants_are_those_of_the_environments_own_reward(study: Study) -> None:
    rewards = written(study)
    own = envs.find_task(study.cell.env, study.cell.task).reward()
    batch = transitions(study.cell.env, study.cell.task, rewards["shaped"])
    components = [name for name in ("forward", "survive", "effort", "contact") if name in rewards]
    compared = {"env": own, **{name: rewards[name] for name in (*components, "negated", "shaped")}}
    values = {name: total(evaluate(reward, batch)) for name, reward in compared.items()}
    np.testing.assert_allclose(sum(values[name] for name in components), values["env"], atol=1e-12)
    np.testing.assert_array_equal(values["negated"], -values["env"])
    shaping = evaluate(rewards["shaped"].terms["shaping"], batch)
    np.testing.assert_allclose(values["shaped"], values["env"] + total(shaping), atol=1e-12)
    assert rewards["shaped"].terms["shaping"].gamma == study.discount
    assert f"algo.gamma={study.discount}" in study.cell.options


SWING = """
def swing(next_uprightness):
    return next_uprightness

def fixed(action):
    return {"fixed": 0.0 * action[:, 0]}
"""


@pytest.mark.slow
def test_distances_and_outcomes_of_small_trainings(tmp_path: Path) -> None:
    file = tmp_path / "swing.py"
    file.write_text(SWING)
    rewards = {name: ("reward=custom", f"reward.path={file}:{name}") for name in ("swing", "fixed")}
    cell = Cell("InvertedPendulum", "upright", 512, rewards=rewards)
    study = Study(cell, trained=("env", "swing"), compared=("fixed",), discount=0.98)
    for reward in study.trained:
        options = rewards.get(reward, (f"reward={reward}",))
        run = tmp_path / folder(cell, reward, 3)
        trained(run, *options, "env=InvertedPendulum", "total_timesteps=256", "eval_every=128", "seed=3")
    result = measure(study, tmp_path, samples=256)

    outcomes = result["outcomes"]
    assert outcomes["swing"]["seeds"] == [3]
    fitness = [row["eval/fitness"] for row in read_progress(tmp_path / folder(cell, "env", 3) / "progress.csv")]
    assert outcomes["env"]["fitness"] == [pytest.approx(np.mean(fitness))]
    assert 0 < outcomes["env"]["discounted"][0] <= 1 / (1 - 0.98)  # at most 1 a step
    assert normalized(result, outcomes["env"]) == pytest.approx(1.0)
    assert {row["coverage"] for row in result["distances"]} == set(COVERAGES)
    swing, fixed = (find(result, "epic", "env", "random", name) for name in ("swing", "fixed"))
    assert swing is not None
    assert 0 < swing["value"] < 1
    assert fixed is not None
    assert fixed["degenerate"]
    assert find(result, "epic", "env", "own policy", "fixed") is None  # nothing was trained on it

    text = tables("pendulum", result)
    assert "| fixed | no direction |" in text
    draw({"pendulum": result}, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000

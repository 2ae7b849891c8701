"""The study's rewards keep the laws, and are what the study says that they are."""

from __future__ import annotations

import numpy as np
import pytest

import envs
from benchmarks.distance_study import STUDIES, Study
from reward_designers.base import RewardFn, as_reward, evaluate, total
from reward_designers.checker import check_reward
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

"""Rewards by short texts: what is understood, what is refused, and which run was trained on which."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import envs
from agents.cli import compose
from agents.comparison.options import COMPARE, CompareConfig
from agents.comparison.specs import RewardSpec, description, make, parse_rewards, reward_of, trained_on, world_config
from agents.errors import UsageError
from reward_designers.base import Transition, reward_fn
from tests.agents.runners import configured, trained

MINE = (
    "import numpy as np\ndef lean(next_pole_angle):\n    '''Pays for leaning.'''\n    return np.abs(next_pole_angle)\n"
)


@pytest.fixture
def mine(tmp_path: Path) -> str:
    (tmp_path / "mine.py").write_text(MINE)
    return f"{tmp_path}/mine.py:lean"


def compare_config(*arguments: str) -> CompareConfig:
    return compose(COMPARE, "compare", arguments)


def run_of(folder: Path, *arguments: str) -> str:
    """A run directory in which nothing was trained: only what it would have been trained on."""
    from agents.build import resolve
    from agents.runs import RunDir

    config = resolve(configured("env=CartPole", *arguments))
    run = RunDir.create(str(folder), "")
    run.keep_reward_file(config)
    run.write_config(config)
    return str(folder)


def test_kinds_and_names(mine: str, tmp_path: Path):
    reward_fn(lambda obs: obs[:, 0])
    saved = tmp_path / "kept.npz"
    envs.find_task("CartPole").reward().save(saved)  # type: ignore[misc]
    specs = parse_rewards(
        ["env", "zero", "vlm", "vlm:a pole, falling", f"custom:{mine}", f"odd one={mine}", str(saved), "math:cos"]
    )
    assert [(spec.name, spec.kind) for spec in specs] == [
        ("env", "env"), ("zero", "zero"), ("vlm", "vlm"), ("vlm_2", "vlm"), ("lean", "code"), ("odd one", "code"),
        ("kept", "saved"), ("cos", "code"),
    ]  # fmt: skip
    assert specs[3].value == "a pole, falling"
    assert specs[4].value == specs[5].value == mine


def test_a_given_name_is_kept_and_others_make_way():
    specs = parse_rewards(["env", "env=zero", "env"])
    assert [spec.name for spec in specs] == ["env_2", "env", "env_3"]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["emv"], "unknown reward 'emv'. Did you mean 'env'"),
        (["vml:a prompt"], "unknown reward 'vml:a prompt'. Did you mean 'vlm"),
        (["nowhere.py:f"], "no such file 'nowhere.py'"),
        (["nowhere.npz"], "no such file 'nowhere.npz'"),
        (["no.such.module:f"], "unknown reward 'no.such.module:f'"),
        (["nowhere.py"], "name a function in it, as in nowhere.py:function"),
        (["run:nowhere"], "nowhere does not exist"),
        (["a=env", "a=zero"], "two are named 'a'"),
    ],
)
def test_what_is_not_understood_is_refused(texts: list[str], expected: str):
    with pytest.raises(UsageError) as refused:
        parse_rewards(texts)
    assert expected in str(refused.value)


def test_made_rewards_pay_what_they_say(mine: str):
    config, task = world_config(compare_config("env=CartPole")), envs.find_task("CartPole")
    state = {"pole_angle": np.array([0.1, -0.2])}
    t = Transition(state, np.zeros(2), state, np.zeros(2, bool), np.zeros(2, bool))
    made = {spec.name: make(spec, config, task) for spec in parse_rewards(["env", "zero", "fitness", mine])}
    assert {name: sum(r(t).values()).tolist() for name, r in made.items()} == {
        "env": [1, 1],
        "zero": [0, 0],
        "fitness": [1, 1],
        "lean": [0.1, 0.2],
    }
    assert description(made["lean"]) == "Pays for leaning."


def test_an_environment_without_analytic_reward_is_told():
    config = world_config(compare_config("env.id=Acrobot-v1"))
    with pytest.raises(UsageError, match="Acrobot-v1's own reward is known only as it is paid"):
        make(RewardSpec("env", "env", "env"), config, None)
    with pytest.raises(UsageError, match="Acrobot-v1 has no task of the kit's, so no fitness is known"):
        make(RewardSpec("fitness", "fitness", "fitness"), config, None)


def test_runs_belong_to_the_reward_that_they_were_trained_on(mine: str, tmp_path: Path):
    task = envs.find_task("CartPole")
    other = tmp_path / "other" / "moved.py"
    other.parent.mkdir()
    other.write_text(MINE)
    runs = {
        "env": run_of(tmp_path / "r1", "reward=env"),
        "lean": run_of(tmp_path / "r2", "reward=custom", f"reward.path={other}:lean"),
        "vlm": run_of(tmp_path / "r3", "reward=vlm"),
        "asked": run_of(tmp_path / "r4", "reward=vlm", "reward.goal=a fallen pole", "reward.batch_size=7"),
    }
    specs = parse_rewards(["env", mine, "vlm", "asked=vlm:a fallen pole", "zero"])
    assert {name: reward_of(path, specs, task) for name, path in runs.items()} == {name: name for name in runs}
    stranger = run_of(tmp_path / "r5", "reward=vlm", "reward.goal=a fallen pole", "reward.alpha=0.5")
    assert reward_of(stranger, specs, task) is None
    extended = trained_on(specs, [*runs.values(), stranger], task)
    assert [spec.name for spec in extended[len(specs) :]] == ["vlm_2"]
    assert reward_of(stranger, extended, task) == "vlm_2"
    (tmp_path / "r2" / "reward" / "moved.py").write_text(MINE.replace("abs", "cos"))
    assert reward_of(runs["lean"], specs, task) is None


def test_a_runs_reward_comes_with_what_it_has_learned(tmp_path: Path):
    (tmp_path / "learned.py").write_text(
        "from reward_designers.base import reward_fn\n"
        "@reward_fn\ndef lean(next_pole_angle):\n    return abs(next_pole_angle)\n"
        "learned = lean.normalize()\n"
    )
    path = f"reward.path={tmp_path}/learned.py:learned"
    run = trained(tmp_path / "run", "total_timesteps=512", "eval_every=0", "reward=custom", path)
    config, task = world_config(compare_config("env=CartPole")), envs.find_task("CartPole")
    fresh = make(parse_rewards([f"{tmp_path}/learned.py:learned"])[0], config, task)
    learned = make(parse_rewards([f"run:{run.path}"])[0], config, task)
    assert {name: array.tolist() for name, array in learned.state_dict().items()} != {
        name: array.tolist() for name, array in fresh.state_dict().items()
    }

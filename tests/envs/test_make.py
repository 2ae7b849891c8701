"""`envs.make` and `envs.make_vec`: names, tasks, overrides, and what a wrong name is answered with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import envs
from envs.__main__ import fields, main, overview

ALL = [(name, task) for name in envs.names() for task in envs.tasks(name)]


@pytest.mark.parametrize(("name", "task"), ALL)
def test_every_task_steps_and_knows_itself(name: str, task: str) -> None:
    env = envs.ReplaceReward(envs.make(name, task))
    found = envs.task_of(env)
    assert found is not None
    assert (found.env, found.name) == (name, task)
    obs, _ = env.reset(seed=0)
    assert env.observation_space.contains(obs)
    obs, reward, terminated, truncated, info = env.step(env.action_space.sample())
    assert env.observation_space.contains(obs)
    assert reward == info["env_reward"]
    assert not terminated
    assert not truncated
    assert np.isfinite(info["fitness"])
    env.close()


@pytest.mark.parametrize("num_envs", [0, -1, 2.0, True])
def test_num_envs_below_one_is_refused(num_envs: int) -> None:
    with pytest.raises(ValueError, match=f"at least 1, got {num_envs}"):
        envs.make_vec("Hopper", num_envs)


def test_make_vec_resets_in_the_same_step_by_default() -> None:
    venv = envs.make_vec("Hopper", 2)
    assert venv.unwrapped.autoreset_mode is AutoresetMode.SAME_STEP
    assert venv.num_envs == 2
    venv.close()


@pytest.mark.parametrize(
    ("name", "task", "answer"),
    [
        ("Humanod", None, "unknown environment 'Humanod'. Did you mean 'Humanoid'"),
        ("Acrobot-v11", None, "nearest: Acrobot-v1"),
        ("Humanoid", "kneel", "unknown task of Humanoid 'kneel'. Did you mean 'kneeling'"),
        ("Acrobot-v1", "swing", "Acrobot-v1 has no tasks"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest(name: str, task: str | None, answer: str) -> None:
    with pytest.raises(ValueError, match=answer.replace("?", r"\?")):
        envs.make(name, task)


def test_any_gymnasium_id_works_without_a_task() -> None:
    assert envs.task_of(envs.make("Acrobot-v1")) is None
    assert envs.task_of(envs.make("Hopper-v4")) is None


def test_the_id_behind_a_plain_name_has_its_tasks() -> None:
    task = envs.task_of(envs.make("Hopper-v5", "standing"))
    assert task is not None
    assert task.name == "standing"


def test_the_documentation_has_all_tasks_and_fields() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "envs.md").read_text()
    assert overview() in page
    for name in envs.names():
        assert fields(name) in page, f"python -m envs {name}"


def test_what_there_is_can_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "| Hopper | hopping |" in capsys.readouterr().out
    assert main(["Hopper"]) == 0
    assert "| `torso_height` | m |" in capsys.readouterr().out
    assert main(["Hoper"]) == 2
    assert "Did you mean 'Hopper'" in capsys.readouterr().err


def test_asking_imports_nothing_heavy() -> None:
    code = "import sys; from envs.__main__ import main; main([]); main(['Humanoid']); print('mujoco' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed.splitlines()[-1] == "False"


@pytest.mark.parametrize("wrong", [{"max_episode_steps": 0}, {"max_episode_steps": -3}])
def test_a_time_limit_below_one_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="max_episode_steps must be at least 1"):
        envs.make("Hopper", **wrong)


def test_a_model_of_ones_own_has_no_task() -> None:
    with pytest.raises(ValueError, match=r"'Hopper-v5' with xml_file='mine.xml' instead"):
        envs.make("Hopper", xml_file="mine.xml")
    assert envs.task_of(envs.make("Hopper-v5", xml_file="hopper.xml")) is None


def test_overrides_reach_environment_and_task() -> None:
    env = envs.make("Humanoid", "kneeling", max_episode_steps=7, terminate_when_unhealthy=True)
    task = envs.task_of(env)
    assert task is not None
    assert task.max_episode_steps == 7
    assert task.env_kwargs["terminate_when_unhealthy"] is True
    assert envs.find_task("Humanoid", "kneeling").max_episode_steps == 100  # the catalog's own is as it was
    env.reset(seed=0)
    ends = [env.step(np.zeros(17, np.float32))[3] for _ in range(7)]
    assert ends == [False] * 6 + [True]


def test_make_vec_in_processes_with_wrappers() -> None:
    """Rewards that read fields are wrapped around each environment there."""
    venv = envs.make_vec("Hopper", 2, vectorization_mode="async", wrappers=[_by_height])
    try:
        venv.reset(seed=0)
        _, rewards, *_ = venv.step(np.zeros((2, 3), np.float32))
        assert np.all(np.abs(rewards - 1.25) < 0.01)
    finally:
        venv.close()
    with pytest.raises(ValueError, match=r"unknown vectorization_mode 'asink'\. Did you mean 'async'"):
        envs.make_vec("Hopper", 2, vectorization_mode="asink")


def _by_height(env: gym.Env) -> gym.Env:
    return envs.ReplaceReward(env, lambda next_torso_height: next_torso_height)

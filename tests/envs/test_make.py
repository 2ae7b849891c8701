"""`envs.make` and `envs.make_vec`: names, tasks, overrides, and what a wrong name is answered with."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import envs

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

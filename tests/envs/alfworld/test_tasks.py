from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import envs
from envs.__main__ import fields, overview
from envs.alfworld.games import TASK_TYPES
from envs.alfworld.tasks import FIELDS, Winning, goal_conditions, tasks_of
from reward_designers.base import FunctionReward, Transition
from reward_designers.checker import check_reward

DOCS = Path(__file__).parents[3] / "docs"
SEEN: list[dict[str, Any]] = []


def everything() -> FunctionReward:
    """A reward that reads all fields, before and after the step."""
    names = [*FIELDS, *(f"next_{name}" for name in FIELDS)]
    scope: dict[str, Any] = {"seen": SEEN.append, "np": np}
    exec(f"def everything({', '.join(names)}): seen(dict(locals())); return np.zeros(len(goal))", scope)
    return FunctionReward(scope["everything"])


def test_fields_follow_the_game() -> None:
    SEEN.clear()
    venv = envs.vector.ReplaceReward(envs.make_vec("ALFWorld", 2), everything())
    _, infos = venv.reset(seed=0)
    games = [env.unwrapped for env in venv.unwrapped.envs]
    commands = [offered.index("inventory") for offered in infos["admissible_commands"]]
    obs, *_ = venv.step(np.array(commands))
    seen = SEEN[-1]
    assert seen["goal"].tolist() == seen["next_goal"].tolist() == [env.game.goal for env in games]
    assert all(text.startswith("-= Welcome") for text in seen["observation"])
    assert seen["next_observation"].tolist() == list(obs) == ["You are not carrying anything."] * 2
    assert (seen["command"].tolist(), seen["next_command"].tolist()) == (["", ""], ["inventory"] * 2)
    assert (seen["time"].tolist(), seen["next_time"].tolist()) == ([0, 0], [1, 1])
    assert seen["won"].dtype == bool
    new = [
        set(after.split("\n")) - set(before.split("\n"))
        for before, after in zip(seen["facts"], seen["next_facts"], strict=True)
    ]
    assert new == [{"checked(agent1 : agent)"}] * 2
    assert all(text.split("\n") == sorted(text.split("\n")) for text in seen["facts"])
    for name, field in FIELDS.items():
        assert field.unit, name
        assert len(seen[name]) == 2
        if field.unit == "text":
            assert all(type(text) is str for text in seen[name])


@pytest.mark.parametrize("kind", TASK_TYPES)
def test_fitness_adds_up_to_what_is_reached_and_the_reward_is_a_function(kind: str) -> None:
    env = envs.make("ALFWorld", kind)
    task = envs.task_of(env)
    assert task is not None
    assert task.reward is not None
    env = envs.ReplaceReward(env, task.reward())
    _, info = env.reset(seed=1)
    assert info["task_type"] == kind
    total, terminated = 0.0, False
    for command in env.unwrapped.game.walkthrough:
        assert not terminated
        _, reward, terminated, _, info = env.step(info["admissible_commands"].index(command))
        total += info["fitness"]
        assert reward == info["env_reward"] == info["success"] == float(terminated)
        assert total == pytest.approx(info["goal_condition_success"])
    assert terminated
    assert task.episode_fitness(total) == pytest.approx(1.0)


def test_what_a_room_comes_with_counts_too() -> None:
    growth = goal_conditions(np.array([0.5, 0.5, 0.5]), np.array([0.5, 1.0, 0.0]), np.array([0, 3, 4]))
    assert growth.tolist() == [0.5, 0.5, -0.5]


def test_the_reward_keeps_the_laws() -> None:
    n = 12
    won = np.array([False, True] * 6)
    batch = Transition({}, np.zeros(n, np.int64), {"won": won}, won, np.zeros(n, bool))
    check_reward(Winning(), batch)
    assert Winning()(batch)["won"].tolist() == [0.0, 1.0] * 6


def test_each_type_is_a_task_with_its_own_games() -> None:
    tasks = tasks_of("ALFWorld")
    assert list(tasks) == ["household", *TASK_TYPES]
    assert tasks_of("ALFWorld-v0") == tasks
    assert tasks_of("ALFWord") == {}
    assert {game.task_type for game in envs.make("ALFWorld").unwrapped.games} == set(TASK_TYPES)
    with pytest.raises(ValueError, match="Did you mean 'look_at_obj_in_light'"):
        envs.make("ALFWorld", "look_at_obj_in_ligt")
    page = (DOCS / "alfworld.md").read_text()
    assert fields("ALFWorld") in page
    assert overview(["ALFWorld"]) in page

"""Tasks of NetHack: fields, upstream's rewards as functions, fitness from the true state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("minihack", reason="needs the extra 'nethack'")

import envs
from agents.episodes import EpisodeStatistics
from envs.__main__ import fields, overview
from envs.expose import StateTracker
from envs.nethack.fields import AT, FIELDS
from envs.nethack.names import NAMES
from envs.nethack.rewards import Gained, Sparse
from envs.nethack.tasks import FLAGSHIPS, LISTED
from envs.scoring import Scores
from reward_designers.base import FunctionReward, Transition
from reward_designers.checker import check_reward
from tests.envs.nethack.players import solve_keyroom

GAMES = ("MiniHack-KeyRoom-S5", "MiniHack-Room-Monster-5x5", "MiniHack-River-Narrow", "NetHackScore", "NetHackGold",
         "NetHackEat", "NetHackScout", "NetHackStaircase", "NetHackOracle", "NetHack", "NetHackChallenge")  # fmt: skip


def everything() -> FunctionReward:
    """A reward that reads all fields."""
    scope: dict[str, Any] = {"np": np}
    exec(f"def everything({', '.join(FIELDS)}): return {{'n': np.zeros(len(hp)), **seen(locals())}}", scope)
    scope["seen"] = lambda given: SEEN.update(given) or {}
    return FunctionReward(scope["everything"])


SEEN: dict[str, Any] = {}


@pytest.mark.parametrize("name", ["MiniHack-KeyRoom-S5", "NetHackScore"])
def test_fields_have_a_unit_and_a_row_for_each_environment(name: str) -> None:
    venv = envs.vector.ReplaceReward(envs.make_vec(name, 3), everything())
    venv.reset(seed=0)
    venv.action_space.seed(0)
    for _ in range(5):
        venv.step(venv.action_space.sample())
    for key, field in FIELDS.items():
        assert field.unit, key
        assert field.description, key
        assert len(SEEN[key]) == 3, key
        if field.unit == "text":
            assert all(type(text) is str for text in SEEN[key])
    game = venv.unwrapped.envs[1].unwrapped
    assert SEEN["glyphs"].shape == (3, 21, 79)
    assert SEEN["glyphs_crop"].shape == (3, 9, 9)
    assert (SEEN["max_hp"] >= SEEN["hp"]).all()
    assert SEEN["map_text"][1][4 * 10 + 4] == "@"
    assert game.bottom_line[AT["max_hp"]] == SEEN["max_hp"][1]
    venv.close()


@pytest.mark.parametrize("name", GAMES)
def test_upstreams_reward_is_this_function(name: str) -> None:
    task = envs.find_task(name)
    assert task.reward is not None
    env = envs.ReplaceReward(envs.make(name, max_episode_steps=300), task.reward())
    rng = np.random.default_rng(0)
    env.reset(seed=0)
    earned = 0.0
    for _ in range(500):
        *_, reward, terminated, truncated, info = env.step(int(rng.integers(env.action_space.n)))
        assert reward == pytest.approx(info["env_reward"]), env.unwrapped.said()
        earned += abs(reward)
        if terminated or truncated:
            env.reset()
    assert earned > 0 or name in ("NetHack", "NetHackChallenge")  # whose random players score nothing
    env.close()


def test_solving_is_the_reward_the_fitness_and_the_success() -> None:
    env = envs.ReplaceReward(envs.make("MiniHack-KeyRoom-S5"), Sparse())
    env.reset(seed=0)
    steps = [env.step(action) for action in solve_keyroom(env.unwrapped)]
    assert [step[4]["fitness"] for step in steps] == [0.0] * (len(steps) - 1) + [1.0]
    assert [step[4]["success"] for step in steps] == [step[4]["fitness"] for step in steps]
    assert steps[-1][1] == steps[-1][4]["env_reward"] == 1.0
    assert steps[-1][2:4] == (True, False)
    env.close()


@pytest.mark.parametrize(
    ("name", "task", "field"),
    [("NetHackScore", None, "score"), ("NetHackScore", "depth", "max_depth"), ("NetHackGold", None, "gold")],
)
def test_fitness_adds_up_to_the_true_total(name: str, task: str | None, field: str) -> None:
    env = envs.ReplaceReward(envs.make(name, task, max_episode_steps=600), None)
    game = env.unwrapped
    rng = np.random.default_rng(1)
    total, done = 0.0, False
    env.reset(seed=4)
    at = "depth" if field == "max_depth" else field
    start = game.bottom_line[AT[at]]
    while not done:
        *_, terminated, truncated, info = env.step(int(rng.integers(env.action_space.n)))
        total += info["fitness"]
        done = terminated or truncated
    assert total == (game._deepest if field == "max_depth" else game.bottom_line[AT[at]]) - start
    env.close()


def test_an_episode_of_a_task_that_adds_up() -> None:
    task = envs.find_task("MiniHack-KeyRoom-S5")
    statistics = EpisodeStatistics(2, task)
    for step in range(3):
        solved = np.array([1.0, 0.0]) * (step == 2)
        measures = {"fitness": solved, "success": solved}
        scores = Scores(np.zeros(2), ("env",), np.zeros((1, 2)), measures)
        statistics.step(scores, np.zeros(2), np.arange(2) if step == 2 else np.arange(0))
    episodes = statistics.drain()
    np.testing.assert_array_equal(episodes["fitness"], [1, 0])
    np.testing.assert_array_equal(episodes["success"], [1, 0])


def transitions(name: str, reward: Any, steps: int = 60) -> Transition:
    env = envs.make(name)
    tracker = StateTracker(1, env.observation_space, [reward], task=envs.task_of(env), envs=[env])
    env = tracker.exposed[0]
    rng = np.random.default_rng(0)
    obs, _ = env.reset(seed=0)
    tracker.reset(tracker.observations.single(obs))
    seen = []
    for _ in range(steps):
        action = int(rng.integers(env.action_space.n))
        obs, _, terminated, truncated, _ = env.step(action)
        batch = tracker.observations.single(obs)
        seen.append(
            tracker.step(np.array([action]), batch, np.array([terminated]), np.array([truncated])).map(np.array)
        )
        if terminated or truncated:
            break
        tracker.advance(batch, np.zeros(1, bool))
    env.close()
    return Transition(
        {key: np.concatenate([t.state[key] for t in seen]) for key in seen[0].state},
        np.concatenate([t.action for t in seen]),
        {key: np.concatenate([t.next_state[key] for t in seen]) for key in seen[0].next_state},
        np.concatenate([t.terminated for t in seen]),
        np.concatenate([t.truncated for t in seen]),
    )


@pytest.mark.parametrize("field", [None, "score", "gold", "nutrition", "explored"])
def test_rewards_keep_the_laws(field: str | None) -> None:
    reward = Sparse() if field is None else Gained(field=field)
    report = check_reward(reward, transitions("NetHackScore", reward))
    assert report.skipped.keys() <= {"total", "reads", "episodes"}, report


@pytest.mark.parametrize("name", NAMES)
def test_every_name_has_a_task_without_the_extra(name: str) -> None:
    for task in envs.tasks(name).values():
        assert task.text.endswith(".")
        assert task.env == name
        assert task.adds_up
        assert not task.subgoals or all(goal.endswith(".") for goal in task.subgoals)
        if name in LISTED:
            assert task.reward is not None


def test_deeper_staircases() -> None:
    env = envs.make("NetHackStaircase", "level2").unwrapped
    env.reset(seed=0)
    stairs, line = env.array("internal"), env.array("blstats")
    for on_stairs, depth, solved in ((0, 2, 0), (1, 1, 0), (1, 2, 2), (1, 3, 2)):
        stairs[4], line[AT["depth"]] = on_stairs, depth
        assert env._on_wanted_stairs() == solved
    env.close()
    assert envs.make("NetHackStaircase").unwrapped._level is None


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no field 'goldd'"):
        Gained(field="goldd")


def test_the_documentation_has_all_names_tasks_and_fields() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "nethack.md").read_text()
    assert overview(FLAGSHIPS) in page
    assert fields("NetHackScore") in page
    listed = page.partition("## All names")[2].replace("\n", " ")
    assert set(NAMES) <= set(listed.replace(",", " ").split())
    for name in FLAGSHIPS:
        for task in envs.tasks(name).values():
            assert not task.subgoals or name.startswith("NetHackStair") or " → ".join(task.subgoals) in page

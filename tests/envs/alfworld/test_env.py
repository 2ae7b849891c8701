from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import envs
from agents.capture import capture_env, restore_env
from envs.alfworld.env import ALFWorldEnv


def bare(genuine: Path, **options: object) -> ALFWorldEnv:
    env = envs.make("ALFWorld", games=genuine, **options).unwrapped
    assert isinstance(env, ALFWorldEnv)
    return env


@pytest.mark.filterwarnings("error")
def test_gymnasium_has_no_complaint(genuine: Path) -> None:
    check_env(bare(genuine), skip_render_check=True)
    gym.make("ALFWorld-v0", games=genuine).reset(seed=0)


def test_by_default_nobody_trains_on_what_is_held_out(genuine: Path) -> None:
    assert {game.split for game in envs.make("ALFWorld").unwrapped.games} == {"train"}
    assert {game.split for game in envs.make("ALFWorld", split="valid_unseen").unwrapped.games} == {"valid_unseen"}
    assert {game.split for game in bare(genuine).games} == {"valid_seen"}  # there are no others


def test_a_seed_fixes_all_games_that_follow(genuine: Path) -> None:
    def played(env: ALFWorldEnv, seed: int) -> list[str]:
        return [env.reset(seed=seed)[1]["game"], *(env.reset()[1]["game"] for _ in range(8))]

    one = bare(genuine)
    first, other = played(one, 0), played(one, 1)
    assert first == played(bare(genuine), 0)
    assert first != other
    assert len(set(first[:6])) == 6  # each once before any comes again


def test_actions_are_commands_and_those_beyond_do_nothing(genuine: Path) -> None:
    env = bare(genuine)
    _, info = env.reset(seed=3)
    commands = info["admissible_commands"]
    assert list(commands) == sorted(commands)
    assert env.action_masks().tolist() == [True] * len(commands) + [False] * (64 - len(commands))
    place = commands.index("inventory")
    obs, reward, terminated, truncated, _ = env.step(np.int64(place))
    assert (obs, reward, terminated, truncated) == ("You are not carrying anything.", 0.0, False, False)
    obs, *_, info = env.step(63)
    assert obs == "Nothing happens."
    assert info["admissible_commands"] == commands
    with pytest.raises(ValueError, match="0 to 63"):
        env.step(64)


def test_more_commands_than_actions_are_cut_off_with_a_warning(genuine: Path) -> None:
    env = bare(genuine, max_commands=5)
    with pytest.warns(UserWarning, match="make the environment with max_commands="):
        _, info = env.reset(seed=0)
    assert len(info["admissible_commands"]) == 5
    assert env.action_masks().all()


def test_time_runs_out_after_fifty_steps_and_that_is_no_end(genuine: Path) -> None:
    env = envs.make("ALFWorld", games=genuine)
    env.reset(seed=0)
    ends = [env.step(63)[2:4] for _ in range(50)]
    assert ends == [(False, False)] * 49 + [(False, True)]


def test_a_game_that_was_saved_goes_on(genuine: Path) -> None:
    rng = np.random.default_rng(0)
    one, two = bare(genuine), bare(genuine)
    one.reset(seed=5)
    for _ in range(20):
        one.step(rng.choice(np.flatnonzero(one.action_masks())))
    two.load_state_dict(copy.deepcopy(one.state_dict()))
    for _ in range(20):
        action = rng.choice(np.flatnonzero(one.action_masks()))
        assert one.step(action) == two.step(action)
    assert [one.reset() for _ in range(8)] == [two.reset() for _ in range(8)]


def test_checkpoints_hold_games_exactly() -> None:
    def step(env: gym.Env) -> Any:
        return env.step(rng.choice(np.flatnonzero(env.unwrapped.action_masks())))  # type: ignore[attr-defined]

    one, two = envs.make("ALFWorld"), envs.make("ALFWorld")
    one.reset(seed=1)
    rng = np.random.default_rng(0)
    for _ in range(30):
        step(one)
    arrays: dict[str, np.ndarray] = {}
    restore_env(two, json.loads(json.dumps(capture_env(one, arrays))), arrays)
    rng = np.random.default_rng(1)
    expected = [step(one) for _ in range(20)]
    rng = np.random.default_rng(1)
    assert [step(two) for _ in range(20)] == expected
    assert [one.reset() for _ in range(250)] == [two.reset() for _ in range(250)]


def test_one_game_by_its_name_and_wrong_arguments(genuine: Path) -> None:
    env = bare(genuine, task_types=["pick_heat_then_place_in_recep"])
    _, info = env.reset(options={"game": env.games[0].name})
    assert info["goal"] == "put a hot mug in sidetable."
    with pytest.raises(ValueError, match="unknown game 'trial'"):
        env.reset(options={"game": "trial"})
    with pytest.raises(ValueError, match="unknown option of reset"):
        env.reset(options={"gam": "trial"})
    with pytest.raises(ValueError, match="Did you mean 'valid_seen'"):
        bare(genuine, split="valid_sen")
    with pytest.raises(ValueError, match="max_commands"):
        bare(genuine, max_commands=0)
    with pytest.raises(ValueError, match="unknown render_mode 'svg'"):
        ALFWorldEnv(genuine, render_mode="svg")


def test_the_transcript(genuine: Path) -> None:
    env = bare(genuine, render_mode="ansi")
    first, info = env.reset(seed=0)
    env.step(info["admissible_commands"].index("inventory"))
    assert env.render() == f"{first}\n\n> inventory\n\nYou are not carrying anything."

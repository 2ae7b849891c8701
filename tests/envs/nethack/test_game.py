"""Games of NetHack against upstream's own stepping, and where upstream is wrong, against what is right."""

from __future__ import annotations

import bz2
import random
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

pytest.importorskip("minihack", reason="needs the extra 'nethack'")

import envs
from agents.capture import capture_layer, restore_layer
from envs.nethack import terminal as terminal_module
from envs.nethack.crop import COLUMNS, ROWS, Crop
from envs.nethack.fields import AT, BOTTOM_LINE
from envs.nethack.game import NetHackGame
from envs.nethack.names import NAMES, TIME_LIMITS
from envs.nethack.rules import nethack
from envs.nethack.tasks import LISTED
from tests.envs.nethack.players import solve_keyroom

DIFFERENT = (
    "MiniHack-KeyRoom-S5",
    "MiniHack-Room-Ultimate-15x15",
    "MiniHack-Sokoban4a",
    "MiniHack-ExploreMaze-Easy",
    "MiniHack-Pray",
    "NetHackScore",
    "NetHackEat",
    "NetHackScout",
    "NetHackOracle",
    "NetHackChallenge",
)
"""One of each kind of rules."""


def upstream(game: NetHackGame) -> Any:
    """Upstream's environment of the same kind, stepped by upstream."""
    return game._make()


def reset_alike(theirs: Any, seed: int) -> None:
    core, display = np.random.default_rng(seed).integers(2**31 - 1, size=2).tolist()
    theirs.nethack._pynethack.set_initial_seeds(core, display, False, None)
    random.seed(core)
    theirs.reset()


@pytest.mark.parametrize("name", DIFFERENT)
def test_steps_are_upstreams(name: str) -> None:
    ours = envs.make(name, observation_keys=("glyphs", "blstats", "message", "inv_strs")).unwrapped
    theirs = upstream(ours)
    rng = np.random.default_rng(0)
    ours.reset(seed=0)
    reset_alike(theirs, 0)
    for _ in range(150):
        action = int(rng.integers(ours.action_space.n))
        key_used = ours._codes[action] == nethack.Command.APPLY
        obs, reward, terminated, truncated, _ = ours.step(action)
        _, their_reward, done, *_ = theirs.step(action)
        assert (terminated, truncated) == (done, False)
        assert reward == their_reward or key_used
        if terminated:
            break
        seen = dict(zip(theirs._observation_keys, theirs.last_observation, strict=True))
        for key, array in obs.items():
            np.testing.assert_array_equal(array, seen[key], err_msg=key)
    ours.close()
    theirs.close()


@pytest.mark.parametrize("name", DIFFERENT)
def test_a_seed_reproduces_the_episodes_after_it(name: str) -> None:
    def play(env: gym.Env) -> list[bytes]:
        rng = np.random.default_rng(0)
        seen = []
        for episode in range(2):
            env.reset(seed=5 if episode == 0 else None)
            for _ in range(30):
                obs, reward, terminated, truncated, _ = env.step(int(rng.integers(env.action_space.n)))
                seen.append(b"".join(obs[key].tobytes() for key in obs) + str(reward).encode())
                if terminated or truncated:
                    break
        return seen

    one, other = envs.make(name), envs.make(name)
    other.reset(seed=1)
    first = play(one)
    assert first == play(one) == play(other)
    other.reset(seed=6)
    assert len(set(first)) > 2
    one.close()
    other.close()


def test_another_seed_is_another_game() -> None:
    env = envs.make("MiniHack-KeyRoom-S5", observation_keys=("glyphs",))
    games = {env.reset(seed=seed)[0]["glyphs"].tobytes() for seed in range(8)}
    assert len(games) == 8
    env.close()


@pytest.mark.parametrize("name", ["MiniHack-KeyRoom-S5", "NetHackScore", "MiniHack-Pray"])
def test_gymnasium_has_no_complaint(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(envs.make(name).unwrapped, skip_render_check=True)


def test_a_time_limit_truncates_and_can_be_set() -> None:
    env = envs.make("MiniHack-Room-5x5", max_episode_steps=4)
    env.reset(seed=0)
    into_the_wall = [0, 0, 0, 0]
    ends = [env.step(action)[2:4] for action in into_the_wall]
    assert ends == [(False, False)] * 3 + [(False, True)]
    env.close()


def test_the_last_state_is_the_one_that_ended_the_episode() -> None:
    env = envs.make("MiniHack-Room-5x5", observation_keys=("glyphs", "blstats"))
    obs, _ = env.reset(seed=0)
    assert env.unwrapped.bottom_line[AT["hp"]] > 0
    southeast = list(env.unwrapped._codes).index(ord("n"))
    terminated = False
    while not terminated:  # from the corner at the top left to the staircase at the bottom right
        obs, reward, terminated, truncated, info = env.step(southeast)
        assert not truncated
    assert (reward, info["end_status"]) == (1.0, "solved")
    assert obs["blstats"][AT["hp"]] > 0
    assert (obs["glyphs"] != nethack.GLYPH_CMAP_OFF).any()
    with pytest.raises(RuntimeError, match="reset the environment"):
        env.unwrapped.step(0)
    env.close()


def test_the_dead_keep_their_numbers_and_have_no_hit_points() -> None:
    env = envs.make("NetHackScore", character="arc-gno-neu-mal")
    rng = np.random.default_rng(3)
    died = False
    for seed in range(30):
        before = env.reset(seed=seed)[0]["blstats"]
        for _ in range(3000):
            obs, _, terminated, _, info = env.step(int(rng.integers(env.action_space.n)))
            if terminated:
                break
            before = obs["blstats"]
        if terminated:
            died = True
            break
    assert died
    assert info["end_status"] == "died"
    after = obs["blstats"].copy()
    assert after[AT["hp"]] == 0
    after[AT["hp"]] = before[AT["hp"]]
    np.testing.assert_array_equal(after, before)
    env.close()


def test_the_bottom_line_is_in_nles_order() -> None:
    theirs = {"HP": "hp", "HPMAX": "max_hp", "AC": "armor_class", "XP": "experience_level", "EXP": "experience_points",
              "CAP": "burden", "DNUM": "dungeon_number", "DLEVEL": "dungeon_level", "ENE": "energy",
              "ENEMAX": "max_energy", "HD": "monster_level", "ALIGN": "alignment", "STR25": "strength",
              "STR125": "exact_strength",
              "DEX": "dexterity", "CON": "constitution", "INT": "intelligence", "WIS": "wisdom",
              "CHA": "charisma", "SCORE": "score", "X": "x", "Y": "y", "DEPTH": "depth", "GOLD": "gold",
              "TIME": "time", "HUNGER": "hunger", "CONDITION": "condition"}  # fmt: skip
    assert {getattr(nethack, f"NLE_BL_{key}"): name for key, name in theirs.items()} == dict(enumerate(BOTTOM_LINE))


def test_crops_are_those_of_a_padded_map(rng: np.random.Generator) -> None:
    map_ = rng.integers(100, size=(ROWS, COLUMNS)).astype(np.int16)
    crop = Crop(map_, 9, outside=7)
    padded = np.pad(map_, 4, constant_values=7)
    for y in range(ROWS):
        for x in range(COLUMNS):
            crop.update(x, y)
            np.testing.assert_array_equal(crop.value, padded[y : y + 9, x : x + 9])


def test_names_and_limits_are_those_that_upstream_registers() -> None:
    registered = {key for key in gym.registry if key.startswith(("NetHack", "MiniHack"))}
    assert registered == set(TIME_LIMITS)
    assert set(LISTED) < set(NAMES)
    for env_id in list(TIME_LIMITS)[::7]:
        if not any(word in env_id for word in ("MultiRoom", "Crossing", "Boxoban", "Custom")):
            game = gym.make(env_id, disable_env_checker=True).unwrapped
            assert game._max_episode_steps == TIME_LIMITS[env_id]
            game.close()


@pytest.mark.parametrize("name", [name for name in NAMES[::4] if "Custom" not in name])
def test_names_can_be_made(name: str) -> None:
    if any(word in name for word in ("MultiRoom", "Crossing")):
        with pytest.raises(ModuleNotFoundError, match="pip install --no-deps minigrid"):
            envs.make(name)
    elif "Boxoban" in name:
        with pytest.raises(ModuleNotFoundError, match="download_boxoban_levels"):
            envs.make(name)
    else:
        env = envs.make(name)
        task = envs.task_of(env)
        assert task is not None
        assert (task.env, task.max_episode_steps) == (name, TIME_LIMITS[env.unwrapped.spec.kwargs["id"]])
        env.close()


@pytest.mark.parametrize("version", ["", "-v0"])
def test_the_version_is_optional(version: str) -> None:
    assert envs.find_task(f"MiniHack-KeyRoom-S5{version}").env == "MiniHack-KeyRoom-S5"


@pytest.mark.parametrize(
    ("name", "near"), [("MiniHack-KeyRom-S5", "MiniHack-KeyRoom-S5"), ("NethackScore", "NetHackScore")]
)
def test_a_wrong_name_is_answered_with_the_nearest(name: str, near: str) -> None:
    with pytest.raises(ValueError, match=f"unknown NetHack or MiniHack environment '{name}'. Did you mean '{near}'"):
        envs.make(name)


def test_a_missing_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['nle'] = None; import envs; assert envs.tasks('NetHackScore')\n"
        "try: envs.make('NetHackScore')\n"
        "except ModuleNotFoundError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "extra 'nethack'" in said
    assert "agents.setup nethack" in said


def test_nothing_crashes_at_exit_or_on_closing_twice() -> None:
    code = (
        "import envs\n"
        "one = envs.make('MiniHack-Room-5x5'); one.close(); one.close()\n"
        "two = envs.make('NetHackScore'); two.reset(seed=0); two.step(0); two.close(); two.close()\n"
        "three = envs.make_vec('MiniHack-Room-5x5', 3); three.reset(seed=0)\n"  # never closed
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_a_door_that_does_not_open_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Upstream pushes for ever when unlocking was interrupted: here the key turns nothing."""
    env = envs.make("MiniHack-KeyRoom-Fixed-S5").unwrapped
    env.reset(seed=0)

    class Stuck:
        """NetHack with a door that stays shut."""

        steps = 0

        def step(self, code: int) -> None:
            self.steps += 1

        def done(self) -> bool:
            return False

        def how_done(self) -> int:
            return 0

    stuck = Stuck()
    monkeypatch.setattr(env, "_pynethack", stuck)
    x, y = env.bottom_line[:2]
    env.array("inv_glyphs")[0] = nethack.GLYPH_OBJ_OFF + 196
    env.array("glyphs")[y, x + 1] = nethack.GLYPH_CMAP_OFF + 15
    assert env._unlock() is False
    assert 50 < stuck.steps < 500


def test_arrays_that_are_asked_for_late_are_filled_from_the_next_reset() -> None:
    env = envs.make("MiniHack-Skill-Custom", des_file="key_and_door.des").unwrapped
    env.reset(seed=0)
    strings = env.array("inv_strs")
    assert not strings.any()
    env.reset(seed=0)
    assert strings[0].tobytes().rstrip(b"\0")
    env.close()


@pytest.mark.parametrize("name", ["MiniHack-KeyRoom-S5", "NetHackScore", "MiniHack-Sokoban4a"])
def test_a_game_goes_on_from_its_saved_state(name: str) -> None:
    def play(env: NetHackGame, steps: int) -> list[bytes]:
        seen = []
        for action in rng.integers(env.action_space.n, size=steps).tolist():
            obs, reward, terminated, *_ = env.step(action)
            seen.append(b"".join(obs[key].tobytes() for key in obs) + f"{reward} {env.follow('explored')}".encode())
            if terminated:
                env.reset()
        return seen

    one, other = envs.make(name).unwrapped, envs.make(name).unwrapped
    for env in (one, other):
        env.follow("explored")
    rng = np.random.default_rng(0)
    one.reset(seed=3)
    one.reset()
    play(one, 60)
    arrays: dict[str, np.ndarray] = {}
    restore_layer(other, capture_layer(one, arrays), arrays)
    rng = np.random.default_rng(1)
    after = play(one, 60)
    rng = np.random.default_rng(1)
    assert play(other, 60) == after
    assert one.reset()[0]["blstats"].tobytes() == other.reset()[0]["blstats"].tobytes()
    one.close()
    other.close()


def test_recordings_are_kept_if_wanted(tmp_path: Path) -> None:
    env = envs.make("MiniHack-Room-5x5", savedir=str(tmp_path / "games"), save_ttyrec_every=1)
    for seed in range(2):
        env.reset(seed=seed)
        env.step(0)
    env.close()
    recorded = sorted((tmp_path / "games").glob("*.ttyrec*.bz2"))
    assert len(recorded) == 2
    assert all(bz2.decompress(path.read_bytes()) for path in recorded)


def test_pictures_show_the_terminal() -> None:
    env = envs.make("MiniHack-KeyRoom-S5", render_mode="rgb_array").unwrapped
    env.reset(seed=1)
    picture = env.render()
    assert picture.shape == (*env.metadata["picture_size"], 3)
    assert picture.dtype == np.uint8
    terminal, colors = env.array("tty_chars"), env.array("tty_colors")
    line = picture[terminal_module.BAND : terminal_module.BAND + 16]
    for column in (0, 6, 79):  # the message line, character by character
        cell = line[:, 8 * column : 8 * column + 8]
        wanted = terminal_module.characters(1)[terminal[0, column]]
        assert ((cell > 60) == (wanted[..., None] * np.array([190] * 3) > 60)).all() or colors[0, column] not in (7, 15)
    assert (picture[: terminal_module.BAND] == 0).all()
    for action in solve_keyroom(env):
        before = picture
        env.step(action)
        picture = env.render()
        assert (picture != before).any()
    yellow = (picture[..., 0] > 150) & (picture[..., 2] < 90)
    assert yellow.any()  # the door
    env.close()


def test_games_in_processes_are_the_same_games() -> None:
    here, there = (envs.make_vec("MiniHack-KeyRoom-S5", 2, vectorization_mode=mode) for mode in ("sync", "async"))
    try:
        first, second = here.reset(seed=3)[0], there.reset(seed=3)[0]
        for action in ([0, 1], [2, 3], [8, 4]):
            for key in first:
                np.testing.assert_array_equal(first[key], second[key])
            first, second = here.step(np.array(action))[0], there.step(np.array(action))[0]
    finally:
        here.close()
        there.close()

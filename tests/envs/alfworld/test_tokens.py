"""Text as numbers of words, and what is remembered about commands."""

from __future__ import annotations

import importlib.util
import json
import re
import warnings
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import envs
from envs.alfworld.games import load_games
from envs.alfworld.tokens import (
    GOAL_WORDS,
    MOST,
    PADDING,
    TEXT_WORDS,
    UNKNOWN,
    VOCABULARY,
    Memory,
    TokenObservation,
    Vocabulary,
    encode_commands,
    encode_goal,
    encode_text,
    split,
    subject,
)
from tests.agents.household import Household


def words(numbers: Any) -> str:
    return VOCABULARY.decode(np.asarray(numbers).tolist())


# Words


def test_words_have_no_punctuation_and_numbers_are_words() -> None:
    text = "You arrive at drawer 12. On it, you see a CD 1, and nothing else; there's a box (in/on desk 3)."
    assert split(text)[:5] == ["you", "arrive", "at", "drawer", "12"]
    assert {"cd", "there's", "in/on"} <= set(split(text))


def test_every_number_comes_back_as_its_word() -> None:
    texts = ["take mug 1 from desk 2", "go to sinkbasin 1"]
    encoded = VOCABULARY.encode(texts, 8)
    assert encoded.dtype == np.int16
    assert encoded.shape == (2, 8)
    assert [words(row) for row in encoded] == texts
    assert (encoded[1, 4:] == PADDING).all()


def test_unknown_words_are_one_word_and_named_once() -> None:
    vocabulary = Vocabulary(["go", "to"])
    with pytest.warns(UserWarning, match=r"quux, zorb.*words.txt"):
        assert vocabulary.numbers(["go", "quux", "zorb"])[1:] == [UNKNOWN, UNKNOWN]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert vocabulary.encode(["go to zorb"], 3)[0, 2] == UNKNOWN
    with pytest.warns(UserWarning, match="100"):
        assert vocabulary.numbers(["99", "100"])[1] == UNKNOWN


def test_what_does_not_fit_is_refused_with_its_text() -> None:
    with pytest.raises(ValueError, match=r"at most 2 words, got 3: 'go to desk'"):
        VOCABULARY.encode(["go to desk"], 2)
    with pytest.raises(ValueError, match="at most 1 commands, got 2"):
        encode_commands(("look", "inventory"), 1)
    with pytest.raises(ValueError, match="twice"):
        Vocabulary(["go", "7"])


def test_long_texts_lose_their_end() -> None:
    assert words(encode_text("look " * 300)) == " ".join(["look"] * TEXT_WORDS)


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        ("put a clean mug in desk.", "clean mug desk"),
        ("clean some mug and put it in desk.", "clean mug desk"),
        ("put some mug on desk.", "mug desk"),
        ("find two pen and put them in garbagecan.", "two pen garbagecan"),
        ("look at cd under the desklamp.", "cd desklamp"),
        ("examine the cd with the desklamp.", "cd desklamp"),
    ],
)
def test_goals_keep_what_matters_at_the_end(goal: str, expected: str) -> None:
    encoded = encode_goal(goal)
    assert words(encoded) == expected
    assert encoded.shape == (GOAL_WORDS,)
    assert (encoded[: GOAL_WORDS - len(expected.split())] == PADDING).all()


def test_the_vocabulary_has_all_words_of_the_grammar_and_of_alfreds_lists() -> None:
    """Read from the package anew, by means of its own."""
    spec = importlib.util.find_spec("alfworld")
    if spec is None or spec.origin is None:
        pytest.skip("the extra alfworld is not installed")
    root = Path(spec.origin).parent
    said = re.findall(r'"rhs": "(.*)"|template :: "(.*)"', (root / "data" / "alfred.twl2").read_text())
    texts = [re.sub(r"\{[^}]*\}|#[^#]*#|\|[^\]]*\]|\\n|TODO|UNKNOWN", " ", one or other) for one, other in said]
    rooms = [json.loads(file.read_text()) for file in (root / "gen" / "layouts").glob("*-objects.json")]
    assert len(texts) > 50
    assert len(rooms) > 100
    found = {word for text in texts for word in split(text)} | {name.lower() for room in rooms for name in room}
    assert found - set(VOCABULARY.words) == set()


def play(source: Path | None, steps: int) -> None:
    """Random steps, each with a new command if there is one, from games one after another."""
    env: Any = TokenObservation(envs.make("ALFWorld", games=source))
    rng = np.random.default_rng(0)
    obs, _ = env.reset(seed=0)
    for _ in range(steps):
        offered = env.action_masks()
        action = int(rng.choice(np.flatnonzero(offered & (obs["times_given"] == obs["times_given"][offered].min()))))
        obs, _, terminated, truncated, _ = env.step(action)
        assert not any((obs[key] == UNKNOWN).any() for key in obs if key.endswith("_tokens"))
        if terminated or truncated:
            obs, _ = env.reset()


def test_embedded_games_have_no_unknown_words() -> None:
    names = {name for game in load_games() for name in re.findall(r"\b([a-z]+)_bar_", game.problem.lower())} - {"loc"}
    goals = {word for game in load_games() for word in split(game.goal)}
    assert names | goals <= set(VOCABULARY.words)
    play(None, 300)


def test_genuine_games_have_no_unknown_words(genuine: Path) -> None:
    games = load_games(genuine)
    assert len(games) == 6
    names = {name for game in games for name in re.findall(r"\b([a-z]+)_bar_", game.problem.lower())} - {"loc"}
    assert {"desklamp", "toiletpaperhanger"} <= names <= set(VOCABULARY.words)
    play(genuine, 300)


# Memory


def test_what_is_remembered_about_things() -> None:
    memory, goal = Memory(), "put a clean mug in desk."
    mug, desk = 1 << GOAL_WORDS - 2, 1 << GOAL_WORDS - 1
    memory.add("go to drawer 3", "You arrive at drawer 3. The drawer 3 is closed.", goal)
    assert memory.seen["drawer 3"] == 0
    memory.add("open drawer 3", "You open the drawer 3. The drawer 3 is open. In it, you see a mug 1.", goal)
    assert memory.seen["drawer 3"] == mug
    memory.add("go to desk 1", "You arrive at desk 1. On the desk 1, you see a pen 1.", goal)
    assert memory.seen["desk 1"] == 0  # its own name is no news
    memory.add("look", "You are facing the desk 1. Next to it, you see a mug 2.", goal)
    assert memory.seen["look"] == mug | desk
    memory.add("take mug 1 from drawer 3", "You pick up the mug 1 from the drawer 3.", goal)
    assert memory.seen["drawer 3"] == 0
    assert memory.about == {"drawer 3": 3, "desk 1": 1, "look": 1}
    assert memory.given["open drawer 3"] == 1
    assert list(memory.recent) == ["open", "go", "look", "take"]
    assert memory.recent["go"] == ("go to desk 1", 2)


def test_counts_have_an_end() -> None:
    memory = Memory()
    for _ in range(MOST + 5):
        memory.add("look", "You see nothing.", "put a mug in desk.")
    assert memory.given["look"] == memory.about["look"] == MOST


@pytest.mark.parametrize(
    ("command", "thing"), [("take mug 1 from drawer 3", "drawer 3"), ("look", "look"), ("use desklamp 1", "desklamp 1")]
)
def test_subjects(command: str, thing: str) -> None:
    assert subject(command) == thing


# The wrapper


def give(env: TokenObservation, command: str) -> tuple[Any, ...]:
    return env.step(env.get_wrapper_attr("commands")().index(command))


def row(obs: dict[str, np.ndarray], command: str) -> int:
    found = [number for number, tokens in enumerate(obs["command_tokens"]) if words(tokens) == command]
    assert len(found) == 1, command
    return found[0]


def test_observations_are_in_their_space() -> None:
    env = TokenObservation(Household())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*is different from the unwrapped version")
        check_env(env, skip_render_check=True)
    obs, _ = env.reset(seed=3)
    for key, space in env.observation_space.spaces.items():
        assert obs[key].dtype == space.dtype
        assert obs[key].shape == space.shape


def test_an_observation_says_what_can_be_done_and_what_was() -> None:
    env = TokenObservation(Household(size=2))
    obs, info = env.reset(seed=0)
    commands = env.get_wrapper_attr("commands")()
    assert [words(tokens) for tokens in obs["command_tokens"][: len(commands)]] == commands
    assert not obs["command_tokens"][len(commands) :].any()
    assert (env.action_masks() == (obs["command_tokens"][:, 0] != PADDING)).all()
    assert words(obs["text_tokens"]) == " ".join(split(info["feedback"]))
    assert not any(obs[key].any() for key in ("times_given", "times_about", "goal_seen", "recent_tokens"))

    give(env, "go to drawer 1")
    obs, _, _, _, info = give(env, "open drawer 1")
    assert info["command"] == "open drawer 1"
    assert "admissible_commands" not in info
    assert words(obs["text_tokens"]) == " ".join(split(info["feedback"]))
    assert [words(tokens) for tokens in obs["recent_tokens"][:3]] == ["open drawer 1", "go to drawer 1", ""]
    assert obs["recent_ages"][:3].tolist() == [1, 2, 0]
    close = row(obs, "close drawer 1")
    assert (obs["times_given"][close], obs["times_about"][close]) == (0, 2)
    env.reset()
    assert not env._memory.step


def test_a_thing_that_was_seen_marks_the_commands_about_its_place() -> None:
    env = TokenObservation(Household(size=1))
    env.reset(seed=1)
    world: Any = env.unwrapped
    world.what, world.goal, world.at = "mug", "put a mug in desk.", {"mug 1": "shelf 1"}
    give(env, "go to shelf 1")
    obs, *_ = give(env, "go to countertop 1")
    shelf, drawer = row(obs, "go to shelf 1"), row(obs, "go to drawer 1")
    assert words(obs["goal_tokens"] * obs["goal_seen"][shelf]) == "mug"
    assert not obs["goal_seen"][drawer].any()


def test_it_goes_on_from_what_was_saved() -> None:
    one, two = TokenObservation(Household()), TokenObservation(Household())
    one.reset(seed=5)
    rng = np.random.default_rng(0)
    actions = [int(rng.integers(12)) for _ in range(40)]
    for action in actions[:20]:
        one.step(action)
    world: Any = one.unwrapped
    saved, inner = one.state_dict(), world.state_dict()
    first = [one.step(action)[0] for action in actions[20:]]
    two.reset(seed=6)
    other: Any = two.unwrapped
    other.load_state_dict(inner)
    two.load_state_dict(saved)
    for obs, action in zip(first, actions[20:], strict=True):
        again = two.step(action)[0]
        for key, array in obs.items():
            np.testing.assert_array_equal(array, again[key], err_msg=key)


def test_other_environments_are_refused() -> None:
    with pytest.raises(ValueError, match="text observations, Discrete actions and action_masks"):
        TokenObservation(gym.make("CartPole-v1"))

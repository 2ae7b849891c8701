"""Text as numbers of words from a closed vocabulary, in arrays of fixed shapes: what networks take.

env = TokenObservation(envs.make("ALFWorld"))
obs, info = env.reset()
obs["command_tokens"]    # (64, 6) int16: the words of each admissible command, 0 where there is none

The game shows one place at a time, so the wrapper also remembers, and attaches what it remembers to the commands: how
often each was given, and which words of the goal the last answer about the same thing held ("go to drawer 3" is marked
once a pen was seen in drawer 3). It reads nothing but what an agent is told.
"""

from __future__ import annotations

import copy
import functools
import itertools
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import RecordConstructorArgs

PADDING, UNKNOWN = 0, 1
NUMBERS = 100
"""Numbers below this are words, as in "drawer 12"."""
TEXT_WORDS, COMMAND_WORDS, GOAL_WORDS = 256, 6, 6
RECENT = 8
"""So many kinds of commands are remembered, each by the last one of its kind."""
MOST = 255
"""Counts go up to this."""

_PLACES = np.arange(GOAL_WORDS, dtype=np.uint8)
_WORD = re.compile(r"[a-z]+(?:['/][a-z]+)*|\d+")
_SMALL = frozenset({"a", "all", "an", "and", "at", "examine", "find", "in", "in/on", "into", "is", "it", "look", "of",
                    "on", "put", "some", "task", "the", "them", "then", "to", "under", "with", "your"})  # fmt: skip
"""Words of goals that say nothing about what is wanted where."""


class Vocabulary:
    """The closed vocabulary: numbers, and the words of ``words.txt`` beside this file.

    Attributes:
        words: By number; the first two stand for nothing and for an unknown word.
        unknown: Unknown words met so far; each is warned about once.
    """

    def __init__(self, words: Iterable[str]):
        self.words = ("<pad>", "<unk>", *map(str, range(NUMBERS)), *words)
        self.unknown: set[str] = set()
        self._numbers = {word: number for number, word in enumerate(self.words)}
        if len(self._numbers) < len(self.words):
            raise ValueError("a word is in the vocabulary twice")

    def __len__(self) -> int:
        return len(self.words)

    def numbers(self, words: Sequence[str]) -> list[int]:
        """Words as numbers."""
        try:
            return [self._numbers[word] for word in words]
        except KeyError:
            new = sorted({word for word in words if word not in self._numbers} - self.unknown)
            self.unknown.update(new)
            if new:
                warnings.warn(
                    f"not in the vocabulary of ALFWorld's games, and all taken for the same word: {', '.join(new)}; "
                    f"add them to {_FILE.name}",
                    stacklevel=3,
                )
            return [self._numbers.get(word, UNKNOWN) for word in words]

    def encode(self, texts: Sequence[str], length: int) -> np.ndarray:
        """Texts as numbers of words, ``(len(texts), length)`` int16, filled up with 0.

        Raises:
            ValueError: A text is longer.
        """
        encoded = np.zeros((len(texts), length), np.int16)
        for row, text in zip(encoded, texts, strict=True):
            numbers = self.numbers(split(text))
            if len(numbers) > length:
                raise ValueError(f"expected at most {length} words, got {len(numbers)}: {text!r}")
            row[: len(numbers)] = numbers
        return encoded

    def decode(self, numbers: Iterable[int]) -> str:
        """Numbers as text, without the padding."""
        return " ".join(self.words[number] for number in numbers if number != PADDING)


def split(text: str) -> list[str]:
    """The words of a text in lower case, numbers included, without punctuation."""
    return _WORD.findall(text.lower())


_FILE = Path(__file__).with_name("words.txt")
_LINES = [line for line in _FILE.read_text().splitlines() if not line.startswith("#")]
VOCABULARY = Vocabulary(" ".join(_LINES).split())


@functools.lru_cache(4096)
def encode_text(text: str) -> np.ndarray:
    """What the game said, ``(TEXT_WORDS,)`` int16; the end of longer texts is left out. Do not write to it."""
    encoded = VOCABULARY.encode([" ".join(split(text)[:TEXT_WORDS])], TEXT_WORDS)[0]
    encoded.setflags(write=False)
    return encoded


@functools.lru_cache(1024)
def encode_goal(goal: str) -> np.ndarray:
    """What is wanted, ``(GOAL_WORDS,)`` int16: the words that matter, at the end. Do not write to it.

    "put a clean mug in desk." is (0, 0, 0, clean, mug, desk): all of ALFWorld's goals say what at the last place but
    one, and where, or by which lamp, at the last.
    """
    numbers = VOCABULARY.numbers(goal_words(goal))[-GOAL_WORDS:]
    encoded = np.zeros(GOAL_WORDS, np.int16)
    encoded[GOAL_WORDS - len(numbers) :] = numbers
    encoded.setflags(write=False)
    return encoded


@functools.lru_cache(1024)
def goal_words(goal: str) -> tuple[str, ...]:
    """The words of a goal that matter."""
    return tuple(word for word in split(goal) if word not in _SMALL)


def encode_commands(commands: Sequence[str], rows: int) -> np.ndarray:
    """Commands as ``(rows, COMMAND_WORDS)`` int16, filled up with rows of 0.

    Raises:
        ValueError: There are more commands than rows, or one has too many words.
    """
    if len(commands) > rows:
        raise ValueError(f"expected at most {rows} commands, got {len(commands)}")
    encoded = np.zeros((rows, COMMAND_WORDS), np.int16)
    if commands:
        encoded[: len(commands)] = np.frombuffer(b"".join(map(_command, commands)), np.int16).reshape(-1, COMMAND_WORDS)
    return encoded


@functools.lru_cache(65536)
def _command(command: str) -> bytes:
    """The int16 words of a command: bytes are joined faster than arrays."""
    return VOCABULARY.encode([command], COMMAND_WORDS).tobytes()


@functools.lru_cache(65536)
def subject(command: str) -> str:
    """What a command is about: what is named last in it ("drawer 3" in "open drawer 3"), else the command itself."""
    words = command.rsplit(" ", 2)
    return f"{words[-2]} {words[-1]}" if len(words) > 2 and words[-1].isdigit() else command


class Memory:
    """What happened in the running episode so far, as far as an agent was told.

    Attributes:
        given: How often each command was given.
        about: How often a command was about each thing.
        seen: Which of the goal's words (a bit each) the last answer about each thing held.
        recent: The last command of each kind (by its first word) and its step, the newest last.
        step: Steps so far.
    """

    def __init__(self) -> None:
        self.given: dict[str, int] = {}
        self.about: dict[str, int] = {}
        self.seen: dict[str, int] = {}
        self.recent: dict[str, tuple[str, int]] = {}
        self.step = 0

    def add(self, command: str, answer: str, goal: str) -> None:
        """Remember one step."""
        thing = subject(command)
        self.given[command] = min(self.given.get(command, 0) + 1, MOST)
        self.about[thing] = min(self.about.get(thing, 0) + 1, MOST)
        said = set(split(answer)).difference(split(command))
        wanted = goal_words(goal)[-GOAL_WORDS:]
        first = GOAL_WORDS - len(wanted)
        self.seen[thing] = sum(1 << place for place, word in enumerate(wanted, first) if word in said)
        kind = command.partition(" ")[0]
        self.recent.pop(kind, None)
        self.recent[kind] = (command, self.step)
        self.step += 1


class TokenObservation(gym.Wrapper, RecordConstructorArgs):
    """Observations as numbers of words, of an environment whose observations are text and whose actions are commands.

    The environment names the commands and the goal in ``info["admissible_commands"]``, which goes no further, and
    ``info["goal"]``. For reports, ``info["command"]`` and ``info["feedback"]`` keep the text of what was done and what
    came of it. The observation is a dict of

    - ``text_tokens`` ``(256,)`` int16, what the game said, and ``goal_tokens`` ``(6,)`` int16, see `encode_goal`;
    - ``command_tokens`` ``(K, 6)`` int16, the admissible commands in the order of the actions, rows of 0 beyond them;
    - ``times_given``, ``times_about`` ``(K,)`` uint8: how often this command, or one about the same thing, was given;
    - ``goal_seen`` ``(K, 6)`` uint8: whether the last answer about the same thing held the goal's word of that place;
    - ``recent_tokens`` ``(8, 6)`` int16, the last command of each kind, the newest first, and ``recent_ages`` ``(8,)``
      uint8, how many steps ago that was, from 1.
    """

    def __init__(self, env: gym.Env):
        RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)
        if not takes(env):
            raise ValueError(
                "expected an environment with text observations, Discrete actions and action_masks, got "
                f"{env.observation_space} and {env.action_space}"
            )
        assert isinstance(env.action_space, gym.spaces.Discrete)
        rows = self._rows = int(env.action_space.n)

        def words(*shape: int) -> gym.spaces.Box:
            return gym.spaces.Box(0, len(VOCABULARY) - 1, shape, np.int16)

        def counts(*shape: int, most: int = MOST) -> gym.spaces.Box:
            return gym.spaces.Box(0, most, shape, np.uint8)

        self.observation_space = gym.spaces.Dict(
            {
                "text_tokens": words(TEXT_WORDS),
                "goal_tokens": words(GOAL_WORDS),
                "command_tokens": words(rows, COMMAND_WORDS),
                "times_given": counts(rows),
                "times_about": counts(rows),
                "goal_seen": counts(rows, GOAL_WORDS, most=1),
                "recent_tokens": words(RECENT, COMMAND_WORDS),
                "recent_ages": counts(RECENT),
            }
        )
        self._memory = Memory()
        self._commands: tuple[str, ...] = ()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode, and forget the one before."""
        text, info = self.env.reset(seed=seed, options=options)
        self._memory = Memory()
        obs, info = self._observe(text, info)
        return obs, info | {"feedback": text}

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Give the command of that number."""
        command = self._commands[int(action)] if int(action) < len(self._commands) else ""
        text, reward, terminated, truncated, info = self.env.step(action)
        self._memory.add(command, text, info["goal"])
        obs, info = self._observe(text, info)
        return obs, reward, terminated, truncated, info | {"command": command, "feedback": text}

    def action_masks(self) -> np.ndarray:
        """``(K,)`` bool: the actions that stand for a command."""
        return self.env.get_wrapper_attr("action_masks")()

    def _observe(self, text: str, info: Mapping[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """The observation, and the info without the commands: SB3 copies infos deeply at every step."""
        memory, rows = self._memory, self._rows
        commands = self._commands = tuple(info["admissible_commands"])
        remembered = np.zeros((3, rows), np.uint8)
        if memory.step:
            things = list(map(subject, commands))
            sources = (memory.given, commands), (memory.about, things), (memory.seen, things)
            for row, (source, names) in zip(remembered, sources, strict=True):
                row[: len(commands)] = list(map(source.get, names, itertools.repeat(0)))
        last = list(memory.recent.values())[: -RECENT - 1 : -1]
        ages = np.zeros(RECENT, np.uint8)
        ages[: len(last)] = [min(memory.step - step, MOST) for _, step in last]
        obs = {
            "text_tokens": encode_text(text).copy(),
            "goal_tokens": encode_goal(info["goal"]).copy(),
            "command_tokens": encode_commands(commands, rows),
            "times_given": remembered[0],
            "times_about": remembered[1],
            "goal_seen": (remembered[2, :, None] >> _PLACES) & 1,
            "recent_tokens": encode_commands([command for command, _ in last], RECENT),
            "recent_ages": ages,
        }
        return obs, {name: value for name, value in info.items() if name != "admissible_commands"}

    # Saving

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs to go on in mid-episode."""
        return {"memory": copy.deepcopy(vars(self._memory)), "commands": self._commands}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned; the environment must be brought to its state as well."""
        self._memory = Memory()
        vars(self._memory).update(copy.deepcopy(dict(state["memory"])))
        self._commands = state["commands"]


def takes(env: gym.Env) -> bool:
    """Whether `TokenObservation` is made for an environment: text to read, and commands to choose from by number."""
    return (
        isinstance(env.observation_space, gym.spaces.Text)
        and isinstance(env.action_space, gym.spaces.Discrete)
        and env.has_wrapper_attr("action_masks")
    )

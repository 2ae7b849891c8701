"""What is followed along a game is what comparing the whole state square by square would say."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

pytest.importorskip("minihack", reason="needs the extra 'nethack'")

import envs
from envs.nethack.crop import COLUMNS, ROWS, Crop
from envs.nethack.fields import AT
from envs.nethack.followers import MapText
from envs.nethack.game import NetHackGame
from envs.nethack.glyphs import CLOSED_DOORS, OPEN_DOORS, sight
from envs.nethack.rules import BLANK, KEY, nethack
from tests.envs.nethack.players import solve_keyroom

EVERY_KEY = {"actions": tuple(nethack.ACTIONS), "allow_all_yn_questions": True}


class Plain:
    """Inventory, doors, sights and view of a caption, from copies of all that the game shows."""

    def __init__(self, game: NetHackGame):
        self.game = game
        self.seen: dict[tuple[int, int], set[int]] = {}
        self.look()
        self.seen[self.level] = set(self.glyphs.ravel().tolist())

    def look(self) -> None:
        game = self.game
        line = game.bottom_line.tolist()
        self.level = line[AT["dungeon_number"]], line[AT["dungeon_level"]]
        self.hero = line[AT["y"]], line[AT["x"]]
        self.glyphs = game.array("glyphs").copy()
        texts = [bytes(row).split(b"\0")[0].decode("latin-1") for row in game.array("inv_strs")]
        self.items = {
            letter: text for letter, text in zip(game.array("inv_letters").tolist(), texts, strict=True) if letter
        }
        rows = ["".join(map(chr, row)) for row in game.array("chars").tolist()]
        y, x = self.hero
        wide = [f"{'':4}{rows[r]}{'':4}" if 0 <= r < ROWS else " " * (COLUMNS + 8) for r in range(y - 4, y + 5)]
        self.view = "\n".join(row[x : x + 9] for row in wide)

    def step(self, over: bool) -> str:
        """The caption."""
        if over:
            return self.view
        level, glyphs, items = self.level, self.glyphs, self.items
        self.look()
        news = [f"lost {_bare(text)}" for letter, text in items.items() if letter not in self.items]
        for letter, text in self.items.items():
            if letter not in items:
                news.append(f"picked up {_bare(text)}")
            elif text != items[letter]:
                news.append(f"now carries {text}")
        changed = [(int(y), int(x)) for y, x in np.argwhere(self.glyphs != glyphs)]
        if level == self.level and any(glyphs[s] in CLOSED_DOORS and self.glyphs[s] in OPEN_DOORS for s in changed):
            news.append("door opened")
        seen = self.seen.setdefault(self.level, set())
        shown = [int(self.glyphs[square]) for square in changed]
        fresh = [sight(glyph) for glyph in shown if glyph not in seen and glyph != self.glyphs[self.hero]]
        news += [f"saw {name}" for name in dict.fromkeys(fresh) if name]
        seen.update(shown)
        return "; ".join([*news, self.view])


def _bare(text: str) -> str:
    return text[: text.rindex(" (")] if text.endswith(")") and "(" not in text[text.rindex(" (") + 2 :] else text


@pytest.mark.parametrize(
    ("name", "steps", "options", "events"),
    [
        ("NetHackScore", 600, EVERY_KEY | {"character": "wiz-elf-cha"}, ("lost", "now carries", "saw")),
        ("MiniHack-KeyRoom-S5", 0, {}, ("picked up a key", "door opened", "saw a staircase down")),
        ("MiniHack-KeyRoom-Dark-S5", 400, {}, ("picked up a key", "saw")),
        ("MiniHack-Room-Monster-15x15", 300, {}, ("saw",)),
        ("MiniHack-Corridor-R3", 400, EVERY_KEY, ("saw",)),
    ],
)
def test_captions_equal_a_plain_comparison_of_states(
    name: str, steps: int, options: dict[str, object], events: tuple[str, ...]
) -> None:
    """Drawn actions, or the scripted player's if ``steps`` is 0."""
    env = envs.make(name, captions=("inventory", "doors", "sights", "view"), **options)
    game = env.unwrapped
    assert isinstance(game, NetHackGame)
    game.follow("caption")
    env.reset(seed=0)
    plain = Plain(game)
    assert game.follow("caption") == plain.view
    told = ""
    actions: Iterable[int] = np.random.default_rng(0).integers(game.action_space.n, size=steps).tolist()
    for action in actions if steps else solve_keyroom(game):
        *_, terminated, truncated, info = env.step(action)
        assert game.follow("caption") == plain.step(over=terminated and info["end_status"] != "solved")
        told += game.follow("caption")
        if steps and (terminated or truncated):
            env.reset()
            plain = Plain(game)
    assert all(event in told for event in events)
    env.close()


def test_captions_equal_a_plain_comparison_of_drawn_states() -> None:
    """Two levels, between which doors, creatures and things come and go at random."""
    game = envs.make("MiniHack-Room-5x5", captions=("inventory", "doors", "sights", "view")).unwrapped
    rng = np.random.default_rng(0)
    glyphs, strings, letters = game.array("glyphs"), game.array("inv_strs"), game.array("inv_letters")
    game.follow("caption")
    game.reset(seed=0)
    plain = Plain(game)
    shown = [BLANK, *CLOSED_DOORS, *OPEN_DOORS, KEY, *range(nethack.GLYPH_MON_OFF, nethack.GLYPH_MON_OFF + 6)]
    told = ""
    for _ in range(500):
        if rng.random() < 0.05:
            game.bottom_line[AT["dungeon_level"]] = rng.integers(1, 3)
            glyphs[8:10, 30:34] = rng.choice(shown, (2, 4))
        for _ in range(rng.integers(3)):
            glyphs[rng.integers(8, 10), rng.integers(30, 34)] = rng.choice(shown)
        if rng.random() < 0.1:
            count = rng.integers(4)
            strings[...], letters[...] = 0, 0
            letters[:count] = sorted(rng.choice(list(b"abcdef"), count, replace=False))
            for row in strings[:count]:
                row[:12] = list(rng.choice([b"2 blue darts", b"a ring (on)", b"a key named "]).ljust(12, b"\0"))
        for follow in game._follow:
            follow(False)
        assert game.follow("caption") == plain.step(over=False)
        told += game.follow("caption")
    for event in ("door opened", "saw a key", "lost a ring;", "picked up a ring;", "now carries a ring (on)"):
        assert event in told
    game.close()


@pytest.mark.parametrize("size", [1, 9, 23, 81])
def test_text_of_the_map_is_its_square_of_characters(size: int) -> None:
    env = envs.make("MiniHack-Room-5x5").unwrapped
    follower = MapText(env, size)
    chars = env.array("chars")
    chars[...] = np.random.default_rng(0).integers(33, 256, chars.shape)
    square = Crop(chars, size, ord(" "))
    for y in (0, 3, 4, 10, 16, 17, 20):
        for x in (0, 1, 4, 5, 39, 74, 75, 78):
            env.bottom_line[[AT["x"], AT["y"]]] = x, y
            square.update(x, y)
            follower.step(False)
            assert follower.value == "\n".join(bytes(row).decode("latin-1") for row in square.value)
    said = follower.value
    chars.fill(0)
    follower.step(True)
    assert follower.value == said, "the game is over, and its map gone"
    env.close()

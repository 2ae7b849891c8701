"""Labeled transitions of KeyRoom, to find out what a judge of subgoals is worth.

    python -m envs.nethack.transitions assets/keyroom_transitions.jsonl.gz

Scripted players and random ones do what is wanted, and everything that looks like it: they bump into the locked door,
kick it, close it again, walk over the key, pick up nothing, put the key down. Every transition is labeled from the true
state of the game (what is carried, what the door's square is, whether the hero stands on the staircase), never from a
message. The same seeds give the same file.

A row has ``level``, ``kind`` (what was done there), ``before`` and ``after`` (the map around the hero), ``action``,
``message``, ``upstream`` (what is left of the message where NLE's own environment clicks the rest away), ``caption``,
and ``achieved``: for each of `SUBGOALS`, whether this very step achieved it.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reward_designers.base import Transition

SUBGOALS = ("Pick up the key.", "Unlock and open the door.", "Step on the staircase down.")
LEVELS = ("MiniHack-KeyRoom-S5", "MiniHack-KeyRoom-Dark-S5")
MOVES = {
    "N": (-1, 0),
    "E": (0, 1),
    "S": (1, 0),
    "W": (0, -1),
    "NE": (-1, 1),
    "SE": (1, 1),
    "SW": (1, -1),
    "NW": (-1, -1),
}
ACTIONS = (*MOVES, "PICKUP", "APPLY", "OPEN", "CLOSE", "KICK", "LOOK", "DROP", "RUSH")
"""The first ten are KeyRoom's own, in its order; the last is pressed for its letter, g."""
EPISODES, RANDOM_EPISODES = 40, 10
"""Of each level."""
LONGEST = 150
MOST = 20
"""Transitions of one kind, level and label that are kept."""


class Player:
    """Plays one level, knows the true state, and writes down what happens.

    Args:
        level: One of `LEVELS`.
        seed: Of the games, and of what the player fancies.
        asks: Let the game ask what to drop; applying asks as well then.
    """

    def __init__(self, level: str, seed: int, asks: bool = False):
        import envs
        from envs.nethack.rules import nethack

        keys = {a.name: a for a in (*nethack.CompassDirection, *nethack.Command) if a.name in ACTIONS}
        env = envs.make(level, actions=tuple(keys[word] for word in ACTIONS), allow_all_yn_questions=asks)
        game: Any = env.unwrapped
        self.level, self.env, self.game = level, env, game
        self.rng = np.random.default_rng(seed)
        for name in ("caption", "map_text"):
            self.game.follow(name)
        self.rows: list[dict[str, Any]] = []
        self.over = False
        env.reset(seed=seed)

    # The true state

    @property
    def carries(self) -> bool:
        """Whether the key is in the pack."""
        from envs.nethack.rules import KEY

        return KEY in self.game.array("inv_glyphs").tolist()

    @property
    def letter(self) -> str:
        """Of the key in the pack."""
        from envs.nethack.rules import KEY

        place = self.game.array("inv_glyphs").tolist().index(KEY)
        return chr(self.game.array("inv_letters")[place])

    @property
    def place(self) -> tuple[int, int]:
        """Row and column of the hero."""
        line = self.game.bottom_line
        return int(line[1]), int(line[0])

    def seen(self, *names: str) -> list[tuple[int, int]]:
        """The squares where the map shows one of these."""
        shown = np.isin(self.game.array("glyphs"), _glyphs(*names))
        return [(row, column) for row, column in np.argwhere(shown).tolist()]

    # Doing

    def do(self, word: str, kind: str) -> None:
        """One action; what it achieved is read off the state before and after."""
        if self.over:
            return
        game = self.game
        before, carried, stood = game.follow("map_text"), self.carries, game.on_stairs
        closed = self.seen("closed door")
        _, _, terminated, truncated, _ = self.env.step(ACTIONS.index(word))
        self.over = terminated or truncated or len(self.rows) >= LONGEST
        opened, gone = ([s for s in self.seen(name) if s in closed] for name in ("open door", "doorway"))
        if gone:  # kicked in: whether that is to unlock and open it is a matter of opinion
            return
        row = {"level": self.level, "kind": kind, "before": before, "action": word, "after": game.follow("map_text")}
        row |= {"message": game.said(), "upstream": _text(game.array("message")), "caption": game.follow("caption")}
        self.rows.append(row | {"achieved": [self.carries and not carried, bool(opened), game.on_stairs and not stood]})

    def walk(self, target: tuple[int, int], kind: str = "walk", beside: bool = False) -> bool:
        """Walk to a square, or beside it in a straight line; whether that worked."""
        for _ in range(LONGEST):
            here = self.place
            if here == target or (beside and abs(here[0] - target[0]) + abs(here[1] - target[1]) == 1):
                return True
            step = self._toward(target, beside)
            if step is None or self.over:
                return False
            self.do(step, kind)
        return False

    def _toward(self, target: tuple[int, int], beside: bool) -> str | None:
        """The first move of a shortest way over squares that are known; none diagonally through a door."""
        free = {*self.seen(*WALKABLE), self.place, target}
        doors = {*self.seen("open door")}
        first: dict[tuple[int, int], str] = {self.place: ""}
        queue = deque([self.place])
        while queue:
            here = queue.popleft()
            if here == target or (beside and abs(here[0] - target[0]) + abs(here[1] - target[1]) == 1):
                return first[here] or None
            for word, (down, right) in MOVES.items():
                there = here[0] + down, here[1] + right
                diagonal = down and right
                if there in first or there not in free or (diagonal and {here, there} & doors):
                    continue
                if there == target and beside:
                    continue
                first[there] = first[here] or word
                queue.append(there)
        return None

    def direction(self, target: tuple[int, int]) -> str:
        """The move that leads to a square beside the hero."""
        here = self.place
        return next(word for word, step in MOVES.items() if (here[0] + step[0], here[1] + step[1]) == target)

    def wander(self, kind: str, steps: int = 1, words: Sequence[str] = (*MOVES,)) -> None:
        """Actions at random."""
        for _ in range(steps):
            self.do(words[int(self.rng.integers(len(words)))], kind)

    def find(self, name: str) -> tuple[int, int] | None:
        """Look for something: it may be dark."""
        while not self.over:
            if found := self.seen(name):
                return found[0]
            self.wander("explore", 2)
        return None


WALKABLE = ("floor of a room", "dark part of a room", "doorway", "open door", "staircase up", "staircase down", "key")


def _glyphs(*names: str) -> list[int]:
    from envs.nethack.glyphs import SYMBOLS
    from envs.nethack.rules import BLANK, KEY

    return [KEY for name in names if name == "key"] + [BLANK + i for i, name in SYMBOLS.items() if name in names]


def _text(message: np.ndarray) -> str:
    return message.tobytes().partition(b"\0")[0].decode("latin-1").strip()


def scripted(level: str, seed: int) -> list[dict[str, Any]]:
    """An episode in which all subgoals are achieved, with what looks like it on the way."""
    drops = seed % 4 == 3
    player = Player(level, seed, asks=drops)
    rng, likely = player.rng, player.rng.random
    if likely() < 0.5:
        player.do("PICKUP", "pick up")
    if not drops and likely() < 0.5:
        player.do("APPLY", "apply without the key")
    if likely() < 0.6 and (door := player.find("closed door")) and player.walk(door, beside=True):
        _try_door(player, door)
    key = player.find("key")
    if key is None or not player.walk(key, "walk onto the key"):
        return player.rows
    if likely() < 0.5:
        player.do("LOOK", "look at the key")
        player.wander("walk off the key")
        player.walk(key, "walk onto the key")
    player.do("PICKUP", "pick up, on the key")
    if drops:
        player.do("DROP", "put the key down")
        player.do({"g": "RUSH", "h": "W"}[player.letter], "put the key down")
        player.do("PICKUP", "pick up the key again")
    elif likely() < 0.5:
        player.do("PICKUP", "pick up")
        player.do("APPLY", "apply away from the door")
        player.wander("answer a question")
    if drops:
        player.wander("walk", 6)
        return player.rows
    door = player.find("closed door")
    if door is None or not player.walk(door, beside=True):
        return player.rows
    if likely() < 0.5:
        _try_door(player, door)
        player.walk(door, beside=True)
    for _ in range(5):
        player.do("APPLY", "apply the key to the door")
        if player.seen("open door") or player.over:
            break
    if likely() < 0.6 and player.seen("open door") and door != player.place:
        player.do("CLOSE", "close the door")
        player.do(player.direction(door), "close the door")
        if rng.integers(2):
            player.do("OPEN", "open the door again")
        player.do(player.direction(door), "open the door again")
    player.walk(door, "walk through the door")
    stairs = player.find("staircase down")
    if stairs is not None:
        if likely() < 0.5:
            player.wander("walk beside the staircase", 2)
        if not player.over and player.walk(stairs, "walk to the staircase", beside=True):
            player.walk(stairs, "step on the staircase")
    return player.rows


def _try_door(player: Player, door: tuple[int, int]) -> None:
    """What does not open a locked door."""
    toward = player.direction(door)
    for word, kind in (("", "bump into the locked door"), ("OPEN", "open the locked door"), ("KICK", "kick the door")):
        if player.rng.random() < 0.6 and player.seen("closed door"):
            if word:
                player.do(word, kind)
            player.do(toward, kind)


def random_play(level: str, seed: int) -> list[dict[str, Any]]:
    """An episode of KeyRoom's own actions at random."""
    player = Player(level, seed)
    player.wander("random", LONGEST, ACTIONS[:10])
    return player.rows


def record(episodes: int = EPISODES, randoms: int = RANDOM_EPISODES) -> Iterator[dict[str, Any]]:
    """The rows, in the order in which they were met; no two look alike, and none is over-represented."""
    seen: set[str] = set()
    counts: Counter[tuple[Any, ...]] = Counter()
    for level in LEVELS:
        plays = [scripted(level, 1000 + i) for i in range(episodes)]
        plays += [random_play(level, 2000 + i) for i in range(randoms)]
        for row in (row for rows in plays for row in rows):
            looks = json.dumps([row[name] for name in ("before", "action", "after", "message")])
            kind = (level, row["kind"], *row["achieved"])
            if looks in seen or counts[kind] == MOST * (1 + any(row["achieved"])):
                continue
            seen.add(looks)
            counts[kind] += 1
            yield row


def load(path: Path) -> list[dict[str, Any]]:
    """The rows of a file."""
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def as_transitions(rows: Sequence[dict[str, Any]], *, upstream: bool = False) -> tuple[Transition, np.ndarray]:
    """Rows as a batch that judges read, ``(n,)``, and their labels ``(n, subgoals)`` bool.

    Args:
        rows: Of `load`.
        upstream: Show the messages that NLE's own environment would have left; captions as well then begin with them.
    """

    def texts(name: str) -> np.ndarray:
        return np.array([row[name] for row in rows], object)

    message, caption = texts("message"), texts("caption")
    if upstream:
        events = [said.removeprefix(full).removeprefix("; ") for said, full in zip(caption, message, strict=True)]
        message = texts("upstream")
        caption = np.array(["; ".join(filter(None, parts)) for parts in zip(message, events, strict=True)], object)
    none = np.zeros(len(rows), bool)
    after = {"map_text": texts("after"), "message": message, "caption": caption}
    action = np.array([ACTIONS.index(row["action"]) for row in rows])
    batch = Transition({"map_text": texts("before")}, action, after, none, none)
    return batch, np.array([row["achieved"] for row in rows], bool)


def main(path: str) -> None:
    """Write the file, and say what is in it."""
    rows = list(record())
    text = "".join(json.dumps(row) + "\n" for row in rows)
    Path(path).write_bytes(gzip.compress(text.encode(), mtime=0))
    print(f"{len(rows)} transitions")
    for name, achieved in zip(SUBGOALS, zip(*(row["achieved"] for row in rows), strict=True), strict=True):
        print(f"{sum(achieved):4} x {name}")
    for (kind, hit), count in sorted(Counter((row["kind"], any(row["achieved"])) for row in rows).items()):
        print(f"{count:4} {kind}{' (achieves)' if hit else ''}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m envs.nethack.transitions FILE")
    main(sys.argv[1])

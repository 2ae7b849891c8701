"""What TextWorld says, step by step: recorded once, so that tests compare with it where it is not installed.

python -m tests.envs.alfworld.traces        # records them again; needs the extra alfworld, takes minutes
"""

from __future__ import annotations

import hashlib
import json
import lzma
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from envs.alfworld.games import SPLITS, TASK_TYPES, Game, load_games
from envs.alfworld.simulator import Simulator
from envs.alfworld.stock import load_game, stock_env
from tests.envs.alfworld.conftest import PLACES

RECORDED = Path(__file__).with_name("traces.json.xz")
WRONG = ("ison(", "not_ison(")
"""TextWorld lists all that ``use`` may change as changed, so a lamp is never on in its facts; the rules say it is."""
Step = dict[str, Any]


def chosen_games() -> list[Game]:
    """A game of each type from each split, with as many kinds of things as there are; two more in the older wording."""
    games = sorted(load_games(), key=lambda game: ("Knife_bar" in game.problem, len(game.problem)))
    first = {(game.split, game.task_type): game for game in games if len(game.problem) < 30_000}
    games = [first[split, kind] for split in SPLITS for kind in TASK_TYPES]
    return [*games, *map(in_older_words, games[-2:])]


def in_older_words(game: Game) -> Game:
    """As ALFWorld 0.2 put it, which most of `alfworld-download`'s games are from."""
    words = game.grammar
    for new, old in (
        ("You arrive at {r.name}.", "You arrive at {lend.name}."),
        ("You move the {o.name} to the {r.name}.", "You put the {o.name} in/on the {r.name}."),
        ('"move {o} to {r}"', '"put {o} in/on {r}"'),
    ):
        assert new in words
        words = words.replace(new, old)
    plan = [f"put {c[5:].replace(' to ', ' in/on ')}" if c.startswith("move ") else c for c in game.walkthrough]
    return replace(game, name=f"{game.name}-older", grammar=words, walkthrough=tuple(plan))


def commands(game: Game, steps: int) -> Iterator[list[str]]:
    """Two episodes: the richest of many random ones, and one that wins and goes on for a while."""
    tries = [_wander(game, steps, seed) for seed in range(100)]
    yield max(tries, key=_richness)
    simulator = Simulator(game)
    state = simulator.reset()
    winning = []
    for command in game.walkthrough:
        winning += [c for c in state.admissible if c.startswith("examine")][:2] + ["look", command]
        state = simulator.step(command)
    yield [*winning, *_wander(game, len(winning) + steps // 4, 0, winning)]


_WEIGHTS = {"go": 6, "take": 6, "open": 4, "move": 2, "put": 2, "heat": 9, "cool": 9, "clean": 9, "slice": 9, "use": 9}
_RARE = ("heat", "cool", "clean", "slice", "use", "move", "put", "close", "examine")


def _wander(game: Game, steps: int, seed: int, first: Sequence[str] = ()) -> list[str]:
    """Commands that follow ``first``; what is rare is done when it can be."""
    rng = random.Random(f"{seed} {game.name}")
    simulator = Simulator(game)
    state = simulator.reset()
    done: list[str] = []
    for number in range(steps):
        if number < len(first):
            state = simulator.step(first[number])
            continue
        verbs: dict[str, list[str]] = {"xyzzy": ["xyzzy"]}
        for command in state.admissible:
            verbs.setdefault(command.split()[0], []).append(command)
        (verb,) = rng.choices(list(verbs), [_WEIGHTS.get(verb, 1) for verb in verbs])
        done.append(rng.choice(verbs[verb]))
        state = simulator.step(done[-1])
    return done


def _richness(episode: list[str]) -> int:
    """How many kinds of commands it has, each up to three times, and whether what was treated was looked at."""
    counts = Counter(command.split()[0] for command in episode)
    treated = [command for command in episode if command.split()[0] in ("heat", "cool", "clean", "slice", "use")]
    looked_at = {command.split(maxsplit=1)[1] for command in episode if command.startswith("examine ")}
    examined = sum(" ".join(command.split()[1:3]) in looked_at for command in treated)
    return sum(min(counts[verb], 3) for verb in _RARE) + 2 * len({c.split()[0] for c in treated}) + 2 * min(examined, 3)


def ours(game: Game, episode: list[str]) -> Iterator[Step]:
    """What `Simulator` makes of it."""
    simulator = Simulator(game)
    before: frozenset[str] = frozenset()
    for command in ["", *episode]:
        state = simulator.step(command) if command else simulator.reset()
        yield _step(command, state.feedback, state.admissible, state.won, state.score, before, state.facts)
        before = state.facts


def theirs(env: Any, game: Game, episode: list[str]) -> Iterator[Step]:
    """What TextWorld makes of it."""
    load_game(env, game)
    before: frozenset[str] = frozenset()
    for command in ["", *episode]:
        state = env.step(command)[0] if command else env.reset()
        printed = {str(env._get_human_readable_fact(fact)) for fact in state["_facts"]}
        facts = frozenset(fact for fact in printed if not fact.startswith(("not_", "new-axiom@")))
        assert not {f"not_{fact}" for fact in facts if not fact.startswith(WRONG)} & printed
        yield _step(
            command, state.feedback, state["admissible_commands"], state["won"], state.get("score") or 0, before, facts
        )
        before = facts


def _step(
    command: str, feedback: str, admissible: Any, won: bool, score: int, before: frozenset[str], facts: frozenset[str]
) -> Step:
    return {
        "command": command,
        "feedback": feedback,
        "admissible": list(admissible),
        "won": bool(won),
        "score": score,
        "true": sorted(fact for fact in facts - before if not fact.startswith(WRONG)),
        "false": sorted(fact for fact in before - facts if not fact.startswith(WRONG)),
    }


def digest(steps: Any) -> str:
    """A fingerprint of an episode."""
    return hashlib.sha256(json.dumps(list(steps)).encode()).hexdigest()[:16]


def read() -> dict[str, Any]:
    """The recorded traces: ``games`` by name, and digests of the ``genuine`` ones."""
    return json.loads(lzma.decompress(RECORDED.read_bytes()))


def genuine_games() -> list[Game]:
    """ALFWorld's own, where they are."""
    place = next((place for place in PLACES if place.is_dir()), None)
    return load_games(place) if place else []


def main() -> None:
    """Record."""
    games: dict[str, Any] = {}
    genuine: dict[str, Any] = {}
    with stock_env() as env:
        for game in [*chosen_games(), *genuine_games()]:
            known = game.name in {g.name for g in genuine_games()}
            played = [(episode, list(theirs(env, game, episode))) for episode in commands(game, 40)]
            if known:
                genuine[game.name] = [[episode, digest(steps)] for episode, steps in played]
            else:
                games[game.name] = [steps for _, steps in played]
            same = all(list(ours(game, episode)) == steps for episode, steps in played)
            print(game.name, sum(len(steps) for _, steps in played), "same" if same else "DIFFERENT", flush=True)
    data = json.dumps({"games": games, "genuine": genuine}, separators=(",", ":"))
    RECORDED.write_bytes(lzma.compress(data.encode(), preset=9))


if __name__ == "__main__":
    main()

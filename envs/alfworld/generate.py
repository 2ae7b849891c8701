"""Make games of ALFWorld: rooms of ALFRED, furnished anew, with goals of all six types, each with a plan that wins it.

Each plan is played to its end in the kit's simulator, and with ``--check`` in TextWorld itself.

    python -m envs.alfworld.generate runs/games                       # folders, as alfworld itself loads them
    python -m envs.alfworld.generate games.json.xz --seed 1           # one file
    python -m envs.alfworld.generate games.json.xz --sizes full --task-types pick_two_obj_and_place
    python -m envs.alfworld.generate assets/alfworld/games.json.xz --check      # the games that ship with the kit

Three splits, whatever the seed, so that games of one seed may be tested with those of another:

- ``train``: rooms and goals that are not held out.
- ``valid_seen``: a goal and a room of some game of ``train``, furnished anew.
- ``valid_unseen``: rooms that ALFRED held out, and in them goals whose thing, place and kind of room (a mug, a shelf, a
  kitchen) are together in no goal of ``train``, for any type of task: one in four of all.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import NamedTuple

from envs.alfworld import stock
from envs.alfworld.archive import SUFFIX, write_archive
from envs.alfworld.furnish import (
    APPLIANCES,
    HOLDS_ONE,
    LAMP_STANDS,
    SIZES,
    Infeasible,
    furnish,
    sources,
)
from envs.alfworld.games import GAME_FILE, SPLITS, TASK_TYPES, Game
from envs.alfworld.goals import TREATMENTS, Goal
from envs.alfworld.planner import household, plan
from envs.alfworld.rooms import LAMP, Room, receptacle_class, statistics
from envs.alfworld.simulator import Simulator
from reward_designers.assets import asset
from reward_designers.errors import unknown_name

COUNTS = {"train": 240, "valid_seen": 60, "valid_unseen": 60}
MIX = ("small", "small", "medium")
_TRIES = 200


class Setting(NamedTuple):
    """What a game is about, before the room is furnished."""

    room: Room
    goal: Goal


def held_out(room: Room) -> bool:
    """Whether a room is kept for ``valid_unseen``: the six of each kind that ALFRED tests in."""
    return room.number % 100 <= 6


def unseen(kind: str, goal: Goal) -> bool:
    """Whether a thing, a place and a kind of room together are kept for ``valid_unseen``."""
    words = f"{kind} {goal.thing} {goal.place}".encode()
    return hashlib.blake2b(words, digest_size=8).digest()[0] % 4 == 0


def settings(task_type: str, *, unseen_ones: bool) -> tuple[Setting, ...]:
    """All rooms and goals of a type of task, either those for training or those that are held out."""
    return tuple(
        Setting(room, goal)
        for room in statistics().rooms.values()
        if held_out(room) == unseen_ones
        for goal in goals(room, task_type)
        if unseen(room.kind, goal) == unseen_ones
    )


def goals(room: Room, task_type: str) -> Iterator[Goal]:
    """What can be asked for in a room."""
    known = statistics()
    classes = sorted({receptacle_class(name) for name in room.receptacles})
    places = classes
    things: Iterable[str] = [name for name in room.things if name in known.pickupable]
    if task_type == "look_at_obj_in_light":
        places = [LAMP] if LAMP in room.things and set(classes) & set(LAMP_STANDS) else []
    elif task_type == "pick_two_obj_and_place":
        places = [name for name in classes if name not in HOLDS_ONE]
    elif task_type in TREATMENTS:
        _, appliance, able, _ = TREATMENTS[task_type]
        things = [name for name in things if name in known.able[able]]
        # What has just been cooled in the fridge need not be carried anywhere.
        places = [name for name in classes if name != APPLIANCES[appliance]] if APPLIANCES[appliance] in classes else []
    for thing in things:
        for place in places:
            goal = Goal(task_type, thing, place)
            if (place == LAMP or thing in known.holds[place]) and sources(classes, goal):
                yield goal


def generate(
    counts: Mapping[str, int] = COUNTS,
    *,
    sizes: Sequence[str] = MIX,
    task_types: Sequence[str] = TASK_TYPES,
    seed: int = 0,
) -> list[Game]:
    """Make games, the same for the same arguments on any machine.

    Args:
        counts: How many of each split; types of tasks take turns.
        sizes: Names in `SIZES`, which take turns; name one twice for twice as many.
        task_types: Of `TASK_TYPES`.
        seed: Another seed gives other games of the same splits. More games of a split leave its first ones as they are.

    Raises:
        ValueError: A name is unknown, or a split has no games to be made from.
    """
    for kind, names, known in (
        ("split", counts, SPLITS),
        ("size", sizes, tuple(SIZES)),
        ("task type", task_types, TASK_TYPES),
    ):
        for name in names:
            if name not in known:
                raise ValueError(unknown_name(kind, name, known))
    if counts.get("valid_seen") and not counts.get("train"):
        raise ValueError("games of valid_seen are made from those of train: ask for some of these as well")
    games: list[Game] = []
    pools: dict[tuple[str, str], Sequence[Setting]] = {}
    for task_type in task_types:
        pools["train", task_type] = settings(task_type, unseen_ones=False)
        pools["valid_unseen", task_type] = settings(task_type, unseen_ones=True)
        pools["valid_seen", task_type] = []
    for split in SPLITS:
        for index in range(counts.get(split, 0)):
            task_type = task_types[index % len(task_types)]
            size = sizes[index // len(task_types) % len(sizes)]
            pool = pools[split, task_type]
            if not pool:
                raise ValueError(f"no game of train has the type {task_type}: ask for at least {len(task_types)}")
            rng = Random(f"{seed} {split} {task_type} {size} {index}")
            setting, game = _game(pool, split, size, f"trial_{size}_{split}_{seed}_{index:03d}", rng)
            if split == "train":
                pools["valid_seen", task_type] = [*pools["valid_seen", task_type], setting]
            games.append(game)
    return games


def _game(pool: Sequence[Setting], split: str, size: str, trial: str, rng: Random) -> tuple[Setting, Game]:
    for _ in range(_TRIES):
        setting = _choose(pool, rng) if split != "valid_seen" else rng.choice(pool)
        room, goal = setting
        try:
            problem = furnish(room, goal, SIZES[size], rng)
        except Infeasible:
            continue
        domain, grammar = rules()
        name = f"{goal.task_type}-{goal.thing}-None-{goal.place}-{room.number}/{trial}"
        text = goal.text(rng.randrange(2))
        game = Game(name, split, goal.task_type, text, problem, domain, grammar)
        commands = plan(game)
        if not wins(game, commands):
            raise RuntimeError(f"the plan of {name} does not win it: {', '.join(commands)}\n{problem}")
        return setting, replace(game, walkthrough=commands)
    raise ValueError(f"none of {_TRIES} rooms could be furnished for {trial}")


def _choose(pool: Sequence[Setting], rng: Random) -> Setting:
    """Things first, then places, then rooms, so that no thing or place is rare because few rooms have it."""
    thing = rng.choice(sorted({setting.goal.thing for setting in pool}))
    pool = [setting for setting in pool if setting.goal.thing == thing]
    place = rng.choice(sorted({setting.goal.place for setting in pool}))
    return rng.choice([setting for setting in pool if setting.goal.place == place])


@functools.cache
def rules() -> tuple[str, str]:
    """ALFWorld's domain and grammar, of the generation that says "move X to Y"."""
    return asset("alfworld", "alfred.pddl").read_text(), asset("alfworld", "alfred.twl2").read_text()


def write_folders(folder: Path, games: Iterable[Game]) -> None:
    """Write games as `alfworld-download` does, for alfworld's own environments as well.

    Raises:
        ValueError: The folder is not empty: its games would be read together with these.
    """
    _refuse_full(folder)
    for game in games:
        task, _, trial = game.name.partition("/")
        place = folder / game.split / task / trial
        place.mkdir(parents=True, exist_ok=True)
        place.joinpath(GAME_FILE).write_text(stock.game_file(game))
        place.joinpath("traj_data.json").write_text(json.dumps(stock.trajectory(game), indent=1))


def _refuse_full(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"the folder {folder} is not empty: name another one, or remove it")


def summary(games: Sequence[Game]) -> str:
    """A table: how many games of which type, and how large they are."""
    lines = [f"{'':32}{''.join(f'{split:>14}' for split in SPLITS)}"]
    for task_type in TASK_TYPES:
        numbers = [sum(g.split == split and g.task_type == task_type for g in games) for split in SPLITS]
        lines.append(f"{task_type:32}{''.join(f'{number:14}' for number in numbers)}")
    houses = [household(Simulator(game).reset().facts) for game in games]
    for what, values in (
        ("receptacles", [len(house.receptacles) for house in houses]),
        ("objects", [len(house.things) for house in houses]),
        ("commands of the plan", [len(game.walkthrough) for game in games]),
    ):
        ordered = sorted(values)
        lines.append(f"{what:32}{ordered[0]:>4} to {ordered[-1]}, median {ordered[len(ordered) // 2]}")
    return "\n".join(lines)


def wins(game: Game, commands: Sequence[str]) -> bool:
    """Whether the commands win the game, and not before the last of them."""
    simulator = Simulator(game)
    state = simulator.reset()
    for command in commands:
        if state.won or command not in state.admissible:
            return False
        state = simulator.step(command)
    return state.won


def check(games: Sequence[Game]) -> Iterator[str]:
    """Play each plan to its end in TextWorld itself, and yield the names of those it does not win."""
    with stock.stock_env() as env:
        for number, game in enumerate(games, 1):
            if not stock.wins(env, game):
                yield game.name
            print(f"\rplayed {number} of {len(games)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def main(argv: Sequence[str] | None = None) -> None:
    """The command; see the module."""
    parser = argparse.ArgumentParser(
        prog="python -m envs.alfworld.generate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", type=Path, help=f"a folder, or a file whose name ends in {SUFFIX}")
    for split, number in COUNTS.items():
        option = f"--{split.replace('_', '-')}"
        parser.add_argument(option, type=int, default=number, metavar="N", help=f"games of the split; {number}")
    parser.add_argument(
        "--sizes", nargs="+", default=MIX, metavar="SIZE", help=f"of {', '.join(SIZES)}; they take turns"
    )
    parser.add_argument("--task-types", nargs="+", default=TASK_TYPES, metavar="TYPE", help="; ".join(TASK_TYPES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--check", action="store_true", help="play each plan in TextWorld itself (seconds for each game)"
    )
    args = parser.parse_args(argv)
    counts = {split: getattr(args, split) for split in SPLITS}
    begun = time.perf_counter()
    try:
        if not args.out.name.endswith(SUFFIX):
            _refuse_full(args.out)  # before minutes of work, not after
        games = generate(counts, sizes=args.sizes, task_types=args.task_types, seed=args.seed)
        if not games:
            raise ValueError("no games were asked for")
        print(f"{len(games)} games made in {time.perf_counter() - begun:.1f} s\n{summary(games)}")
        if args.check and (lost := list(check(games))):
            raise ValueError(f"TextWorld is not won by the plans of {', '.join(lost)}")
        if args.out.name.endswith(SUFFIX):
            args.out.parent.mkdir(parents=True, exist_ok=True)
            write_archive(args.out, games)
        else:
            write_folders(args.out, games)
    except (ValueError, OSError, ModuleNotFoundError) as error:
        raise SystemExit(f"error: {error}") from None
    print(f"written to {args.out}")


if __name__ == "__main__":
    main()

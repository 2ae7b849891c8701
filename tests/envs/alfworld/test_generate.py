from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from itertools import product
from pathlib import Path
from statistics import median

import pytest

from envs.alfworld.archive import read_archive, write_archive
from envs.alfworld.games import SPLITS, TASK_TYPES, Game, load_games
from envs.alfworld.generate import COUNTS, generate, goals, main, settings, summary, wins, write_folders
from envs.alfworld.goals import TREATMENTS, goal_of, parse_goal
from envs.alfworld.planner import Household, household, plan
from envs.alfworld.rooms import KINDS, statistics
from envs.alfworld.simulator import Simulator

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def games() -> list[Game]:
    """The games that ship with the kit."""
    return load_games()


def room(game: Game) -> Household:
    """What there is at first."""
    return household(Simulator(game).reset().facts)


def about(game: Game) -> tuple[str, str, str, int]:
    """Thing, place, kind of room and number of room, from the name."""
    thing, _, place, room = game.name.partition("/")[0].split("-")[1:]
    kind = {0: "Kitchen", 2: "LivingRoom", 3: "Bedroom", 4: "Bathroom"}[int(room) // 100]
    return thing, place, kind, int(room)


def test_the_shipped_games_are_what_the_generator_makes(games: list[Game]) -> None:
    assert generate() == games


def test_the_shipped_plans_win(games: list[Game]) -> None:
    """All did in TextWorld itself when they were made; test_stock.py plays one."""
    assert all(wins(game, game.walkthrough) for game in games[::9])
    game = games[0]
    assert not wins(game, game.walkthrough[:-1])
    assert not wins(game, (*game.walkthrough, "look"))
    assert not wins(game, ("take it", *game.walkthrough))


def test_all_splits_and_types_ship(games: list[Game]) -> None:
    assert Counter((game.split, game.task_type) for game in games) == {
        (split, task_type): COUNTS[split] // 6 for split, task_type in product(SPLITS, TASK_TYPES)
    }
    sizes = Counter(re.findall(r"trial_(\w+?)_", " ".join(game.name for game in games)))
    assert sizes == {"small": 6 * (27 + 7 + 7), "medium": 6 * (13 + 3 + 3)}  # two of three
    assert {about(game)[2] for game in games} == set(KINDS)


def test_the_shipped_files_are_small() -> None:
    assert sum(file.stat().st_size for file in (ROOT / "assets/alfworld").iterdir()) < 1_000_000


def test_the_splits_are_disjoint(games: list[Game]) -> None:
    split = {name: [game for game in games if game.split == name] for name in SPLITS}
    combinations = {name: {about(game)[:3] for game in split[name]} for name in SPLITS}
    rooms = {name: {about(game)[3] for game in split[name]} for name in SPLITS}
    assert not combinations["valid_unseen"] & (combinations["train"] | combinations["valid_seen"])
    assert not rooms["valid_unseen"] & (rooms["train"] | rooms["valid_seen"])
    # What was seen is what was trained on, elsewhere in the room.
    trained = {game.name.partition("/")[0] for game in split["train"]}
    assert {game.name.partition("/")[0] for game in split["valid_seen"]} <= trained
    assert len({game.problem for game in games}) == len({game.name for game in games}) == len(games)


def test_unseen_games_have_no_unseen_words(games: list[Game]) -> None:
    def words(split: str) -> set[str]:
        problems = [game.problem for game in games if game.split == split]
        return {
            word for problem in problems for word in re.findall(r"\((?:object|receptacle)Type \S+ (\w+)\)", problem)
        }

    assert len(words("valid_unseen")) > 50
    assert words("valid_unseen") <= words("train")


def test_splits_are_disjoint_whatever_the_seed() -> None:
    for task_type in TASK_TYPES:
        trained = {(s.goal.thing, s.goal.place, s.room.kind) for s in settings(task_type, unseen_ones=False)}
        assert len(trained) > 10
        for other in TASK_TYPES:
            kept = settings(other, unseen_ones=True)
            assert kept
            assert not trained & {(s.goal.thing, s.goal.place, s.room.kind) for s in kept}


def test_another_seed_gives_other_games_of_the_same_splits() -> None:
    counts = {"train": 6, "valid_seen": 6, "valid_unseen": 6}
    first, second = generate(counts, seed=1), generate(counts, seed=2)
    assert not {game.problem for game in first} & {game.problem for game in second}
    assert first == generate(counts, seed=1)
    assert generate({**counts, "train": 12}, seed=1)[:6] == first[:6]


def test_the_hash_seed_changes_nothing(tmp_path: Path) -> None:
    written = []
    for seed in ("0", "77"):
        out = tmp_path / f"{seed}.json.xz"
        command = [sys.executable, "-m", "envs.alfworld.generate", str(out), "--seed", "3", "--sizes", "small", "full"]
        counts = ["--train", "6", "--valid-seen", "3", "--valid-unseen", "3"]
        run = subprocess.run(
            [*command, *counts], cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True
        )
        assert run.returncode == 0, run.stderr
        assert "12 games made" in run.stdout
        written.append(out.read_bytes())
    assert written[0] == written[1]


def test_full_rooms_are_as_large_as_genuine_ones(genuine: Path) -> None:
    """Genuine games have 6 to 54 receptacles (median 22) and 17 to 72 objects (43)."""
    houses = [room(game) for game in generate({"train": 54}, sizes=["full"])]
    receptacles, things = (
        [len(each) for each in group] for group in zip(*((h.at, h.things) for h in houses), strict=True)
    )
    assert 6 <= min(receptacles) < 12
    assert 30 < max(receptacles) <= 54
    assert 17 <= median(receptacles) <= 27
    assert 15 <= min(things) < 25
    assert 50 < max(things) <= 72
    assert 36 <= median(things) <= 50
    # The six games at hand: classes that are openable, cleanable and so on agree, and so does what holds what.
    able = statistics().able
    for game in load_games(genuine):
        house = room(game)
        for word in ("cleanable", "heatable", "coolable", "toggleable"):
            known = {name.lower() for name in able[word]}
            assert {house.things[name] for name in house.able[word]} == known & set(house.things.values())
        ours = {(place.lower(), thing.lower()) for place, things in statistics().holds.items() for thing in things}
        assert house.holds <= ours
        assert {pair for pair in ours if pair[0] in house.receptacles.values()} & house.holds


@pytest.mark.parametrize("size", ["small", "medium", "full"])
def test_rooms_are_sound(size: str) -> None:
    """Everything is where it can be; the goal is not reached, but what it needs is there."""
    known = statistics()
    holds = {(place.lower(), thing.lower()) for place, things in known.holds.items() for thing in things}
    for game in generate({"train": 12, "valid_seen": 6, "valid_unseen": 6}, sizes=[size], seed=5):
        house = room(game)
        goal = parse_goal(game.goal)
        assert goal == goal_of(game)
        there = Counter()
        for thing, places in house.inside.items():
            (place,) = places
            there[place] += 1
            kinds = house.receptacles[place], house.things[thing]
            assert kinds in holds or kinds[1] == "desklamp"
            assert kinds != (goal.place, goal.thing)
            assert (kinds in house.holds) == (kinds[1] != "desklamp")
        assert all(there[name] <= 1 for name, kind in house.receptacles.items() if kind.endswith(("holder", "hanger")))
        assert house.here not in house.at.values()
        wanted = [name for name, kind in house.things.items() if kind == goal.thing]
        assert len(wanted) >= (2 if game.task_type == "pick_two_obj_and_place" else 1)
        if game.task_type in TREATMENTS:
            _, appliance, able, _ = TREATMENTS[game.task_type]
            assert appliance in house.receptacles.values()
            assert set(wanted) <= house.able[able]
        things = len([name for name in house.things if name in house.able["pickupable"]])
        low, high = {"small": (5, 7), "medium": (6, 14), "full": (6, 54)}[size]
        assert low <= len(house.receptacles) <= high
        assert things <= {"small": 10, "medium": 25, "full": 72}[size]
        assert plan(game) == game.walkthrough
        assert len(game.walkthrough) <= 12


def test_goals_need_no_more_than_the_room_has() -> None:
    bathroom = statistics().rooms[401]
    assert not list(goals(bathroom, "pick_heat_then_place_in_recep"))
    assert not list(goals(bathroom, "look_at_obj_in_light"))
    clean = list(goals(bathroom, "pick_clean_then_place_in_recep"))
    assert {goal.thing for goal in clean} == {"Cloth", "DishSponge", "SoapBar"}
    assert "SinkBasin" not in {goal.place for goal in clean}
    assert "ToiletPaperHanger" not in {goal.place for goal in goals(bathroom, "pick_two_obj_and_place")}
    assert "ToiletPaperHanger" in {goal.place for goal in goals(bathroom, "pick_and_place_simple")}


def test_folders_are_read_as_the_archive_is(tmp_path: Path) -> None:
    games = generate({"train": 6, "valid_seen": 6, "valid_unseen": 6})
    write_folders(tmp_path / "games", games)
    write_archive(tmp_path / "games.json.xz", games)
    by_name = {game.name: game for game in load_games(tmp_path / "games")}
    assert by_name == {game.name: game for game in read_archive(tmp_path / "games.json.xz")}
    assert {game.split for game in load_games(tmp_path / "games", split="valid_seen")} == {"valid_seen"}
    with pytest.raises(ValueError, match="games is not empty: name another one"):
        write_folders(tmp_path / "games", games)


def test_wrong_requests_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match=r"unknown size 'smal'.*Did you mean 'small'"):
        generate(sizes=["smal"])
    with pytest.raises(ValueError, match="unknown task type 'pick_two'"):
        generate(task_types=["pick_two"])
    with pytest.raises(ValueError, match="unknown split 'test'"):
        generate({"test": 3})
    with pytest.raises(ValueError, match="made from those of train"):
        generate({"valid_seen": 3})
    with pytest.raises(ValueError, match="at least 6"):
        generate({"train": 3, "valid_seen": 6})
    with pytest.raises(SystemExit, match="error: no games were asked for"):
        main([str(tmp_path / "out"), "--train", "0", "--valid-seen", "0", "--valid-unseen", "0"])
    with pytest.raises(SystemExit, match="error: unknown size 'large'"):
        main([str(tmp_path / "out"), "--sizes", "large"])
    assert not list(tmp_path.iterdir())


def test_the_summary_counts(games: list[Game]) -> None:
    some = games[234:246]
    lines = summary(some).splitlines()
    assert lines[0].split() == list(SPLITS)
    assert lines[1].split() == ["pick_and_place_simple", "1", "1", "0"]
    lengths = sorted(len(game.walkthrough) for game in some)
    assert lines[-1].split()[-5:] == [str(lengths[0]), "to", f"{lengths[-1]},", "median", str(lengths[6])]

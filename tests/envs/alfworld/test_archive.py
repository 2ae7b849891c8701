from __future__ import annotations

import json
import lzma
import os
from dataclasses import replace
from pathlib import Path

import pytest

from envs.alfworld.archive import FORMAT, read_archive, write_archive
from envs.alfworld.games import Game, load_games

MUG = Game(
    name="pick_and_place_simple-Mug-None-Desk-301/trial_1",
    split="train",
    task_type="pick_and_place_simple",
    goal="put a mug in desk.",
    problem="(define (problem p) (:init) (:goal))\n",
    domain="(define (domain alfred))" * 500,
    grammar='"Your task is to: UNKNOWN GOAL." \N{SNOWMAN}' * 500,
    walkthrough=("go to shelf 1", "take mug 1 from shelf 1", "go to desk 1", "move mug 1 to desk 1"),
)
OLD = replace(MUG, name="other", split="valid_unseen", grammar="of an older generation", walkthrough=())


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "games.json.xz"
    write_archive(path, [MUG, OLD])
    assert read_archive(path) == [MUG, OLD]
    assert os.listdir(tmp_path) == ["games.json.xz"]
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_same_games_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "1.json.xz", tmp_path / "2.json.xz"
    write_archive(first, [MUG, OLD])
    write_archive(second, iter([MUG, OLD]))
    assert first.read_bytes() == second.read_bytes()


def test_what_games_share_is_stored_once_and_held_once(tmp_path: Path) -> None:
    games = [replace(MUG, name=f"{i}", problem=f"{i}") for i in range(50)]
    path = tmp_path / "games.json.xz"
    write_archive(path, games)
    raw = lzma.decompress(path.read_bytes()).decode()
    assert raw.count(MUG.domain) == raw.count("(define (domain") / 500 == 1
    assert len({id(game.domain) for game in read_archive(path)}) == 1


def test_a_write_that_fails_leaves_the_old_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "games.json.xz"
    write_archive(path, [MUG])

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_archive(path, [OLD])
    assert read_archive(path) == [MUG]
    assert os.listdir(tmp_path) == ["games.json.xz"]


def test_names_keep_games_apart(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="two games have the name 'other'"):
        write_archive(tmp_path / "games.json.xz", [OLD, replace(OLD, problem="another")])
    with pytest.raises(ValueError, match=r"ends in '\.json\.xz': got .*games\.zip"):
        write_archive(tmp_path / "games.zip", [MUG])


def packed(data: object) -> bytes:
    return lzma.compress(json.dumps(data).encode())


ROW = {"name": "a", "split": "train", "task_type": MUG.task_type, "goal": "g", "problem": "p", "walkthrough": []}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no archive of games, or is damaged"),
        (b"not xz at all", "is no archive of games, or is damaged"),
        (lzma.compress(b"{"), "is no archive of games, or is damaged"),
        (lzma.compress(b"\xff"), "is no archive of games, or is damaged"),
        (packed([]), f"expected the format '{FORMAT}', got 'list'"),
        (packed({"format": "alfworld-games-99"}), "got 'alfworld-games-99'"),
        (packed({"format": FORMAT, "texts": []}), "damaged archive of games: 'games' is missing"),
        (packed({"format": FORMAT, "texts": [], "games": [{"name": "a"}]}), "'split' is missing"),
        (packed({"format": FORMAT, "texts": [], "games": [{**ROW, "goal": 3}]}), "expected text as 'goal', got 3"),
        (packed({"format": FORMAT, "texts": [], "games": [{**ROW, "split": "test"}]}), "has the split 'test'"),
        (packed({"format": FORMAT, "texts": ["d"], "games": [{**ROW, "domain": 0, "grammar": 1}]}), "out of range"),
    ],
)
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "games.json.xz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        read_archive(path)
    assert str(path) in str(error.value)


def test_every_cut_and_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "games.json.xz"
    write_archive(path, [MUG])
    whole = path.read_bytes()
    for length in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="damaged"):
            read_archive(path)
    for place in range(0, len(whole), 5):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        with pytest.raises(ValueError, match=str(path)):
            read_archive(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_archive(tmp_path / "games.json.xz")


def test_load_games_reads_archives_like_folders(tmp_path: Path) -> None:
    path = tmp_path / "games.json.xz"
    write_archive(path, [MUG, OLD])
    assert load_games(path) == [MUG, OLD]
    assert load_games(path, split="valid_unseen") == [OLD]
    with pytest.raises(ValueError, match=r"games\.json\.xz has no game of valid_seen"):
        load_games(path, split="valid_seen")

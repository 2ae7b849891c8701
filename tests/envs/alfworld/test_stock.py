"""Plans, names and wording hold in TextWorld itself; all shipped games are played by `generate --check`."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from envs.alfworld import stock
from envs.alfworld.demonstrations import demonstrations
from envs.alfworld.games import Game, load_games
from envs.alfworld.generate import check, generate, write_folders

if importlib.util.find_spec("alfworld") is None:
    pytest.skip("the package alfworld is not installed", allow_module_level=True)


@pytest.fixture(scope="module")
def pair() -> list[Game]:
    """Two games of different types."""
    return generate(
        {"train": 2}, sizes=["small"], task_types=["look_at_obj_in_light", "pick_clean_then_place_in_recep"]
    )


def _at_home() -> set[Path]:
    """Where importing alfworld would make a folder."""
    return {*Path.home().iterdir(), *Path.home().glob(".cache/*")}


def test_plans_win_and_others_do_not(pair: list[Game], capfd: pytest.CaptureFixture[str]) -> None:
    before = list(sys.argv), _at_home(), dict(os.environ)
    look, _ = pair
    short, long = look.walkthrough[:-1], (*look.walkthrough, "look")
    others = [replace(look, name="too short", walkthrough=short), replace(look, name="too long", walkthrough=long)]
    assert list(check([look, *others])) == ["too short", "too long"]
    assert (list(sys.argv), _at_home(), dict(os.environ)) == before
    assert capfd.readouterr().out == ""


def test_alfworlds_own_environment_finds_the_folders(tmp_path: Path, pair: list[Game]) -> None:
    write_folders(tmp_path, pair)
    with stock.stock_env():
        from alfworld.agents.environment.alfred_tw_env import AlfredTWEnv

        config = {
            "env": {"goal_desc_human_anns_prob": 0, "task_types": [2, 3]},
            "dataset": {"data_path": str(tmp_path / "train"), "num_train_games": -1},
        }
        found = AlfredTWEnv(config, train_eval="train").game_files
    assert sorted(found) == sorted(str(file) for file in tmp_path.rglob("game.tw-pddl"))
    assert len(found) == 2
    for file in found:
        data = json.loads(Path(file).read_text())
        assert "UNKNOWN GOAL" not in data["grammar"]
        assert data["solvable"] is True
    assert load_games(tmp_path)[0].walkthrough


def test_alfworlds_own_expert_loses_track_of_two_things() -> None:
    """Why the kit has one of its own."""
    games = load_games(split="train")
    two = [game for game in games if game.task_type == "pick_two_obj_and_place"][::4]
    clean = [game for game in games if game.task_type == "pick_clean_then_place_in_recep"][:4]
    before = _at_home(), dict(os.environ)
    assert all(played.won for played in demonstrations(clean, "alfworld"))
    once, again = (list(demonstrations(two, "alfworld")) for _ in range(2))
    assert [played.commands for played in once] == [played.commands for played in again]
    assert 0 < sum(played.won for played in once) < len(two)
    assert all(played.won for played in demonstrations(two, "expert"))
    assert (_at_home(), dict(os.environ)) == before

"""A comparison's directory: stages are computed once, files appear whole, numbers are what JSON can hold."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agents.cli import compose
from agents.comparison.folder import ComparisonDir, file_name, plain
from agents.comparison.options import COMPARE, CompareConfig
from agents.comparison.specs import make, parse_rewards, world_config
from agents.config.worlds import Texture
from agents.errors import UsageError


def compare_config(*arguments: str) -> CompareConfig:
    return compose(COMPARE, "compare", arguments)


@pytest.fixture
def folder(tmp_path: Path) -> ComparisonDir:
    return ComparisonDir.create(str(tmp_path / "out"), "name")


def test_a_stage_is_computed_once(folder: ComparisonDir):
    calls: list[int] = []

    def compute() -> dict[str, object]:
        calls.append(1)
        return {
            "array": np.arange(3),
            "nan": math.nan,
            "set": {"b", "a"},
            "number": np.float64(0.1 + 0.2),
            "pair": (1, 2),
        }

    first = folder.stage("epic env's policy", compute)
    again = ComparisonDir.open(str(folder_with_about(folder))).stage("epic env's policy", compute)
    assert first == again == {"array": [0, 1, 2], "nan": None, "set": ["a", "b"], "number": 0.1 + 0.2, "pair": [1, 2]}
    assert len(calls) == 1


def folder_with_about(folder: ComparisonDir) -> Path:
    folder.write_about(compare_config("env=CartPole"), [])
    return folder.path


def test_a_stage_that_fails_leaves_nothing(folder: ComparisonDir):
    with pytest.raises(ZeroDivisionError):
        folder.stage("epic", lambda: 1 / 0)
    with pytest.raises(TypeError):
        folder.stage("epic", object)
    assert list(folder.stages.iterdir()) == []


def test_names_of_files_are_different_for_different_names():
    names = ["a b", "a_b", "a/b", "a%b", "a'b", "ä", "..", "a%20b"]
    assert len({file_name(name) for name in names}) == len(names)
    assert all("/" not in file_name(name) for name in names)


def test_what_was_asked_for_comes_back_with_copies_of_files(folder: ComparisonDir, tmp_path: Path):
    source = tmp_path / "mine.py"
    source.write_text("def mine(next_obs):\n    return next_obs[:, 0]\n")
    config = compare_config("env=CartPole", "texture=parts", "discount=0.5", "env.kwargs.sutton_barto_reward=true")
    specs = parse_rewards([f"good={source}:mine", "vlm:a pole", "env"])
    folder.write_about(config, specs)
    source.write_text("changed since")
    about, read, kept = ComparisonDir.open(str(folder.path)).read_about()
    assert read == config
    assert (read.texture, read.env.kwargs) == (Texture.parts, {"sutton_barto_reward": True})
    assert about["command"].startswith("python ")
    assert kept[1:] == specs[1:]
    assert kept[0] == replace(specs[0], value=f"{folder.path}/rewards/good/mine.py:mine")
    assert make(kept[0], world_config(read), None).inputs == {"obs"}


def test_damage_is_told(folder: ComparisonDir):
    folder_with_about(folder)
    folder.about.write_text('{"config": {}}')
    with pytest.raises(UsageError, match=r"comparison.json is damaged"):
        folder.read_about()


def test_what_is_no_comparison_is_told_with_those_nearby(folder: ComparisonDir):
    folder_with_about(folder)
    with pytest.raises(UsageError, match=f"is not a comparison; there are comparisons in it: {folder.path}"):
        ComparisonDir.open(str(folder.path.parent))


def test_an_unused_folder_goes_away_but_for_what_is_not_ours(folder: ComparisonDir):
    folder_with_about(folder)
    folder.stage("rewards", dict)
    folder.discard_unused()
    assert not folder.path.exists()
    folder = ComparisonDir.create(str(folder.path), "name")
    (folder.path / "notes.txt").write_text("mine")
    folder.discard_unused()
    assert [path.name for path in folder.path.iterdir()] == ["notes.txt"]
    folder = ComparisonDir.create(str(folder.path), "name")
    folder.stage("coverage random", dict)
    folder.discard_unused()
    assert folder.stages.exists()


def test_distances_as_a_table(folder: ComparisonDir):
    pair = {"coverage": "random", "a": "x", "b": "y, z", "value": 0.5, "low": None, "high": None, "samples": {"n": 3}}
    folder.write_report(
        {"distances": [{"method": "epic", **pair}], "returns": [{"measure": "erc", "method": "erc", **pair}]}
    )
    lines = folder.distances.read_text().splitlines()
    assert lines[0] == "method,coverage,a,b,value,low,high,confidence,interval,ranking_only,degenerate"
    assert lines[1:] == ['epic,random,x,"y, z",0.5,,,,,,', 'erc,random,x,"y, z",0.5,,,,,,']
    assert json.loads(folder.report.read_text())["distances"][0]["b"] == "y, z"


def test_plain_values():
    assert plain({1: np.array([[1.5, np.inf]]), "deep": [frozenset({"x"}), np.int64(3), True, None]}) == {
        "1": [[1.5, None]],
        "deep": [["x"], 3, True, None],
    }

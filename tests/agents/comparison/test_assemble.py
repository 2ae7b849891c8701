"""The report from the results of stages, all of them or some; and what the terminal shows of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agents.cli import compose
from agents.comparison.assemble import assemble
from agents.comparison.coverages import CoverageSpec
from agents.comparison.flags import Curve
from agents.comparison.folder import plain
from agents.comparison.options import COMPARE, CompareConfig
from agents.comparison.specs import parse_rewards
from agents.comparison.summary import summary

ABOUT = {"command": "python -m agents.compare", "created": "now", "git": None, "versions": {}, "status": "partial"}
SPECS = parse_rewards(["env", "mine=zero", "other=zero"])
RANDOM, OWN = CoverageSpec("random", "random"), CoverageSpec("mine's policy", "own", "/runs/mine")
COVERAGES = [RANDOM, OWN, CoverageSpec("mixture", "mixture", parts=(RANDOM, OWN))]
OWNERS = {"/runs/env": "env", "/runs/mine": "mine"}


def config(*arguments: str) -> CompareConfig:
    made = compose(COMPARE, "compare", ["env=CartPole", *arguments])
    made.reference, made.runs = "env", list(OWNERS)
    return made


def distances(near: float) -> dict[str, Any]:
    pairs = [("env", "mine", near), ("env", "other", 0.5), ("mine", "other", 0.6)]
    rows = [{"a": a, "b": b, "value": v, "low": v - 0.02, "high": v + 0.02} for a, b, v in pairs]
    return {"pairs": rows, "half": [], "unsupported": {}, "errors": {}, "degenerate": {}, "parameters": {"n": 9}}


def collected(**more: Any) -> dict[str, Any]:
    return {
        "transitions": 9,
        "episodes": 3,
        "hash": "abc",
        "about": {"description": "so"},
        "errors": {},
        "flags": [],
    } | more


def played(env: float, mine: float) -> dict[str, Any]:
    returns = {"env": [env, env + 1], "mine": [mine, mine], "other": [0.0, 0.0]}
    return {"returns": returns, "fitness": [env / 10, env / 10], "along": [], "errors": {}}


def results() -> dict[str, Any]:
    tried = {"description": "what", "reads": ["action"], "inputs": ["obs"], "markov": True, "error": None}
    return {
        "rewards": {spec.name: tried for spec in SPECS},
        "coverage random": collected(),
        "coverage mine's policy": collected(),
        "coverage mixture": collected(),
        "episodes random": played(1, 5),
        "policy random": played(1, 5),
        "policy /runs/env": played(10, 6),
        "policy /runs/mine": played(4, 9),
        "epic random": distances(0.1),
        "epic mine's policy": distances(0.7),
        "epic mixture": distances(0.3),
    }


def report(found: dict[str, Any], curves: dict[str, Curve] | None = None) -> dict[str, Any]:
    about = {**ABOUT, "task": "balancing"}
    return plain(assemble(about, config("methods=[epic,erc]"), SPECS, COVERAGES, OWNERS, curves or {}, found))


def test_nothing_yet():
    empty = report({})
    assert [reward["name"] for reward in empty["rewards"]] == ["env", "mine", "other"]
    assert empty["coverages"] == empty["methods"] == empty["distances"] == empty["flags"] == empty["policies"] == []
    assert empty["trajectory"] is None
    assert "env" in summary(empty)


def test_stages_come_together():
    whole = report(results())
    assert (whole["title"], whole["env"], whole["status"]) == ("Rewards for CartPole, balancing", "CartPole", "partial")
    assert [method["name"] for method in whole["methods"]] == ["epic"]
    assert whole["methods"][0]["parameters"] == {"n": 9}
    assert len(whole["distances"]) == 9
    assert whole["coverages"][0]["fitness"]["mean"] == pytest.approx(0.1)
    assert whole["coverages"][1]["fitness"] is None  # nobody played there
    assert whole["reproduce"]["hashes"]["random"] == "abc"


def test_policies_are_judged_under_the_reference():
    env, mine = report(results())["policies"]
    assert (env["reward"], env["regret"]["mean"]) == ("env", 0)
    assert mine["regret"]["mean"] == pytest.approx((10 - 4) / (10 - 1))
    assert mine["returns_under"] == {"env": 4.5, "mine": 9, "other": 0}
    assert mine["fitness"]["mean"] == pytest.approx(0.4)


def test_policies_wait_for_all_of_them():
    found = results()
    del found["policy /runs/mine"]
    assert report(found)["policies"] == []


def test_regret_needs_policies_of_the_reference():
    found, made = results(), config()
    made.runs = ["/runs/mine"]
    about = {**ABOUT, "task": None}
    (mine,) = assemble(about, made, SPECS, COVERAGES, {"/runs/mine": "mine"}, {}, found)["policies"]
    assert mine["regret"] is None


def test_its_own_policy_is_where_the_gap_counts():
    """The mixture has other policies too, so it is nobody's own."""
    (gap,) = [flag for flag in report(results())["flags"] if flag["kind"] == "coverage_gap"]
    assert (gap["reward"], gap["severity"]) == ("mine", "high")
    assert "its own policy's" in gap["evidence"]


def test_flags_are_raised_once_for_each_reward_and_kind_the_worst_first():
    found = results()
    flag = {"kind": "in_failures", "reward": "other", "title": "t", "evidence": "e", "numbers": {}}
    found["coverage random"]["flags"] = [flag | {"severity": "medium"}, flag | {"severity": "note", "reward": "env"}]
    found["coverage mixture"]["flags"] = [flag | {"severity": "high"}]
    flags = [f for f in report(found)["flags"] if f["kind"] == "in_failures"]
    assert [(f["reward"], f["severity"]) for f in flags] == [("other", "high"), ("env", "note")]


def test_training_curves_raise_flags():
    up, down = np.linspace(0, 9, 50), np.concatenate([np.linspace(0, 1, 10), np.linspace(1, 0, 40)])
    whole = report(results(), {"/runs/mine": Curve("/runs/mine", np.arange(50.0), up, down)})
    assert [f["reward"] for f in whole["flags"] if f["kind"] == "over_optimized"] == ["mine"]


def test_the_first_error_of_a_reward_is_told_whatever_comes_later():
    found = results()
    found["coverage random"]["errors"] = {"mine": "first"}
    found["epic random"]["errors"] = {"mine": "second"}
    assert [reward["error"] for reward in report(found)["rewards"]] == [None, "first", None]


def test_the_terminal_shows_distances_to_the_reference_fitness_and_regret(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "200")
    lines = summary(report(results())).splitlines()
    assert lines[0].split("  ")[0] == "EPIC to env"
    assert lines[0].split()[-2:] == ["fitness", "regret"]
    assert "0.700 (0.680 to 0.720)" in lines[2]
    assert "0.667 (" in lines[2]
    assert lines[3].split()[-2:] == ["-", "-"]
    assert lines[4].startswith("!! mine: agrees only where nobody acts on it")
    monkeypatch.setenv("COLUMNS", "60")
    narrow = summary(report(results())).splitlines()
    assert max(map(len, narrow[:4])) <= 80
    assert " (" not in narrow[2]


def test_where_the_distance_says_nothing_the_terminal_shows_returns():
    found = results()
    for name in ("epic random", "epic mine's policy", "epic mixture"):
        for row in found[name]["pairs"]:
            row |= {"value": None, "low": None, "high": None}
    erc = {"measure": "erc", "method": "erc", "a": "env", "b": "mine", "value": 0.25, "low": None, "high": None}
    found["returns random"] = [erc]
    lines = summary(report(found)).splitlines()
    assert lines[0].startswith("ERC to env")
    assert "0.250" in lines[2]

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from envs.alfworld.games import GAME_FILE, TASK_TYPES, load_games

GOAL = "(and (exists (?r - receptacle) (exists (?o - object) (and {} (inReceptacle ?o ?r)))))"
SAYS = 'grammar :: """\n{{"task": [\n{{\n"rhs": "Your task is to: {}"\n}}\n]}}\n"""'


def content(condition: str = "", goal: str = "put a mug in desk.", **changes: Any) -> dict[str, Any]:
    return {
        "pddl_domain": "(define (domain alfred))",
        "grammar": SAYS.format(goal),
        "pddl_problem": f"(define (problem p) (:goal {GOAL.format(condition)}))",
        "solvable": True,
        **changes,
    }


def write(folder: Path, data: Any) -> Path:
    folder.mkdir(parents=True)
    file = folder / GAME_FILE
    file.write_text(data if isinstance(data, str) else json.dumps(data))
    return file


def test_a_folder_as_alfworld_download_leaves_it(tmp_path: Path) -> None:
    write(tmp_path / "json/valid_seen/pick_clean_then_place_in_recep-Mug-None-Desk-1/trial_1", content("(isClean ?o)"))
    write(tmp_path / "json/train/pick_and_place_simple-Mug-None-Desk-1/trial_1", content(walkthrough=["look"]))
    write(tmp_path / "json/train/pick_and_place_with_movable_recep-Mug-Bowl-Desk-1/trial_1", content())
    write(tmp_path / "json/train/pick_and_place_simple-Mug-None-Desk-2/trial_1", content(solvable=False))
    simple, clean = load_games(tmp_path)
    assert (simple.split, simple.task_type, simple.walkthrough) == ("train", "pick_and_place_simple", ("look",))
    assert (clean.split, clean.task_type) == ("valid_seen", "pick_clean_then_place_in_recep")
    assert clean.name == "pick_clean_then_place_in_recep-Mug-None-Desk-1/trial_1"
    assert load_games(tmp_path, split="valid_seen") == [clean]
    assert load_games(tmp_path, task_types=["pick_and_place_simple"]) == [simple]
    with pytest.raises(
        ValueError, match=r"no game of valid_unseen .*: it has train pick_and_place_simple, valid_seen pick_clean"
    ):
        load_games(tmp_path, split=["valid_unseen"])


def test_a_folder_of_games_that_alfworld_does_not_play(tmp_path: Path) -> None:
    write(tmp_path / "pick_and_place_with_movable_recep-Mug-Bowl-Desk-1/trial_1", content())
    with pytest.raises(ValueError, match="it has none that ALFWorld plays"):
        load_games(tmp_path)


def test_the_goal_is_taken_out_of_the_grammar_and_the_rest_is_shared(tmp_path: Path) -> None:
    write(tmp_path / "a/b", content(goal="put a mug in desk."))
    write(tmp_path / "c/d", content(goal='put the "red" mug in desk'))
    one, other = load_games(tmp_path)
    assert (one.goal, other.goal) == ("put a mug in desk.", 'put the "red" mug in desk')
    assert one.grammar is other.grammar
    assert one.domain is other.domain
    assert one.grammar.replace("UNKNOWN GOAL.", one.goal) == content()["grammar"]


@pytest.mark.parametrize(
    ("condition", "kind"),
    [
        ("", "pick_and_place_simple"),
        ("(isToggled ?l)", "look_at_obj_in_light"),
        ("(isClean ?o)", "pick_clean_then_place_in_recep"),
        ("(isHot ?o)", "pick_heat_then_place_in_recep"),
        ("(isCool ?o)", "pick_cool_then_place_in_recep"),
        ("(inReceptacle ?o2 ?r)", "pick_two_obj_and_place"),
    ],
)
def test_the_goal_tells_the_type(tmp_path: Path, condition: str, kind: str) -> None:
    assert load_games(write(tmp_path / "a/b", content(condition)))[0].task_type == kind


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ('{"pddl_domain": "(def', "cut off"),
        ("[]", "expected a JSON object"),
        ({"grammar": ""}, "no text 'pddl_domain'"),
        (content(solvable=False), "unsolvable"),
        (content(grammar="nothing"), "does not say its goal"),
        (content("(inReceptacleObject ?o ?b)"), "none of ALFWorld's six types"),
        (content(pddl_problem="(define (problem p))"), "no \\(:goal"),
        (content(walkthrough="look"), "walkthrough"),
    ],
)
def test_what_is_no_game_is_named(tmp_path: Path, data: Any, says: str) -> None:
    file = write(tmp_path / "a/b", data)
    with pytest.raises(ValueError, match=says) as caught:
        load_games(file)
    assert str(file) in str(caught.value)


def test_wrong_names_and_places(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Did you mean 'valid_seen'"):
        load_games(tmp_path, split="valid_sen")
    with pytest.raises(ValueError, match="Did you mean 'look_at_obj_in_light'"):
        load_games(tmp_path, task_types=["look_at_obj_in_ligt"])
    with pytest.raises(ValueError, match=f"{tmp_path} has no playable game"):
        load_games(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_games(tmp_path / "nowhere")
    write(tmp_path / "a/b", content(solvable=False))
    with pytest.raises(ValueError, match="1 are asked for, all marked as unsolvable"):
        load_games(tmp_path)


def test_the_genuine_games(genuine: Path, tmp_path: Path) -> None:
    games = load_games(genuine)
    assert sorted(game.task_type for game in games) == sorted(TASK_TYPES)
    assert {game.split for game in games} == {"valid_seen"}
    assert "put two spraybottle in garbagecan." in {game.goal for game in games}
    assert len({id(game.grammar) for game in games}) == 1
    (file, *_) = genuine.rglob(GAME_FILE)
    cut = tmp_path / GAME_FILE
    shutil.copy(file, cut)
    cut.write_bytes(cut.read_bytes()[:-1000])
    with pytest.raises(ValueError, match="cut off"):
        load_games(cut)

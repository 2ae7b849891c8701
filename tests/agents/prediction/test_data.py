"""Files of trajectories: the published layout, what the kit adds, and errors that name the field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agents.prediction.data import DataError, PredictionTask, Step, Trajectory, read_tasks, read_trajectory, write_tasks


def published(shaped: float = 0.5, **fields: Any) -> dict[str, Any]:
    """A trajectory as the published files have it."""
    reward = {"raw": 0.0, "shaped": shaped, "is_expert": True}
    step = {"action": "go to desk 1", "observation": "You arrive at desk 1.", "reward": reward}
    return {"goal_description": "put a mug in desk.", "trajectory": [step], **fields}


def put(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_the_published_layout_is_read(tmp_path: Path) -> None:
    put(tmp_path / "data/alfworld/pick-Mug/trial_1/positive.json", published())
    for number in (1, 2):
        put(tmp_path / f"data/alfworld/pick-Mug/trial_1/negative_{number}.json", published(0.0))
    put(tmp_path / "data/webshop/7/positive.json", published(extra="is ignored"))
    put(tmp_path / "data/webshop/7/negative_1.json", published(0.0))
    put(tmp_path / "data/webshop/8/positive.json", published())
    put(tmp_path / "data/webshop/notes.json", {})
    for folder in (tmp_path, tmp_path / "data"):
        tasks, incomplete = read_tasks(folder)
        assert [(t.domain, t.name, len(t.negatives)) for t in tasks] == [
            ("alfworld", "pick-Mug/trial_1", 2),
            ("webshop", "7", 1),
        ]
        assert incomplete == ["webshop/8"]
    only, _ = read_tasks(tmp_path / "data" / "alfworld")
    assert [(t.domain, t.name) for t in only] == [("alfworld", "pick-Mug/trial_1")]
    step = only[0].positive.steps[0]
    assert (step.shaped, step.is_expert, step.facts, step.score) == (0.5, True, None, None)


def test_flat_files_and_worlds_of_ones_own(tmp_path: Path) -> None:
    for stem in ("a_positive", "a_negative_1", "b_positive", "b_negative"):
        put(tmp_path / "kitchen" / f"{stem}.json", published())
    tasks, _ = read_tasks(tmp_path / "kitchen")
    assert [(t.domain, t.name) for t in tasks] == [("kitchen", "a"), ("kitchen", "b")]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    steps = (Step("", "Ünder the desk.", 0.0, 0.0, False, ("in(mug, desk)",), 0.25), Step("look", "", 1.0, 1.0, True))
    task = PredictionTask("kitchen", "one", Trajectory("put a mug", steps), (Trajectory("put a mug", steps[:1]),))
    write_tasks(tmp_path, [task])
    assert read_tasks(tmp_path) == ([task], [])
    text = json.loads((tmp_path / "kitchen/one/positive.json").read_text())
    assert set(text) == {"goal_description", "trajectory"}
    assert text["trajectory"][1] == {
        "action": "look",
        "observation": "",
        "reward": {"raw": 1.0, "shaped": 1.0, "is_expert": True},
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("goal_description"), "goal_description is missing"),
        (lambda c: c.update(trajectory=[]), "trajectory is empty"),
        (lambda c: c.update(trajectory="none"), "trajectory is 'none', expected list"),
        (lambda c: c["trajectory"].append(3), r"at trajectory\[1\], got 3"),
        (lambda c: c["trajectory"][0].pop("action"), r"trajectory\[0\].action is missing; there are observation, rew"),
        (lambda c: c["trajectory"][0]["reward"].update(raw="1"), r"trajectory\[0\].reward.raw is '1', expected int or"),
        (lambda c: c["trajectory"][0]["reward"].update(raw=True), r"trajectory\[0\].reward.raw is True"),
        (lambda c: c["trajectory"][0]["reward"].update(is_expert=1), "is_expert is 1, expected true or false"),
        (lambda c: c["trajectory"][0]["reward"].update(shaped=float("nan")), "not finite"),
        (lambda c: c["trajectory"][0].update(privileged={"score": 1}), "privileged.facts is missing"),
    ],
)
def test_errors_name_the_file_and_the_field(tmp_path: Path, change: Any, message: str) -> None:
    content = published()
    change(content)
    path = put(tmp_path / "t" / "positive.json", content)
    with pytest.raises(DataError, match=message) as caught:
        read_trajectory(path)
    assert str(path) in str(caught.value)


def test_errors_of_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no JSON"):
        read_trajectory(put(tmp_path / "positive.json", "{"))
    with pytest.raises(DataError, match="is no folder"):
        read_tasks(tmp_path / "nowhere")
    with pytest.raises(DataError, match="holds no trajectories"):
        read_tasks(put(tmp_path / "empty" / "x.json", {}).parent)

"""The benchmark as a command: from trajectories to scores and the page, and what it says when something is wrong."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from agents import cli
from agents import compare as compare_command
from agents.errors import UsageError
from agents.prediction.benchmark import compare
from agents.prediction.data import read_tasks, write_tasks
from agents.prediction.generate import generate
from agents.prediction.options import PREDICTION
from tests.reward_designers.llm.chat_server import answer, serving


def run(*arguments: str) -> dict[str, Any]:
    return compare(cli.compose(PREDICTION, "compare", list(arguments)))


@pytest.fixture
def no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures take longer than all else."""
    monkeypatch.setattr("agents.prediction.report.write_report", lambda folder: folder)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for domain in ("blocksworld", "minihack"):
        write_tasks(folder, generate(domain, 4, 0, folder))
    return folder


def test_scores_tables_and_page(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    report = run(f"data={data}", "rewards=[constant,clock,good=factored,conditions,lexicon]", f"output={out}")
    scores = json.loads((out / "report.json").read_text())["scores"]
    assert scores == report["scores"]
    assert set(scores["good"]) == {"blocksworld", "minihack", "all"}
    assert set(scores["lexicon"]) == {"minihack"}  # no mean over domains that it does not know
    for domain in ("blocksworld", "minihack", "all"):
        assert scores["constant"][domain]["shaped"]["value"] == pytest.approx(0.5**0.5)
        assert scores["good"][domain]["shaped"]["value"] < scores["clock"][domain]["shaped"]["value"] < 0.6
        assert scores["good"][domain]["trajectories"]["value"] >= 0.75
        for measure in scores["good"][domain].values():
            assert measure["low"] <= measure["value"] <= measure["high"]
    assert scores["good"]["all"]["steps"]["value"] == pytest.approx(
        (scores["good"]["blocksworld"]["steps"]["value"] + scores["good"]["minihack"]["steps"]["value"]) / 2
    )
    rows = list(csv.DictReader((out / "scores.csv").open()))
    assert {row["reward"] for row in rows} == {"constant", "clock", "good", "conditions", "lexicon"}
    table = capsys.readouterr().out.splitlines()
    assert table[0].split()[-3:] == ["blocksworld", "minihack", "all"]
    assert table[-1].split()[:2] == ["lexicon", "-"]
    predicted = json.loads((out / "predictions/minihack/good.json").read_text())
    assert len(predicted) == 4
    assert [len(values) for values in predicted[0]["rewards"]] == [len(predicted[0]["rewards"][0])] * 2
    page = (out / "report.html").read_text()
    assert "does not apply" in page
    assert "privileged" in page
    assert page.count("<svg") == 4 + 2
    assert (out / "shaped.png").stat().st_size > 10_000


@pytest.mark.usefixtures("no_page")
def test_generated_once_and_used_again(tmp_path: Path) -> None:
    asked = ("domains=[blocksworld]", "tasks=2", "rewards=[clock]", f"output={tmp_path}")
    first = run(*asked)
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "trajectories").rglob("*.json")}
    assert len(kept) == 4
    assert run(*asked)["scores"] == first["scores"]
    assert kept == {path: path.stat().st_mtime_ns for path in (tmp_path / "trajectories").rglob("*.json")}
    with pytest.raises(UsageError, match="has trajectories of tasks=2"):
        run(*asked, "tasks=3")


@pytest.mark.usefixtures("no_page")
def test_what_fails_is_reported_and_the_others_are_compared(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "my.py").write_text("def f(goal, actions, observations):\n    return 1 / (goal[0] != 'M')\n")
    out = tmp_path / "out"
    with pytest.raises(SystemExit) as ended:
        run(f"data={data}", f"rewards=[mine={tmp_path}/my.py:f,clock]", f"output={out}")
    assert ended.value.code == 1
    told = capsys.readouterr()
    assert "mine in blocksworld: " in told.err
    assert "ZeroDivisionError" in told.err
    report = json.loads((out / "report.json").read_text())
    assert set(report["scores"]["mine"]) == {"minihack"}
    assert set(report["scores"]["clock"]) == {"blocksworld", "minihack", "all"}
    assert [list(reward["failed"]) for reward in report["rewards"]] == [["blocksworld"], []]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["benchmark=reward_predicton"], "reward_prediction"),
        (["rewards=[clok]"], "clock"),
        (["rewards=[a=clock,a=random]"], "two are named 'a'"),
        (["rewards=[]"], "rewards is empty"),
        (["rewards=[judge]"], "judge needs a language model"),
        (["domains=[blockworld]"], "blocksworld"),
        (["data=/nowhere"], "is no folder"),
        (["tasks=0"], "1 or more"),
    ],
)
def test_mistakes_are_answered_before_anything_runs(arguments: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        run(*arguments, f"output={tmp_path / 'out'}")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("no_page")
def test_language_models_are_asked_through_the_store_and_within_limits(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    asked = [f"data={data}", "domains=[blocksworld]", "tasks=1", "rewards=[judge,clock]", f"output={tmp_path / 'out'}"]
    with serving() as server:
        server.default = answer('{"score": 4}')
        model = ["llm=openai", "llm.model=tiny", f"llm.base_url={server.url}"]
        with pytest.raises(SystemExit):
            run(*asked, *model, "llm.max_calls=3")
        assert "max_calls=3" in capsys.readouterr().err
        assert len(server.bodies) == 3
        report = run(*asked, *model)
        (task,) = [task for task in read_tasks(data)[0] if task.domain == "blocksworld"][:1]
        beginnings = {t.steps[: end + 1] for t in task.trajectories for end in range(len(t))}
        # None is paid for twice; trajectories that begin the same differ in who is said to have acted, not in prompts.
        seen = {tuple((step.action, step.observation) for step in steps) for steps in beginnings}
        assert len(server.bodies) == len(seen) > 10
    assert report["scores"]["judge"]["blocksworld"]["shaped"] | {"low": 0, "high": 0} == {
        "value": pytest.approx(0.5**0.5),
        "low": 0,
        "high": 0,
        "tasks": 1,
        "constant": 1,
    }
    replay = ["llm=replay", f"llm.path={tmp_path / 'out' / 'replies.sqlite'}"]
    again = run(*asked[:-1], *replay, f"output={tmp_path / 'again'}")
    assert again["scores"] == report["scores"]
    with pytest.raises(UsageError, match="is not asked by these rewards"):
        run(f"data={data}", "rewards=[clock]", *replay, f"output={tmp_path / 'more'}")


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds something else"):
        run("rewards=[clock]", f"output={tmp_path}")


def test_the_command_is_found_by_its_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["compare", "benchmark=reward_prediction", "--help"])
    compare_command.main()
    assert "rewards=" in (told := capsys.readouterr().out)
    assert "trajectories" in told
    monkeypatch.setattr("sys.argv", ["compare", "--help"])
    compare_command.main()
    assert "benchmark=reward_prediction" in capsys.readouterr().out

"""The page of a search: whole in one file, true to the journal, and text stays text."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents import pages
from agents.designing import graphs, report
from agents.designing.folder import DesignDir
from agents.designing.journal import Journal
from agents.designing.report import duration, verdict, write_report
from agents.designing.results import Results
from reward_designers.code.search import Candidate, Note, Origin
from tests.agents.designing.invented import Invented, big

UP = "def reward(next_torso_height):\n    return {'up': next_torso_height}\n"
FAST = "def reward(next_x_velocity):\n    return {'speed': next_x_velocity}\n"
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """Elements that are left open, and what a page would run or fetch."""

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.goes_to: list[str] = []
        self.fetches: list[str] = []
        self.text = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "iframe", "object", "embed", "base", "form"):
            self.fetches.append(tag)
        for name, value in attributes:
            if name.startswith("on") or (name in ("src", "srcset", "action") and not (value or "").startswith("data:")):
                self.fetches.append(f"{tag} {name}={value}")
            if name in ("href", "xlink:href"):
                self.goes_to.append(value or "")
            if name == "id":
                self.ids.append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def check(search: Invented) -> tuple[str, Page]:
    """The page, which runs and fetches nothing, and where every link leads somewhere."""
    text = write_report(search.folder, search.journal).read_text()
    page = Page(text)
    assert page.fetches == []
    assert {target[1:] for target in page.goes_to if target.startswith("#")} <= set(page.ids)
    assert [target for target in page.goes_to if not target.startswith("#")] == []
    assert len(set(page.ids)) == len(page.ids)
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)
    return text, page


def test_a_whole_search_is_on_the_page(tmp_path: Path) -> None:
    search = big(tmp_path / "out", 14, 7, "designer=eureka", "rungs=2", "seeds=2")
    text, page = check(search)
    results = Results(search.folder, search.journal)
    assert {results.what(c) for c in results.candidates} >= {"best", "tied", "stopped", "failed", "rejected"}
    for candidate in results.candidates:
        assert f'id="program-{candidate.key}"' in text
        places = text.count(f'href="#program-{candidate.key}"')
        assert places >= 2 + (candidate.failure is not None)  # the figures, and the table of failures
    assert "14 by tiny-1, 2026-03-01" in page.text
    assert "replayed" in page.text
    assert "unknown argument of reward 'next_torso_hight'" in page.text
    assert "It hops too high." in page.text
    assert "mutate structure" in page.text
    assert "--- program " in page.text
    best = results.best
    assert best is not None
    assert f"The best program: {results.number[best.key]}" in page.text
    assert {target[1:] for target in page.goes_to if target.startswith("#prompt-")} == {
        "prompt-prompt0",
        "prompt-prompt1",
    }


EVIL = "</script></pre><script>alert(1)</script><img src=x onerror=alert(2)>\ud800\x00\u202e"


def test_what_programs_and_models_write_stays_text(tmp_path: Path) -> None:
    search = Invented(tmp_path / "out", "designer=eureka")
    prompt = search.prompt(EVIL, EVIL, EVIL, label=f"a/b/c/{EVIL}")
    made = {"prompt": prompt, "reply": 0, "idea": EVIL}
    first = search.add(f'{UP}# {EVIL[:60]}\nNAME = "</pre><script>alert(3)</script>"\n', **made)
    assert first.status == "proposed"
    search.train(first, 0.5, 0.6, 0.4)
    broken = Candidate.of(EVIL, Origin(EVIL, (first.key,), prompt, 1, EVIL), fields=())
    search.history.add(broken)
    second = search.add(FAST, (first.key,))
    search.train(second, None, reason=EVIL)
    search.history.note(Note(EVIL, (first.key,), EVIL))
    search.end_round()
    text, page = check(search)
    assert "<script" not in text
    assert "<img" not in text
    assert page.text.count("alert(1)") >= 6
    assert page.text.count("alert(3)") >= 1
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'")
    assert "script" not in policy[1]


def test_a_search_in_progress_says_so_and_changes_nothing(tmp_path: Path) -> None:
    search = Invented(tmp_path / "out", "designer=random", "rungs=1")
    _, page = check(search)  # nothing has happened yet
    assert "No program has a score yet." in page.text
    first = search.add(UP)
    search.train(first, 0.25, 0.5, 0.75)
    search.end_round()
    search.train(search.add(FAST), 0.5, 0.5, 0.5)  # of a round that is not at its end
    before = search.folder.journal.read_bytes()
    process = subprocess.run(
        [sys.executable, "-m", "agents.designing.report", str(search.folder.path)], capture_output=True, text=True
    )
    assert process.stdout.strip() == str(search.folder.report)
    assert search.folder.journal.read_bytes() == before
    page = Page(search.folder.report.read_text())
    assert "Program 1 is the best so far: fitness 0.5 [-0.121 to 1.12]." in page.text
    assert f"python -m agents.design resume={search.folder.path}" in page.text
    assert "1 programs in 1 round" in page.text
    assert "no language model was asked" in page.text


@pytest.mark.parametrize(
    ("best", "env", "zero", "words"),
    [
        ([1.0, 1.1, 1.2], [0.5, 0.6, 0.7], [0.0, 0.1, 0.2], "It is better than the environment's own reward (0.6"),
        ([0.3, 0.4, 0.5], [0.8, 0.9, 1.0], [0.0, 0.1, 0.2], "It is worse than the environment's own reward (0.9"),
        ([0.5, 0.6, 0.7], [0.5, 0.7, 0.9], [0.0, 0.1, 0.2], "It cannot be told from the environment's own reward"),
    ],
)
def test_the_verdict_knows_what_can_be_told(
    tmp_path: Path, best: list[float], env: list[float], zero: list[float], words: str
) -> None:
    search = Invented(tmp_path / "out", "designer=eureka")
    first = search.train(search.add(UP), 0.5, 0.6, 0.4)
    search.end_round()
    search.finish(first, best=best, env=env, zero=zero)
    told = " ".join(sentence for _, sentence in verdict(Results(search.folder, search.journal)))
    assert f"Program 1 is the best: fitness {np.mean(best):.3g} [" in told
    assert words in told
    assert "It is better than no reward at all (0.1" in told


def test_costs_are_those_of_processes_that_worked(tmp_path: Path) -> None:
    search = Invented(tmp_path / "out", "designer=random", "rungs=2", "seeds=2", "halving=2")
    steps = search.results.rungs
    assert [(rung.steps, rung.seeds) for rung in steps] == [(500, 1), (1000, 2)]
    first, second = search.add(UP), search.add(FAST)
    search.train(first, 0.5, rung=0)
    search.train(second, 0.1, rung=0)
    search.train(first, 0.5, 0.6)
    search.end_round()
    search.finish(first, best=[0.5, 0.6])
    lines = [json.loads(line) for line in search.folder.journal.read_text().splitlines()]
    for i, line in enumerate(lines):  # a minute each, and a night in which nobody worked before the final trainings
        line["at"] = f"2026-03-0{2 if line['key'].split('/')[1:2] > ['1'] else 1}T10:{i:02}:00+00:00"
    search.folder.journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    last = len(lines) - 2
    meta = {"created": "2026-03-01T10:00:00+00:00"}
    meta["begun"] = [meta["created"], f"2026-03-02T10:{last - 1:02}:30+00:00"]
    search.folder.meta.write_text(json.dumps(meta))
    results = Results(search.folder, Journal(search.folder.journal, read_only=True))
    first_round, final = results.costs
    assert (first_round.programs, first_round.trainings, first_round.steps) == (2, 4, 500 + 500 + 500 + 1000)
    assert first_round.seconds == 4 * 12.5
    assert first_round.wall == 60 * (last - 1)
    assert (final.name, final.trainings, final.steps) == ("final", 2, 2000)
    assert final.wall == 30 + 60
    assert results.searched == 2500
    assert results.unhalved == 2 * 2 * 1000


def test_outcomes_of_earlier_searches_cost_nothing(tmp_path: Path) -> None:
    search = Invented(tmp_path / "out", "designer=random", "rungs=1")
    search.train(search.add(UP), 0.5)
    outcome = search.journal.get("training", next(iter(search.journal.all("training"))))
    search.journal.write("training", "env/1000000/1000", outcome | {"recalled": True})
    search.end_round()
    assert Results(search.folder, search.journal).costs[0].trainings == 1


def test_a_video_is_in_the_page_with_the_training_that_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = Invented(tmp_path / "out", "designer=random")
    first = search.train(search.add(UP), 0.5, 0.6, 0.4)
    search.end_round()
    search.finish(first, best=[0.1, 0.5, 0.9, 0.4], env=[0.5])
    search.folder.video.write_bytes(b"x" * 100)
    text, page = check(search)
    assert 'src="data:video/mp4;base64,eHh4' in text
    assert "seed 1000001, 0.5" in page.text  # nearest to the mean, 0.475
    monkeypatch.setattr(pages, "EMBEDDED_VIDEO", 50)
    write_report(search.folder, search.journal)
    assert 'href="video.mp4"' in search.folder.report.read_text()


def test_reasons_that_differ_in_names_and_numbers_are_of_one_kind(tmp_path: Path) -> None:
    search = Invented(tmp_path / "out", "designer=eureka")
    for number in range(3):
        search.add(f"def reward(field_{number}):\n    return field_{number}\n")
    search.add("def reward(next_torso_height)\n    return 1")
    search.end_round()
    rows = Results(search.folder, search.journal).rejections
    assert [(row["stage"], len(row["programs"])) for row in rows] == [("program", 3), ("program", 1)]


def candidates(*rounds: dict[str, list[str]]) -> list[Candidate]:
    """Programs by key with the keys of their parents, round by round."""
    return [
        Candidate(key, "", Origin("first", tuple(parents), round=number))
        for number, made in enumerate(rounds)
        for key, parents in made.items()
    ]


def test_the_lineage_puts_children_beside_parents_and_nothing_on_top_of_another() -> None:
    some = candidates({"a": [], "b": [], "c": [], "d": []}, {"e": ["d"], "f": ["a"]}, {"g": ["e", "a"]})
    places = graphs.arrange(some, [0, 1, 2])
    assert [places[key] for key in "abcd"] == [(0, 0.0), (0, 1.0), (0, 2.0), (0, 3.0)]
    assert (places["e"], places["f"], places["g"]) == ((1, 3.0), (1, 0.0), (2, 3.0))
    crowd = candidates({"a": [], "b": []}, {str(i): ["b"] for i in range(16)})
    rows = sorted(row for column, row in graphs.arrange(crowd, [0, 1]).values() if column == 1)
    assert rows == pytest.approx(range(16))


def test_a_page_that_cannot_be_made_is_said_and_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    search, said = Invented(tmp_path / "out", "designer=random"), []

    class Nothing:
        folder, journal = search.folder, search.journal
        duplicates: Any = None

        class setting:
            own = None

        class display:
            say = said.append

    page = report.Report(Nothing())  # type: ignore[arg-type]
    monkeypatch.setattr(report, "render", lambda *_, **__: 1 / 0)
    with pytest.raises(KeyboardInterrupt), page.at_the_end():
        raise KeyboardInterrupt
    assert said == ["warning: no report was written: ZeroDivisionError: division by zero"]
    assert not search.folder.report.exists()


def test_no_secret_reaches_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    search = Invented(tmp_path / "out", "designer=eureka", "llm=openai", "llm.model=gpt-5-mini")
    search.train(search.add(UP), 0.5)
    search.end_round()
    assert "sk-secret" not in check(search)[0]


def test_durations() -> None:
    assert [duration(seconds) for seconds in (9.6, 61, 3600 + 120)] == ["10 s", "1 min 01 s", "1 h 02 min"]


def test_the_command_names_what_is_no_search(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        report.main([str(tmp_path)])
    assert "it is not a search" in capsys.readouterr().err
    assert not (DesignDir(tmp_path).report).exists()

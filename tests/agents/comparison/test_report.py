"""The page of a comparison: true to its JSON, whole in one file, for results of any size and state."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents import pages
from agents.comparison import plots, report
from agents.comparison.report import write_report
from agents.comparison.results import Results, file_stem
from agents.drawing import Plot
from agents.errors import UsageError
from tests.agents.comparison.samples import NAMES, Page, check_page, distance, sample, write


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], Page]:
    data = sample(NAMES[:4], ("random", "expert"), constant=["stand_shaped"])
    folder = write(tmp_path_factory.mktemp("whole"), data, frames=True)
    return folder, data, check_page(write_report(folder))


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """PNGs take most of the time, and one test of them is enough."""
    monkeypatch.setattr(Plot, "save", lambda self, path: None)


def test_a_whole_comparison_fills_every_section(whole: tuple[Path, dict[str, Any], Page]) -> None:
    folder, _, page = whole
    sections = {"read", "distances", "spread", "components", "trajectory", "returns", "policies", "flags"}
    assert sections | {"findings", "convergence", "again"} <= set(page.ids)
    assert "Not in this report" not in page.text
    pictures = {"spread", "spread_starc", "trajectory", "regret", "fitness", "convergence"}
    pictures |= {"components_env", "components_stand"}
    pictures |= {f"heatmap_{c}_{m}" for c in ("random", "expert") for m in ("epic", "starc")}
    assert pictures == {path.stem for path in folder.glob("*.png")}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in folder.glob("*.png"))


def test_numbers_are_those_of_the_json(whole: tuple[Path, dict[str, Any], Page]) -> None:
    _, data, page = whole

    def text(entry: Mapping[str, Any]) -> str:
        if entry["value"] is None:
            return "undefined"
        return "{value:.3f} {low:.3f} to {high:.3f}".format(**entry)

    def pair(entry: Mapping[str, Any]) -> str:
        return f"{entry['a']} vs {entry['b']}".replace("env", "env ★")

    for method in ("epic", "starc"):
        for a, b in combinations(NAMES[:4], 2):
            entries = [e for e in data["distances"] if (e["method"], e["a"], e["b"]) == (method, a, b)]
            assert [pair(entries[0]), *map(text, entries)] in page.cells
    for coverage in ("random", "expert"):
        for a, b in combinations(NAMES[:4], 2):
            entries = [e for e in data["returns"] if (e["coverage"], e["a"], e["b"]) == (coverage, a, b)]
            assert [pair(entries[0]), *map(text, entries)] in page.cells
    for entry in data["components"]:
        row = [entry["coverage"], entry["component"], f"{entry['variance_share']:.3f}", f"{entry['correlation']:.3f}"]
        assert [*row, text(entry["distance_alone"]), text(entry["distance_without"])] in page.cells
    for policy in data["policies"]:
        row = next(row for row in page.cells if len(row) == 6 and row[0].removesuffix(" ★") == policy["reward"])
        assert row[2:4] == ["{mean:.3f} {low:.3f} to {high:.3f}".format(**policy[key]) for key in ("fitness", "regret")]
    for coverage in data["coverages"]:
        fitness = "{mean:.3f} {low:.3f} to {high:.3f}".format(**coverage["fitness"])
        assert [coverage["name"], coverage["description"], "20,000", "16", fitness] in page.cells
    assert ["hash of expert", "sha256-0001"] in page.cells
    assert ["numpy", "2.1.0"] in page.cells
    assert ["STARC", "expert", "4,096 transitions, 4,096 mean samples",
            "95%, bootstrap over transitions and mean samples"] in page.cells  # fmt: skip
    assert "return gain 37.7 · fitness change -0.42" in " ".join(page.text.split())
    assert data["command"] in page.text


def test_every_cell_of_a_heat_map_says_its_number_or_why_there_is_none(
    whole: tuple[Path, dict[str, Any], Page],
) -> None:
    _, data, page = whole
    for entry in data["distances"]:
        tips = [f"{x} vs {y}: " for x, y in ((entry["a"], entry["b"]), (entry["b"], entry["a"]))]
        says = f"undefined, {entry['degenerate']}" if entry["value"] is None else f"{entry['value']:.3f}, interval"
        assert all(any(title.startswith(tip + says) for title in page.titles) for tip in tips)
    assert page.text.count("stand_shaped is constant on the transitions compared") >= 1  # on paper as well


@pytest.mark.parametrize(("rewards", "coverages"), [(NAMES[:2], ("random",)), (NAMES, ("random", "expert"))])
@pytest.mark.usefixtures("no_pictures")
def test_any_number_of_rewards_and_coverages(tmp_path: Path, rewards: Sequence[str], coverages: Sequence[str]) -> None:
    data = sample(rewards, coverages, methods=("epic",), steps=20)
    page = check_page(write_report(write(tmp_path, data)))
    assert ("spread" in page.ids) == (len(coverages) > 1)
    assert ("needs at least two" in page.text) == (len(coverages) == 1)
    assert f"{len(rewards)} rewards · {len(coverages)} coverage" in page.text
    for name in rewards:
        assert name in page.text


@pytest.mark.parametrize(
    ("kept", "missing"),
    [
        ((), "distances spread components trajectory returns policies flags convergence"),
        (("rewards", "reference"), "distances spread components trajectory returns policies flags convergence"),
        (("rewards", "distances"), "components trajectory returns policies flags convergence"),
        (("rewards", "returns", "flags", "reference"), "distances spread components trajectory policies convergence"),
        (
            ("policies", "components", "trajectory", "reference", "rewards"),
            "distances spread returns flags convergence",
        ),
    ],
)
@pytest.mark.usefixtures("no_pictures")
def test_partial_reports_say_what_would_fill_them(tmp_path: Path, kept: Sequence[str], missing: str) -> None:
    whole = sample(NAMES[:3], ("random", "expert"), ("epic",), steps=20)
    data = {key: whole[key] for key in kept} | {"status": "partial"}
    page = check_page(write_report(write(tmp_path, data)))
    assert "Partial." in page.text
    assert f"agents.compare resume={tmp_path}" in page.text
    for section, sentence in report.FILLED_BY.items():
        assert (sentence in page.text) == (section in missing.split())
        assert (section in page.ids) == (section not in missing.split())


@pytest.mark.usefixtures("no_pictures")
def test_unknown_distances_and_empty_results(tmp_path: Path) -> None:
    """Pairs that are not there (a reward failed), half a convergence, an episode without frames, no flags."""
    data = sample(NAMES[:4], ("random", "expert"), ("epic",), steps=20)
    data["rewards"][1] |= {"error": "it returned nan in step 3", "markov": False}
    data["rewards"][2]["unsupported"] = {"epic": "it remembers"}
    data["distances"] = [e for e in data["distances"] if not {e["a"], e["b"]} & {"stand", "stand_shaped"}]
    for entry in data["convergence"]:
        entry["half"] = distance(None)
    data["flags"] = []
    data["trajectory"]["rewards"]["stand"][3] = None
    data["policies"][0]["regret"] = {"mean": None, "low": None, "high": None, "values": [], "reason": "too close"}
    data["policies"][1] |= {"regret": None, "fitness": None}
    for entry in data["components"]:
        entry |= {"correlation": None, "distance_alone": None}
    page = Page(write_report(write(tmp_path, data)).read_text())
    assert "stand could not be compared: it returned nan in step 3" in page.text
    assert "No EPIC: it remembers" in page.text
    assert "compared by returns only" in page.text
    assert "env vs stand: not computed: stand: it returned nan in step 3" in page.titles
    assert "No regret: too close." in page.text
    assert "That is no proof" in page.text


@pytest.mark.usefixtures("no_pictures")
def test_names_are_shown_and_never_run(tmp_path: Path) -> None:
    names = ["<script>alert(1)</script>", "a\"b'c & <b>", "$\\frac{$ x_1", "_hidden", "é∆ " * 30]
    data = sample(names, ('on "load"=<i>', "_c$"), ("epic",), steps=20)
    data["rewards"][0]["description"] = "{{ 1 + 1 }} <img src=x onerror=alert(1)>"
    data["flags"][0] |= {"evidence": "<svg onload=alert(1)>", "reward": names[1]}
    data["command"] = data["reproduce"]["command"] = "python -m agents.compare 'rewards=[</pre><script>]'"
    text = write_report(write(tmp_path, data)).read_text()
    page = check_page(tmp_path / "report.html")
    assert "img" not in page.tags
    for name in names:
        assert name in page.text
        assert any(name in title for title in page.titles)
        assert html.escape(name, quote=False) in text or html.escape(name) in text
    assert "{{ 1 + 1 }} <img" in page.text


def test_names_that_make_the_same_file_have_two(tmp_path: Path) -> None:
    data = sample(NAMES[:2], ("a/b", "a b"), ("epic",), steps=10)
    write_report(write(tmp_path, {key: data[key] for key in ("rewards", "distances")}))
    assert {"heatmap_a-b_epic.png", "heatmap_a-b_epic-2.png"} < {path.name for path in tmp_path.iterdir()}
    assert file_stem("components", "../../etc") == "components_etc"
    assert file_stem("..") == "x"


@pytest.mark.usefixtures("no_pictures")
def test_small_videos_are_embedded_and_large_ones_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = {"trajectory": sample(NAMES[:2], ("random",), ("epic",), steps=10)["trajectory"] | {"video": "video.mp4"}}
    write(tmp_path, data)
    assert "<video" not in write_report(tmp_path).read_text()  # its file is not there
    (tmp_path / "video.mp4").write_bytes(b"x" * 100)
    assert 'src="data:video/mp4;base64,eHh4' in write_report(tmp_path).read_text()
    monkeypatch.setattr(pages, "EMBEDDED_VIDEO", 50)
    assert 'href="video.mp4"' in write_report(tmp_path).read_text()


def test_a_folder_without_a_comparison_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no report"):
        write_report(tmp_path)
    (tmp_path / "report.json").write_text('{"rewards": [')
    with pytest.raises(UsageError, match="damaged"):
        write_report(tmp_path)


def test_dots_stand_at_their_numbers(whole: tuple[Path, dict[str, Any], Page]) -> None:
    _, data, _ = whole
    axes = plots.spread(Results(data), "epic").figure.axes[0]
    shown = sorted(line.get_xdata()[0] for line in axes.lines if len(line.get_xdata()) == 1)
    values = sorted(e["value"] for e in data["distances"] if e["method"] == "epic" and e["value"] is not None)
    np.testing.assert_allclose(shown, values)

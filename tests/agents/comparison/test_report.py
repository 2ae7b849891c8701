"""The page of a comparison: true to its JSON, whole in one file, for results of any size and state."""

from __future__ import annotations

import html
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents import pages
from agents.cli import UsageError
from agents.comparison import plots, report, timeline
from agents.comparison.findings import findings
from agents.comparison.report import write_report
from agents.comparison.results import LABEL, Results, file_name, interval, known, number, shorten
from agents.drawing import INK, Plot

NAMES = ("env", "stand", "stand_shaped", "hackable: height only", "vlm", "negated", "my_rewards.py:upright_and_still",
         "vlm: a robot kneeling on one knee with its arms stretched out", "alive", "energy")  # fmt: skip


def distance(value: float | None, method: str = "epic", half: float = 0.03, **more: Any) -> dict[str, Any]:
    """A distance as `report.json` has it."""
    ends = (None, None) if value is None else (max(0.0, value - half), min(1.0, value + half))
    reason = more.pop("degenerate", "alive is constant on the transitions compared" if value is None else None)
    return {
        "value": value,
        "low": ends[0],
        "high": ends[1],
        "method": method,
        "confidence": 0.95,
        "interval": "bootstrap over transitions and mean samples",
        "samples": {"transitions": 4096, "mean_samples": 4096},
        "degenerate": reason,
        "ranking_only": method == "starc",
    } | more


def sample(
    rewards: Sequence[str] = NAMES[:6],
    coverages: Sequence[str] = ("random", "expert", "mixture"),
    methods: Sequence[str] = ("epic", "starc"),
    constant: Sequence[str] = (),
    steps: int = 250,
) -> dict[str, Any]:
    """A whole comparison with every key, made from random rewards of which some are related.

    Args:
        rewards: Names; the first is the reference, one called negated is its opposite, one called alive is constant.
        coverages: Names.
        methods: Names.
        constant: Names of rewards that have no direction on the first coverage.
        steps: Of the shared trajectory.
    """
    rng = np.random.default_rng(0)
    constant = [*constant, *(["alive"] if "alive" in rewards else [])]
    pairs = list(combinations(rewards, 2))
    data: dict[str, Any] = {
        "title": f"Hopper, standing: {len(rewards)} rewards",
        "env": "Hopper",
        "task": "standing",
        "discount": 0.99,
        "created": "2025-03-01T12:30:00+00:00",
        "command": "python -m agents.compare env=Hopper 'rewards=[env,stand]' seed=3",
        "status": "complete",
        "seed": 3,
        "versions": {"numpy": "2.1.0", "mujoco": "4.0.0"},
        "git": {"commit": "0123456789abcdef", "dirty": True},
        "reference": rewards[0],
        "rewards": [
            {
                "name": name,
                "spec": f"rewards.py:{name}",
                "description": f"What {name} pays for.",
                "reads": ["torso_height", "action"],
                "inputs": ["torso_height"],
                "markov": True,
                "unsupported": {},
                "degenerate": {coverages[0]: "it is constant on the transitions compared"} if name in constant else {},
                "error": None,
            }
            for name in rewards
        ],
        "coverages": [
            {
                "name": name,
                "description": f"Transitions of the {name} policy.",
                "transitions": 20_000,
                "episodes": 16,
                "hash": f"sha256-{i:04x}",
                "file": f"coverage/{name}.npz",
                "fitness": {"mean": 0.2 + 0.3 * i, "low": 0.15 + 0.3 * i, "high": 0.26 + 0.3 * i},
            }
            for i, name in enumerate(coverages)
        ],
        "methods": [{"name": m, "ranking_only": m == "starc", "range": [0, 1], "parameters": {}} for m in methods],
        "distances": [],
        "convergence": [],
        "components": [],
        "returns": [],
    }
    signals: dict[str, dict[str, np.ndarray]] = {}
    for i, coverage in enumerate(coverages):
        signals[coverage] = _signals(rng, rewards, 400 + 100 * i, drift=0.35 * i)
        for method in methods:
            for a, b in pairs:
                entry = {"method": method, "coverage": coverage, "a": a, "b": b}
                if coverage == coverages[0] and {a, b} & set(constant):
                    name = a if a in constant else b
                    reason = f"{name} is constant on the transitions compared"
                    data["distances"].append(entry | distance(None, method, degenerate=reason))
                    continue
                value = _apart(signals[coverage][a], signals[coverage][b])
                whole = distance(value, method, half=0.02 + 0.03 * value)
                data["distances"].append(entry | whole)
                half = distance(float(np.clip(value + rng.normal(0, 0.012), 0, 1)), method)
                data["convergence"].append(entry | {"half": half, "full": whole})
        for a, b in pairs:
            value = _apart(signals[coverage][a], signals[coverage][b])
            where = {"coverage": coverage, "a": a, "b": b}
            more = {"interval": "bootstrap over episodes", "samples": {"episodes": 16}}
            data["returns"].append(where | {"measure": "erc"} | distance(value, "erc", half=0.1, **more))
            rho = 1 - 2 * value**2
            ranks = {"value": rho, "low": max(-1, rho - 0.1), "high": min(1, rho + 0.1)}
            data["returns"].append(where | {"measure": "spearman"} | distance(0.5, "spearman", **more) | ranks)
            if coverage == coverages[0]:
                place = where | {"measure": "kendall_tau", "coverage": "policies"}
                data["returns"].append(place | distance(0.5, "kendall_tau", **more) | ranks)
        for name in rewards[:2]:
            shares = rng.dirichlet([3, 2, 1])
            for component, share in zip(("height", "upright", "effort"), shares, strict=True):
                data["components"].append(
                    {
                        "reward": name,
                        "coverage": coverage,
                        "component": component,
                        "variance_share": float(share),
                        "correlation": float(np.sqrt(share)),
                        "distance_alone": distance(float(0.7 * (1 - share))),
                        "distance_without": distance(float(0.5 * share)),
                    }
                )
    path = _signals(rng, rewards, steps, drift=0.5)
    data["trajectory"] = {
        "coverage": coverages[-1],
        "episode": 2,
        "seconds": (0.008 * np.arange(steps)).tolist(),
        "rewards": {name: np.convolve(path[name], np.ones(9) / 9, "same").tolist() for name in rewards},
        "fitness": np.linspace(0, 1, steps).tolist(),
        "frames": [{"step": step, "file": f"frames/{step:05d}.png"} for step in range(0, steps, max(1, steps // 10))],
        "video": None,
    }
    data["flags"] = [
        {
            "severity": "high",
            "kind": "return_up_fitness_down",
            "reward": rewards[-1],
            "title": "The proxy's return rises while fitness falls",
            "evidence": "Between 0.2 and 1 million steps its return rose from 11.2 to 48.9; fitness fell.",
            "numbers": {"return_gain": 37.7, "fitness_change": -0.42},
        },
        {
            "severity": "note",
            "kind": "coverage_gap",
            "reward": rewards[1],
            "title": "Near the reference on random, far on its own policy",
            "evidence": "Distance 0.12 on random, 0.48 on its own policy.",
            "numbers": {},
        },
    ]
    data["policies"] = [
        {
            "reward": name,
            "runs": [f"runs/{name}-{seed}" for seed in range(3)],
            "seeds": 3,
            "fitness": _mean(0.9 - 0.13 * i + rng.normal(0, 0.03, 3)),
            "regret": _mean(0.14 * i + rng.normal(0, 0.03, 3)) | {"reason": None},
            "returns_under": {other: float(rng.normal(100, 20)) for other in rewards},
        }
        for i, name in enumerate(rewards)
    ]
    data["reproduce"] = {
        "command": data["command"],
        "seed": 3,
        "hashes": {name: f"sha256-{i:04x}" for i, name in enumerate(coverages)},
        "versions": data["versions"],
    }
    return data


def write(folder: Path, data: Mapping[str, Any], frames: bool = False) -> Path:
    """A comparison's folder with its JSON, and pictures where wanted."""
    from PIL import Image, ImageDraw

    folder.mkdir(exist_ok=True)
    (folder / "report.json").write_text(json.dumps(data, allow_nan=False))
    if frames:
        (folder / "frames").mkdir(exist_ok=True)
        for i, frame in enumerate(data["trajectory"]["frames"]):
            image = Image.new("RGB", (320, 320), (110, 130, 160))
            ImageDraw.Draw(image).ellipse((40 + 20 * i, 120, 110 + 20 * i, 190), fill=(230, 180, 60))
            image.save(folder / frame["file"])
    return folder


def _signals(rng: np.random.Generator, rewards: Sequence[str], n: int, drift: float) -> dict[str, np.ndarray]:
    truth = rng.normal(size=n)
    signals = {rewards[0]: truth}
    for i, name in enumerate(rewards[1:]):
        noise = rng.normal(size=n)
        related = truth + (0.15 + (0.5 * drift + 0.3) * i) * noise
        signals[name] = -truth + 0.05 * noise if name == "negated" else related
    return signals


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt(max(0.0, 0.5 * (1 - np.corrcoef(a, b)[0, 1]))))


def _mean(values: np.ndarray) -> dict[str, Any]:
    half = float(2 * values.std() / np.sqrt(len(values)))
    mean = float(values.mean())
    return {"mean": mean, "low": mean - half, "high": mean + half, "values": values.tolist()}


class Page(HTMLParser):
    """A page's elements, closed in order; what it loads; its text, rows of tables, tooltips."""

    VOID = frozenset({"meta", "br", "img", "input", "hr", "link"})

    def __init__(self, page: str):
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.loads: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.rows: list[list[str]] = []
        self.titles: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        values = {key: value or "" for key, value in attrs}
        assert not [key for key in values if key.startswith("on")]
        self.ids += [values["id"]] if "id" in values else []
        self.loads += [values[key] for key in ("src", "srcset", "poster", "data") if key in values]
        target = values.get("xlink:href", values.get("href"))
        if target is not None:
            (self.links if tag in ("a", "use") else self.loads).append(target)
        if tag == "title":
            self.titles.append("")
        self.titles += [values["title"]] if "title" in values else []
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.text += data
        if self.open and self.open[-1] == "title":
            self.titles[-1] += data
        elif {"td", "th"} & set(self.open):
            self.rows[-1][-1] = " ".join((self.rows[-1][-1] + data).split(" ")).replace("\n", " ")

    @property
    def cells(self) -> list[list[str]]:
        """Rows of tables, white space as it is seen."""
        return [[" ".join(cell.split()) for cell in row] for row in self.rows]


def check_page(path: Path) -> Page:
    """The laws that every page keeps, whatever it shows."""
    text = path.read_text()
    page = Page(text)
    assert len(set(page.ids)) == len(page.ids)
    assert all(target.startswith("data:") for target in page.loads)
    assert all(target[1:] in page.ids for target in page.links if target.startswith("#"))
    assert not re.search(r"https?://(?!www\.w3\.org/)", text)  # those are names of XML, never fetched
    assert not re.search(r"url\((?!#)|@import|http-equiv", text)
    assert "script" not in page.tags
    assert INK not in text
    assert not re.search(r"\b(nan|None)\b", page.text)
    for svg in re.findall(r"<svg.*?</svg>", text, re.S):
        ET.fromstring(svg)
    return page


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
    assert file_name("components", "../../etc") == "components_etc"
    assert file_name("..") == "x"


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


# Findings


def results(*entries: tuple[str, str, str, float | None, float], reference: str | None = "env", **more: Any) -> Results:
    """Results of EPIC alone: coverage, both rewards, distance and half the width of its interval."""
    names = list(dict.fromkeys(name for _, a, b, _, _ in entries for name in (a, b)))
    found = [{"coverage": c, "a": a, "b": b, **distance(value, half=half)} for c, a, b, value, half in entries]
    return Results({"rewards": [{"name": n} for n in names], "distances": found, "reference": reference, **more})


def said(some: Results) -> dict[str, str]:
    return {finding.title: finding.text for finding in findings(some)}


def test_most_alike_and_most_different_with_what_intervals_leave_open() -> None:
    some = said(results(
        ("random", "env", "a", 0.1, 0.02), ("random", "env", "b", 0.6, 0.02), ("random", "a", "b", 0.63, 0.02),
    ))  # fmt: skip
    assert some["Most alike"] == "env vs a, EPIC distance 0.100 [0.080 to 0.120] on random."
    assert some["Most different"] == (
        "a vs b, EPIC distance 0.630 [0.610 to 0.650] on random. The intervals of env vs b overlap with this one, so "
        "the choice may be chance."
    )


def test_pairs_are_judged_by_their_largest_distance_over_coverages() -> None:
    some = said(results(
        ("random", "env", "a", 0.01, 0.0), ("random", "env", "b", 0.2, 0.0), ("random", "a", "b", 0.3, 0.0),
        ("expert", "env", "a", 0.5, 0.0), ("expert", "env", "b", 0.25, 0.0), ("expert", "a", "b", 0.4, 0.0),
    ))  # fmt: skip
    assert some["Most alike"].startswith("env vs b, EPIC distance 0.200 [0.200 to 0.200] on random to 0.250")
    assert some["Most different"].startswith("env vs a, ")
    assert some["The answer depends on coverage"].startswith("env vs a: 0.010 [0.010 to 0.010] on random, 0.500")
    assert "most extreme of 2 pairs" in some["The answer depends on coverage"]


def test_candidates_that_cannot_be_told_from_the_reference() -> None:
    some = said(results(
        ("random", "env", "a", 0.0, 0.0), ("random", "env", "b", 0.02, 0.03), ("random", "env", "c", 0.3, 0.03),
        ("random", "env", "d", 0.34, 0.03),
    ))  # fmt: skip
    text = some["Not told apart from env"]
    assert text.startswith("a (up to 0.000) and b (up to 0.050): the interval")
    assert "does not prove" in text
    assert some["Nearest to env"] == "c on random. This is not settled: on random the intervals of c and d overlap."
    apart = said(results(("random", "env", "a", 0.2, 0.03), ("random", "env", "b", 0.4, 0.03)))
    assert "Told apart from env" in apart
    assert "Not told apart from env" not in apart
    assert apart["Nearest to env"] == "a on random."


def test_a_difference_within_intervals_is_no_dependence_on_coverage() -> None:
    wide = said(results(("random", "env", "a", 0.2, 0.1), ("expert", "env", "a", 0.35, 0.1)))
    assert "The answer depends on coverage" not in wide
    narrow = said(results(("random", "env", "a", 0.2, 0.01), ("expert", "env", "a", 0.35, 0.01)))
    assert "The answer depends on coverage" in narrow


def test_too_few_samples_are_remarked_upon_beyond_what_chance_does() -> None:
    def convergence(outside: int, of: int = 40) -> Results:
        halves = [0.5 if i < outside else 0.31 for i in range(of)]
        both = [{"half": distance(value), "full": distance(0.3)} for value in halves]
        place = {"method": "epic", "coverage": "random", "a": "env", "b": "a"}
        return results(("random", "env", "a", 0.3, 0.03), convergence=[place | entry for entry in both])

    assert "Too few samples" not in said(convergence(2))  # one in twenty is what a 95 % interval promises
    assert said(convergence(8))["Too few samples"].startswith("8 of 40 EPIC distances")


def test_a_ranking_only_method_is_not_what_conclusions_are_drawn_from() -> None:
    data = sample(NAMES[:3], ("random",), ("starc", "epic"), steps=10)
    some = Results(data)
    assert some.method == "epic"
    assert some.ranking_only("starc")
    without_methods = Results({key: data[key] for key in ("rewards", "distances")})
    assert without_methods.ranking_only("starc")
    assert not without_methods.ranking_only("epic")


def test_policies_whose_intervals_overlap_are_not_ranked() -> None:
    policies = [
        {"reward": "a", "seeds": 3, "fitness": {"mean": 0.5, "low": 0.4, "high": 0.6}},
        {"reward": "env", "seeds": 3, "fitness": {"mean": 0.55, "low": 0.45, "high": 0.65}},
        {"reward": "b", "seeds": 1, "fitness": {"mean": 0.0, "low": None, "high": None}},
    ]
    text = said(results(("random", "env", "a", 0.3, 0.03), policies=policies))["After training"]
    assert text == (
        "Policies trained on env reach the highest fitness, 0.550 [0.450 to 0.650, 3 seeds]; on b the lowest, 0.000 "
        "[no interval, 1 seed]. The intervals of a overlap with the best one's: their order is not settled."
    )


# Parts of figures


def test_the_tree_joins_what_is_nearest_and_leaves_out_what_is_unknown() -> None:
    some = results(
        ("random", "a", "b", 0.9, 0.0), ("random", "a", "c", 0.1, 0.0), ("random", "a", "d", None, 0.0),
        ("random", "b", "c", 0.8, 0.0), ("random", "b", "d", None, 0.0), ("random", "c", "d", None, 0.0),
    )  # fmt: skip
    order, links = plots._cluster(some, "epic", "random")
    assert [some.names[i] for i in order] in (["a", "c", "b", "d"], ["b", "c", "a", "d"])
    assert links is not None
    np.testing.assert_allclose(links[:, 2], [0.1, 0.85])  # average linkage: (0.9 + 0.8) / 2


def test_known_rows_are_a_largest_whole_block() -> None:
    rows = np.zeros((4, 4))
    rows[0, 1:] = rows[1:, 0] = np.nan
    assert known(rows) == [1, 2, 3]
    rows[2, 3] = rows[3, 2] = np.nan
    assert len(known(rows)) == 2
    assert known(np.zeros((0, 0))) == []


def test_convergence_bars_hold_the_changes_that_stay_within_the_interval() -> None:
    full = distance(0.3) | {"low": 0.28, "high": 0.36}
    place = {"method": "epic", "coverage": "random", "a": "env", "b": "a"}
    some = results(("random", "env", "a", 0.3, 0.03), convergence=[place | {"half": distance(0.35), "full": full}])
    axes = plots.convergence(some).figure.axes[0]
    ((_, low), (_, high)) = axes.collections[0].get_segments()[0]
    np.testing.assert_allclose([low, high], [0.3 - 0.36, 0.3 - 0.28])
    point = axes.lines[-1]
    np.testing.assert_allclose([point.get_xdata()[0], point.get_ydata()[0]], [0.3, 0.3 - 0.35])
    assert low <= point.get_ydata()[0] <= high  # 0.35 lies in [0.28, 0.36]


def test_dots_stand_at_their_numbers(whole: tuple[Path, dict[str, Any], Page]) -> None:
    _, data, _ = whole
    axes = plots.spread(Results(data), "epic").figure.axes[0]
    shown = sorted(line.get_xdata()[0] for line in axes.lines if len(line.get_xdata()) == 1)
    values = sorted(e["value"] for e in data["distances"] if e["method"] == "epic" and e["value"] is not None)
    np.testing.assert_allclose(shown, values)


def test_rewards_over_time_are_standardised() -> None:
    values = timeline.standardised(np.array([1.0, 2.0, np.nan, 3.0]))
    assert np.nanmean(values) == pytest.approx(0)
    assert np.nanstd(values) == pytest.approx(1)
    assert np.isnan(values[2])
    np.testing.assert_array_equal(timeline.standardised(np.full(5, 0.1)), np.zeros(5))


def test_frames_stand_at_their_times_as_far_as_they_fit() -> None:
    np.testing.assert_allclose(timeline._apart(np.array([0.2, 0.5, 0.9]), 0.1), [0.2, 0.5, 0.9])
    for moments in ([0.0, 0.01, 0.02], [0.97, 0.98, 1.0], [0.5, 0.5, 0.5], np.linspace(0, 1, 4)):
        middles = timeline._apart(np.array(moments), 0.25)
        assert np.diff(middles).min() >= 0.25 - 1e-12
        assert middles[0] >= 0.125 - 1e-12
        assert middles[-1] <= 0.875 + 1e-12


def test_frames_are_chosen_evenly_and_only_if_they_are_there(tmp_path: Path) -> None:
    shared = {"frames": [{"step": step, "file": f"{step}.png"} for step in range(0, 100, 4)]}
    for step in range(0, 100, 4):
        if step != 96:
            (tmp_path / f"{step}.png").touch()
    steps = [step for step, _ in timeline._frames(shared, tmp_path, steps=90)]
    assert len(steps) == timeline.FRAMES
    assert steps[0] == 0
    assert steps[-1] == 88  # 92 is after the episode's end
    assert np.ptp(np.diff(steps)) <= 4


def test_long_names_keep_both_ends_and_stay_apart() -> None:
    long = ["vlm: a robot on one knee, " + end for end in ("arms up", "arms up!", "left", "x" * 40, "x" * 41)]
    labels = Results({"rewards": [{"name": name} for name in long]}).labels
    assert len(set(labels.values())) == len(long)
    assert max(map(len, labels.values())) <= LABEL
    assert shorten("a" * LABEL) == "a" * LABEL
    assert shorten("begin" + "x" * 50 + "end").startswith("begin")
    assert shorten("begin" + "x" * 50 + "end").endswith("end")


def test_numbers_and_intervals_as_text() -> None:
    assert number(0.12345) == "0.123"
    assert number(-0.0001) == "0.000"
    assert number(None) == "–"
    assert interval({"low": 0.1, "high": 0.25}) == "0.100 to 0.250"
    assert interval({"low": None, "high": None}) == ""
    assert interval(None) == ""


def test_the_example_shows_the_distances_that_it_names() -> None:
    for axes, wanted in zip(plots.example().figure.axes, (0.0, 0.3, 1.0), strict=True):
        a, b = (line.get_ydata() for line in axes.lines)
        assert _apart(a, b) == pytest.approx(wanted, abs=1e-6)

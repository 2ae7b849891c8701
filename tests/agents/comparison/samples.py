"""A comparison that never ran, written to a folder, and its page taken apart."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from agents.comparison.results import Results
from agents.drawing import INK

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


def results(*entries: tuple[str, str, str, float | None, float], reference: str | None = "env", **more: Any) -> Results:
    """Results of EPIC alone: coverage, both rewards, distance and half the width of its interval."""
    names = list(dict.fromkeys(name for _, a, b, _, _ in entries for name in (a, b)))
    found = [{"coverage": c, "a": a, "b": b, **distance(value, half=half)} for c, a, b, value, half in entries]
    return Results({"rewards": [{"name": n} for n in names], "distances": found, "reference": reference, **more})

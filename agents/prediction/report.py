"""The benchmark's page: `report.html`, one file that needs no network, drawn from `report.json`.

python -m agents.prediction.report DIR        draws it and the PNGs anew
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agents.drawing import Plot
from agents.errors import UsageError, fail
from agents.files import write_text
from agents.pages import render
from agents.prediction import plots
from agents.prediction.scoring import MEASURES

MEANINGS = {
    "shaped": ("Distance to progress", "trajectory Pearson distance to t / T; 0 same, 0.71 unrelated, 1 opposite"),
    "raw": ("Distance to success", "the same to the sparse reward, 1 where the goal is reached"),
    "trajectories": ("Trajectories ranked", "expert's mean reward above the random policy's; 0.5 chance, 1 always"),
    "steps": ("Steps ranked", "pairs of steps put in the order of their true progress; 0.5 chance, 1 all"),
}


def write_report(folder: Path) -> Path:
    """Write the page and the PNGs from the `report.json` in a folder; returns the page's path.

    Raises:
        UsageError: The folder has none.
    """
    try:
        data = json.loads((folder / "report.json").read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder} has no report of the benchmark: {error}") from error
    figures: dict[str, Plot] = {measure: plots.scores(data, measure) for measure in MEASURES}
    examples = {name: plots.along(example) for name, example in data["examples"].items() if example["predicted"]}
    page = render(
        "prediction.html",
        {"score": _score},
        data=data,
        measures=MEANINGS,
        figures={name: plot.svg(f"m{i}-") for i, (name, plot) in enumerate(figures.items())},
        examples={name: plot.svg(f"e{i}-") for i, (name, plot) in enumerate(examples.items())},
        columns=[d["name"] for d in data["domains"]] + (["all"] if len(data["domains"]) > 1 else []),
        best=_best(data),
        folder=folder,
    )
    for name, plot in {**figures, **{f"example-{name}": plot for name, plot in examples.items()}}.items():
        plot.save(folder / f"{name}.png")
    report = folder / "report.html"
    write_text(report, page)
    return report


def _score(found: Mapping[str, Any] | None) -> str:
    """A score's interval; empty if there is none."""
    return "" if not found or found["low"] is None else f"{found['low']:.2f} to {found['high']:.2f}"


def _best(data: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The best reward that is not privileged, by measure and domain."""
    open_ones = [reward["name"] for reward in data["rewards"] if not reward["privileged"]]
    best: dict[str, dict[str, str]] = {}
    for measure in MEASURES:
        sign = 1 if measure in ("shaped", "raw") else -1
        found: dict[str, tuple[float, str]] = {}
        for name in open_ones:
            for domain, scores in data["scores"][name].items():
                value = scores[measure]["value"]
                if value is not None:
                    found[domain] = min(found.get(domain, (float("inf"), "")), (sign * value, name))
        best[measure] = {domain: name for domain, (_, name) in found.items()}
    return best


if __name__ == "__main__":
    if len(sys.argv) != 2:
        fail("usage: python -m agents.prediction.report DIR")
    try:
        print(write_report(Path(sys.argv[1])))
    except UsageError as error:
        fail(error)

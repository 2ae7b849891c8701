"""The page of a run: whole in one file, with a figure for everything that was logged."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from agents import pages
from agents.build import resolve
from agents.cli import compose
from agents.config.commands import TRAIN
from agents.drawing import INK
from agents.evaluation import Video
from agents.report import figure, write_report
from agents.runs import ProgressFile, RunDir

STEP = "time/total_timesteps"


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    run = RunDir.create(str(tmp_path / "run"), "")
    arguments = ["env=Hopper", "task=standing", "reward=vlm", "reward.goal=a <b>robot</b> & 'more'"]
    run.write_config(resolve(compose(TRAIN, "train", arguments)))
    run.write_meta(0)
    last = {"eval/fitness": 0.5, "eval/success": 0.25}
    summary = {"state": "finished", "timesteps": 200, "seconds": 3723, "judged_by": "eval/fitness", "best": 0.75}
    run.write_summary({**summary, "wanted": "Stand.", "last": last})
    file = ProgressFile(run.progress)
    for step in (0, 100, 200):
        values = {"rollout/fitness": step / 400, "eval/fitness": 0.5, "reward/up": 1.0, "reward/effort": -2.0}
        file.append({STEP: step, **values})
    return run


def test_report_is_one_file_with_all_there_is(run: RunDir):
    page = write_report(run).read_text()
    assert not re.search(r'(src|href)="(?!data:|#)', page)  # nothing is fetched
    assert "http-equiv" not in page
    for words in (
        "Stand.",
        "finished",
        "0.75",
        "25%",
        "1:02:03",
        "200",
        "<h2>Fitness</h2>",
        "<h2>Reward by component</h2>",
    ):
        assert words in page
    assert "up" in page
    assert "effort" in page
    assert "&lt;b&gt;robot" in page  # what people typed is shown, not run
    assert "<b>robot" not in page
    assert f"python -m agents.train resume={run.path}" in page
    assert "<h2>Success</h2>" not in page  # nothing was logged for it
    assert "<video" not in page


def test_small_videos_are_embedded_and_large_ones_linked(run: RunDir, monkeypatch: pytest.MonkeyPatch):
    run.video.write_bytes(b"x" * 100)
    assert 'src="data:video/mp4;base64,eHh4' in write_report(run).read_text()
    monkeypatch.setattr(pages, "EMBEDDED_VIDEO", 50)
    assert 'src="video.mp4"' in write_report(run).read_text()


def test_figures_take_colour_and_width_from_the_page():
    svg = figure({"training": ([0.0, 1e6], [0.0, 1.0]), "evaluated": ([0.0], [0.5])}, "fitness")
    root = ET.fromstring(svg)
    assert root.get("viewBox") is not None
    assert root.get("width") is None
    assert "currentColor" in svg
    assert INK not in svg
    assert "evaluated" in svg
    assert len(svg) < 40_000


def test_a_failure_is_shown(run: RunDir):
    run.write_summary({"state": "failed", "timesteps": 0, "last": {}, "failure": "reward 'f': nan in env 2"})
    page = write_report(run).read_text()
    assert "nan in env 2" in page
    assert 'class="state failed"' in page


def test_videos_play(tmp_path: Path, rng: np.random.Generator):
    import imageio.v3 as imageio

    video = Video(size=64)
    video.frames = [rng.integers(0, 255, (64, 64, 3)).astype(np.uint8) for _ in range(10)]
    video.save(tmp_path / "video.mp4")
    assert imageio.imread(tmp_path / "video.mp4").shape == (10, 64, 64, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["video.mp4"]

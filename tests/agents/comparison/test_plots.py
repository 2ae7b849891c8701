"""Parts of figures: orders, bars, frames and labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents.comparison import plots, timeline
from agents.comparison.results import LABEL, Results, interval, known, number, shorten
from tests.agents.comparison.samples import _apart, distance, results


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

"""Curves of a study's runs, and when they alarm."""

from __future__ import annotations

import json

import numpy as np
import pytest

from agents.runs import ProgressFile
from benchmarks._arms import BINS, Arm, mean_and_interval, median_of, reached, read
from benchmarks.keyroom import was_stopped
from benchmarks.learning import STEP, Cell, folder
from benchmarks.nethack_training import Meter

CELL = Cell("Room", "exit", 1000)
ARM = Arm("a judge", lambda _: (), 0, own="reward/parts")


def run(output, seed, rows, **summary):
    path = output / folder(CELL, "judged", seed)
    path.mkdir(parents=True)
    file = ProgressFile(path / "progress.csv")
    for row in rows:
        file.append(row)
    (path / "summary.json").write_text(json.dumps(summary))


def rows(fitness, paid=0.0, count=100):
    each = [{STEP: 10.0 * (i + 1), "rollout/fitness": fitness(i), "time/elapsed": float(i)} for i in range(count)]
    own = [{"reward/parts/a": paid * i, "reward/parts/b": paid, "reward/part": 7.0} for i in range(count)]
    return [row | parts for row, parts in zip(each, own, strict=True)]


def test_runs_become_curves_of_equal_parts(tmp_path):
    run(tmp_path, 0, rows(lambda i: i / 100, paid=1.0), state="finished")
    run(tmp_path, 3, rows(lambda i: 1.0, count=40), state="interrupted")
    found = read(CELL, "judged", ARM, tmp_path)
    assert (found.seeds, found.steps, found.states) == ([0, 3], [1000, 400], ["finished", "interrupted"])
    np.testing.assert_allclose(found.truth[0], np.arange(BINS) / 20 + 0.02)  # means of five rows each
    assert np.isnan(found.truth[1, 8:]).all()
    assert not np.isnan(found.truth[1, :8]).any()
    assert found.judged[0, 0] == 3.0  # 0, 1, 2, 3, 4 of one component and 1 of the other; not of `reward/part`
    assert found.last(found.truth) == pytest.approx([0.945, 1.0])
    assert reached(found, CELL.steps) == [950, 50]
    assert read(CELL, "other", ARM, tmp_path) is None


def test_the_alarm_of_a_run_is_found_again(tmp_path):
    run(tmp_path, 0, rows(lambda i: 0.1, paid=1.0))
    run(tmp_path, 1, rows(lambda i: i / 100, paid=1.0))
    assert read(CELL, "judged", ARM, tmp_path).alarms == [300, None]  # as soon as there are thirty rows


def test_what_the_alarm_ended_is_done(tmp_path):
    for seed, summary in enumerate(({"alarm": "!"}, {}, {"alarm": "!", "state": "running"})):
        path = tmp_path / folder(CELL, "stopped", seed)
        path.mkdir()
        (path / "summary.json").write_text(json.dumps({"state": "interrupted"} | summary))
    assert [was_stopped(tmp_path, CELL, "stopped", seed) for seed in range(4)] == [True, False, False, False]


def test_numbers_are_written_with_what_they_rest_on():
    assert mean_and_interval([0.5, 0.5, float("nan")]) == "0.50 (0.50 to 0.50)"
    assert mean_and_interval([2.0], 1) == "2.0"
    assert median_of([3000, None, 1000]) == "2,000 (2 of 3 seeds)"
    assert median_of([None]) == "never"


def test_a_part_has_its_own_time_alone():
    meter = Meter()
    inner = meter.timed("inner", lambda: sum(range(300_000)))
    outer = meter.timed("outer", lambda: [inner(), inner()])
    outer()
    assert meter.seconds["inner"] > 10 * meter.seconds["outer"] >= 0

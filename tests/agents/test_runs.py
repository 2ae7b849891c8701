"""Run directories: who may write, what is kept, and logs that can go back."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from agents.build import resolve
from agents.cli import compose
from agents.config.commands import TRAIN
from agents.errors import UsageError
from agents.files import replacing, write_text
from agents.runs import ProgressFile, RunDir, read_progress

STEP = "time/total_timesteps"


def test_default_folders_are_dated_and_never_shared(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = RunDir.create(None, "Hopper_env"), RunDir.create(None, "Hopper_env")
    assert first.path != second.path
    assert first.path.parent == Path("runs")
    assert "Hopper_env" in first.path.name


def test_a_directory_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot write to run directory .*file/run: Not a directory"):
        RunDir.create(str(tmp_path / "file" / "run"), "")
    with pytest.raises(UsageError, match="cannot write to run directory /proc/run"):
        RunDir.create("/proc/run", "")


def test_two_runs_in_one_directory(tmp_path):
    script = f"""
import sys, time
from agents.runs import RunDir
with RunDir.create({str(tmp_path)!r}, "").lock():
    print("locked", flush=True)
    time.sleep(60)
"""
    other = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        run = RunDir.create(str(tmp_path), "")
        with pytest.raises(UsageError, match=f"in use by process {other.pid} on"), run.lock():
            pass
    finally:
        other.kill()
        other.wait()
    assert (tmp_path / "lock").exists()
    with run.lock():  # what a killed process left behind is no obstacle
        assert f"process {os.getpid()}" in (tmp_path / "lock").read_text()
    assert not (tmp_path / "lock").exists()


def test_a_folder_in_which_nothing_can_be_written_is_told(tmp_path: Path) -> None:
    run = RunDir.create(str(tmp_path), "")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(UsageError, match=f"cannot write to {tmp_path}: File too large"), run.lock():
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with run.lock():
        pass


def test_a_directory_with_a_run_is_refused(tmp_path):
    run = RunDir.create(str(tmp_path), "")
    run.require_unused()
    config = resolve(compose(TRAIN, "train", ["env=Hopper"]))
    run.write_config(config)
    with pytest.raises(UsageError, match=f"an unfinished run already: go on with resume={tmp_path}"):
        run.require_unused()
    run.write_summary({"state": "finished", "timesteps": 12_000})
    with pytest.raises(UsageError, match=r"finished at 12,000 steps"):
        run.require_unused()


def test_nothing_is_left_of_a_run_that_did_not_begin(tmp_path):
    run = RunDir.create(str(tmp_path / "run"), "")
    run.discard_unused()
    assert not run.path.exists()
    run = RunDir.create(str(tmp_path / "run"), "")
    (run.path / "notes.txt").write_text("mine")
    run.discard_unused()
    assert (run.path / "notes.txt").exists()


def test_open_says_what_is_wrong(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        RunDir.open(tmp_path / "nowhere")
    RunDir.create(str(tmp_path / "a"), "").write_config(resolve(compose(TRAIN, "train", [])))
    with pytest.raises(UsageError, match=r"not a run directory; there are runs in it: .*/a"):
        RunDir.open(tmp_path)
    RunDir.create(str(tmp_path / "hopper_0"), "").write_config(resolve(compose(TRAIN, "train", [])))
    with pytest.raises(UsageError, match=r"does not exist\. Did you mean .*/hopper_0\?"):
        RunDir.open(tmp_path / "hoper_0")


@pytest.mark.parametrize(
    "arguments",
    [
        ["env=Hopper", "task=standing"],
        ["env=Humanoid", "task=kneeling", "reward=vlm", "reward.alpha=0.5", "algo=sac", "algo.net_arch=[32]"],
        ["env=CartPole", "reward=zero", "algo=recurrent_ppo", "render=fidelity"],
        ["env.id=Pendulum-v1", "env.kwargs.g=3.0", "reward=custom", "reward.path=m:f", "reward.params.k=1", "algo=tqc"],
    ],
)
def test_config_comes_back_as_it_was(tmp_path, arguments: list[str]):
    config = resolve(compose(TRAIN, "train", arguments))
    run = RunDir.create(str(tmp_path / "run"), "")
    run.write_config(config)
    assert run.read_config() == config


def test_damaged_config_is_named(tmp_path):
    run = RunDir.create(str(tmp_path), "")
    write_text(tmp_path / "config.yaml", "env: {name: Hopper\n")
    with pytest.raises(UsageError, match=r"config.yaml is damaged"):
        run.read_config()


@pytest.mark.parametrize("name", ["config.yaml", "progress.csv", "summary.json"])
def test_files_of_noise_are_named(tmp_path, name: str):
    run = RunDir(tmp_path)
    (tmp_path / name).write_bytes(bytes(range(128, 256)))
    read = {"config.yaml": run.read_config, "progress.csv": lambda: read_progress(run.progress)}
    with pytest.raises(UsageError, match=f"{name} is damaged"):
        read.get(name, run.read_summary)()


def test_the_reward_file_is_kept(tmp_path):
    source = tmp_path / "mine.py"
    source.write_text("def f(obs): return obs[:, 0]\n")
    config = compose(TRAIN, "train", ["reward=custom", f"reward.path={source}:f"])
    run = RunDir.create(str(tmp_path / "run"), "")
    run.keep_reward_file(config)
    assert config.reward.path == "reward/mine.py:f"
    assert (run.path / "reward" / "mine.py").read_text() == source.read_text()
    missing = compose(TRAIN, "train", ["reward=custom", "reward.path=nowhere.py:f"])
    with pytest.raises(UsageError, match=r"no such file 'nowhere.py'"):
        run.keep_reward_file(missing)


def test_progress_gains_columns_and_goes_back(tmp_path):
    path = tmp_path / "progress.csv"
    file = ProgressFile(path)
    file.append({STEP: 10, "a": 1.5})
    file.append({STEP: 20, "a": 2.5, "b": -1.0})
    file.append({STEP: 30, "b": 0.1 + 0.2})
    rows = [{STEP: 10, "a": 1.5}, {STEP: 20, "a": 2.5, "b": -1.0}, {STEP: 30, "b": 0.1 + 0.2}]
    assert read_progress(path) == rows
    with path.open("a") as stream:
        stream.write("40,1.2")  # a process that was killed while writing
    assert read_progress(path) == rows
    back = ProgressFile(path, until=20)
    assert back.rows == rows[:2]
    back.append({STEP: 31, "a": 0.0})
    assert [row[STEP] for row in read_progress(path)] == [10, 20, 31]


def test_files_are_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "file"
    write_text(path, "old")

    def write_half() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half of the n")
            raise OSError("disk full")

    with pytest.raises(OSError, match="full"):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_meta_has_what_repeats_a_run(tmp_path):
    run = RunDir.create(str(tmp_path), "")
    run.write_meta(seed=7)
    meta = run.read_meta()
    assert meta["seed"] == 7
    assert {"gymnasium", "numpy", "stable-baselines3", "torch"} <= set(meta["versions"])
    assert meta["command"].startswith("python ")

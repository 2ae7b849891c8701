"""Training from the command line, whole: the main job, resuming, stopping, faults."""

from __future__ import annotations

import csv
import json
import random
import signal
import sys
import time
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace

import gymnasium as gym
import imageio.v3 as imageio
import numpy as np
import pytest
from gymnasium.wrappers import TransformObservation
from stable_baselines3.common.policies import ActorCriticCnnPolicy
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.build import make_model, resolve, tuned
from agents.config.algorithms import Schedule, Settings
from agents.errors import UsageError
from agents.runs import RunDir, read_progress
from agents.sb3 import VecReplaceReward
from agents.session import best_score
from tests.agents.runners import (
    INTERVALS,
    SMALL,
    STEP,
    command,
    configured,
    finish,
    forked,
    numbers,
    ran,
    resumed,
    trained,
)

# The main job


@pytest.mark.slow
def test_the_main_job(tmp_path):
    """`python -m agents.train env=Humanoid reward=vlm` on real physics, rendering and a real CLIP model."""
    run = RunDir(tmp_path / "run")
    code, said = finish(command("env=Humanoid", "reward=vlm", "total_timesteps=512", f"run_dir={run.path}"))
    assert code == 0, said
    assert "reward vlm by tiny_clip: " in said
    summary = run.read_summary()
    assert (summary["state"], summary["timesteps"]) == ("finished", 512)
    rows = read_progress(run.progress)
    assert rows[-1][STEP] == 512
    assert {"rollout/ep_rew_mean", "reward/vlm", "eval/fitness", "time/fps", "rollout/fitness"} <= set(rows[-1])
    lengths, rewards = rows[-1]["rollout/ep_len_mean"], rows[-1]["reward/vlm"]
    assert 0 < abs(rewards) <= lengths  # a cosine similarity per step, not the zeros that stood in for it
    config = run.read_config()
    assert (config.reward.model, config.task) == ("tiny_clip", "running")
    assert config.reward.goal  # the task's prompts are written down
    video = imageio.imread(run.video)
    assert video.shape[1:] == (320, 320, 3)
    assert video.std() > 10
    page = run.report.read_text()
    assert "data:video/mp4;base64," in page
    assert page.count("<svg") >= 4
    assert any((run.path / "tensorboard").iterdir())
    assert json.loads((run.path / "meta.json").read_text())["command"].endswith(f"run_dir={run.path}")
    assert not (run.path / "lock").exists()


def test_deferred_vlm_rewards_in_a_run(tmp_path):
    """In process, with a pole that draws itself."""
    run = trained(tmp_path / "run", "reward=vlm", "total_timesteps=256", "eval_every=0")
    rows = read_progress(run.progress)
    assert "reward/vlm" in rows[-1]
    assert 0 < abs(rows[-1]["reward/vlm"]) <= rows[-1]["rollout/ep_len_mean"]


@pytest.mark.parametrize("algo", ["ppo", "sac", "td3", "tqc", "recurrent_ppo"])
def test_every_algorithm_trains(tmp_path, algo: str):
    arguments = [f"algo={algo}", "env=InvertedPendulum", "num_envs=2", "algo.net_arch=[8]", "video=false"]
    arguments += ["total_timesteps=256", "eval_episodes=1", f"run_dir={tmp_path / algo}", "tensorboard=false"]
    arguments += ["algo.n_steps=64"] if "ppo" in algo else ["algo.learning_starts=64", "algo.buffer_size=1000"]
    arguments += ["algo.lstm_hidden_size=8"] if algo == "recurrent_ppo" else []
    run = ran(configured(*arguments))
    row = read_progress(run.progress)[-1]
    assert row[STEP] >= 256
    assert any(name.startswith("train/") and "loss" in name for name in row)


def test_pictures_and_numbers_as_observations(tmp_path):
    """The policy suits the observations, and only what can be normalised is."""
    frozen = [
        "env.id=FrozenLake-v1",
        "num_envs=2",
        "algo.n_steps=32",
        "total_timesteps=64",
        "video=false",
        "eval_every=0",
    ]
    run = ran(configured(*frozen, f"run_dir={tmp_path / 'lake'}"))
    assert run.read_summary()["timesteps"] == 64
    config = resolve(configured("env.id=FrozenLake-v1", "algo.n_steps=8", "algo.batch_size=8", "num_envs=1"))
    pixels = gym.spaces.Box(0, 255, (36, 36, 3), np.uint8)
    cart = gym.make("CartPole-v1")
    venv = DummyVecEnv([lambda: TransformObservation(cart, lambda _: np.zeros((36, 36, 3), np.uint8), pixels)])
    model = make_model(config, VecReplaceReward(venv))
    assert isinstance(model.policy, ActorCriticCnnPolicy)
    assert not model.get_vec_normalize_env().norm_obs


# Hyper-parameters


def test_tuned_values_keep_the_size_of_a_rollout():
    config = resolve(configured("env=Humanoid"))
    assert config.num_envs * config.algo.n_steps == 512
    assert (config.algo.gamma, config.algo.batch_size, config.total_timesteps) == (0.95, 256, 10_000_000)
    mine = resolve(configured("env=Humanoid", "algo.gamma=0.9", "num_envs=4", "total_timesteps=1000"))
    assert (mine.algo.gamma, mine.num_envs, mine.algo.n_steps, mine.total_timesteps) == (0.9, 4, 128, 1000)
    explicit = resolve(configured("env=Humanoid", "algo.n_steps=100"))
    assert explicit.algo.n_steps == 100
    pole = resolve(configured("env.id=CartPole-v1"))
    assert (pole.num_envs, pole.algo.n_steps, pole.algo.schedule) == (8, 32, Schedule.linear)
    assert resolve(configured("env=Swimmer", "algo=tqc")).algo.gamma == tuned("sac", "Swimmer")["gamma"] == 0.9999


def test_settings_for_a_small_budget():
    config = resolve(configured("env=HalfCheetah", "algo.settings=small", "algo.gamma=0.9"))
    assert (config.num_envs, config.algo.n_steps, config.algo.gamma, config.total_timesteps) == (16, 64, 0.9, 100_000)
    for algo in ("ppo", "recurrent_ppo", "sac", "tqc", "td3"):
        for env in ("Hopper", "CartPole", "nowhere"):
            steps = [tuned(algo, env, settings)["total_timesteps"] for settings in Settings]
            assert steps[1] < steps[0], (algo, env)


def test_evaluation_is_rarer_where_episodes_are_long():
    short = resolve(configured("env=Humanoid", "task=kneeling", "total_timesteps=100_000"))
    long = resolve(configured("env=Humanoid", "task=running", "total_timesteps=100_000"))
    assert short.eval_every == 5000
    assert long.eval_every == 2 * 1000 * long.eval_episodes


# The same weights, come what may


@pytest.fixture(scope="module")
def reference(tmp_path_factory) -> RunDir:
    """A run that nothing interrupted."""
    return trained(tmp_path_factory.mktemp("reference") / "run", *INTERVALS, "total_timesteps=2048")


@pytest.mark.slow
def test_killed_at_a_random_moment_and_resumed(tmp_path, reference: RunDir):
    run = RunDir(tmp_path / "run")
    process = forked(*SMALL, *INTERVALS, "total_timesteps=2048", f"run_dir={run.path}")
    while process.poll() is None and len(read_progress(run.progress)) < 2:
        time.sleep(0.01)
    time.sleep(random.uniform(0, 0.5))
    process.kill()
    process.communicate()
    resumed(run)
    assert run.last.read_bytes() == reference.last.read_bytes()
    assert run.best.read_bytes() == reference.best.read_bytes()
    assert numbers(run) == numbers(reference)
    assert run.read_summary()["state"] == "finished"


def test_a_longer_run_is_a_shorter_one_that_goes_on(tmp_path, reference: RunDir):
    run = trained(tmp_path / "run", *INTERVALS, "total_timesteps=1024")
    assert run.read_summary()["timesteps"] == 1024
    resumed(run, "total_timesteps=2048")
    assert run.last.read_bytes() == reference.last.read_bytes()
    assert numbers(run) == numbers(reference)


def test_resuming_before_the_first_checkpoint_starts_again(tmp_path, reference: RunDir):
    run = RunDir.create(str(tmp_path / "run"), "")
    run.write_config(reference.read_config())
    (run.path / "progress.csv").write_text(f"{STEP},rollout/fitness\n128,0.5\n")
    resumed(run)
    assert numbers(run) == numbers(reference)


@pytest.mark.parametrize("algo", ["ppo", "sac"])
def test_evaluation_changes_nothing(tmp_path, algo: str):
    arguments = ["env=InvertedPendulum", f"algo={algo}", "total_timesteps=192", "algo.net_arch=[8]", "video=false"]
    arguments += ["algo.n_steps=32", "num_envs=2"] if algo == "ppo" else ["algo.learning_starts=50", "num_envs=1"]
    runs = [
        ran(configured(*arguments, f"run_dir={tmp_path / str(every)}", f"eval_every={every}", "eval_episodes=2"))
        for every in (0, 64)
    ]
    assert runs[0].last.read_bytes() == runs[1].last.read_bytes()
    assert not runs[0].best.exists()
    assert len([row for row in read_progress(runs[1].progress) if "eval/fitness" in row]) >= 3


# Stopping


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_save_and_exit_cleanly(tmp_path, number: signal.Signals):
    run = RunDir(tmp_path / "run")
    start = command if number is signal.SIGINT else forked
    process = start(*SMALL, "total_timesteps=10_000_000", "log_every=512", "eval_every=0", f"run_dir={run.path}")
    while process.poll() is None and len(read_progress(run.progress)) < 2:
        time.sleep(0.02)
    process.send_signal(number)
    code, said = finish(process)
    assert code == 0, said
    assert "Traceback" not in said
    assert "saving, then stopping" in said
    summary = run.read_summary()
    assert summary["state"] == "interrupted"
    assert run.report.exists()
    more = summary["timesteps"] + 256
    resumed(run, f"total_timesteps={more}")
    steps = [row[STEP] for row in read_progress(run.progress)]
    assert steps == sorted(set(steps))
    assert steps[-1] >= more


def test_sweeps_run_each_job_in_its_own_folder_and_survive_a_bad_one(tmp_path):
    arguments = ("-m", *SMALL, "total_timesteps=128", "eval_every=0", "task=balancing,balncing,upright")
    code, said = finish(forked(*arguments, f"run_dir={tmp_path / 'sweep'}"))
    assert code == 1
    assert "'balncing'. Did you mean 'balancing'" in said
    assert "1 of the jobs failed: task=balncing" in said
    for task in ("balancing", "upright"):
        run = RunDir(tmp_path / "sweep" / f"task={task}")
        assert run.read_summary()["state"] == "finished"
        assert run.read_config().task == task


def test_a_score_that_is_not_a_number_is_not_the_best_for_ever():
    """Trap: a run goes on whose first evaluation was NaN, and no later policy is ever kept as the best."""
    nan = float("nan")
    rows = [{"eval/fitness": nan}, {"eval/fitness": -2.0}, {STEP: 5}, {"eval/fitness": -1.0}, {"eval/fitness": nan}]
    assert best_score(rows, "eval/fitness") == -1.0
    assert best_score(rows[:1], "eval/fitness") == best_score([], "eval/fitness") == -float("inf")


def test_progress_is_csv_for_everybody(reference: RunDir):
    with reference.progress.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0][STEP] == "0.0"
    assert np.isfinite([float(row["rollout/fitness"]) for row in rows if row["rollout/fitness"]]).all()


def test_wandb_gets_every_row_and_continues_the_same_run(tmp_path, monkeypatch):
    """With a stand-in for the package, which is an extra."""
    calls: list[tuple[str, object]] = []
    uploads = SimpleNamespace(
        log=lambda values, step: calls.append(("log", (step, values))), finish=lambda: calls.append(("finish", None))
    )
    package = ModuleType("wandb")
    package.__spec__ = ModuleSpec("wandb", None)
    package.init = lambda **options: calls.append(("init", options)) or uploads
    monkeypatch.setitem(sys.modules, "wandb", package)
    run = trained(tmp_path / "run", "total_timesteps=256", "eval_every=0", "log_every=128", "wandb=true")
    resumed(run, "total_timesteps=384", "wandb=true")
    kinds = [kind for kind, _ in calls]
    assert kinds == ["init", "log", "log", "finish", "init", "log", "finish"]
    assert [call[0] for kind, call in calls if kind == "log"] == [128, 256, 384]
    first, second = (options for kind, options in calls if kind == "init")
    assert first["id"] == second["id"] == "run"
    assert first["config"]["env"]["name"] == "CartPole"


def test_wandb_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"reward-designers\[wandb\]"):
        trained(tmp_path / "run", "wandb=true")

"""Training and evaluation where the world is text and actions are commands."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sb3_contrib import MaskablePPO
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.build import make_env, make_model, make_venv, resolve
from agents.cli import compose
from agents.config.algorithms import MaskablePPO as Options
from agents.config.commands import EVALUATE, TRAIN
from agents.errors import UsageError
from agents.evaluate import evaluate
from agents.evaluation import means, record, run_episodes
from agents.pointer import PointerPolicy
from agents.runs import RunDir, read_progress
from agents.sb3 import VecReplaceReward, make_algorithm
from envs.alfworld.games import TASK_TYPES
from envs.alfworld.tokens import TokenObservation
from reward_designers.base import RewardFn, Transition
from tests.agents.household import Household
from tests.agents.runners import configured, forked, numbers, ran, resumed

HOUSE = ("env.id=tests.agents.household:Household-v0", "env.kwargs.size=1", "reward=env", "algo=maskable_ppo")
HOUSE += ("env.kwargs.max_episode_steps=12", "env.eval_kwargs.split=valid_unseen", "algo.net_arch=[16]", "num_envs=4")
HOUSE += ("algo.n_steps=16", "algo.batch_size=32", "algo.n_epochs=2", "algo.normalize_reward=true", "tensorboard=false")
HOUSE += ("log_every=128", "eval_every=256", "eval_episodes=3", "checkpoint_every=128")


def house(run_dir: Path, *arguments: str) -> RunDir:
    return ran(configured(f"run_dir={run_dir}", *HOUSE, *arguments), page=True)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """A run that nothing interrupted."""
    return house(tmp_path_factory.mktemp("reference") / "run", "total_timesteps=768")


# What is chosen


def test_alfworld_brings_its_algorithm_and_splits_along() -> None:
    config = configured("env=ALFWorld")
    assert isinstance(config.algo, Options)
    assert config.env.kwargs == {"split": "train"}
    assert config.env.eval_kwargs == {"split": "valid_unseen"}
    assert resolve(config).eval_episodes == 48
    assert configured("env=ALFWorld", "algo=ppo").algo.name == "ppo"
    assert configured("env=Hopper").algo.name == "ppo"
    assert resolve(configured("env=Hopper")).eval_episodes == 8


def test_evaluations_play_other_games() -> None:
    config = resolve(configured(*HOUSE, "env.kwargs.split=train"))
    splits = [make_env(config, evaluates).unwrapped.split for evaluates in (False, True)]  # type: ignore[attr-defined]
    assert splits == ["train", "valid_unseen"]


def test_a_wrong_argument_of_the_environment_is_named() -> None:
    config = resolve(configured(*HOUSE, "env.eval_kwargs.spit=train"))
    with pytest.raises(ValueError, match=r"spit=train.*unexpected keyword argument 'spit'"):
        make_env(config, evaluates=True)


@pytest.mark.parametrize("wrong", ["algo=ppo", "algo=recurrent_ppo"])
def test_algorithms_that_need_fixed_numbers_are_refused(wrong: str) -> None:
    config = resolve(configured("env.id=tests.agents.household:Household-v0", "reward=env", wrong, "num_envs=1"))
    with pytest.raises(ValueError, match="algo=maskable_ppo"):
        make_model(config, make_venv(config, 1, None))


def test_masks_need_an_environment_that_has_some() -> None:
    config = resolve(configured("env=CartPole", "reward=env", "algo=maskable_ppo", "num_envs=1"))
    with pytest.raises(ValueError, match="action_masks"):
        make_model(config, make_venv(config, 1, None))


def test_what_a_policy_that_points_has_not_is_refused() -> None:
    with pytest.raises(UsageError, match="log_std_init"):
        compose(TRAIN, "train", ["env=ALFWorld", "algo.log_std_init=0"])
    config = resolve(configured(*HOUSE, "algo.activation=relu"))
    with pytest.raises(ValueError, match="net_arch=\\[WIDTH\\]"):
        make_model(config, make_venv(config, 1, None))


# A run


def test_a_run_leaves_curves_by_task_and_a_transcript(reference: RunDir) -> None:
    rows = read_progress(reference.progress)
    assert any(name.startswith("train/") and "loss" in name for name in rows[-1])
    text = reference.transcript.read_text()
    assert text.startswith("You are in the middle of a room.")
    assert text.count("\n> ") == (12 if "(out of time)" in text else text.count("reward"))
    page = reference.report.read_text()
    assert "<b>&gt; " in page
    assert "Your task is to: put a" in page
    assert not reference.video.exists()


@pytest.mark.slow
def test_killed_at_a_random_moment_and_resumed(tmp_path: Path, reference: RunDir) -> None:
    run = RunDir(tmp_path / "run")
    process = forked(*HOUSE, "total_timesteps=768", f"run_dir={run.path}")
    while process.poll() is None and len(read_progress(run.progress)) < 2:
        time.sleep(0.01)
    time.sleep(random.uniform(0, 0.5))
    process.kill()
    process.communicate()
    resumed(run)
    assert run.last.read_bytes() == reference.last.read_bytes()
    assert numbers(run) == numbers(reference)
    assert run.transcript.read_text() == reference.transcript.read_text()


class Novel(RewardFn):
    """Learns from rollouts and remembers episodes: needs the buffers of `agents.buffers`."""

    inputs = frozenset({"times_given"})
    markov = False

    def __init__(self) -> None:
        self.seen = np.zeros(())

    def __call__(self, t: Transition, memory: Any = None) -> dict[str, np.ndarray]:
        new = (t.next_state["times_given"] == 1).sum(1)
        before = memory.array("before")
        pay = (new > before) / (1.0 + self.seen)
        before[:] = new
        return {"new": pay}

    def update(self, rollout: Transition) -> dict[str, float]:
        self.seen = self.seen + 0.1
        return {"seen": float(self.seen)}

    def state_dict(self) -> dict[str, np.ndarray]:
        return {"seen": np.array(self.seen)}

    def load_state_dict(self, state: Any) -> None:
        self.seen = np.array(state["seen"])


def test_rewards_of_whole_rollouts_equal_stepwise_ones() -> None:
    """MaskablePPO's buffers: what is computed at a rollout's end is what each step would have given."""

    def weights(deferred: bool) -> dict[str, Any]:
        env = [lambda: TokenObservation(Household(size=1, max_episode_steps=12))] * 3
        venv = VecReplaceReward(DummyVecEnv(env), Novel(), deferred=deferred)
        venv.seed(0)
        sizes: dict[str, Any] = {"n_steps": 16, "batch_size": 16, "n_epochs": 2, "policy_kwargs": {"width": 8}}
        model = make_algorithm("maskable_ppo", venv, policy=PointerPolicy, seed=0, **sizes)
        model.learn(150)
        assert model.rollout_buffer.action_masks.sum(-1).max() < 64  # type: ignore[attr-defined]
        return {name: tensor.clone() for name, tensor in model.policy.state_dict().items()}

    stepwise, deferred = weights(False), weights(True)
    for name, tensor in stepwise.items():
        assert tensor.equal(deferred[name]), name


# Evaluation


def test_every_episode_counts_for_its_type_of_task() -> None:
    config = resolve(configured("env=ALFWorld", "reward=env", "algo.net_arch=[8]", "algo.batch_size=8", "num_envs=3"))
    venv = make_venv(config, 3, None, evaluates=True)
    rows = run_episodes(make_model(config, venv), venv, 3, seed=0)
    for row in rows:
        kinds = [name for name in row if name.startswith("success/")]
        assert len(kinds) == 1
        assert kinds[0].removeprefix("success/") in TASK_TYPES
        assert row[kinds[0]] == row["success"]


def test_means_are_taken_by_task_type() -> None:
    rows = [{"success": 1.0, "success/heat": 1.0}, {"success": 0.0, "success/cool": 0.0}, {"success": 1.0}]
    assert means(rows) == {"success": 2 / 3, "success/heat": 1.0, "success/cool": 0.0}


class Masked(Household):
    """Allows the last command alone, and ends the test if another one is chosen."""

    def action_masks(self) -> np.ndarray:
        return np.arange(64) == len(self.commands()) - 1

    def step(self, action: Any) -> Any:
        assert self.action_masks()[action]
        return super().step(action)


def test_evaluations_keep_to_the_masks() -> None:
    venv = VecReplaceReward(DummyVecEnv([lambda: TokenObservation(Masked(max_episode_steps=4))] * 2))
    model = make_algorithm("maskable_ppo", venv, policy=PointerPolicy, n_steps=8, batch_size=8)
    assert isinstance(model, MaskablePPO)
    for deterministic in (True, False):
        rows = run_episodes(model, venv, 2, 0, deterministic=deterministic)
        assert [row["length"] for row in rows] == [4, 4]


def quarter(next_times_given: np.ndarray) -> np.ndarray:
    return np.full(len(next_times_given), 0.25)


def test_a_transcript_is_one_episode_with_what_it_was_worth(tmp_path: Path) -> None:
    venv = VecReplaceReward(DummyVecEnv([lambda: TokenObservation(Household(max_episode_steps=5))]), quarter)
    model = make_algorithm("maskable_ppo", venv, policy=PointerPolicy, n_steps=8, batch_size=8)
    path = record(model, venv, tmp_path, 3)
    lines = path.read_text().splitlines()
    assert path.name == "transcript.txt"
    commands = [line for line in lines if line.startswith("> ")]
    assert len(commands) == 5
    assert all(line.rstrip().endswith("reward 0.25") for line in commands)
    assert lines[-1] == "(out of time)"


def test_a_run_is_evaluated_on_the_games_asked_for(reference: RunDir, tmp_path: Path) -> None:
    given = (f"run={reference.path}", "episodes=3", "checkpoint=last", f"output={tmp_path}")
    result = evaluate(compose(EVALUATE, "evaluate", [*given, "kwargs.split=train"]))
    assert result["env"]["split"] == "train"
    assert json.loads((tmp_path / "evaluation.json").read_text())["env"]["size"] == 1
    assert (tmp_path / "transcript.txt").is_file()


@pytest.mark.slow
def test_alfworld_with_a_belief_goes_on_in_mid_episode(tmp_path: Path) -> None:
    small = ("env=ALFWorld", "reward=factored", "algo.n_steps=16", "algo.batch_size=64", "num_envs=4", "eval_every=0")
    small += ("checkpoint_every=64", "log_every=64", "tensorboard=false", "video=false")
    whole = ran(configured(f"run_dir={tmp_path / 'whole'}", "total_timesteps=512", *small))
    part = ran(configured(f"run_dir={tmp_path / 'part'}", "total_timesteps=256", *small))
    resumed(part, "total_timesteps=512")
    assert part.last.read_bytes() == whole.last.read_bytes()
    assert numbers(part) == numbers(whole)

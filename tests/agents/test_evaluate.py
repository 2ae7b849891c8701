"""Evaluation: the right episodes, the right numbers, and nothing learned on the way."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from agents.build import make_model, make_venv, resolve
from agents.cli import compose
from agents.config.commands import EVALUATE
from agents.errors import UsageError
from agents.evaluate import evaluate, table
from agents.evaluation import interval, means, random_state_kept, run_episodes
from agents.policies import load_policy, save_policy
from agents.rewarding.make import make_reward
from agents.runs import RunDir
from agents.sb3 import VecReplaceReward
from tests.agents.runners import configured, trained


class Countdown(gym.Env):
    """Its seed says how many steps an episode lasts; the observation is the number of steps left."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def __init__(self) -> None:
        self.left = self.length = 3

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        if seed is not None:
            self.length = seed
        self.left = self.length
        return np.array([self.left], np.float32), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict]:
        self.left -= 1
        return np.array([self.left], np.float32), 1.0, self.left == 0, False, {}


def countdowns(number: int) -> VecReplaceReward:
    return VecReplaceReward(DummyVecEnv([Countdown] * number), lambda next_obs: {"left": next_obs[:, 0]})


@pytest.mark.parametrize("number", [1, 2, 5])
def test_every_seed_is_played_once_whatever_the_number_of_environments(number: int):
    model = PPO("MlpPolicy", DummyVecEnv([Countdown]), device="cpu", n_steps=8, batch_size=8)
    rows = run_episodes(model, countdowns(number), episodes=5, seed=2)
    assert [row["length"] for row in rows] == [2, 3, 4, 5, 6]
    assert [row["reward/left"] for row in rows] == [1, 3, 6, 10, 15]  # sums of the steps left
    assert [row["env_reward"] for row in rows] == [2, 3, 4, 5, 6]


def test_evaluating_disturbs_nothing():
    training = VecNormalize(countdowns(2))
    training.seed(5)
    model = PPO("MlpPolicy", training, device="cpu", n_steps=8, batch_size=8, seed=0)
    model.learn(16)
    assert training.obs_rms.count > 10
    weights = {name: tensor.clone() for name, tensor in model.policy.state_dict().items()}
    mean, random_state = training.obs_rms.mean.copy(), torch.get_rng_state()
    training.venv.episodes.drain()
    run_episodes(model, countdowns(3), episodes=7, seed=2, deterministic=False)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert np.array_equal(training.obs_rms.mean, mean)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.policy.state_dict().items())
    assert training.venv.episodes.drain() == {}


def test_random_state_is_kept_even_after_an_error():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    with pytest.raises(RuntimeError), random_state_kept():  # noqa: PT012
        np.random.rand(3)  # noqa: NPY002
        raise RuntimeError
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_policies_come_back_with_their_normalisation(tmp_path: Path):
    def make(seed: int) -> PPO:
        env = VecNormalize(countdowns(2))
        env.seed(seed + 3)
        return PPO("MlpPolicy", env, device="cpu", n_steps=8, batch_size=8, seed=seed)

    one, other = make(1), make(2)
    one.learn(16)
    save_policy(one, tmp_path / "policy.safetensors")
    load_policy(other, tmp_path / "policy.safetensors")
    obs = np.arange(6, dtype=np.float32).reshape(-1, 1)
    seen = [model.get_vec_normalize_env().normalize_obs(obs) for model in (one, other)]
    np.testing.assert_array_equal(*seen)
    values = [model.policy.predict_values(torch.as_tensor(seen[0])).detach().numpy() for model in (one, other)]
    np.testing.assert_array_equal(*values)
    (tmp_path / "policy.safetensors").write_bytes(b"half")
    with pytest.raises(ValueError, match=r"policy.safetensors is damaged"):
        load_policy(other, tmp_path / "policy.safetensors")


def test_interval_of_the_mean():
    values = np.random.default_rng(1).normal(3.0, 2.0, 100)
    low, high = interval(values.tolist())
    normal = 1.96 * values.std() / 10
    assert low == pytest.approx(values.mean() - normal, abs=0.05)
    assert high == pytest.approx(values.mean() + normal, abs=0.05)
    assert interval([2.0, 2.0]) == (2.0, 2.0)
    assert means([{"a": 1.0, "b": 2.0}, {"a": 3.0}]) == {"a": 2.0, "b": 2.0}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    folder = tmp_path_factory.mktemp("run")
    return trained(folder / "run", "total_timesteps=256", "eval_every=128", "eval_episodes=2")


def evaluated(run: RunDir, *arguments: str) -> dict[str, Any]:
    return evaluate(compose(EVALUATE, "evaluate", [f"run={run.path}", *arguments]))


def test_evaluating_a_run(finished: RunDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    result = evaluated(finished, "episodes=20", "seed=5", f"output={tmp_path / 'out'}")
    written = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert written == result
    assert len(result["rows"]) == 20
    fitness = result["metrics"]["fitness"]
    assert fitness["min"] <= fitness["low"] <= fitness["mean"] <= fitness["high"] <= fitness["max"]
    assert fitness["mean"] == pytest.approx(np.mean([row["fitness"] for row in result["rows"]]))
    assert (tmp_path / "out" / "video.mp4").stat().st_size > 1000
    printed = capsys.readouterr().out
    assert "95 % interval" in printed
    assert "fitness" in printed
    again = evaluated(finished, "episodes=20", "seed=5", "video=false")
    assert again["rows"] == result["rows"]  # the same seed, the same episodes
    assert list((finished.path / "evaluations").glob("*/evaluation.json"))


def test_another_reward_scores_the_same_episodes(finished: RunDir, tmp_path: Path):
    (tmp_path / "mine.py").write_text("def upright(next_pole_angle):\n    return next_pole_angle * 0 + 2.0\n")
    rows = {
        name: evaluated(finished, "episodes=3", "video=false", f"output={tmp_path / 'out'}", f"reward={name}")["rows"]
        for name in ("env", "zero", f"{tmp_path / 'mine.py'}:upright")
    }
    env, zero, mine = rows.values()
    assert [row["length"] for row in env] == [row["length"] for row in zero] == [row["length"] for row in mine]
    assert [row["reward"] for row in zero] == [0, 0, 0]
    assert [row["reward/upright"] for row in mine] == [2 * row["length"] for row in mine]


def test_mistakes_are_named(finished: RunDir, tmp_path: Path):
    with pytest.raises(UsageError, match=r"run= is needed"):
        evaluate(compose(EVALUATE, "evaluate", []))
    with pytest.raises(UsageError, match=r"unknown checkpoint 'lst'. Did you mean .*'last'"):
        evaluated(finished, "checkpoint=lst")
    with pytest.raises(UsageError, match=r"unknown reward 'zro'. Did you mean 'zero'"):
        evaluated(finished, "reward=zro")
    with pytest.raises(UsageError, match="does not exist"):
        evaluate(compose(EVALUATE, "evaluate", [f"run={tmp_path / 'nowhere'}"]))
    with pytest.raises(UsageError, match="episodes=0: expected 1 or more"):
        compose(EVALUATE, "evaluate", ["run=x", "episodes=0"])
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write to"):
        evaluated(finished, "episodes=1", f"output={tmp_path / 'file' / 'x'}")


def test_table_lines_up():
    lines = table({"fitness": {"mean": 0.5, "low": 0.25, "high": 0.75, "min": 0.0, "max": 1.0}}, 8).splitlines()
    assert len(lines[0]) == len(lines[1])
    assert "0.25 to 0.75" in lines[1]


def test_policies_are_evaluated_as_the_task_says(monkeypatch: pytest.MonkeyPatch) -> None:
    config = resolve(configured("env=CartPole", "num_envs=2", "algo.n_steps=8", "algo.batch_size=16"))
    venv = make_venv(config, 2, make_reward(config))
    model = make_model(config, venv)
    asked = []
    predict = model.predict
    monkeypatch.setattr(model, "predict", lambda *args: asked.append(args[3]) or predict(*args))
    before = run_episodes(model, venv, 4, 0)
    assert set(asked) == {True}
    assert venv.task is not None
    venv.task = replace(venv.task, greedy=False)
    drawn = run_episodes(model, venv, 4, 0)
    assert set(asked) == {True, False}
    assert drawn == run_episodes(model, venv, 4, 0) == run_episodes(model, venv, 4, 0, deterministic=False)
    assert drawn != before
    assert before == run_episodes(model, venv, 4, 0, deterministic=True)


def test_a_reward_that_learns_is_what_it_was_at_the_end_of_training(tmp_path: Path):
    trained(tmp_path / "run", "reward=count", "total_timesteps=1024")
    config = compose(EVALUATE, "evaluate", [f"run={tmp_path / 'run'}", "episodes=2", "video=false"])
    metrics = evaluate(config)["metrics"]
    unseen = 0.1 * metrics["length"]["mean"]  # what it pays for as many states that it has never seen
    assert 0 < metrics["reward/count"]["mean"] < 0.8 * unseen

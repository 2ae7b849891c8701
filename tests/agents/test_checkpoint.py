"""An interrupted run ends as an uninterrupted one does, and no fault costs more than the newest checkpoint."""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.noise import OrnsteinUhlenbeckActionNoise
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecNormalize

import envs
from agents import checkpoint_files
from agents.checkpoint import Checkpoints, load_checkpoint, save_checkpoint
from agents.checkpoint_files import CheckpointError, checkpoints, verify_checkpoint
from agents.sb3 import VecReplaceReward, find_reward_wrapper, make_algorithm
from reward_designers.base import RewardFn, Transition
from reward_designers.memory import EpisodeMemory


class Remembers(RewardFn):
    """Not Markov, and learns: needs everything that a checkpoint can hold."""

    markov = False

    def __init__(self) -> None:
        self.scale = np.ones(())

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> dict[str, np.ndarray]:
        assert memory is not None
        trace = memory.array("trace")
        trace[:] = 0.9 * trace + t.next_state["obs"][:, 1]
        return {"trace": trace / self.scale, "before": t.state["obs"][:, 0].astype(np.float64)}

    def update(self, rollout: Transition) -> dict[str, float]:
        self.scale = self.scale + np.abs(rollout.next_state["obs"]).mean()
        return {"scale": float(self.scale)}

    def state_dict(self) -> dict[str, np.ndarray]:
        return {"scale": np.array(self.scale)}

    def load_state_dict(self, state: Any) -> None:
        self.scale = np.array(state["scale"])


def build(algorithm: str, env_id: str, *, deferred: bool = True, seed: int = 0, **options: Any) -> BaseAlgorithm:
    venv = VecReplaceReward(
        DummyVecEnv([lambda: gym.make(env_id, max_episode_steps=15)] * 3), Remembers(), deferred=deferred
    )
    env = VecNormalize(venv, gamma=0.9)
    if "ppo" in algorithm:
        networks = {"net_arch": [8]} | ({"lstm_hidden_size": 8} if algorithm == "recurrent_ppo" else {})
        sizes: dict[str, Any] = {"n_steps": 32, "batch_size": 32, "n_epochs": 2, "policy_kwargs": networks}
    else:
        sizes = {"learning_starts": 60, "train_freq": 7, "batch_size": 16, "buffer_size": 300}
        sizes |= {"policy_kwargs": {"net_arch": [8]}}
    return make_algorithm(algorithm, env, seed=seed, **(sizes | options))


def ending(model: BaseAlgorithm, total: int, callback: Any = None) -> dict[str, np.ndarray]:
    """Train, then `everything`."""
    return everything(model.learn(total, callback=callback))


def everything(model: BaseAlgorithm) -> dict[str, np.ndarray]:
    """Networks, optimizers, statistics and the next random numbers, by name: take it before anything else runs."""
    found = {name: tensor.numpy().copy() for name, tensor in model.policy.state_dict().items()}
    for name in ("policy.optimizer", "actor.optimizer", "critic.optimizer", "ent_coef_optimizer"):
        owner: Any = model
        for part in name.split("."):
            owner = getattr(owner, part, None)
        for index, state in owner.state_dict()["state"].items() if owner is not None else ():
            found |= {f"{name}/{index}/{key}": np.asarray(value) for key, value in state.items()}
    if getattr(model, "log_ent_coef", None) is not None:
        found["log_ent_coef"] = model.log_ent_coef.detach().numpy()  # type: ignore[attr-defined]
    normalizer = model.get_vec_normalize_env()
    assert normalizer is not None
    found |= {"ret_mean": normalizer.ret_rms.mean, "obs_mean": normalizer.obs_rms.mean}  # type: ignore[union-attr]
    found["returns"] = normalizer.returns
    found["last_obs"] = np.asarray(model._last_obs)
    source = find_reward_wrapper(model.get_env())
    assert source is not None
    found |= {f"episodes/{name}": values for name, values in source.episodes.drain().items()}
    found["timesteps"] = np.asarray(model.num_timesteps)
    found["random"] = np.array([np.random.random(), torch.rand(1).item(), random.random()])  # noqa: NPY002
    return found


def assert_same(one: dict[str, np.ndarray], two: dict[str, np.ndarray]) -> None:
    assert one.keys() == two.keys()
    for name, values in one.items():
        np.testing.assert_array_equal(values, two[name], err_msg=name)


class Interrupt(BaseCallback):
    """Raises in the middle of a rollout, as Ctrl-C would."""

    def __init__(self, at: int):
        super().__init__()
        self.at = at

    def _on_step(self) -> bool:
        if self.num_timesteps >= self.at:
            raise KeyboardInterrupt
        return True


RUNS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "ppo": ("ppo", "InvertedPendulum-v5", {}),
    "ppo, discrete": ("ppo", "CartPole-v1", {"learning_rate": lambda left: 1e-3 * left}),
    "ppo, gSDE": ("ppo", "InvertedPendulum-v5", {"use_sde": True, "sde_sample_freq": 4}),
    "recurrent_ppo": ("recurrent_ppo", "CartPole-v1", {}),
    "sac": ("sac", "Pendulum-v1", {}),
    "sac, gSDE": ("sac", "Pendulum-v1", {"use_sde": True}),
    "td3": ("td3", "Pendulum-v1", {"action_noise": True}),
    "tqc": ("tqc", "InvertedPendulum-v5", {}),
}


@pytest.mark.parametrize(
    ("run", "deferred"), [(run, True) for run in RUNS] + [("ppo", False), ("recurrent_ppo", False), ("sac", False)]
)
def test_an_interrupted_run_equals_an_uninterrupted_one(run: str, deferred: bool, tmp_path: Path) -> None:
    algorithm, env_id, options = RUNS[run]

    def model() -> BaseAlgorithm:
        noise = {"action_noise": OrnsteinUhlenbeckActionNoise(np.zeros(1), np.full(1, 0.3))}
        return build(algorithm, env_id, deferred=deferred, **(options | (noise if "action_noise" in options else {})))

    whole = ending(model(), 450, Checkpoints(tmp_path / "a", every=100))
    with pytest.raises(KeyboardInterrupt):
        model().learn(450, callback=[Checkpoints(tmp_path / "b", every=100), Interrupt(at=340)])
    resumed = ending(model(), 450, Checkpoints(tmp_path / "b", every=100, resume=tmp_path / "b"))
    assert_same(whole, resumed)


class Slow(BaseCallback):
    """Takes its time, and never ends."""

    def _on_step(self) -> bool:
        time.sleep(0.002 if self.num_timesteps < 1400 else 60)
        return True


def train_in_child(algorithm: str, env_id: str, total: int, folder: Path) -> None:
    build(algorithm, env_id).learn(total, callback=[Checkpoints(folder, every=100), Slow()])


@pytest.mark.parametrize(("algorithm", "env_id"), [("ppo", "InvertedPendulum-v5"), ("sac", "Pendulum-v1")])
def test_a_run_killed_at_a_random_moment_resumes_exactly(algorithm: str, env_id: str, tmp_path: Path) -> None:
    total = 1500
    child = multiprocessing.get_context("fork").Process(
        target=train_in_child, args=(algorithm, env_id, total, tmp_path), daemon=True
    )
    child.start()
    assert child.pid is not None
    deadline = time.monotonic() + 60
    while not checkpoints(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(random.Random(os.getpid()).uniform(0, 0.7))
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert child.exitcode == -signal.SIGKILL, "it was over before it could be killed"
    resumed = ending(build(algorithm, env_id), total, Checkpoints(tmp_path, every=100, resume=tmp_path))
    assert_same(ending(build(algorithm, env_id), total, Checkpoints(tmp_path / "whole", every=100)), resumed)


@pytest.mark.parametrize(("algorithm", "env_id"), [("ppo", "CartPole-v1"), ("sac", "Pendulum-v1")])
def test_stop_ends_a_run_soon_and_it_resumes_exactly(algorithm: str, env_id: str, tmp_path: Path) -> None:
    checkpoint = Checkpoints(tmp_path, every=10_000)

    class Stop(BaseCallback):
        def _on_step(self) -> bool:
            if self.num_timesteps >= 230:
                checkpoint.stop()
            return True

    whole = ending(build(algorithm, env_id), 400)
    stopped = build(algorithm, env_id).learn(400, callback=[Stop(), checkpoint])
    assert 230 <= stopped.num_timesteps < 270
    assert_same(whole, ending(build(algorithm, env_id), 400, Checkpoints(tmp_path, every=10_000, resume=tmp_path)))


def test_a_finished_run_goes_on_when_given_more_steps(tmp_path: Path) -> None:
    def model() -> BaseAlgorithm:
        return build("ppo", "InvertedPendulum-v5", use_sde=True)

    whole = ending(model(), 500, Checkpoints(tmp_path / "a", every=96))
    model().learn(288, callback=Checkpoints(tmp_path / "b", every=96))
    assert_same(whole, ending(model(), 500, Checkpoints(tmp_path / "b", every=96, resume=tmp_path / "b")))


class Odd(gym.Wrapper):
    """Cannot be captured: how far a generator has come is not to be seen from outside."""

    def __init__(self, env: gym.Env):
        super().__init__(env)
        self.wind = iter(())

    def reset(self, **options: Any) -> Any:
        self.wind = iter(np.linspace(0, 1, 100))
        return self.env.reset(**options)

    def step(self, action: Any) -> Any:
        obs, reward, terminated, truncated, info = self.env.step(action)
        return (obs + 0.01 * next(self.wind)).astype(np.float32), reward, terminated, truncated, info


@pytest.mark.parametrize("place", ["odd", "processes"])
@pytest.mark.parametrize("algorithm", ["ppo", "sac"])
def test_where_environments_cannot_be_captured_both_runs_restart_their_episodes(
    algorithm: str, place: str, tmp_path: Path
) -> None:
    env_id = "CartPole-v1" if algorithm == "ppo" else "Pendulum-v1"
    opened = []

    def model() -> BaseAlgorithm:
        make = lambda: Odd(gym.make(env_id, max_episode_steps=15))  # noqa: E731
        inner = DummyVecEnv([make] * 2) if place == "odd" else SubprocVecEnv([make] * 2, start_method="fork")
        opened.append(inner)
        env = VecNormalize(VecReplaceReward(inner, Remembers()))
        sizes = {"n_steps": 16, "batch_size": 16} if algorithm == "ppo" else {"learning_starts": 40, "train_freq": 8}
        return make_algorithm(algorithm, env, seed=3, **sizes)

    try:
        whole = ending(model(), 200, Checkpoints(tmp_path / "a", every=60))
        with pytest.raises(KeyboardInterrupt):
            model().learn(200, callback=[Checkpoints(tmp_path / "b", every=60), Interrupt(at=150)])
        assert_same(whole, ending(model(), 200, Checkpoints(tmp_path / "b", every=60, resume=tmp_path / "b")))
    finally:
        for venv in opened:
            venv.close()


def test_hopper_with_named_fields_goes_on_in_mid_episode(tmp_path: Path) -> None:
    def model() -> BaseAlgorithm:
        def stand(torso_height: np.ndarray, next_forward_velocity: np.ndarray, next_xpos: np.ndarray) -> np.ndarray:
            return torso_height + next_forward_velocity + next_xpos[:, 1, 2]

        env = VecNormalize(VecReplaceReward(DummyVecEnv([lambda: envs.make("Hopper")] * 2), stand, deferred=True))
        return make_algorithm("ppo", env, seed=0, n_steps=16, batch_size=16, n_epochs=1)

    whole = ending(model(), 128)
    model().learn(64, callback=Checkpoints(tmp_path, every=1000))
    assert_same(whole, ending(model(), 128, Checkpoints(tmp_path, every=1000, resume=tmp_path)))


def test_save_and_load_without_training_in_between(tmp_path: Path) -> None:
    model = build("sac", "Pendulum-v1")
    model.learn(200)
    path = save_checkpoint(model, tmp_path)
    saved = everything(model)
    other = build("sac", "Pendulum-v1", seed=5)
    assert load_checkpoint(other, tmp_path) == path
    assert_same(saved, everything(other))


# Files


def trained(tmp_path: Path) -> BaseAlgorithm:
    return build("ppo", "CartPole-v1").learn(96 * 3, callback=Checkpoints(tmp_path, every=96))


def test_the_newest_two_are_kept(tmp_path: Path) -> None:
    trained(tmp_path)
    assert [path.name for path in checkpoints(tmp_path)] == ["000002-step-192", "000003-step-288"]
    assert {path.name for path in tmp_path.iterdir()} == {"000002-step-192", "000003-step-288"}


@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
@pytest.mark.parametrize("name", ["arrays.npz", "torch.pt", "state.json", "manifest.json"])
def test_a_damaged_file_is_named_and_kept_and_the_good_checkpoint_before_it_is_named(
    name: str, damage: str, tmp_path: Path
) -> None:
    trained(tmp_path)
    good, bad = checkpoints(tmp_path)
    file = bad / name
    content = file.read_bytes()
    if damage == "flip":
        middle = len(content) // 2
        file.write_bytes(content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :])
    elif damage == "cut":
        file.write_bytes(content[:-20])
    else:
        file.unlink()
    left = {path: path.read_bytes() for path in bad.iterdir()}
    with pytest.raises(CheckpointError) as error:
        load_checkpoint(build("ppo", "CartPole-v1"), tmp_path)
    assert str(file) in str(error.value)
    assert str(good) in str(error.value)
    assert {path: path.read_bytes() for path in bad.iterdir()} == left
    load_checkpoint(build("ppo", "CartPole-v1"), good)


def test_a_run_that_went_back_to_the_good_checkpoint_writes_the_newest_one(tmp_path: Path) -> None:
    whole = everything(trained(tmp_path))
    good, bad = checkpoints(tmp_path)
    (bad / "torch.pt").write_bytes(b"")
    second = ending(build("ppo", "CartPole-v1"), 96 * 3, Checkpoints(tmp_path, every=96, resume=good))
    assert [path.name for path in checkpoints(tmp_path)] == ["000003-step-288", "000004-step-288"]
    assert_same(whole, second)
    load_checkpoint(build("ppo", "CartPole-v1"), tmp_path)


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """Writing past ``size`` bytes fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 3000, 20_000])
def test_a_full_disk_leaves_the_checkpoint_before_it_untouched(size: int, tmp_path: Path) -> None:
    model = build("sac", "Pendulum-v1")
    model.learn(200)
    before = save_checkpoint(model, tmp_path)
    with files_limited_to(size), pytest.raises(CheckpointError, match="could not save") as error:
        save_checkpoint(model, tmp_path)
    assert str(before) in str(error.value)
    assert list(tmp_path.iterdir()) == [before]
    verify_checkpoint(before)
    save_checkpoint(model, tmp_path)
    assert len(checkpoints(tmp_path)) == 2


def test_an_unwritable_folder_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CheckpointError, match="could not save"):
        save_checkpoint(build("ppo", "CartPole-v1"), tmp_path / "file")


def test_what_a_killed_run_was_writing_is_cleared_away(tmp_path: Path) -> None:
    model = trained(tmp_path)
    shutil.copytree(checkpoints(tmp_path)[-1], tmp_path / ".saving-000004-step-999")
    assert len(checkpoints(tmp_path)) == 2
    save_checkpoint(model, tmp_path)
    assert not list(tmp_path.glob(".saving*"))


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    trained(tmp_path)
    with pytest.raises(CheckpointError, match=r"algorithm=PPO.*algorithm=SAC"):
        load_checkpoint(build("sac", "Pendulum-v1"), tmp_path)
    with pytest.raises(CheckpointError, match="does not fit"):
        load_checkpoint(build("ppo", "CartPole-v1", policy_kwargs={"net_arch": [9]}), tmp_path)
    with pytest.raises(CheckpointError, match="no checkpoint in"):
        load_checkpoint(build("ppo", "CartPole-v1"), tmp_path.parent)
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        load_checkpoint(build("ppo", "CartPole-v1"), tmp_path / "nowhere")


def test_replay_blocks_that_have_not_changed_are_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_files, "BLOCK_BYTES", 2000)
    shared = []

    class Look(BaseCallback):
        def _on_step(self) -> bool:
            return True

        def _on_rollout_start(self) -> None:
            found = checkpoints(tmp_path)
            if len(found) == 2:
                old, new = ({file.name: file.stat().st_ino for file in path.glob("replay-*")} for path in found)
                shared.append((found[1].name, len(set(old.values()) & set(new.values())), len(new)))

    model = build("sac", "Pendulum-v1")  # 100 rows, of which a checkpoint's 50 timesteps fill about 17
    model.learn(600, callback=[Checkpoints(tmp_path, every=50), Look()])
    counts = {name: (same, total) for name, same, total in shared}
    assert max(total for _, total in counts.values()) >= 5
    assert all(same < total for same, total in counts.values())
    assert sum(same for same, _ in counts.values()) > sum(total for _, total in counts.values()) / 2
    other = build("sac", "Pendulum-v1", seed=9)
    load_checkpoint(other, tmp_path)
    for name in ("observations", "next_observations", "actions", "rewards", "dones", "timeouts"):
        np.testing.assert_array_equal(getattr(model.replay_buffer, name), getattr(other.replay_buffer, name))
    assert other.replay_buffer.pos == model.replay_buffer.pos
    assert other.replay_buffer.full


def test_other_objects_are_saved_along(tmp_path: Path) -> None:
    class Tally:
        def __init__(self) -> None:
            self.state: dict[str, Any] = {"count": 3, "best": np.array([1.5, 2.5]), "names": ["a", "b"]}

        def state_dict(self) -> dict[str, Any]:
            return self.state

        def load_state_dict(self, state: dict[str, Any]) -> None:
            self.state = state

    model = build("ppo", "CartPole-v1")
    model.learn(96)
    save_checkpoint(model, tmp_path, extra={"tally": Tally()})
    other = Tally()
    other.state = {}
    load_checkpoint(build("ppo", "CartPole-v1"), tmp_path, extra={"tally": other})
    assert other.state["count"] == 3
    assert other.state["names"] == ["a", "b"]
    np.testing.assert_array_equal(other.state["best"], [1.5, 2.5])
    with pytest.raises(CheckpointError, match="tally"):
        load_checkpoint(build("ppo", "CartPole-v1"), tmp_path)

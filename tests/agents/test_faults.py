"""What goes wrong with rewards, disks, checkpoints and input: told in a line, and nothing trained is lost."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import yaml
from safetensors import SafetensorError

from agents import checkpoint_files
from agents.errors import UsageError, explained, users_line
from agents.rewarding.make import make_reward
from agents.runs import RunDir, read_progress
from agents.train import train
from tests.agents.runners import SMALL, STEP, configured, custom, finish, forked, resumed, trained

# Faults of rewards

RAISES = "calls = 0\ndef mine(obs):\n    global calls\n    calls += 1\n    return obs[:, 0] / int(1 / (calls < 90))\n"
NOT_A_NUMBER = """
import numpy as np
calls = 0
def mine(obs):
    global calls
    calls += 1
    values = np.ones(len(obs))
    if calls > 90 and len(obs) == 4:
        values[2] = np.nan
    return {"fine": np.ones(len(obs)), "broken": values}
"""
WRONG_SHAPE = (
    "calls = 0\ndef mine(obs):\n    global calls\n    calls += 1\n    return obs if calls > 90 else obs[:, 0]\n"
)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (RAISES, ["'mine' raised ZeroDivisionError", "mine.py:5: return obs[:, 0] / int"]),
        (NOT_A_NUMBER, ["reward 'mine', component 'broken'", "1 of 4 values are not finite: nan in env 2"]),
        (WRONG_SHAPE, ["reward 'mine', component 'mine'", "expected shape (4,)", "got (4, 4)"]),
    ],
    ids=["raises", "nan", "shape"],
)
def test_a_failing_reward_stops_the_run_and_keeps_what_was_trained(tmp_path, capsys, body: str, expected: list[str]):
    arguments = ("total_timesteps=4096", "eval_every=0", "log_every=128", "checkpoint_every=100_000")
    with pytest.raises(SystemExit) as end:
        trained(tmp_path / "run", *custom(tmp_path, body), *arguments, page=True)
    assert end.value.code == 1
    said = capsys.readouterr().err
    for words in expected:
        assert words in said
    run = RunDir(tmp_path / "run")
    summary = run.read_summary()
    assert (summary["state"], summary["timesteps"]) == ("failed", 256)  # 90 steps of 4 are two updates and a bit
    assert expected[0].split(",")[0] in run.report.read_text().replace("&#39;", "'")
    assert run.last.exists()
    (run.path / "reward" / "mine.py").write_text("def mine(obs):\n    return obs[:, 0]\n")
    resumed(run, "total_timesteps=512")  # mended, it goes on from the last update
    steps = [row[STEP] for row in read_progress(run.progress)]
    assert steps == [128, 256, 384, 512]


def test_a_failing_reward_shows_no_traceback(tmp_path):
    reward = custom(tmp_path, "def mine(obs):\n    return [1.0, 2.0]\n")
    code, said = finish(forked(*SMALL, *reward, "total_timesteps=64", "eval_every=0", f"run_dir={tmp_path / 'run'}"))
    assert code == 1
    assert "Traceback" not in said
    assert "expected shape (4,)" in said


def test_a_custom_reward_from_a_config_directory(tmp_path):
    (tmp_path / "conf" / "reward").mkdir(parents=True)
    node = "_target_: reward_designers.base.FunctionReward\nfunction: agents.rewarding.make:zero\n"
    (tmp_path / "conf" / "reward" / "mine.yaml").write_text(node)
    run = RunDir(tmp_path / "run")
    directory = f"--config-dir={tmp_path / 'conf'}"
    code, said = finish(forked(directory, *SMALL, "reward=mine", "total_timesteps=128", f"run_dir={run.path}"))
    assert code == 0, said
    assert "reward/zero" in read_progress(run.progress)[-1]
    resumed(run, "total_timesteps=256")


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ("_target_: nosuch.Thing\n", "_target_=nosuch.Thing: "),
        ("_target_: builtins.int\n", "_target_=builtins.int: expected a reward"),
        ("_target_: reward_designers.base.FunctionReward\nfunctio: x\n", "unexpected keyword argument 'functio'"),
    ],
)
def test_a_reward_in_a_config_directory_that_is_none(tmp_path, node: str, expected: str):
    with pytest.raises(UsageError, match=expected), explained():
        make_reward(replace(configured("env=CartPole"), reward=yaml.safe_load(node)))


# Bad input


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["env=Humanoid", "task=kneling"], ["unknown task of Humanoid 'kneling'", "'kneeling'"]),
        (["env.id=Hoper-v5"], ["Hoper", "Hopper"]),
        (["env.id=Acrobot-v1", "task=upright"], ["Acrobot-v1"]),
        (["env=CartPole", "algo=sac"], ["algo=sac needs continuous actions", "algo=ppo"]),
        (["env=Hopper", "device=gpu"], ["device=gpu", "cpu"]),
        (["env=Hopper", "algo.activation=rellu"], ["unknown activation 'rellu'", "'relu'"]),
        (["env=Hopper", "device=meta"], ["device=meta", "device=cpu"]),
        (["env=Hopper", "env.kwargs.frame_skip=0"], ["Hopper", "frame_skip=0", "ZeroDivisionError"]),
        (["env=Hopper", "env.kwargs.skip=2"], ["Hopper", "skip=2", "unexpected keyword"]),
        (["env=Hopper", "algo.policy=CnnPolicy"], ["algo.policy=CnnPolicy", "leave algo.policy out"]),
        (["env=Hopper", "algo.net_arch=[64,0]"], ["algo.net_arch=[64, 0]", "1 or more"]),
        (["env=Hopper", "reward=code", "reward.path=nowhere.py"], ["reward.path", "no such file", "'nowhere.py'"]),
        (["env=CartPole", "reward=motif", "reward.path=nowhere"], ["reward.path", "'nowhere'", "agents.motif"]),
        (["env=Hopper", "reward=vlm", "reward.model=ViT-B-3"], ["ViT-B-3", "ViT-B-32"]),
        (["env.id=Acrobot-v1", "reward=vlm"], ["reward.goal="]),
        (["env=Hopper", "reward=custom", "reward.path=nowhere.py:f"], ["no such file", "'nowhere.py'"]),
        (["env=Hopper", "reward=custom", "reward.path=agents.rewarding.make:zeroo"], ["'zeroo'", "'zero'"]),
    ],
)
def test_bad_input_leaves_nothing_behind(tmp_path, arguments: list[str], expected: list[str]):
    run_dir = tmp_path / "run"
    with pytest.raises(UsageError) as caught:
        train(configured(*arguments, f"run_dir={run_dir}", "total_timesteps=64"))
    for words in expected:
        assert words in str(caught.value)
    assert not run_dir.exists()


def test_reward_reading_what_does_not_exist(tmp_path):
    reward = custom(tmp_path, "def mine(torso_hight):\n    return torso_hight\n")
    with pytest.raises(UsageError, match=r"'torso_hight'.*'torso_height'"):
        train(configured("env=Hopper", *reward, f"run_dir={tmp_path / 'run'}", "total_timesteps=64"))


@pytest.mark.parametrize("checked", [True, False], ids=["", "after torch.compile"])
def test_rewards_that_no_policy_survives_are_told(tmp_path, capsys, monkeypatch, checked: bool):
    monkeypatch.setattr("torch.distributions.Distribution._validate_args", checked)
    reward = custom(tmp_path, "import numpy as np\ndef mine(obs):\n    return np.full(len(obs), 1e38)\n")
    with pytest.raises(SystemExit) as end:
        trained(tmp_path / "run", *reward, "total_timesteps=512", "eval_every=0")
    assert end.value.code == 1
    assert "training diverged" in capsys.readouterr().err
    assert RunDir(tmp_path / "run").read_summary()["state"] == "failed"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    return trained(tmp_path_factory.mktemp("finished") / "run", "total_timesteps=256", "eval_every=0")


def test_resume_refuses_what_it_cannot_change(tmp_path, finished: RunDir):
    with pytest.raises(UsageError, match="seed cannot change when a run is resumed"):
        resumed(finished, "seed=3")
    with pytest.raises(UsageError, match="does not exist"):
        resumed(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"finished at 256 steps.*resume="):
        trained(finished.path)


def test_resume_of_a_finished_run_says_how_to_go_on(finished: RunDir, capsys):
    before = finished.last.read_bytes()
    resumed(finished)
    assert "give a larger total_timesteps=" in capsys.readouterr().out
    assert finished.last.read_bytes() == before


def test_a_damaged_checkpoint_is_named_and_kept(tmp_path):
    run = trained(tmp_path / "run", "total_timesteps=512", "eval_every=0", "checkpoint_every=128")
    older, newest = sorted(run.checkpoints.iterdir())[-2:]
    damaged = max(newest.iterdir(), key=lambda path: path.stat().st_size)
    damaged.write_bytes(damaged.read_bytes()[:-100])
    before = {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()}
    with pytest.raises(UsageError) as caught:
        resumed(run, "total_timesteps=1024")
    assert before == {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()}
    message = str(caught.value)
    assert str(damaged) in message
    assert str(older) in message
    assert damaged.exists()
    resumed(older, "total_timesteps=1024")
    assert read_progress(run.progress)[-1][STEP] == 1024


def test_a_full_disk_keeps_the_checkpoint_before(tmp_path, monkeypatch, capsys):
    write = checkpoint_files._write

    def fill_up(folder: Path, name: str, *rest: Any) -> None:
        if "step-384" in str(folder) and name == "torch.pt":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(folder, name, *rest)

    monkeypatch.setattr(checkpoint_files, "_write", fill_up)
    with pytest.raises(SystemExit) as end:
        trained(tmp_path / "run", "total_timesteps=1024", "eval_every=0", "checkpoint_every=128")
    assert end.value.code == 1
    assert "No space left on device" in capsys.readouterr().err
    monkeypatch.undo()
    run = RunDir(tmp_path / "run")
    assert checkpoint_files.find_checkpoint(run.checkpoints).name.endswith("step-256")
    resumed(run)
    assert run.read_summary()["state"] == "finished"


def test_a_policy_that_cannot_be_written_is_told(tmp_path, capsys, monkeypatch):
    def full(*arguments: Any) -> None:
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("agents.policies.save_file", full)
    with pytest.raises(SystemExit) as end:
        trained(tmp_path / "run", "total_timesteps=512", "eval_every=256")
    assert end.value.code == 1
    said = capsys.readouterr().err
    assert "best.safetensors: I/O error: No space left on device" in said
    assert RunDir(tmp_path / "run").read_summary()["at_fault"] == "machine"


def test_no_way_to_draw_is_told_before_training(tmp_path, monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "nonsense")
    code, said = finish(forked("env=Humanoid", "reward=vlm", f"run_dir={tmp_path / 'run'}"))
    assert code == 2
    assert "Traceback" not in said
    assert "libosmesa6" in said
    assert not (tmp_path / "run").exists()


# Environments of others


class Own(gym.Env):
    """Observations with parts, numbers and choices among them; in the end whatever a test wants to go wrong."""

    observation_space = gym.spaces.Dict(
        arm=gym.spaces.Dict(angle=gym.spaces.Box(-1, 1, (2,)), holds=gym.spaces.Discrete(2)),
        last=gym.spaces.Tuple([gym.spaces.Discrete(3)]),
    )
    action_space = gym.spaces.Discrete(2)

    def __init__(self, fault: str = ""):
        self.fault, self.steps = fault, 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.steps = 0
        return self.seen(), {}

    def seen(self) -> dict[str, Any]:
        return {"arm": {"angle": np.full(2, self.steps / 10, np.float32), "holds": 1}, "last": (self.steps % 3,)}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        reward = float("nan") if self.fault == "unpaid" and self.steps == 5 else 1.0
        return self.seen(), reward, self.steps >= 10 and self.fault != "endless", False, {}


@pytest.fixture
def own_env() -> Iterator[str]:
    gym.register("Own-v0", entry_point=Own)
    yield "env.id=Own-v0"
    del gym.registry["Own-v0"]


def with_env(run_dir: Path, *arguments: str) -> RunDir:
    small = [argument for argument in SMALL if argument not in ("env=CartPole", "video=false")]
    return train(configured(f"run_dir={run_dir}", *small, "total_timesteps=256", *arguments))


def test_observations_with_parts_are_learned_from(tmp_path, own_env, capsys):
    body = "def mine(next_arm_angle, next_last_0):\n    return next_arm_angle[:, 0] + next_last_0\n"
    arguments = (*custom(tmp_path, body), "algo.normalize_obs=true", "eval_every=0")
    run = with_env(tmp_path / "run", own_env, *arguments)
    said = capsys.readouterr().err
    assert "no video: the environment draws no pictures" in said
    assert "not everything could be saved" not in said
    row = read_progress(run.progress)[-1]
    expected = sum(step / 10 + step % 3 for step in range(1, 11))
    assert row["rollout/ep_rew_mean"] == pytest.approx(expected, rel=1e-5)
    resumed(run, "total_timesteps=384")


def test_an_episode_without_end_is_told(tmp_path, own_env, monkeypatch):
    monkeypatch.setattr("agents.evaluation.MAX_STEPS", 200)
    with pytest.raises(UsageError, match=r"not ended after 200 steps.*env\.kwargs\.max_episode_steps"):
        with_env(tmp_path / "run", own_env, "env.kwargs.fault=endless")
    with_env(tmp_path / "limited", own_env, "env.kwargs.fault=endless", "env.kwargs.max_episode_steps=20")


def test_an_environment_that_pays_no_number_is_told(tmp_path, own_env, capsys):
    with pytest.raises(SystemExit):
        with_env(tmp_path / "run", own_env, "env.kwargs.fault=unpaid", "eval_every=0", "video=false")
    assert "the environment's own reward: nan in env 0" in capsys.readouterr().err


def test_the_line_of_somebody_elses_code_is_found(tmp_path):
    (tmp_path / "sim.py").write_text("import json\ndef step():\n    return json.loads('')\n")
    names: dict[str, Any] = {}
    exec(compile((tmp_path / "sim.py").read_text(), str(tmp_path / "sim.py"), "exec"), names)
    with pytest.raises(ValueError, match="Expecting value") as caught:
        names["step"]()
    assert str(users_line(caught.value)).startswith(f"{tmp_path / 'sim.py'}:3: ")
    with pytest.raises(UsageError) as refused:
        RunDir.open(tmp_path)
    assert users_line(refused.value) is None

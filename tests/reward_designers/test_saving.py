"""Rewards on disk: exact round trips, no pickle, atomic files, and nothing built that is not a reward."""

from __future__ import annotations

import json
import os
import pickle
import stat
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reward_designers.base import Components, FunctionReward, RewardFn, Transition, as_reward, reward_fn
from reward_designers.checker import random_batch
from reward_designers.errors import RewardError
from reward_designers.evaluation import evaluate
from reward_designers.memory import EpisodeMemory
from reward_designers.saving import from_node, reference, resolve
from reward_designers.transforms import Constant, Normalized, Sum

BUILT: list[str] = []


@reward_fn
def height(next_obs: np.ndarray, weight: float = 1.0) -> np.ndarray:
    return weight * next_obs[:, 0]


@dataclass(eq=False)
class Learner(RewardFn):
    """Has everything a configuration may hold, and an array that it learns."""

    weights: tuple[float, ...]
    label: str = "x"
    limits: dict[str, float] = field(default_factory=dict)
    folder: Path | None = None
    seen: np.ndarray = field(default_factory=lambda: np.zeros((2, 3), np.float32), init=False)

    def __post_init__(self) -> None:
        BUILT.append(self.label)

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        return {"x": np.full(len(t), float(self.seen.sum()))}

    def update(self, rollout: Transition) -> dict[str, float]:
        self.seen += 1.5
        return {}

    def state_dict(self) -> dict[str, np.ndarray]:
        return {"seen": self.seen}

    def load_state_dict(self, state: Any) -> None:
        self.seen = state["seen"]


def same(a: RewardFn, b: RewardFn, t: Transition) -> None:
    assert type(a).__qualname__ == type(b).__qualname__  # classes of a file are made anew when it is run again
    assert a.config() == b.config()
    first, second = a.state_dict(), b.state_dict()
    assert {n: (x.dtype, x.tobytes()) for n, x in first.items()} == {
        n: (x.dtype, x.tobytes()) for n, x in second.items()
    }
    for name, values in evaluate(a, t, EpisodeMemory(len(t))).items():
        np.testing.assert_array_equal(values, evaluate(b, t, EpisodeMemory(len(t)))[name])


def test_a_sum_with_learned_parts_comes_back_exactly(tmp_path: Path) -> None:
    t = random_batch({"obs": (2,)}, n=12)
    reward = Sum(
        tall=0.1 * height.normalize(center=True),
        tight=FunctionReward(height.function, {"weight": 3}).clip(high=1),
        learner=Learner((0.1, 1 / 3), "é", {"low": -np.inf}),
        gain=height.potential(0.99),
        more=Sum(a=height, b=Normalized(height + 1)),
    )
    reward.update(t.map(lambda a: a.reshape(4, 3, *a.shape[1:])))
    reward.save(tmp_path / "reward.npz")
    loaded = RewardFn.load(tmp_path / "reward.npz")
    assert isinstance(loaded, Sum)
    assert loaded.terms["learner"].seen.sum() == 9.0  # type: ignore[attr-defined]
    same(reward, loaded, t)
    loaded.save(tmp_path / "again.npz")
    same(RewardFn.load(tmp_path / "again.npz"), reward, t)


def test_a_configuration_reads_like_hydras() -> None:
    node = Sum(a=0.5 * height, b=Constant(1)).config()
    assert node == {
        "_target_": "reward_designers.transforms.Sum",
        "a": {
            "_target_": "reward_designers.transforms.Scaled",
            "reward": {
                "_target_": "reward_designers.base.FunctionReward",
                "function": f"{__name__}:height",
                "params": {},
            },
            "scale": 0.5,
        },
        "b": {"_target_": "reward_designers.transforms.Constant", "value": 1.0},
    }
    hydra = pytest.importorskip("hydra.utils")
    assert hydra.instantiate(node).config() == node


def test_no_pickle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("pickled")

    reward = Sum(a=height.normalize(), b=Learner((1.0,)))
    for name in ("dump", "dumps", "load", "loads"):
        monkeypatch.setattr(pickle, name, refuse)
    reward.save(tmp_path / "reward.npz")
    RewardFn.load(tmp_path / "reward.npz")
    with np.load(tmp_path / "reward.npz", allow_pickle=False) as file:
        assert {"config", "state:a/count", "state:b/seen"} <= set(file.files)


# Files that will not do


@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, -1])
def test_a_truncated_file_is_named(tmp_path: Path, keep: float) -> None:
    path = tmp_path / "reward.npz"
    Sum(a=height, b=Learner((1.0,))).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep])
    with pytest.raises(RewardError, match=r"reward\.npz is not a saved reward, or is damaged"):
        RewardFn.load(path)


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "reward.npz"
    learner = Learner((1.0,))
    learner.seen = np.arange(600, dtype=np.float32).reshape(200, 3)
    learner.save(path)
    data = bytearray(path.read_bytes())
    place = data.find(learner.seen.tobytes()[400:500])
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(RewardError, match=r"reward\.npz is not a saved reward, or is damaged"):
        RewardFn.load(path)


def write(path: Path, config: Any, **arrays: np.ndarray) -> Path:
    np.savez(path, config=np.array(json.dumps(config)), **arrays)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"_target_": "os.system", "command": "true"}, "os.system is not a reward class"),
        ({"_target_": "reward_designers.base.RewardFn"}, "abstract"),
        ({"_target_": "reward_designers.evaluation.evaluate"}, "is not a reward class"),
        ({"_target_": "reward_designers.transforms.Summ"}, "Did you mean 'Sum'"),
        ({"_target_": "nowhere.at_all.Reward"}, "cannot import 'nowhere.at_all'"),
        ({"_target_": "Reward"}, "expected 'package.module:name'"),
        ({"_target_": 3}, "expected 'package.module:name'"),
        ({"_target_": "reward_designers.transforms.Constant", "valu": 1}, "unexpected keyword argument 'valu'"),
        ({"a": 1}, "names no reward class"),
        ([], "names no reward class"),
    ],
)
def test_what_is_no_reward_is_refused(tmp_path: Path, config: Any, text: str) -> None:
    with pytest.raises(RewardError, match=text) as caught:
        RewardFn.load(write(tmp_path / "reward.npz", config))
    assert "reward.npz" in str(caught.value)


def test_nothing_is_built_before_all_targets_are_known_to_be_rewards(tmp_path: Path) -> None:
    learner = {"_target_": f"{__name__}.Learner", "weights": [1.0], "label": "too early"}
    bad = {"_target_": "subprocess.Popen", "args": ["true"]}
    config = {"_target_": "reward_designers.transforms.Sum", "a": learner, "b": {**learner, "limits": {"x": [bad]}}}
    with pytest.raises(RewardError, match=r"subprocess\.Popen is not a reward class"):
        RewardFn.load(write(tmp_path / "reward.npz", config))
    assert "too early" not in BUILT


def test_missing_state_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "reward.npz", Learner((1.0,)).config())
    with pytest.raises(RewardError, match=r"cannot rebuild the reward in .*reward\.npz: no array 'seen'"):
        RewardFn.load(path)


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone\.npz"):
        RewardFn.load(tmp_path / "gone.npz")


def test_saving_is_atomic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "reward.npz"
    Constant(1.0).save(path)
    before = path.read_bytes()

    def full(*args: Any, **kwargs: Any) -> None:
        args[0].write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        Constant(2.0).save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["reward.npz"]


def test_files_have_the_users_permissions(tmp_path: Path) -> None:
    Constant(1.0).save(tmp_path / "reward.npz")
    (tmp_path / "plain").touch()
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("reward.npz", "plain")}
    assert len(modes) == 1


# What cannot be written down says so when it is saved


def test_values_that_cannot_be_saved() -> None:
    with pytest.raises(TypeError, match=r"cannot save limits\.low=array"):
        Learner((1.0,), limits={"low": np.zeros(2)}).config()  # type: ignore[dict-item]
    with pytest.raises(TypeError, match=r"cannot save limits=\{1: 2\.0\}"):
        Learner((1.0,), limits={1: 2.0}).config()  # type: ignore[dict-item]

    class NoDataclass(RewardFn):
        def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
            return {}

    with pytest.raises(TypeError, match="NoDataclass cannot be saved: make it a dataclass"):
        NoDataclass().config()

    @dataclass(eq=False)
    class Local(NoDataclass):
        pass

    with pytest.raises(TypeError, match="Local cannot be saved: define it at the top level"):
        Local().config()


@pytest.mark.parametrize("thing", [lambda next_obs: next_obs, "text".join, np.float64(3).sum])
def test_functions_that_cannot_be_found_again(thing: Any) -> None:
    with pytest.raises(TypeError, match="cannot be saved: define it at the top level"):
        reference(thing)


def test_a_bound_method_is_not_mistaken_for_its_function() -> None:
    with pytest.raises(TypeError, match="cannot be saved"):
        reference(Learner((1.0,)).update)
    assert reference(Learner.update) == f"{__name__}:Learner.update"


# Files of the user's

FILE = textwrap.dedent("""
    from __future__ import annotations
    from dataclasses import dataclass
    import numpy as np
    from reward_designers import RewardFn, reward_fn

    def stand(next_obs, weight=1.0):
        return weight * next_obs[:, 0]

    @reward_fn
    def walk(next_obs):
        return next_obs[:, 1]

    @dataclass(eq=False)
    class Jump(RewardFn):
        scale: float = 2.0
        name = "jump"

        def __call__(self, t, memory=None):
            return {"jump": self.scale * t.next_state["obs"][:, 0]}
""")


@pytest.mark.parametrize("name", ["stand", "walk", "Jump"])
def test_rewards_from_a_file_come_back(tmp_path: Path, name: str) -> None:
    path = tmp_path / "my rewards.py"
    path.write_text(FILE)
    reward = 2 * as_reward(f"{path}:{name}")
    reward.save(tmp_path / "reward.npz")
    same(RewardFn.load(tmp_path / "reward.npz"), reward, random_batch({"obs": (2,)}))


def test_a_file_runs_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(f"open({str(tmp_path / 'runs')!r}, 'a').write('x')\n" + FILE.replace("from __future__", "# "))
    reward = as_reward(f"{path}:stand")
    assert (tmp_path / "runs").read_text() == "x"
    assert reward.config()["function"] == f"{path}:stand"


def test_functions_of_a_file_travel_to_other_processes_by_value(tmp_path: Path) -> None:
    cloudpickle = pytest.importorskip("cloudpickle")
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    data = cloudpickle.dumps(as_reward(f"{path}:stand"))
    path.unlink()
    loaded = pickle.loads(data)
    t = random_batch({"obs": (2,)})
    np.testing.assert_array_equal(evaluate(loaded, t)["stand"], t.next_state["obs"][:, 0])


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("{folder}/none.py:stand", "no such file: .*none.py"),
        ("{folder}/mine.py:stant", "unknown name in .*mine.py 'stant'. Did you mean 'stand'"),
        ("{folder}/broken.py:stand", "broken.py failed to load: ZeroDivisionError"),
        ("stand", "expected 'package.module:name' or 'path/to/file.py:name', got 'stand'"),
        ("reward_designers.nowhere:stand", "cannot import 'reward_designers.nowhere'"),
        ("reward_designers.base:Transition.__class__", "unknown name"),
        ("..base:Transition", "cannot import"),
        (":", "expected"),
    ],
)
def test_places_that_do_not_exist(tmp_path: Path, place: str, text: str) -> None:
    (tmp_path / "mine.py").write_text(FILE)
    (tmp_path / "broken.py").write_text("1 / 0")
    with pytest.raises(RewardError, match=text):
        resolve(place.format(folder=tmp_path))


def test_from_node_takes_plain_values() -> None:
    assert from_node({"a": [1, {"b": None}]}) == {"a": [1, {"b": None}]}

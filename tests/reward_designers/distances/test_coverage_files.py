"""Transitions from files that others wrote."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reward_designers.distances import CoverageError
from reward_designers.distances.coverage_files import read


def arrays(**changed: Any) -> dict[str, np.ndarray]:
    """Episodes 0, 1, 2 | 10, 11 | 20: the first terminates, the second jumps, the third is cut."""
    obs = np.array([0.0, 1, 2, 10, 11, 20])[:, None]
    plain = {
        "obs": obs,
        "action": np.arange(6),
        "next_obs": obs + 1,
        "terminated": np.array([0, 0, 1, 0, 0, 0]),
        "truncated": np.array([0, 0, 0, 0, 0, 1], bool),
    }
    return {name: array for name, array in (plain | changed).items() if array is not None}


def written(path: Path, **changed: Any) -> Path:
    np.savez(path / "mine.npz", **arrays(**changed))
    return path / "mine.npz"


def test_episodes_end_where_they_end_or_jump(tmp_path: Path):
    coverage = read(written(tmp_path))
    assert coverage.episode.tolist() == [0, 0, 0, 1, 1, 2]
    assert coverage.step.tolist() == [0, 1, 2, 0, 1, 0]
    assert coverage.complete.tolist() == [True, False, True]
    assert coverage.transitions.terminated.dtype == bool
    assert coverage.name == "mine"


def test_interleaved_episodes_are_put_in_order(tmp_path: Path):
    coverage = read(written(tmp_path, episode=np.array([7, 3, 7, 3, 3, 7]), env_reward=np.arange(6.0)))
    assert coverage.actions.tolist() == [1, 3, 4, 0, 2, 5]
    assert coverage.episode.tolist() == [0, 0, 0, 1, 1, 1]
    assert coverage.env_reward.tolist() == [1, 3, 4, 0, 2, 5]


def test_named_states(tmp_path: Path):
    more = {"state/height": np.arange(6.0), "next_state/height": np.arange(6.0) + 1}
    assert set(read(written(tmp_path, **more)).transitions.state) == {"obs", "height"}
    alone = read(written(tmp_path, obs=None, next_obs=None, **more))
    assert set(alone.transitions.next_state) == {"height"}
    with pytest.raises(CoverageError, match="lacks state/height or next_state/height"):
        read(written(tmp_path, **{"state/height": np.arange(6.0)}))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"action": None, "truncated": None}, r"lacks action, truncated; it has next_obs, obs, terminated\. Expected"),
        ({"obs": None, "next_obs": None}, "lacks obs, next_obs"),
        ({"action": np.arange(5)}, r"action has shape \(5,\), expected \(6, ...\)"),
        ({"terminated": np.arange(6)}, "terminated must be true or false"),
        ({"next_obs": np.zeros((6, 2))}, r"obs is \(6, 1\) float64 in s, \(6, 2\)"),
    ],
)
def test_what_is_missing_is_told(tmp_path: Path, changed: dict[str, Any], message: str):
    with pytest.raises(CoverageError, match=message):
        read(written(tmp_path, **changed))


def test_pickles_are_refused(tmp_path: Path):
    path = written(tmp_path, action=np.array([{}] * 6, object))
    with pytest.raises(CoverageError, match="without pickles"):
        read(path)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none.npz")


def test_saved_coverages_are_read_too(tmp_path: Path):
    coverage = read(written(tmp_path))
    coverage.save(tmp_path / "saved.npz")
    assert read(tmp_path / "saved.npz").content_hash == coverage.content_hash


def test_hdf5_as_minari_writes_it(tmp_path: Path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "main_data.hdf5"
    with h5py.File(path, "w") as file:
        for number, length in ((0, 3), (10, 1), (2, 2), (3, 0)):
            group = file.create_group(f"episode_{number}")
            group["observations/body/place"] = 100.0 * number + np.arange(length + 1)[:, None]
            group["observations/goal"] = np.full((length + 1, 2), number)
            group["actions"] = np.full((length, 2), number, np.float32)
            group["rewards"] = np.arange(length) + number
            group["terminations"] = np.arange(length) == length - 1
            group["truncations"] = np.zeros(length, bool)
            group["infos/qpos"] = np.arange(length + 1.0)
            group["infos/lag"] = np.arange(length)
    coverage = read(path)
    t = coverage.transitions
    assert set(t.state) == {"body_place", "goal", "qpos"}
    assert t.state["body_place"][:, 0].tolist() == [0, 1, 2, 200, 201, 1000]  # by number: 0, 2, 10
    assert t.next_state["body_place"][:, 0].tolist() == [1, 2, 3, 201, 202, 1001]
    assert coverage.episode.tolist() == [0, 0, 0, 1, 1, 2]
    assert coverage.env_reward.tolist() == [0, 1, 2, 2, 3, 10]
    assert coverage.complete.all()
    with h5py.File(path, "a") as file:
        del file["episode_2/terminations"]
    with pytest.raises(CoverageError, match=r"main_data\.hdf5: episode_2 lacks terminations"):
        read(path)
    path.write_text("x")
    with pytest.raises(CoverageError, match="is no HDF5 file"):
        read(path)


def test_hdf5_needs_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r"reward-designers\[hdf5\]"):
        read(tmp_path / "a.hdf5")

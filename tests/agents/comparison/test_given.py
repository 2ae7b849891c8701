"""Coverages from files that people have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.comparison.collect import World, collect, play
from agents.comparison.coverages import CoverageSpec
from agents.errors import UsageError
from reward_designers.base import reward_fn
from reward_designers.distances import CoverageError
from tests.agents.comparison.hopper import HOPPER, RANDOM, observing


def hopper_file(path: Path, *names: str, **changed: Any) -> Path:
    """A plain file of a random policy's transitions in Hopper, with these state arrays besides observations."""
    rewards = [observing, *(reward_fn(_reading(name)) for name in names)]
    coverage = play(RANDOM, World("Hopper", rewards), episodes=3, seed=0)
    t = coverage.transitions
    arrays = {"obs": t.state["obs"], "action": t.action, "next_obs": t.next_state["obs"]}
    arrays |= {"terminated": t.terminated, "truncated": t.truncated, "episode": coverage.episode}
    arrays |= {f"state/{name}": t.state[name] for name in names}
    arrays |= {f"next_state/{name}": t.next_state[name] for name in names}
    np.savez(path, **{name: array for name, array in (arrays | changed).items() if array is not None})
    return path


def _reading(name: str) -> Any:
    namespace: dict[str, Any] = {}
    exec(f"def f({name}): return 0.0 * {name}[:, 0]", namespace)
    return namespace["f"]


def test_a_file_gains_the_fields_that_its_arrays_determine(tmp_path: Path):
    path = hopper_file(tmp_path / "mine.npz", "qpos", "qvel")

    @reward_fn
    def tall(next_torso_height):
        return next_torso_height

    spec = CoverageSpec("mine", "file", str(path))
    coverage = collect(spec, World("Hopper", [tall]), num_transitions=1000, seed=0, cache=tmp_path)
    t, given = coverage.transitions, np.load(path)
    assert len(coverage) == len(given["action"])
    np.testing.assert_array_equal(t.next_state["torso_height"], given["next_state/qpos"][:, 1])
    own = play(RANDOM, HOPPER, episodes=3, seed=0)
    np.testing.assert_allclose(coverage.measures["fitness"], own.measures["fitness"])
    part = collect(spec, World("Hopper", [tall]), num_transitions=20, seed=0)
    assert len(part) == 20
    assert np.isin(part.actions, coverage.actions).all()


def test_a_file_that_does_not_fit(tmp_path: Path):
    path = hopper_file(tmp_path / "mine.npz")
    spec = CoverageSpec("mine", "file", str(path))

    @reward_fn
    def tall(next_torso_height):
        return next_torso_height

    with pytest.raises(CoverageError, match=r"lacks torso_height, which reward 'tall' reads.*state/torso_height"):
        collect(spec, World("Hopper", [tall]), num_transitions=10, seed=0)
    with pytest.raises(UsageError, match=r"not of Walker2d: obs has shape \(11,\), expected \(17,\)"):
        collect(spec, World("Walker2d", [observing]), num_transitions=10, seed=0)
    hopper_file(path, next_obs=None)
    with pytest.raises(UsageError, match="lacks state/obs or next_state/obs"):
        collect(spec, HOPPER, num_transitions=10, seed=0)
    path.write_text("x")
    with pytest.raises(UsageError, match=r"is neither \.npz"):
        collect(spec, HOPPER, num_transitions=10, seed=0)


def test_complete_episodes_of_a_file(tmp_path: Path):
    episodes = play(RANDOM, HOPPER, episodes=6, seed=0)
    cut = episodes.subset(np.arange(len(episodes) - 1))
    cut.save(tmp_path / "saved.npz")
    spec = CoverageSpec("mine", "file", str(tmp_path / "saved.npz"))
    whole = play(spec, HOPPER, episodes=3, seed=0)
    assert whole.complete.tolist() == [True] * 3
    assert play(spec, HOPPER, episodes=20, seed=0).complete.tolist() == [True] * 5

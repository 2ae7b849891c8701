"""Transitions of the policies of runs: the right policy's, as it acts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents.cli import compose
from agents.comparison.collect import World, collect, play
from agents.comparison.coverages import CoverageSpec, parse_coverages
from agents.comparison.policies import load
from agents.config.commands import TRAIN
from agents.errors import UsageError
from agents.runs import RunDir
from agents.train import train
from tests.agents.comparison.hopper import HOPPER, observing

SMALL = ("num_envs=2", "algo.net_arch=[8]", "algo.n_steps=32", "algo.batch_size=32", "algo.n_epochs=1", "video=false")
SMALL += ("tensorboard=false", "algo.schedule=constant", "eval_episodes=1", "algo.normalize_obs=true")
CARTPOLE = World("CartPole", [observing])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """A run whose best policy is not its last."""
    path = tmp_path_factory.mktemp("runs") / "hopper"
    arguments = ("env=Hopper", "reward=env", f"run_dir={path}", "total_timesteps=256", "eval_every=64", *SMALL)
    run = train(compose(TRAIN, "train", arguments))
    assert run.best.read_bytes() != run.last.read_bytes()
    return run


@pytest.mark.parametrize("kind", ["expert", "own"])
def test_the_actions_are_those_of_the_policy(run: RunDir, kind: str):
    coverage = collect(CoverageSpec("x", kind, str(run.path)), HOPPER, num_transitions=100, seed=0)
    best, last = (load(run, path, HOPPER.make()) for path in (run.best, run.last))
    asked, other = (best, last) if kind == "expert" else (last, best)
    obs = coverage.transitions.state["obs"]
    starts = np.zeros(len(obs), bool)
    np.testing.assert_allclose(coverage.actions, asked(obs, starts), atol=1e-6)
    assert np.abs(coverage.actions - other(obs, starts)).max() > 1e-4
    weights = "best" if kind == "expert" else "last"
    assert coverage.about["description"] == f"the {weights} policy of {run.path}"


def test_a_share_of_noise(run: RunDir):
    coverage = collect(CoverageSpec("n", "noised", str(run.path), noise=0.25), HOPPER, num_transitions=1000, seed=0)
    own = load(run, run.best, HOPPER.make())(coverage.transitions.state["obs"], np.zeros(1000, bool))
    random = np.abs(coverage.actions - own).max(1) > 1e-5
    assert abs(random.mean() - 0.25) < 0.05
    assert coverage.about["description"].endswith("acting at random in 25% of its steps")


def test_mixtures(run: RunDir, tmp_path: Path):
    specs = parse_coverages(["random", f"expert:{run.path}", "mixture"])
    mixed = collect(specs[2], HOPPER, num_transitions=201, seed=0, cache=tmp_path)
    assert [(part["name"], part["n"]) for part in mixed.about["parts"]] == [("random", 101), ("expert", 100)]
    assert (mixed.name, mixed.about["description"]) == ("mixture", "equal shares of random, expert")
    assert len(list(tmp_path.glob("*.npz"))) == 2
    expert = collect(specs[1], HOPPER, num_transitions=201, seed=0, cache=tmp_path)
    assert np.isin(mixed.actions[101:], expert.actions).all()
    episodes = play(specs[2], HOPPER, episodes=5, seed=0)
    assert episodes.complete.tolist() == [True] * 5


def test_a_policy_of_another_environment(run: RunDir, tmp_path: Path):
    with pytest.raises(UsageError, match="was trained on Hopper, whose observations are Box"):
        collect(CoverageSpec("e", "expert", str(run.path)), CARTPOLE, num_transitions=5, seed=0)
    (tmp_path / "config.yaml").touch()
    with pytest.raises(UsageError, match="has no policy yet"):
        collect(CoverageSpec("e", "expert", str(tmp_path)), CARTPOLE, num_transitions=5, seed=0)


def test_statistics_are_those_of_the_policy(run: RunDir):
    from safetensors.numpy import load_file

    for path in (run.best, run.last):
        normalizer = load(run, path, HOPPER.make())._normalizer
        np.testing.assert_array_equal(normalizer.obs_rms.mean, load_file(path)["observations/obs/mean"])
        assert not np.allclose(normalizer.obs_rms.mean, 0, atol=0.1)


def test_another_policy_in_the_same_place_is_another_coverage(run: RunDir, tmp_path: Path):
    spec = CoverageSpec("e", "expert", str(run.path))
    first = collect(spec, HOPPER, num_transitions=20, seed=0, cache=tmp_path)
    kept = run.best.read_bytes()
    try:
        run.best.write_bytes(run.last.read_bytes())
        second = collect(spec, HOPPER, num_transitions=20, seed=0, cache=tmp_path)
    finally:
        run.best.write_bytes(kept)
    assert first.content_hash != second.content_hash

"""Trainings on a Ray cluster of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from agents.designing.cluster import Cluster
from agents.designing.training import Outcome, Workers
from agents.errors import UsageError
from tests.agents.designing.test_training import DIES, GOOD, training


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    from ray.cluster_utils import Cluster as Nodes

    nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    yield nodes.address
    ray.shutdown()
    nodes.shutdown()


def results(workers: Cluster | Workers, folder: Path) -> dict[str, Outcome]:
    found: dict[str, Outcome] = {}
    wanted = [training(folder / "good", GOOD), training(folder / "dies", DIES, steps=4096)]
    workers.run(wanted, lambda training, outcome: found.__setitem__(training.key, outcome))
    return found


@pytest.mark.slow
def test_a_cluster_comes_to_what_processes_come_to(tmp_path: Path, address: str) -> None:
    there, here = results(Cluster(address), tmp_path / "there"), results(Workers(2), tmp_path / "here")
    nothing = {"seconds": 0, "cpu_seconds": 0}
    for key in ("good/0/256", "dies/0/4096"):
        assert {**there[key], **nothing} == {**here[key], **nothing}
    assert "writing to" in (tmp_path / "there" / "good" / "seed_0.log").read_text()


def test_no_cluster_is_said_at_once() -> None:
    with pytest.raises(UsageError, match=r"ray\.address=127\.0\.0\.1:1: nothing answers there"):
        Cluster("127.0.0.1:1")

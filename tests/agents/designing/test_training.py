"""Trainings in processes of their own: scores, failures, deaths, and going on."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from agents.designing.records import after_training
from agents.designing.training import Outcome, Training, Workers, curves, heldout_rows
from agents.errors import UsageError
from agents.runs import RunDir, read_progress
from reward_designers.code.search import Candidate, Origin, reflect
from tests.agents.runners import SMALL, configured

GOOD = "import numpy as np\ndef reward(next_pole_angle, action):\n    return {'upright': np.cos(next_pole_angle)}\n"
DIES = "def reward(next_cart_position):\n    return 1.0 / (abs(next_cart_position) < 0.1)\n"
HANGS = (
    "def reward(next_cart_position):\n    x = next_cart_position\n    while (abs(x) > 0.2).any():\n"
    "        x = x + 0\n    return x\n"
)
STEP = "time/total_timesteps"


def training(folder: Path, program: str, *arguments: str, seed: int = 0, steps: int = 256) -> Training:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "program.py").write_text(program)
    given = ("reward=code", f"reward.path={folder / 'program.py'}", "reward.seconds=1", f"seed={seed}")
    often = ("log_every=128", "eval_every=128", "checkpoint_every=128", "eval_episodes=1")
    run = folder / f"seed_{seed}"
    config = configured(*SMALL, *given, *often, f"run_dir={run}", f"total_timesteps={steps}", *arguments)
    return Training(folder.name, config, episodes=2, heldout=500 + seed)


def results(workers: Workers, *trainings: Training) -> dict[str, Outcome]:
    found: dict[str, Outcome] = {}
    workers.run(trainings, lambda training, outcome: found.__setitem__(training.key, outcome))
    return found


@pytest.fixture(scope="module")
def workers() -> Workers:
    return Workers(2)


def test_a_training_is_scored_by_its_last_policy_in_other_episodes_and_goes_on(
    tmp_path: Path, workers: Workers
) -> None:
    found = results(workers, training(tmp_path / "good", GOOD), training(tmp_path / "good", GOOD, seed=1))
    assert set(found) == {"good/0/256", "good/1/256"}
    run = RunDir.open(tmp_path / "good" / "seed_0")
    outcome = found["good/0/256"]
    rows = heldout_rows(run, 2, 500)
    assert outcome["episodes"] == [row["fitness"] for row in rows]
    assert outcome["score"] == pytest.approx(sum(outcome["episodes"]) / 2)
    seen = outcome["curves"]
    assert seen["steps"] == [0, 128, 256]
    assert all(0.9 < value <= 1 for value in seen["components"]["upright"])
    further = results(workers, training(tmp_path / "good", GOOD, steps=512))["good/0/512"]
    assert further["curves"]["steps"] == [0, 128, 256, 384, 512]
    assert further["curves"]["score"][:3] == seen["score"]
    straight = results(workers, training(tmp_path / "straight", GOOD, steps=512))["straight/0/512"]
    assert straight["episodes"] == further["episodes"]  # two rungs are one training


def test_what_a_program_does_wrong_is_its_own_failure(tmp_path: Path, workers: Workers) -> None:
    found = results(
        workers,
        training(tmp_path / "dies", DIES, steps=4096),
        training(tmp_path / "hangs", HANGS, steps=4096),
        training(tmp_path / "rejected", "import os"),
        training(tmp_path / "good", GOOD, steps=128),
    )
    assert found["good/0/128"]["score"] > 0
    assert "not finite" in found["dies/0/4096"]["failure"]
    assert "longer than" in found["hangs/0/4096"]["failure"] or "1 s" in found["hangs/0/4096"]["failure"]
    assert "'os'" in found["rejected/0/256"]["failure"]
    assert all(outcome["score"] is None for key, outcome in found.items() if key != "good/0/128")


def test_a_process_that_dies_is_started_once_more_and_loses_nothing(tmp_path: Path, workers: Workers) -> None:
    whole = results(workers, training(tmp_path / "whole", GOOD, steps=1024))["whole/0/1024"]
    killed = training(tmp_path / "killed", GOOD, steps=1024)

    def kill() -> None:
        lock = tmp_path / "killed" / "seed_0" / "lock"
        while not (tmp_path / "killed" / "seed_0" / "checkpoints").is_dir() or not any(
            (tmp_path / "killed" / "seed_0" / "checkpoints").iterdir()
        ):
            time.sleep(0.005)
        os.kill(int(lock.read_text().split()[1]), signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    outcome = results(workers, killed)["killed/0/1024"]
    thread.join()
    assert outcome["episodes"] == whole["episodes"]
    assert outcome["curves"] == whole["curves"]
    assert killed.log.read_text().count("writing to") == 2


def test_a_process_that_dies_every_time_costs_one_candidate_and_nobody_waits_for_it(
    tmp_path: Path, workers: Workers
) -> None:
    """Trap: a dead child hangs the search, or is waited for in a busy loop."""
    (tmp_path / "dies.py").write_text("import os\ndef mine(obs):\n    os.kill(os.getpid(), 9)\n    return obs[:, 0]\n")
    dies = training(tmp_path / "killed", GOOD)
    config = configured(*SMALL, "reward=custom", f"reward.path={tmp_path / 'dies.py'}:mine", "total_timesteps=128")
    dies = replace(dies, config=replace(config, run_dir=dies.config.run_dir))
    busy, wall = time.process_time(), time.monotonic()
    found = results(workers, dies, training(tmp_path / "good", GOOD, steps=128))
    assert found["killed/0/128"]["failure"] == "its process died 2 times (SIGKILL: out of memory?)"
    assert found["good/0/128"]["score"] > 0
    assert time.process_time() - busy < 0.5 * (time.monotonic() - wall)
    assert dies.log.read_text().count("writing to") == 2


def test_scores_are_of_the_last_policy_not_of_the_best(tmp_path: Path, workers: Workers) -> None:
    """Trap: selection by the maximum over training."""
    results(workers, training(tmp_path / "good", GOOD))
    run = RunDir.open(tmp_path / "good" / "seed_0")
    rows = heldout_rows(run, 2, 500)
    run.best.unlink()
    assert heldout_rows(run, 2, 500) == rows


def test_a_run_that_died_between_its_last_step_and_its_summary_is_finished(tmp_path: Path, workers: Workers) -> None:
    once = results(workers, training(tmp_path / "once", GOOD))["once/0/256"]
    run = RunDir(tmp_path / "once" / "seed_0")
    (run.path / "summary.json").unlink()
    run.last.unlink()
    training(tmp_path / "once", GOOD).outcome.unlink()
    again = results(workers, training(tmp_path / "once", GOOD))["once/0/256"]
    assert again["episodes"] == once["episodes"]
    assert run.read_summary()["timesteps"] == read_progress(run.progress)[-1][STEP] == 256


def test_the_machines_faults_are_no_candidates(tmp_path: Path, workers: Workers) -> None:
    busy = training(tmp_path / "busy", GOOD)
    with RunDir.create(busy.config.run_dir, "").lock(), pytest.raises(UsageError, match="is in use by"):
        results(workers, busy)
    assert not busy.outcome.exists()


def test_a_disk_that_is_full_is_no_candidates_fault(tmp_path: Path, workers: Workers) -> None:
    full = training(tmp_path / "full", GOOD)
    full.log.symlink_to("/dev/full")
    with pytest.raises(UsageError, match=r"full/seed_0.*is the disk full"):
        results(workers, full)


def test_a_sandbox_that_is_killed_from_outside_costs_one_candidate(tmp_path: Path, workers: Workers) -> None:
    victim = training(tmp_path / "victim", GOOD, steps=1 << 20)

    def kill() -> None:
        lock = tmp_path / "victim" / "seed_0" / "lock"
        while not (tmp_path / "victim" / "seed_0" / "progress.csv").exists():
            time.sleep(0.01)
        trainer = lock.read_text().split()[1]
        (sandbox,) = Path(f"/proc/{trainer}/task/{trainer}/children").read_text().split()
        os.kill(int(sandbox), signal.SIGKILL)  # as the kernel does when memory runs out

    thread = threading.Thread(target=kill)
    thread.start()
    found = results(workers, victim, training(tmp_path / "other", GOOD, steps=128))
    thread.join()
    assert "was killed by signal 9 (SIGKILL)" in found[f"victim/0/{1 << 20}"]["failure"]
    assert found["other/0/128"]["score"] > 0


def test_one_run_cannot_be_trained_twice_at_a_time(tmp_path: Path, workers: Workers) -> None:
    with pytest.raises(ValueError, match="asked for twice"):
        results(workers, training(tmp_path / "a", GOOD), training(tmp_path / "a", GOOD))


def test_nothing_of_the_environments_reward_is_told_to_the_author() -> None:
    """Trap: the human reward leaks into the reflection. Every number of it here has a 7."""
    rows = [
        {STEP: steps, "rollout/ep_len_mean": 10, "reward/up": steps, "eval/fitness": 0.5, "eval/length": 10}
        | {"rollout/env_reward": 777.0, "eval/env_reward": 777.0, "eval/reward": 77.0, "rollout/ep_rew_mean": 7777.0}
        for steps in (0, 100, 200)
    ]
    rows[1].pop("eval/fitness")  # between two evaluations the last one holds
    rows[1].pop("eval/env_reward")
    outcome = {"score": 0.5, "failure": "", "seconds": 1.0, "episodes": [0.5], "watched": [], "curves": curves(rows)}
    candidate = Candidate.of("def reward(up): return up", Origin("first"), fields=["up"])
    told = reflect(after_training(candidate, {0: outcome, 1: outcome}, 200, 500))
    assert "up: [0, 10, 20]" in told
    assert "Task score: [0.5, 0.5, 0.5]" in told
    assert "7" not in told


def test_curves_are_means_per_step_and_hold_the_last_evaluation() -> None:
    rows = [
        {
            STEP: 0,
            "eval/fitness": 0.25,
            "eval/length": 4,
            "eval/reward": 7,
            "eval/reward/up": 6,
            "eval/reward/effort": 1,
        },
        {
            STEP: 10,
            "eval/length": 50,
            "eval/reward/up": 1,
            "rollout/ep_len_mean": 5,
            "reward/up": 10,
            "reward/effort": -1,
        },
        {STEP: 15},
        {STEP: 20, "rollout/ep_len_mean": 4, "reward/up": float("nan"), "eval/fitness": 0.5},
    ]
    found = curves(rows)
    assert found["steps"] == [0, 10, 20]
    assert found["score"] == [0.25, 0.25, 0.5]
    assert found["components"] == {"effort": [0.25, -0.2, None], "up": [1.5, 2.0, None]}
    assert found["length"] == [4, 5, 4]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_components_are_known_before_the_first_episode_has_ended() -> None:
    """A short training of long episodes ends none; its evaluations still say what the reward is made of."""
    found = curves(
        [{STEP: 0, "eval/fitness": 0.5, "eval/length": 4, "eval/reward": 6, "eval/reward/up": 6}, {STEP: 10}]
    )
    assert found["components"] == {"up": [1.5]}

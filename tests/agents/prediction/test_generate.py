"""Trajectories that are generated: what their rewards say holds, and the same seed makes the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agents.prediction.data import read_tasks
from agents.prediction.generate import generate, main
from envs.text.worlds import maker

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("domain", ["blocksworld", "minihack"])
def test_rewards_are_what_they_are_said_to_be(domain: str, tmp_path: Path) -> None:
    tasks = generate(domain, 3, 0, tmp_path)
    assert len({task.name for task in tasks}) == 3
    for task in tasks:
        (negative,) = task.negatives
        assert len(task.positive) == len(negative)
        assert not negative.truth("raw").any()
        assert not negative.truth("shaped").any()
        experts = [step for step in task.positive.steps if step.is_expert]
        whole = len(experts)
        assert [step.shaped for step in experts] == pytest.approx([t / whole for t in range(1, whole + 1)])
        others = [step for step in task.positive.steps if not step.is_expert]
        assert task.positive.steps[: len(others)] == tuple(others)
        assert not any(step.shaped for step in others)
        assert task.positive.truth("raw").tolist() == [0.0] * (len(task.positive) - 1) + [1.0]


def test_trajectories_are_those_of_the_game(tmp_path: Path) -> None:
    (task,) = generate("blocksworld", 1, 0, tmp_path)
    game = next(g for g in (maker("blocksworld", n, tmp_path)() for n in range(10)) if g.name == task.name)
    for trajectory in task.trajectories:
        state = game.reset()
        for number, step in enumerate(trajectory.steps):
            if number:
                state = game.step(step.action)
            assert (state.feedback, tuple(sorted(state.facts)), state.score) == (
                step.observation,
                step.facts,
                step.score,
            )


def test_seeds(tmp_path: Path) -> None:
    one, again, other = (generate("blocksworld", 2, seed, tmp_path) for seed in (1, 1, 2))
    assert one == again
    assert not {task.name for task in one} & {task.name for task in other}


def test_processes_agree(tmp_path: Path) -> None:
    """Sets of texts have another order in each, which must not show."""
    found = []
    for hashing in ("1", "2"):
        folder = tmp_path / hashing
        command = [
            sys.executable,
            "-m",
            "agents.prediction.generate",
            str(folder),
            "blocksworld",
            "minihack",
            "alfworld",
        ]
        environment = {**os.environ, "PYTHONHASHSEED": hashing}
        subprocess.run([*command, "--tasks", "3"], check=True, env=environment, cwd=ROOT, capture_output=True)
        found.append(read_tasks(folder))
    assert found[0] == found[1]


def test_the_command_writes_what_can_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(tmp_path), "blocksworld", "--tasks", "2", "--seed", "3"])
    tasks, incomplete = read_tasks(tmp_path)
    assert tasks == sorted(generate("blocksworld", 2, 3, tmp_path), key=lambda task: task.name)
    assert not incomplete
    assert "blocksworld: 2 tasks" in capsys.readouterr().out


def test_a_wrong_domain_is_answered_with_the_nearest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([str(tmp_path), "blockworld"])
    assert "blocksworld" in capsys.readouterr().err

"""The eight Humanoid fitnesses, judged on poses that a person would agree with (docs/humanoid-tasks.md shows them)."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pytest

import envs
from envs.mujoco.humanoid_tasks import TASKS
from envs.mujoco.poses import OTHERS, POSES, Pose, fitness, qpos, state, table

STANDS_TOO = {"arms_raised", "hands_on_hips", "arms_crossed", "zero"}  # whoever does these also stands on both feet


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_its_own_pose_does_a_task_and_no_other_does(task: envs.Task) -> None:
    others = {name: pose for name, pose in (POSES | OTHERS).items() if name != task.name}
    if task.name == "standing":
        others = {name: pose for name, pose in others.items() if name not in STANDS_TOO}
    assert fitness(task, POSES[task.name]) > 0.95
    assert max(fitness(task, pose) for pose in others.values()) < 0.5


@pytest.mark.parametrize("name", sorted(STANDS_TOO))
def test_whoever_moves_only_the_arms_stands(name: str) -> None:
    standing = envs.find_task("Humanoid", "standing")
    assert fitness(standing, (POSES | OTHERS)[name]) > 0.95


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_lying_does_no_task(task: envs.Task) -> None:
    for name in ("lying_on_back", "lying_on_front", "lying_on_side"):
        assert 0 < fitness(task, OTHERS[name]) < 0.1, name


@pytest.mark.parametrize("name", [name for name in POSES if name != "standing"])
def test_progress_towards_a_pose_shows(name: str) -> None:
    """Moving the joints from standing to the pose, fitness rises, with small dips at most."""
    task = envs.find_task("Humanoid", name)
    start, goal = POSES["standing"], POSES[name]
    joints = {*start.angles, *goal.angles}
    path = [
        fitness(
            task,
            Pose(
                {j: (1 - part) * start.angles.get(j, 0) + part * goal.angles.get(j, 0) for j in joints},
                pitch=part * goal.pitch,
            ),
        )
        for part in np.linspace(0, 1, 11)
    ]
    assert np.diff(path).min() > -0.1
    order = np.argsort(np.argsort(path))
    assert np.corrcoef(order, np.arange(11))[0, 1] > 0.9


@pytest.mark.parametrize("name", POSES)
def test_a_mirror_image_is_as_good(name: str) -> None:
    """Left and right are not mixed up anywhere."""
    sign = {"x": 1, "y": 1, "z": 1, "knee": 1, "1": -1, "2": -1, "elbow": 1}
    pose = POSES[name]
    mirrored = {}
    for joint, angle in pose.angles.items():
        side, _, rest = joint.partition("_")
        if side in ("right", "left"):
            factor = next(s for ending, s in sign.items() if rest.endswith(ending))
            mirrored[f"{'left' if side == 'right' else 'right'}_{rest}"] = factor * angle
        else:
            mirrored[joint] = angle  # only abdomen_y is used, which lies in the plane of symmetry
    task = envs.find_task("Humanoid", name)
    assert fitness(task, Pose(mirrored, pose.pitch)) == pytest.approx(fitness(task, pose), abs=1e-9)


@pytest.mark.parametrize("name", POSES | OTHERS)
def test_poses_touch_the_floor_and_do_not_cut_through_the_body(name: str) -> None:
    pose = (POSES | OTHERS)[name]
    world = envs.make("Humanoid").unwrapped
    world.reset(seed=0)
    world.set_state(qpos(pose), np.zeros(world.model.nv))
    contacts = world.data.contact
    assert len(contacts.dist)
    assert contacts.dist.min() > -0.02
    floor = world.model.geom("floor").id
    touching = [c for c in contacts if floor in (c.geom1, c.geom2)]
    assert min(abs(c.dist) for c in touching) < 1e-3
    mujoco.mj_kinematics(world.model, world.data)
    np.testing.assert_array_equal(world.data.xpos, state(pose)["xpos"][0])


def test_a_pose_keeps_within_the_joints_ranges() -> None:
    with pytest.raises(ValueError, match="right_knee=10 degrees is outside"):
        qpos(Pose({"right_knee": 10}))


def test_the_documentation_shows_the_table() -> None:
    page = Path(__file__).resolve().parents[3] / "docs" / "humanoid-tasks.md"
    assert table() in page.read_text(), "run python -m envs.mujoco.poses and paste its table"

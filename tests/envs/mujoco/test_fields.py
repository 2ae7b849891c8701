"""Named fields: each is what its name says, checked against the simulator by another way of asking it."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
import pytest

import envs
from envs.expose import MUJOCO_ARRAYS
from envs.mujoco.humanoid_standup import FIELDS as STANDUP_FIELDS
from envs.mujoco.model import Model
from reward_designers.base import FunctionReward

MUJOCO = [name for name in envs.names() if name != "CartPole"]
UNITS = {"m", "m/s", "rad", "rad/s", "N", "1"}


def moved(name: str, steps: int = 30, seed: int = 0) -> tuple[Any, dict[str, np.ndarray]]:
    """The simulator and all fields of an environment after random steps; derived positions brought up to date."""
    env = envs.make(name)
    task = envs.task_of(env)
    assert task is not None
    env.reset(seed=seed)
    env.action_space.seed(seed)
    for _ in range(steps):
        env.step(env.action_space.sample())
    world = env.unwrapped
    mujoco.mj_forward(world.model, world.data)
    mujoco.mj_rnePostConstraint(world.model, world.data)
    arrays = {array: np.array(getattr(world.data, array))[None] for array in MUJOCO_ARRAYS}
    fields = {key: f.compute(*[arrays[read] for read in f.reads]) for key, f in task.fields.items()}
    return world, fields


@pytest.mark.parametrize("name", envs.names())
def test_fields_have_a_unit_a_description_and_one_value_a_row(name: str) -> None:
    task = envs.find_task(name)
    venv = envs.make_vec(name, 3)
    everything = FunctionReward(_reads_all(list(task.fields)))
    env = envs.vector.ReplaceReward(venv, everything)
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(5):
        *_, infos = env.step(env.action_space.sample())
    for key, field in task.fields.items():
        assert field.unit in UNITS, key
        assert field.description, key
        assert infos["reward_components"][key].shape == (3,)
    env.close()


def _reads_all(names: list[str]) -> Any:
    """A reward whose components are the named fields."""
    scope: dict[str, Any] = {}
    exec(f"def everything({', '.join(names)}): return {{{', '.join(f'{n!r}: {n}' for n in names)}}}", scope)
    return scope["everything"]


@pytest.mark.parametrize("name", MUJOCO)
def test_every_hinge_has_its_angle_and_velocity(name: str) -> None:
    world, fields = moved(name)
    values = {key: value.item() for key, value in fields.items()}
    for joint in range(world.model.njnt):
        if world.model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_HINGE:
            angle, speed = world.data.joint(joint).qpos.item(), world.data.joint(joint).qvel.item()
            assert angle in values.values(), world.model.joint(joint).name
            assert speed in values.values(), world.model.joint(joint).name


@pytest.mark.parametrize(
    ("name", "joint", "field"),
    [
        ("Humanoid", "right_knee", "right_knee_angle"),
        ("Humanoid", "left_elbow", "left_elbow_angle"),
        ("Ant", "ankle_4", "front_right_ankle_angle"),
        ("HalfCheetah", "fshin", "front_shin_angle"),
        ("Hopper", "leg_joint", "leg_angle"),
        ("Walker2d", "thigh_left_joint", "left_thigh_angle"),
        ("Swimmer", "motor2_rot", "back_joint_angle"),
        ("Reacher", "joint1", "elbow_angle"),
        ("Pusher", "r_wrist_flex_joint", "wrist_flex_angle"),
        ("InvertedDoublePendulum", "hinge2", "upper_pole_angle"),
    ],
)
def test_joint_angles_are_those_of_the_joint(name: str, joint: str, field: str) -> None:
    world, fields = moved(name)
    assert fields[field].item() == world.data.joint(joint).qpos.item() != 0


@pytest.mark.parametrize(
    ("name", "up"), [("Humanoid", 2), ("Ant", 2), ("Hopper", 2), ("Walker2d", 2), ("HalfCheetah", 2)]
)
def test_uprightness_is_the_torsos_axis_on_the_vertical(name: str, up: int) -> None:
    world, fields = moved(name, steps=60)
    expected = world.data.body("torso").xmat.reshape(3, 3)[2, up]
    assert fields["uprightness"].item() == pytest.approx(expected, abs=1e-9)
    assert fields["tilt"].item() == pytest.approx(np.arccos(expected), abs=1e-6)
    assert abs(fields["uprightness"].item()) < 1


def test_a_lying_humanoid_that_is_to_stand_up_is_not_upright() -> None:
    world, fields = moved("HumanoidStandup", steps=1)
    assert abs(fields["uprightness"].item()) < 0.1
    assert fields["head_height"].item() < 0.2
    qpos = world.init_qpos.copy()
    qpos[:7] = 0, 0, 1.4, *_rotation_onto(np.array([-1.0, 0, 0]), np.array([0, 0, 1.0]))
    world.set_state(qpos, world.init_qvel)
    arrays = {array: np.array(getattr(world.data, array))[None] for array in MUJOCO_ARRAYS}
    raised = {key: f.compute(*[arrays[read] for read in f.reads]).item() for key, f in STANDUP_FIELDS.items()}
    assert raised["uprightness"] == pytest.approx(1)
    assert raised["head_height"] == pytest.approx(world.data.geom("head").xpos[2]) == pytest.approx(1.55)
    # The hands of this model lie in front of the chest, each on its side, as those of Humanoid do.
    assert raised["right_hand_outward"] == pytest.approx(raised["left_hand_outward"])
    assert raised["right_hand_outward"] > 0


def _rotation_onto(start: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Quaternion of the shortest rotation between two unit vectors."""
    quaternion = np.array([1 + start @ goal, *np.cross(start, goal)])
    return quaternion / np.linalg.norm(quaternion)


def test_humanoid_heights_and_distances() -> None:
    world, fields = moved("Humanoid", steps=40)
    data = world.data
    assert fields["torso_height"].item() == data.body("torso").xpos[2]
    assert fields["head_height"].item() == data.geom("head").xpos[2]
    assert fields["left_knee_height"].item() == data.body("left_shin").xpos[2]
    assert (
        fields["right_foot_height"].item() == data.geom("right_foot").xpos[2] - world.model.geom("right_foot").size[0]
    )
    apart = data.geom("right_foot").xpos - data.geom("left_foot").xpos
    assert fields["feet_distance"].item() == pytest.approx(np.linalg.norm(apart))
    torso = data.body("torso")
    local = torso.xmat.reshape(3, 3).T @ (data.geom("right_hand").xpos - torso.xpos)
    found = [fields[f"right_hand_{direction}"].item() for direction in ("forward", "outward", "up")]
    np.testing.assert_allclose(found, local * [1, -1, 1], atol=1e-9)
    assert fields["left_foot_force"].item() == pytest.approx(np.linalg.norm(data.body("left_foot").cfrc_ext[3:]))


def test_an_ants_foot_is_at_the_end_of_its_lower_leg() -> None:
    world, fields = moved("Ant", steps=20)
    for leg, geom in {"front_left": "left_ankle_geom", "back_right": "third_ankle_geom"}.items():
        capsule = world.data.geom(geom)
        half = capsule.xmat.reshape(3, 3)[:, 2] * world.model.geom(geom).size[1]
        ends = [(capsule.xpos + half)[2], (capsule.xpos - half)[2]]
        ankle = world.data.xpos[world.model.geom(geom).bodyid[0], 2]
        foot = max(ends, key=lambda end: abs(end - ankle))
        assert fields[f"{leg}_foot_height"].item() == pytest.approx(foot, abs=1e-9)


def test_an_ants_legs_are_named_by_where_they_are() -> None:
    world = envs.make("Ant").unwrapped
    world.reset(seed=0)
    for leg, geom in {
        "front_left": "left_ankle_geom",
        "back_left": "right_ankle_geom",
        "back_right": "third_ankle_geom",
        "front_right": "fourth_ankle_geom",
    }.items():
        x, y = (world.data.geom(geom).xpos - world.data.body("torso").xpos)[:2]
        assert (x > 0) == leg.startswith("front")
        assert (y > 0) == leg.endswith("left")


def test_forward_velocity_is_the_change_of_position() -> None:
    for name in ("Hopper", "Walker2d", "HalfCheetah", "Ant", "Swimmer", "Humanoid"):
        env = envs.ReplaceReward(
            envs.make(name),
            lambda forward_velocity, next_forward_velocity: {
                "before": forward_velocity,
                "after": next_forward_velocity,
            },
        )
        env.reset(seed=0)
        env.action_space.seed(0)
        for _ in range(20):
            *_, info = env.step(env.action_space.sample())
            low, high = sorted(info["reward_components"].values())
            margin = 0.3 * (high - low) + 0.15
            assert low - margin <= info["fitness"] <= high + margin, name


def test_fitness_of_locomotion_adds_up_to_the_distance_covered() -> None:
    env = envs.ReplaceReward(envs.make("HalfCheetah", frame_skip=3))
    env.reset(seed=0)
    start = env.unwrapped.data.qpos[0]
    env.action_space.seed(0)
    total = sum(env.step(env.action_space.sample())[4]["fitness"] for _ in range(50))
    assert total * env.unwrapped.dt == pytest.approx(env.unwrapped.data.qpos[0] - start)


def test_distances_of_arms() -> None:
    world, fields = moved("Pusher")
    data = world.data
    assert fields["object_to_goal"].item() == pytest.approx(
        np.linalg.norm(data.body("object").xpos - data.body("goal").xpos)
    )
    assert fields["tip_to_object"].item() == pytest.approx(
        np.linalg.norm(data.body("tips_arm").xpos - data.body("object").xpos)
    )
    world, fields = moved("Reacher")
    tip = np.array([fields["fingertip_x"].item(), fields["fingertip_y"].item()])
    target = np.array([fields["target_x"].item(), fields["target_y"].item()])
    assert fields["distance_to_target"].item() == pytest.approx(np.linalg.norm(tip - target))


def test_a_wrong_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(KeyError, match=r"unknown joint of humanoid\.xml 'right_kne'\. Did you mean 'right_knee'"):
        Model("humanoid.xml").qpos["right_kne"]

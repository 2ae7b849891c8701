"""Posed Humanoids: one for each of the eight tasks, and states that do none of them.

They show what each fitness means, and they test it. Angles keep within the model's joint ranges; the root is lowered
or raised until the lowest geom touches the floor. Poses are geometry: nothing says that they can be held.

    python -m envs.mujoco.poses                       # print the fitness of all poses for all tasks
    python -m envs.mujoco.poses --out docs/images     # and draw the pictures of docs/humanoid-tasks.md
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from envs.cameras import VLM_RM_HUMANOID, Camera
from envs.expose import MUJOCO_ARRAYS
from envs.mujoco.humanoid import MODEL
from envs.mujoco.humanoid_tasks import TASKS
from envs.task import Task
from reward_designers.base import Transition
from reward_designers.evaluation import evaluate


@dataclass(frozen=True)
class Pose:
    """A way to hold the body; joints that are not named are at 0.

    Attributes:
        angles: Of joints by name, degrees.
        pitch: Rotation of the torso, > 0 leans forward.
        roll: Rotation of the torso, > 0 leans to the robot's right side.
    """

    angles: Mapping[str, float] = field(default_factory=dict)
    pitch: float = 0.0
    roll: float = 0.0


_MIRRORED = {"hip_x": 1, "hip_z": 1, "hip_y": 1, "knee": 1, "shoulder1": -1, "shoulder2": -1, "elbow": 1}
"""Sign of the left joint's angle in the mirror image of the right one."""


def _both(**angles: float) -> dict[str, float]:
    """Angles by the names of `_MIRRORED`, for the right side and, as a mirror image, for the left."""
    right = {f"right_{joint}": angle for joint, angle in angles.items()}
    return right | {f"left_{joint}": _MIRRORED[joint] * angle for joint, angle in angles.items()}


_HANGING = _both(shoulder1=40, shoulder2=-30, elbow=-85)
_ON_KNEES = _both(shoulder1=20, shoulder2=-10, elbow=-60)
_STRETCHED = _both(knee=-2)

POSES: dict[str, Pose] = {
    "kneeling": Pose(_HANGING | _both(knee=-90)),
    "lotus": Pose(
        _ON_KNEES
        | {"abdomen_y": -75}
        | {"right_hip_x": -5, "right_hip_z": -60, "right_hip_y": -55, "right_knee": -143}
        | {"left_hip_x": 0, "left_hip_z": -60, "left_hip_y": -43, "left_knee": -158},
        pitch=-10,
    ),
    "standing": Pose(_STRETCHED | _HANGING),
    "arms_raised": Pose(_STRETCHED | _both(shoulder1=-85, shoulder2=25, elbow=-90)),
    "splits": Pose(_STRETCHED | _ON_KNEES | _both(hip_x=-25, hip_z=-60, hip_y=-65)),
    "hands_on_hips": Pose(_STRETCHED | _both(shoulder1=50, shoulder2=-65, elbow=-20)),
    "one_leg": Pose(_STRETCHED | _HANGING | {"right_hip_y": -90, "right_knee": -90}),
    "arms_crossed": Pose(
        _STRETCHED
        | {"right_shoulder1": 60, "right_shoulder2": 9, "right_elbow": -30}
        | {"left_shoulder1": -60, "left_shoulder2": 3, "left_elbow": -39}
    ),
}
"""By task. The elbows do not let forearms lie on each other: crossed arms form an X in front of the chest."""

OTHERS: dict[str, Pose] = {
    "zero": Pose(),
    "lying_on_back": Pose(_STRETCHED | _HANGING, pitch=-90),
    "lying_on_front": Pose(_STRETCHED | _HANGING, pitch=90),
    "lying_on_side": Pose(_STRETCHED | _HANGING, roll=90),
}
"""The model's own pose (it stands, arms forward), and states that do no task."""


def qpos(pose: Pose) -> np.ndarray:
    """``(24,)`` coordinates of a pose that touches the floor."""
    import mujoco

    model, data = _simulator()
    mujoco.mj_resetData(model, data)
    root = MODEL.qpos["root"]
    data.qpos[root : root + 3] = 0.0, 0.0, 2.0
    data.qpos[root + 3 : root + 7] = _quaternion(pose.pitch, pose.roll)
    for joint, angle in pose.angles.items():
        low, high = np.degrees(model.joint(joint).range)
        if not low - 1e-6 <= angle <= high + 1e-6:
            raise ValueError(f"{joint}={angle} degrees is outside the joint's range, {low:g} to {high:g}")
        data.qpos[MODEL.qpos[joint]] = np.radians(angle)
    mujoco.mj_kinematics(model, data)
    data.qpos[root + 2] -= _lowest_point(model, data)
    return data.qpos.copy()


def _quaternion(pitch: float, roll: float) -> np.ndarray:
    p, r = np.radians(pitch) / 2, np.radians(roll) / 2
    return np.array([np.cos(p) * np.cos(r), np.cos(p) * np.sin(r), np.sin(p) * np.cos(r), -np.sin(p) * np.sin(r)])


def state(pose: Pose) -> dict[str, np.ndarray]:
    """The simulator's arrays in a pose at rest, by name, each with a leading dimension of 1."""
    import mujoco

    model, data = _simulator()
    coordinates = qpos(pose)
    mujoco.mj_resetData(model, data)
    data.qpos[:] = coordinates
    mujoco.mj_forward(model, data)
    return {name: np.array(getattr(data, name))[None] for name in MUJOCO_ARRAYS if hasattr(data, name)}


def fitness(task: Task, pose: Pose) -> float:
    """How well a pose at rest does a task."""
    arrays = state(pose)
    named = {name: f.compute(*[arrays[read] for read in f.reads]) for name, f in task.fields.items()}
    no, nothing = np.zeros(1, bool), np.zeros((1, 17))
    t = Transition(arrays | named, nothing, arrays | named, no, no)
    return evaluate(task.fitness, t)[task.fitness.name].item()


@cache
def _simulator() -> tuple[Any, Any]:
    import gymnasium
    import mujoco

    world: Any = gymnasium.make("Humanoid-v5").unwrapped
    return world.model, mujoco.MjData(world.model)


def _lowest_point(model: Any, data: Any) -> float:
    """Height of the lowest point of the robot's spheres and capsules, m."""
    import mujoco

    lowest = np.inf
    for geom in range(model.ngeom):
        if model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_PLANE:
            continue
        half_length = model.geom_size[geom, 1] if model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_CAPSULE else 0.0
        axis_up = abs(data.geom_xmat[geom, 8])
        lowest = min(lowest, data.geom_xpos[geom, 2] - half_length * axis_up - model.geom_size[geom, 0])
    return float(lowest)


def table() -> str:
    """Fitness of every pose for every task, as Markdown; what a pose is meant to do in bold."""
    lines = ["| pose | " + " | ".join(task.name for task in TASKS) + " |", "|---|" + "---|" * len(TASKS)]
    for name, pose in (POSES | OTHERS).items():
        cells = [f"**{fitness(t, pose):.2f}**" if t.name == name else f"{fitness(t, pose):.2f}" for t in TASKS]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


_SIDE = Camera(follow=1, lookat=(0.0, 0.0, 0.85), distance=3.3, azimuth=125.0, elevation=-12.0)


def picture(task: Task, size: int = 240) -> np.ndarray:
    """``(size, 3 * size, 3)``: the task's pose from VLM-RM's camera and from the side; a pose that scores low."""
    from PIL import Image, ImageDraw

    from envs.rendering import renderer

    model, _ = _simulator()
    own = POSES[task.name]
    low = OTHERS["lying_on_back"] if task.name == "standing" else POSES["standing"]
    panels = []
    for pose, camera in ((own, VLM_RM_HUMANOID), (own, _SIDE), (low, VLM_RM_HUMANOID)):
        state(pose)  # leaves the simulator in the pose
        frame = renderer("fast", "parts").render(model, _simulator()[1], height=size, width=size, camera=camera)
        image = Image.fromarray(frame)
        ImageDraw.Draw(image).text((8, 6), f"fitness {fitness(task, pose):.2f}", fill=(255, 255, 255), font_size=15)
        panels.append(np.asarray(image))
    return np.concatenate(panels, axis=1)


def main() -> None:
    """Print the table; draw the pictures if asked to."""
    parser = argparse.ArgumentParser(description="Posed Humanoids and their fitness for each of the eight tasks.")
    parser.add_argument("--out", type=Path, help="folder for humanoid-TASK.png")
    out = parser.parse_args().out
    print(table())
    if out is not None:
        from PIL import Image

        out.mkdir(parents=True, exist_ok=True)
        for task in TASKS:
            image = Image.fromarray(picture(task)).quantize(128)
            image.save(out / f"humanoid-{task.name.replace('_', '-')}.png", optimize=True)


if __name__ == "__main__":
    main()

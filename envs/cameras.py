"""Where pictures are taken from: cameras by Gymnasium's words, the ones an env has, and those of our tasks."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from reward_designers.errors import unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    import gymnasium as gym
    import mujoco


@dataclass(frozen=True)
class Camera:
    """Where a picture is taken from.

    Either a camera of the model (``fixed``), or a free one, optionally following a body horizontally.

    Attributes:
        fixed: Name or number of a camera defined in the model; the remaining fields are then unused.
        follow: Name or number of a body whose horizontal position is added to ``lookat``. Its height is not followed,
            so that rising and falling remain visible.
        lookat: Point in the middle of the picture, m.
        distance: From ``lookat``, m.
        azimuth: Degrees; 90 looks along +y, 180 along -x (at the front of a robot facing +x).
        elevation: Degrees; negative looks down.
    """

    fixed: str | int | None = None
    follow: str | int | None = None
    lookat: tuple[float, float, float] = (0.0, 0.0, 0.0)
    distance: float = 2.0
    azimuth: float = 90.0
    elevation: float = -45.0

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Camera:
        """Translate Gymnasium's ``default_camera_config`` words (``trackbodyid``, ``lookat``, ...), or our own.

        Raises:
            ValueError: A key is unknown.
        """
        names = {"trackbodyid": "follow", "fixedcamid": "fixed"}
        known = [field.name for field in fields(cls)]
        values: dict[str, Any] = {}
        for key, value in config.items():
            name = names.get(key, key)
            if name not in known:
                raise ValueError(unknown_name("camera setting", key, [*known, *names]))
            values[name] = tuple(float(x) for x in value) if name == "lookat" else value
        return cls(**values)

    @classmethod
    def of(cls, env: gym.Env) -> Camera:
        """The camera with which a Gymnasium MuJoCo env renders itself.

        Its ``camera_name`` or ``camera_id``, else the model's camera "track", else its ``default_camera_config``.
        """
        viewer = env.unwrapped.mujoco_renderer  # type: ignore[attr-defined]
        if viewer.camera_id >= 0:
            return cls(fixed=int(viewer.camera_id))
        config = dict(viewer.default_cam_config or {})
        config.pop("trackbodyid", None)  # Gymnasium sets it, but on a free camera, where it means nothing
        lookat, distance = _free_view(viewer.model)
        return cls.from_config({"lookat": lookat, "distance": distance, **config})


VLM_RM_HUMANOID = Camera(follow=1, lookat=(0.0, 0.0, 1.0), distance=3.5, azimuth=180.0, elevation=-10.0)
"""Camera of VLM-RM (Rocamonde et al. 2023, arXiv 2310.12921) for its Humanoid tasks: seen from the front."""

PENDULUM = Camera(lookat=(0.0, 0.0, 0.25), distance=3.0, azimuth=90.0, elevation=-5.0)
"""Sees the whole rail of InvertedPendulum; Gymnasium's own camera loses the cart before the rail ends."""

DOUBLE_PENDULUM = Camera(lookat=(0.0, 0.0, 0.4), distance=4.0, azimuth=90.0, elevation=-5.0)
"""Sees the whole rail of InvertedDoublePendulum; Gymnasium's own looks steeply down, at poles of a few pixels."""


_free_views: weakref.WeakKeyDictionary[Any, tuple[tuple[float, ...], float]] = weakref.WeakKeyDictionary()


def _free_view(model: mujoco.MjModel) -> tuple[tuple[float, ...], float]:
    """Gymnasium's free camera, but from the model's reference pose and so the same in every run: (lookat, m)."""
    if model not in _free_views:
        import mujoco

        data = mujoco.MjData(model)
        mujoco.mj_forward(model, data)
        _free_views[model] = tuple(np.median(data.geom_xpos, axis=0).tolist()), float(model.stat.extent)
    return _free_views[model]


def view_of(model: mujoco.MjModel, data: mujoco.MjData, camera: Camera | None) -> mujoco.MjvCamera:
    """MuJoCo's form of a camera in this state; None: the model's "track", else a free one over the whole model.

    Raises:
        ValueError: The model has no such camera or body.
    """
    import mujoco

    if camera is None:
        if mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_CAMERA, "track") >= 0:
            camera = Camera(fixed="track")
        else:
            lookat, distance = _free_view(model)
            camera = Camera(lookat=lookat, distance=distance)  # type: ignore[arg-type]
    view = mujoco.MjvCamera()
    if camera.fixed is not None:
        view.type = mujoco.mjtCamera.mjCAMERA_FIXED
        view.fixedcamid = _number_of(model, "camera", mujoco.mjtObj.mjOBJ_CAMERA, camera.fixed, model.ncam)
        return view
    view.type = mujoco.mjtCamera.mjCAMERA_FREE
    view.lookat[:] = camera.lookat
    if camera.follow is not None:
        body = _number_of(model, "body", mujoco.mjtObj.mjOBJ_BODY, camera.follow, model.nbody)
        view.lookat[:2] += data.xpos[body, :2]
    view.distance, view.azimuth, view.elevation = camera.distance, camera.azimuth, camera.elevation
    return view


def _number_of(model: mujoco.MjModel, kind: str, obj: mujoco.mjtObj, which: str | int, count: int) -> int:
    import mujoco

    if isinstance(which, str):
        number = mujoco.mj_name2id(model, obj, which)
        if number < 0:
            names = [mujoco.mj_id2name(model, obj, i) or f"(number {i})" for i in range(count)]
            raise ValueError(unknown_name(f"{kind} of the model", which, names))
        return number
    if not 0 <= which < count:
        raise ValueError(f"the model has {count} of kind {kind}, there is no number {which}")
    return int(which)

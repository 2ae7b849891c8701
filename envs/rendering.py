"""Frames, fast: one off-screen renderer per process for any MuJoCo model, and :func:`frame_of` for any env.

Gymnasium's ``render()`` spends 78 CPU-ms on a Humanoid frame at 224 px in software OpenGL. Nearly all of it goes into
shadows, the mirrored floor, multisampling and a floor of 320 x 320 quads; the ``fast`` preset leaves these out and
needs about 1.5 ms (``benchmarks/rendering.py``). ``fidelity`` is Gymnasium's picture, pixel for pixel.

The physics never notices: what differs (floor grid, mesh quality) is set on a copy of the model that only creates the
drawing context; scenes are filled from the env's own, untouched model and data.
"""

from __future__ import annotations

import atexit
import contextlib
import copy
import hashlib
import os
import sys
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from envs.cameras import DOUBLE_PENDULUM, PENDULUM, VLM_RM_HUMANOID, Camera, view_of
from envs.gl import PACKAGES, GLError, ensure_gl, forget_gl
from reward_designers.errors import unknown_name

if TYPE_CHECKING:
    import gymnasium as gym
    import mujoco

__all__ = [
    "DOUBLE_PENDULUM",
    "PENDULUM",
    "PRESETS",
    "TEXTURES",
    "VLM_RM_HUMANOID",
    "Camera",
    "GLError",
    "Preset",
    "Renderer",
    "Texture",
    "close",
    "ensure_gl",
    "frame_of",
    "renderer",
]

Preset = Literal["fast", "fidelity"]
Texture = Literal["native", "parts"]
PRESETS: tuple[str, ...] = ("fast", "fidelity")
TEXTURES: tuple[str, ...] = ("native", "parts")

_MAX_CONTEXTS = 16  # drawing contexts kept per process, one for each kind of model and preset
_FLOOR_SPACING = 20.0  # m between the grid lines of a drawn plane in the fast preset


class Renderer:
    """Draws any MuJoCo model off-screen. Get the process's one from :func:`renderer`.

    Args:
        preset: ``"fast"`` (no shadows, reflections or multisampling; coarse floor and spheres) or ``"fidelity"``
            (Gymnasium's picture).
        texture: ``"native"`` or ``"parts"``: every body part in a color of its own, left and right told apart. VLM-RM's
            kneeling went from 36 % to 91 % with a textured humanoid.
    """

    def __init__(self, preset: Preset = "fast", texture: Texture = "native") -> None:
        if preset not in PRESETS:
            raise ValueError(unknown_name("render preset", preset, PRESETS))
        if texture not in TEXTURES:
            raise ValueError(unknown_name("render texture", texture, TEXTURES))
        self.preset = preset
        self.texture = texture
        self._targets: OrderedDict[bytes, _Target] = OrderedDict()
        self._of_model: weakref.WeakKeyDictionary[mujoco.MjModel, _Target] = weakref.WeakKeyDictionary()

    def render(
        self,
        model: mujoco.MjModel,
        data: mujoco.MjData,
        *,
        height: int,
        width: int,
        camera: Camera | None = None,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Draw one frame. Neither ``model`` nor ``data`` is changed.

        Args:
            model: Any model; its colors, sizes and cameras are read anew for each frame.
            data: Its state. Positions are drawn as they are in ``data.xpos``, as Gymnasium does.
            height: Of the picture, pixels.
            width: Of the picture, pixels.
            camera: From where; default: the model's camera "track", else a free one over the whole model.
            out: (height, width, 3) uint8 array to draw into.

        Returns:
            (height, width, 3) uint8, row 0 on top; ``out`` if given.

        Raises:
            GLError: This machine has no off-screen OpenGL, or it draws nothing.
            ValueError: Sizes are not positive, ``out`` does not fit, or the model has no such camera or body.
        """
        if height < 1 or width < 1:
            raise ValueError(f"a frame needs a positive height and width, got {height} x {width}")
        if out is None:
            out = np.empty((height, width, 3), np.uint8)
        elif out.shape != (height, width, 3) or out.dtype != np.uint8:
            raise ValueError(f"out must be ({height}, {width}, 3) uint8, got {out.shape} {out.dtype}")
        with _gl_context():
            self._target(model).draw(model, data, view_of(model, data, camera), out)
        return out

    def close(self) -> None:
        """Free the drawing contexts; the next frame makes new ones."""
        if self._targets:
            with _gl_context():
                for target in self._targets.values():
                    target.free()
        self._targets.clear()
        self._of_model.clear()

    def _target(self, model: mujoco.MjModel) -> _Target:
        """The drawing context for this kind of model: sixteen Humanoids share one."""
        target = self._of_model.get(model)
        if target is not None and not target.freed:
            return target
        key = _assets_digest(model)
        target = self._targets.get(key)
        if target is None:
            target = self._targets[key] = _Target(model, self.preset, self.texture)
            if len(self._targets) > _MAX_CONTEXTS:
                self._targets.popitem(last=False)[1].free()
        self._of_model[model] = target
        return target


class _Target:
    """What OpenGL holds for one kind of model: meshes, textures, frame buffer; and the scene that is filled anew."""

    def __init__(self, model: mujoco.MjModel, preset: str, texture: str) -> None:
        import mujoco

        self._mj = mujoco
        self._fast = preset == "fast"
        drawn = copy.copy(model)  # only the context is created from it
        drawn.vis.global_.offwidth = drawn.vis.global_.offheight = 1  # grows to what is asked for; all of it is cleared
        if self._fast:
            quality = drawn.vis.quality
            quality.offsamples = 0
            quality.numslices, quality.numstacks = min(quality.numslices, 8), min(quality.numstacks, 4)
            planes = drawn.geom_type == mujoco.mjtGeom.mjGEOM_PLANE
            drawn.geom_size[planes, 2] = _FLOOR_SPACING
        try:
            self._context = mujoco.MjrContext(drawn, mujoco.mjtFontScale.mjFONTSCALE_50)
        except mujoco.FatalError as error:  # GLFW without a display fails only here
            raise GLError(_does_not_start(error)) from error
        if self._fast:
            _simplify_filters(model, self._context)
        self._scene = mujoco.MjvScene(model, max(1000, 4 * model.ngeom))
        self._option = mujoco.MjvOption()
        if self._fast:
            self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = False
            self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        self._colors = _part_colors(model) if texture == "parts" else None
        self._buffer = np.empty((0, 0, 3), np.uint8)
        self._drawn_before = False
        self.freed = False

    def draw(self, model: mujoco.MjModel, data: mujoco.MjData, camera: mujoco.MjvCamera, out: np.ndarray) -> None:
        mj, height, width = self._mj, out.shape[0], out.shape[1]
        if height > self._context.offHeight or width > self._context.offWidth:
            size = max(width, self._context.offWidth), max(height, self._context.offHeight)
            mj.mjr_resizeOffscreen(*size, self._context)
        if self._buffer.shape != out.shape:
            self._buffer = np.empty(out.shape, np.uint8)
        rect = mj.MjrRect(0, 0, width, height)
        mj.mjr_setBuffer(mj.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        mj.mjv_updateScene(model, data, self._option, None, camera, mj.mjtCatBit.mjCAT_ALL, self._scene)
        if self._colors is not None:
            self._paint()
        mj.mjr_render(rect, self._scene, self._context)
        mj.mjr_readPixels(self._buffer, None, rect, self._context)
        out[:] = self._buffer[::-1]  # OpenGL's rows go upwards
        if not self._drawn_before:
            if (out == out[0, 0]).all():
                raise GLError(
                    f"the first frame of this model is one flat color, {out[0, 0].tolist()}: either the camera sees "
                    f"nothing, or OpenGL (MUJOCO_GL={os.environ.get('MUJOCO_GL')!r}) does not draw. Install {PACKAGES}"
                )
            self._drawn_before = True

    def _paint(self) -> None:
        assert self._colors is not None
        for geom in self._scene.geoms[: self._scene.ngeom]:
            if geom.objtype == self._mj.mjtObj.mjOBJ_GEOM and geom.objid in self._colors:
                geom.rgba[:3] = self._colors[geom.objid]
                geom.matid = -1

    def free(self) -> None:
        self._context.free()
        self.freed = True


def _simplify_filters(model: mujoco.MjModel, context: mujoco.MjrContext) -> None:
    """Trilinear filtering of the sky, a smooth gradient, is half of what a software frame costs: sample it plainly.

    Textures of the bodies keep one level of detail instead of mixing two.
    """
    from OpenGL import GL

    skybox = 2  # mjTEXTURE_SKYBOX; 1 is a cube, 0 plane
    for number, kind in enumerate(model.tex_type):
        if kind:
            GL.glBindTexture(GL.GL_TEXTURE_CUBE_MAP, int(context.texture[number]))
            shrinking = GL.GL_NEAREST if kind == skybox else GL.GL_LINEAR_MIPMAP_NEAREST
            growing = GL.GL_NEAREST if kind == skybox else GL.GL_LINEAR
            GL.glTexParameteri(GL.GL_TEXTURE_CUBE_MAP, GL.GL_TEXTURE_MIN_FILTER, shrinking)
            GL.glTexParameteri(GL.GL_TEXTURE_CUBE_MAP, GL.GL_TEXTURE_MAG_FILTER, growing)


# -- one renderer and one OpenGL context per process -------------------------------------------------------------------

_LOCK = threading.RLock()
_renderers: dict[tuple[str, str], Renderer] = {}
_context: Any = None
_context_pid = 0


def renderer(preset: Preset = "fast", texture: Texture = "native") -> Renderer:
    """The process's renderer for this preset and texture; all share one OpenGL context."""
    with _LOCK:
        if (preset, texture) not in _renderers:
            _renderers[preset, texture] = Renderer(preset, texture)
        return _renderers[preset, texture]


def close() -> None:
    """Free all that this module holds in OpenGL. Called at exit; harmless to call twice."""
    global _context
    with _LOCK:
        if _context is not None and _context_pid == os.getpid():
            for one in _renderers.values():
                one.close()
            _context.free()
        _renderers.clear()
        _context = None


@contextlib.contextmanager
def _gl_context() -> Iterator[None]:
    """Make our context current, then the one that was: Gymnasium's viewers never make theirs current again."""
    global _context, _context_pid
    with _LOCK:
        if _context is None:
            _context, _context_pid = _new_gl_context(), os.getpid()
            atexit.register(close)
        elif _context_pid != os.getpid():
            raise GLError(
                "this process was forked from one that had already rendered, and OpenGL does not survive a fork: "
                "start workers with the 'spawn' or 'forkserver' method, or before the first frame"
            )
        with _context.as_current():
            yield


def _new_gl_context() -> Any:
    was_set = "MUJOCO_GL" in os.environ
    backend = ensure_gl()
    try:
        if backend == "egl":
            from envs.egl import EGLContext

            return EGLContext()
        if backend == "osmesa":
            from mujoco.osmesa import GLContext
        else:
            from mujoco.gl_context import GLContext
        return GLContext(1, 1)
    except Exception as error:
        if not was_set:
            forget_gl()
        raise GLError(_does_not_start(error)) from error


def _does_not_start(error: Exception) -> str:
    return (
        f"OpenGL through MUJOCO_GL={os.environ.get('MUJOCO_GL')!r} does not start ({type(error).__name__}: {error}). "
        f"Use egl or osmesa, or unset MUJOCO_GL to have one chosen; the libraries come with {PACKAGES}"
    )


# -- from models to contexts and colors --------------------------------------------------------------------------------


_UPLOADED = (
    *("geom_type", "geom_size", "geom_dataid", "geom_matid", "mat_texid", "mat_texrepeat", "mat_texuniform"),
    *("tex_type", "tex_height", "tex_width", "tex_data", "mesh_vert", "mesh_normal", "mesh_face", "mesh_texcoord"),
    *("mesh_scale", "hfield_size", "hfield_data", "skin_vert", "skin_face"),
)


def _assets_digest(model: mujoco.MjModel) -> bytes:
    """Of everything that a drawing context uploads once; models that agree in it can share one."""
    digest = hashlib.blake2b(digest_size=16)
    for name in _UPLOADED:
        array = getattr(model, name)
        digest.update(repr((name, array.shape)).encode())
        digest.update(np.ascontiguousarray(array).data)
    quality = model.vis.quality
    sizes = (model.vis.global_.offwidth, model.vis.global_.offheight, quality.offsamples, quality.shadowsize)
    digest.update(repr((*sizes, quality.numslices, quality.numstacks, quality.numquads)).encode())
    return digest.digest()


_HUMANOID_PARTS = {  # by how a geom's name begins; right limbs darker than left ones
    "head": (0.95, 0.75, 0.60),
    "torso": (0.85, 0.20, 0.20),
    "uwaist": (0.85, 0.20, 0.20),
    "lwaist": (0.75, 0.15, 0.15),
    "butt": (0.15, 0.20, 0.60),
    "right_thigh": (0.15, 0.25, 0.75),
    "right_shin": (0.10, 0.45, 0.65),
    "right_foot": (0.10, 0.10, 0.10),
    "left_thigh": (0.35, 0.45, 0.95),
    "left_shin": (0.30, 0.70, 0.90),
    "left_foot": (0.35, 0.35, 0.35),
    "right_uarm": (0.75, 0.55, 0.05),
    "right_larm": (0.10, 0.50, 0.15),
    "right_hand": (0.95, 0.75, 0.60),
    "left_uarm": (1.00, 0.80, 0.20),
    "left_larm": (0.40, 0.80, 0.35),
    "left_hand": (0.95, 0.75, 0.60),
}


def _part_colors(model: mujoco.MjModel) -> dict[int, tuple[float, float, float]]:
    """Color of each geom on a moving body: by name for humanoids, else a hue for each body."""
    import colorsys

    colors = {}
    for geom in range(model.ngeom):
        body = int(model.geom_bodyid[geom])
        if body == 0:
            continue  # floor, rails
        name = model.geom(geom).name
        fitting = [color for start, color in _HUMANOID_PARTS.items() if name.startswith(start)]
        hue = (body - 1) / max(1, model.nbody - 1)
        colors[geom] = fitting[0] if fitting else colorsys.hsv_to_rgb(hue, 0.75, 0.9)
    return colors


# -- any env -----------------------------------------------------------------------------------------------------------


def frame_of(
    env: gym.Env,
    *,
    height: int,
    width: int,
    preset: Preset = "fast",
    texture: Texture = "native",
    camera: Camera | None = None,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """A picture of any env, as it is now.

    A MuJoCo env is drawn by :class:`Renderer` with the env's own camera unless ``camera`` is given; it needs no
    ``render_mode``. Any other env draws itself and the picture is scaled, with antialiasing, to ``height`` x ``width``.

    Returns:
        (height, width, 3) uint8; ``out`` if given.

    Raises:
        ValueError: The env cannot draw, or was made without ``render_mode="rgb_array"``, or renders no picture.
    """
    world = env.unwrapped
    mujoco = sys.modules.get("mujoco")  # an env that has a MuJoCo model has imported it
    if mujoco is not None and isinstance(getattr(world, "model", None), mujoco.MjModel):
        if camera is None and hasattr(world, "mujoco_renderer"):
            camera = Camera.of(env)
        draw = renderer(preset, texture).render
        return draw(world.model, world.data, height=height, width=width, camera=camera, out=out)  # type: ignore[attr-defined]
    if camera is not None:
        raise ValueError(f"{env} is not a MuJoCo env: it draws itself, so camera={camera} cannot be obeyed")
    if texture != "native":
        raise ValueError(f"{env} is not a MuJoCo env: it draws itself, so texture={texture!r} cannot be obeyed")
    return _own_picture(env, height, width, out)


def _own_picture(env: gym.Env, height: int, width: int, out: np.ndarray | None) -> np.ndarray:
    from PIL import Image

    if env.render_mode != "rgb_array":
        if "rgb_array" not in env.metadata.get("render_modes", ()):
            raise ValueError(f"{env} draws no pictures: render_mode='rgb_array' is not in its metadata['render_modes']")
        raise ValueError(
            f"{env} has render_mode={env.render_mode!r} and so no frames: make it with render_mode='rgb_array'"
        )
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # pygame would look for a screen ...
        os.environ.setdefault("SDL_AUDIODRIVER", "dummy")  # ... and complain of no sound card
    picture: Any = env.render()
    if not (isinstance(picture, np.ndarray) and picture.ndim == 3 and picture.shape[2] == 3):
        raise ValueError(
            f"{env}.render() must return an (H, W, 3) uint8 array, got {getattr(picture, 'shape', type(picture))}"
        )
    if picture.shape[:2] != (height, width):
        picture = np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))
    if out is None:
        return np.array(picture, dtype=np.uint8)
    if out.shape != (height, width, 3) or out.dtype != np.uint8:
        raise ValueError(f"out must be ({height}, {width}, 3) uint8, got {out.shape} {out.dtype}")
    out[:] = picture
    return out

"""Choose the off-screen OpenGL of this machine: EGL (GPU or software), else OSMesa.

With ``MUJOCO_GL`` unset and no display MuJoCo and Gymnasium try GLFW and die with a message that helps nobody.
:func:`ensure_gl` asks a child process what works (a broken driver may crash: better a child than the trainer),
remembers the answer on disk and sets ``MUJOCO_GL`` and ``PYOPENGL_PLATFORM``. What the user has set is never touched.
This module imports neither mujoco nor OpenGL, so it may run before they do.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

BACKENDS = ("egl", "osmesa")
"""In order of preference; EGL is the one that reaches a GPU."""

PACKAGES = (
    "`apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri libopengl0` (EGL) or `apt-get install libosmesa6` (OSMesa)"
)

_PROBE = """
import numpy as np, mujoco, {module} as gl
context = gl.GLContext(32, 32)
context.make_current()
model = mujoco.MjModel.from_xml_string(
    '<mujoco><worldbody><light pos="0 0 3"/><geom size="1" rgba="1 1 1 1"/></worldbody></mujoco>')
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
scene, target = mujoco.MjvScene(model, 10), mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_50)
mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, target)
camera = mujoco.MjvCamera()
camera.distance = 4
mujoco.mjv_updateScene(model, data, mujoco.MjvOption(), None, camera, mujoco.mjtCatBit.mjCAT_ALL, scene)
frame = np.zeros((32, 32, 3), np.uint8)
mujoco.mjr_render(mujoco.MjrRect(0, 0, 32, 32), scene, target)
mujoco.mjr_readPixels(frame, None, mujoco.MjrRect(0, 0, 32, 32), target)
assert frame.max() > frame.min(), "the frame is blank"
print("frames are fine")
"""


class GLError(RuntimeError):
    """No usable off-screen OpenGL; the message names the Debian packages to install."""


def ensure_gl() -> str:
    """Make sure that ``MUJOCO_GL`` names a working backend, probing for one if it is unset.

    About 1.2 s the first time on a machine, under a millisecond afterwards. On macOS and Windows MuJoCo's own choice
    works off-screen, so nothing is probed.

    Returns:
        The backend: ``"egl"``, ``"osmesa"``, or whatever the user has set.

    Raises:
        GLError: Neither EGL nor OSMesa can draw, or ``MUJOCO_GL`` is set to something else.
    """
    # Mesa's software rasterizer starts a thread per core; frames of 96 to 480 px only lose by that, and parallel
    # workers trample on each other.
    os.environ.setdefault("LP_NUM_THREADS", "0")
    chosen = os.environ.get("MUJOCO_GL", "").lower().strip()
    if platform.system() != "Linux":
        return chosen or "native"
    if chosen and chosen not in (*BACKENDS, "glfw"):
        raise GLError(
            f"MUJOCO_GL={chosen!r} is no way to draw: use egl or osmesa, off-screen, or glfw with a display; "
            f"or unset it to have one chosen. The libraries come with {PACKAGES}"
        )
    if chosen:
        return chosen
    backend = _remembered()
    if backend is None:
        backend = _probe_all()
        _remember(backend)
    os.environ["MUJOCO_GL"] = backend
    os.environ.setdefault("PYOPENGL_PLATFORM", backend)
    return backend


def forget_gl() -> None:
    """Drop the remembered answer (a context could not be created: drivers have changed)."""
    with contextlib.suppress(OSError):
        _cache_file().unlink()


def _probe_all() -> str:
    failures = []
    for backend in BACKENDS:
        error = _probe(backend)
        if error is None:
            return backend
        failures.append(f"  {backend}: {error}")
    raise GLError(
        f"no off-screen OpenGL found, so nothing can be rendered. Install {PACKAGES}; "
        "or set MUJOCO_GL yourself. What was tried:\n" + "\n".join(failures)
    )


def _probe(backend: str) -> str | None:
    """Draw one frame in a child process. Returns None if that works, else the last line of what it said."""
    environment = os.environ | {"MUJOCO_GL": backend, "PYOPENGL_PLATFORM": backend}
    try:
        child = subprocess.run(
            [sys.executable, "-c", _PROBE.format(module=f"mujoco.{backend}")],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "no answer within 60 s"
    if child.returncode == 0 and "frames are fine" in child.stdout:
        return None
    said = child.stderr.strip().splitlines() or [f"exit status {child.returncode}"]
    return said[-1]


def _cache_file() -> Path:
    """Keyed by what the answer depends on; installing or removing a library changes ``/etc/ld.so.cache``."""
    try:
        libraries = os.stat("/etc/ld.so.cache").st_mtime_ns
    except OSError:
        libraries = 0
    surroundings = [
        importlib.metadata.version("mujoco"),
        platform.node(),
        platform.machine(),
        libraries,
        *(os.environ.get(name) for name in ("LD_LIBRARY_PATH", "__EGL_VENDOR_LIBRARY_DIRS", "CUDA_VISIBLE_DEVICES")),
    ]
    key = hashlib.sha256(repr(surroundings).encode()).hexdigest()[:16]
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "reward-designers" / f"gl-{key}.json"


def _remembered() -> str | None:
    try:
        backend = json.loads(_cache_file().read_text())["backend"]
    except (OSError, RuntimeError, ValueError, KeyError, TypeError):
        return None
    return backend if backend in BACKENDS else None


def _remember(backend: str) -> None:
    """Write atomically; a cache that cannot be written only costs the next start 1.2 s."""
    with contextlib.suppress(OSError, RuntimeError):
        path = _cache_file()
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
            json.dump({"backend": backend}, file)
        os.replace(file.name, path)

"""MuJoCo's EGL context, switched faster and without disturbing other people's."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator

from mujoco import egl
from OpenGL.platform import PLATFORM


class EGLContext(egl.GLContext):
    """An off-screen OpenGL context that leaves current what was current.

    Switching goes through the library's own functions: PyOpenGL's wrappers of them take a tenth of a small frame.
    MuJoCo's constructor unbinds the thread's current context (a Gymnasium viewer's); this one binds it again.
    """

    def __init__(self) -> None:
        library = ctypes.CDLL(PLATFORM.EGL._name)
        self._get_context, self._get_display, self._get_surface, self._make_current = (
            getattr(library, f"egl{name}")
            for name in ("GetCurrentContext", "GetCurrentDisplay", "GetCurrentSurface", "MakeCurrent")
        )
        for function in (self._get_context, self._get_display, self._get_surface):
            function.restype = ctypes.c_void_p
        self._get_surface.argtypes = [ctypes.c_int]
        self._make_current.argtypes = [ctypes.c_void_p] * 4
        before = self._current()
        super().__init__(1, 1)
        self._ours = ctypes.cast(egl.EGL_DISPLAY, ctypes.c_void_p).value, None, None, self._context.address
        self._bind(before)

    @contextlib.contextmanager
    def as_current(self) -> Iterator[None]:
        """Make this context current, then what was before."""
        before = self._current()
        if before == self._ours:
            yield
            return
        self._bind(self._ours)
        try:
            yield
        finally:
            self._bind(before)

    def _current(self) -> tuple[int | None, ...]:
        """What `_bind` makes current again."""
        context = self._get_context()
        if context is None:
            return None, None, None, None
        return self._get_display(), self._get_surface(egl.EGL.EGL_DRAW), self._get_surface(egl.EGL.EGL_READ), context

    def _bind(self, what: tuple[int | None, ...]) -> None:
        display, draw, read, context = what
        if not self._make_current(display or self._ours[0], draw, read, context):
            raise RuntimeError("the EGL context cannot be made current: another thread may hold it")

"""Frames: the picture users know, nothing blank, and physics that never notices."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest

from envs import gl, rendering
from envs.rendering import Camera, Renderer, frame_of


@pytest.fixture(scope="module", autouse=True)
def _opengl():
    gl.ensure_gl()  # for Gymnasium's own viewer too


def make(name: str = "Hopper-v5", steps: int = 3, **kwargs) -> gym.Env:
    env = gym.make(name, **kwargs)
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(steps):
        env.step(env.action_space.sample())
    return env


def run_child(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if k not in {"MUJOCO_GL", "PYOPENGL_PLATFORM"}}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


DRAW = """
import gymnasium as gym
from envs.rendering import frame_of
env = gym.make("Hopper-v5"); env.reset(seed=0)
frame = frame_of(env, height=48, width=64)
import os
print(os.environ["MUJOCO_GL"], frame.shape, int(frame.std()) > 10)
"""


@pytest.mark.parametrize("name", ["Humanoid-v5", "Hopper-v5", "Ant-v5"])
def test_fidelity_is_gymnasiums_picture_to_the_pixel(name):
    env = make(name, render_mode="rgb_array", width=96, height=96)
    expected = env.render()
    np.testing.assert_array_equal(frame_of(env, height=96, width=96, preset="fidelity"), expected)
    # and Gymnasium's own viewer still draws after ours has
    np.testing.assert_array_equal(env.render(), expected)
    env.close()


def test_gymnasiums_viewer_survives_the_birth_of_our_context():
    rendering.close()
    env = make(render_mode="rgb_array", width=64, height=64)
    expected = env.render()
    frame_of(env, height=64, width=64)
    env.step(np.zeros(3))
    moved = env.render()
    assert moved.std() > 10
    assert (moved != expected).any()
    env.close()


def test_fast_is_close_to_fidelity_and_of_the_size_asked_for():
    env = make("Humanoid-v5")
    fast = frame_of(env, height=120, width=200)
    fidelity = frame_of(env, height=120, width=200, preset="fidelity")
    assert fast.shape == (120, 200, 3)
    assert fast.dtype == np.uint8
    assert fast.std() > 20
    difference = np.abs(fast.astype(int) - fidelity)
    assert 0 < difference.mean() < 5  # of 255


@pytest.mark.parametrize("name", ["Humanoid-v5", "Hopper-v5"])
def test_physics_is_bit_identical_with_and_without_rendering(name):
    seen, unseen = make(name, steps=0), make(name, steps=0)
    model_before = {
        field: getattr(seen.unwrapped.model, field).copy() for field in ("geom_size", "geom_rgba", "geom_matid")
    }
    for _ in range(30):
        action = seen.action_space.sample()
        for preset, texture in [("fast", "native"), ("fidelity", "native"), ("fast", "parts")]:
            frame_of(seen, height=32, width=32, preset=preset, texture=texture)
        expected, got = unseen.step(action), seen.step(action)
        np.testing.assert_array_equal(got[0], expected[0])
        assert got[1:4] == expected[1:4]
    np.testing.assert_array_equal(seen.unwrapped.data.qpos, unseen.unwrapped.data.qpos)
    for field, before in model_before.items():
        np.testing.assert_array_equal(getattr(seen.unwrapped.model, field), before)


def test_models_drawn_alternately_do_not_disturb_each_other():
    envs = [make("Hopper-v5"), make("Humanoid-v5"), make("InvertedPendulum-v5"), make("Hopper-v5", steps=9)]
    draw = Renderer()
    alone = [draw.render(e.unwrapped.model, e.unwrapped.data, height=64, width=64) for e in envs]
    for size in (64, 200, 64):  # growing the buffer in between must not matter either
        for env, expected in zip(envs, alone, strict=True):
            frame = draw.render(env.unwrapped.model, env.unwrapped.data, height=size, width=size)
            if size == 64:
                np.testing.assert_array_equal(frame, expected)
    assert all(frame.std() > 5 for frame in alone)
    assert (alone[0] != alone[3]).any()
    draw.close()


def test_envs_of_one_kind_share_a_context_and_other_sizes_do_not():
    draw = Renderer()
    envs = [make("Hopper-v5"), make("Hopper-v5"), make("Walker2d-v5")]
    for env in envs:
        draw.render(env.unwrapped.model, env.unwrapped.data, height=32, width=32)
    assert len(draw._targets) == 2
    draw.close()
    frame = draw.render(envs[0].unwrapped.model, envs[0].unwrapped.data, height=32, width=32)
    assert frame.std() > 5  # works again after close
    draw.close()


def test_contexts_are_bounded_and_a_dropped_one_comes_back():
    import mujoco

    def world(size: float) -> tuple:
        xml = f"<mujoco><worldbody><light pos='0 0 3'/><geom size='{size}'/></worldbody></mujoco>"
        model = mujoco.MjModel.from_xml_string(xml)
        data = mujoco.MjData(model)
        mujoco.mj_forward(model, data)
        return model, data

    draw = Renderer()
    worlds = [world(0.1 + 0.05 * i) for i in range(rendering._MAX_CONTEXTS + 2)]
    view = Camera(distance=4.0)
    first = [draw.render(*w, height=48, width=48, camera=view) for w in worlds]
    assert len(draw._targets) == rendering._MAX_CONTEXTS
    again = [draw.render(*w, height=48, width=48, camera=view) for w in worlds]
    np.testing.assert_array_equal(again, first)
    lit = [(frame > 30).any(-1).sum() for frame in first]
    assert (np.diff(lit) > 0).all()  # each larger sphere covers more
    draw.close()


def test_a_recolored_model_is_drawn_in_its_new_color():
    env = make("InvertedPendulum-v5")
    before = frame_of(env, height=64, width=64)
    env.unwrapped.model.geom_rgba[:] = (1, 0, 0, 1)
    after = frame_of(env, height=64, width=64)
    assert after[..., 0].sum() > before[..., 0].sum()
    assert after[..., 0].max() > 100
    assert after[..., 1:].max() < after[..., 0].max() / 3  # a highlight is white


def test_out_is_filled_and_returned():
    env = make()
    out = np.zeros((40, 50, 3), np.uint8)
    assert frame_of(env, height=40, width=50, out=out) is out
    np.testing.assert_array_equal(out, frame_of(env, height=40, width=50))
    batch = np.zeros((2, 3, 40, 50), np.uint8).transpose(0, 2, 3, 1)  # strides of a channels-first store
    frame_of(env, height=40, width=50, out=batch[1])
    np.testing.assert_array_equal(batch[1], out)
    with pytest.raises(ValueError, match=r"\(40, 50, 3\) uint8, got \(40, 49, 3\)"):
        frame_of(env, height=40, width=50, out=np.zeros((40, 49, 3), np.uint8))


def test_cameras_follow_the_body_horizontally_but_not_its_height():
    env = make("Humanoid-v5", steps=0)
    world = env.unwrapped
    camera = rendering.VLM_RM_HUMANOID
    original = frame_of(env, height=64, width=64, camera=camera)
    # two checker periods (2 * 40 m / 60 tiles): the floor looks the same, so the whole picture must
    moved_qpos = world.data.qpos.copy()
    moved_qpos[0] += 2 * 40 / 60
    world.set_state(moved_qpos, world.data.qvel * 0)
    moved = frame_of(env, height=64, width=64, camera=camera)
    assert np.abs(moved.astype(int) - original).mean() < 3
    moved_qpos[2] += 0.5
    world.set_state(moved_qpos, world.data.qvel * 0)
    raised = frame_of(env, height=64, width=64, camera=camera)
    assert np.abs(raised.astype(int) - original).mean() > 3
    side = frame_of(env, height=64, width=64)
    assert np.abs(side.astype(int) - raised).mean() > 3


def test_camera_configs_translate_and_wrong_ones_say_so():
    config = {
        "trackbodyid": 1,
        "distance": 3.5,
        "lookat": np.array((0.0, 0.0, 1.0)),
        "elevation": -10.0,
        "azimuth": 180,
    }
    assert Camera.from_config(config) == rendering.VLM_RM_HUMANOID
    with pytest.raises(ValueError, match=r"azimut.*azimuth"):
        Camera.from_config({"azimut": 3})
    env = make()
    with pytest.raises(ValueError, match=r"trak.*track"):
        frame_of(env, height=32, width=32, camera=Camera(fixed="trak"))
    with pytest.raises(ValueError, match=r"foo.*foot"):
        frame_of(env, height=32, width=32, camera=Camera(follow="foo"))
    with pytest.raises(ValueError, match="no number 99"):
        frame_of(env, height=32, width=32, camera=Camera(fixed=99))
    assert Camera.of(make("Hopper-v5", camera_id=0)).fixed == 0


def test_wrong_presets_sizes_and_textures_say_what_there_is():
    with pytest.raises(ValueError, match=r"fsat.*fast"):
        Renderer(preset="fsat")
    with pytest.raises(ValueError, match=r"part.*parts"):
        Renderer(texture="part")
    with pytest.raises(ValueError, match="positive"):
        frame_of(make(), height=0, width=10)


def test_other_envs_draw_themselves_scaled_with_antialiasing():
    env = make("CartPole-v1", render_mode="rgb_array")
    native = env.render()
    frame = frame_of(env, height=100, width=150)
    assert frame.shape == (100, 150, 3)
    # antialiasing keeps the mean; picking pixels would not keep thin lines' share of it
    np.testing.assert_allclose(frame.mean((0, 1)), native.mean((0, 1)), atol=0.5)
    np.testing.assert_array_equal(frame_of(env, height=400, width=600), native)
    with pytest.raises(ValueError, match="make it with render_mode='rgb_array'"):
        frame_of(make("CartPole-v1"), height=10, width=10)
    with pytest.raises(ValueError, match="not a MuJoCo env"):
        frame_of(env, height=10, width=10, camera=Camera())
    with pytest.raises(ValueError, match="texture='parts' cannot be obeyed"):
        frame_of(env, height=10, width=10, texture="parts")
    with pytest.raises(ValueError, match="draws no pictures"):
        frame_of(gym.Env(), height=10, width=10)


def test_a_camera_that_sees_nothing_is_an_error_not_a_black_frame():
    import mujoco

    model = mujoco.MjModel.from_xml_string("<mujoco><worldbody><geom size='.1'/></worldbody></mujoco>")
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    draw = Renderer()
    with pytest.raises(gl.GLError, match="one flat color"):
        draw.render(model, data, height=32, width=32, camera=Camera(lookat=(0.0, 0.0, 50.0), elevation=0.0))
    draw.close()


def test_a_forked_worker_is_told_why_it_cannot_draw():
    code = DRAW + (
        "if os.fork() == 0:\n"
        "    try: frame_of(env, height=48, width=64)\n"
        "    except RuntimeError as error: print(error, flush=True)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "assert frame_of(env, height=48, width=64).std() > 10\n"
    )
    child = run_child(code)
    assert child.returncode == 0, child.stderr
    assert "'spawn' or 'forkserver'" in child.stdout


# -- choosing OpenGL ---------------------------------------------------------------------------------------------------


def test_without_mujoco_gl_a_backend_is_found_and_remembered(tmp_path):
    child = run_child(DRAW, XDG_CACHE_HOME=str(tmp_path))
    assert child.returncode == 0, child.stderr
    backend = child.stdout.split()[0]
    assert backend in gl.BACKENDS
    assert child.stdout.strip().endswith("(48, 64, 3) True")
    (remembered,) = (tmp_path / "reward-designers").iterdir()
    assert json.loads(remembered.read_text()) == {"backend": backend}
    # a damaged cache is simply asked again
    remembered.write_text('{"backend": "dir')
    child = run_child(DRAW, XDG_CACHE_HOME=str(tmp_path))
    assert child.returncode == 0, child.stderr
    assert json.loads(remembered.read_text()) == {"backend": backend}


def test_no_opengl_names_the_packages_once(tmp_path):
    # libglvnd finds no EGL driver in an empty directory; OSMesa, which may be installed, is left out
    child = run_child(
        DRAW.replace("frame = ", "from envs import gl; gl.BACKENDS = ('egl',)\nframe = "),
        XDG_CACHE_HOME=str(tmp_path),
        __EGL_VENDOR_LIBRARY_DIRS=str(tmp_path),
    )
    assert child.returncode != 0
    assert "libegl1 libegl-mesa0 libgl1-mesa-dri" in child.stderr
    assert "libosmesa6" in child.stderr
    assert not (tmp_path / "reward-designers").exists()  # failures are never remembered


def test_mujoco_gl_is_respected_and_explained_where_it_does_not_work():
    child = run_child("from envs.rendering import ensure_gl; print(ensure_gl())", MUJOCO_GL="glfw")
    assert child.stdout.strip() == "glfw"
    for wrong in ("bogus", "glfw"):  # no display here
        code = "from envs.gl import ensure_gl; ensure_gl()" + DRAW
        child = run_child(code, MUJOCO_GL=wrong, DISPLAY="", WAYLAND_DISPLAY="")
        assert child.stderr.splitlines()[-1].startswith("envs.gl.GLError"), child.stderr
        assert f"MUJOCO_GL='{wrong}'" in child.stderr.splitlines()[-1]
        assert "libosmesa6" in child.stderr.splitlines()[-1]


def test_osmesa_draws_too():
    error = gl._probe("osmesa")
    if error is not None:
        pytest.skip(f"OSMesa is not installed here (apt-get install libosmesa6): {error}")
    child = run_child(DRAW, MUJOCO_GL="osmesa")
    assert child.returncode == 0, child.stderr
    assert child.stdout.strip() == "osmesa (48, 64, 3) True"

"""The set-up script: what it says when it cannot go on, and that it leaves alone what is in place."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

from agents import setup


class Result(NamedTuple):
    returncode: int
    stdout: str = ""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout in which nothing is installed."""
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    return tmp_path


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `run` was asked to do, in order; nothing is done, but a virtual environment's Python appears."""
    seen: list[str] = []

    def run(*command: str) -> None:
        seen.append(" ".join(command[1:]))
        if command[1:3] == ("-m", "venv"):
            python = Path(command[-1]) / "bin" / "python"
            python.parent.mkdir(parents=True, exist_ok=True)
            python.unlink(missing_ok=True)
            python.symlink_to(sys.executable)

    monkeypatch.setattr(setup, "run", run)
    monkeypatch.setattr(setup, "cpu_index", lambda: ["--extra-index-url", "cpu"])
    works = setup.works  # Debian's Python may lack ensurepip, which is another test's concern
    monkeypatch.setattr(setup, "works", lambda python, code="": "ensurepip" in code or works(python, code))
    return seen


def pip(command: str) -> str:
    """The part of a pip call that says what is installed."""
    return command.split("-version-check ")[-1]


def test_old_python_is_told_what_to_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setattr(setup.shutil, "which", lambda name: f"/usr/bin/{name}" if name == "python3.12" else None)
    assert setup.main([]) == 1
    assert "3.11 or later is needed: run `python3.12 -m agents.setup`" in capsys.readouterr().err


def test_new_python_is_told_what_was_tried(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """And again under pip's complaint, which may be long; on the newest that was tried nothing is said."""

    def fails(*_: object) -> Path:
        raise subprocess.CalledProcessError(1, ["pip"])

    monkeypatch.setattr(setup, "install", fails)
    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    told = "setup: Python 3.14 was never tried with this project, 3.13 is the newest that was"
    for extras, compiled in (
        (["nethack", "embedding"], ", and for lack of wheels nle and wordllama would be compiled"),
        (["ray"], ""),
        ([], ""),
    ):
        assert setup.main(extras) == 1
        said = capsys.readouterr().err.splitlines()
        assert said[0] == said[-1] == f"{told}{compiled}: better `{' '.join(['python3.13 -m agents.setup', *extras])}`"
    monkeypatch.setattr(sys, "version_info", (3, 13, 0))
    assert setup.main(["nethack"]) == 1
    assert "3.13" not in capsys.readouterr().err


def test_the_versions_that_were_tried_are_those_of_the_package() -> None:
    classifiers = tomllib.loads((setup.ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    named = [tuple(map(int, c.rpartition(" ")[2].split("."))) for c in classifiers if ":: 3." in c]
    assert named == [(3, minor) for minor in range(setup.OLDEST[1], setup.NEWEST[1] + 1)]


def test_what_another_python_left_unfinished_is_made_anew(
    checkout: Path, commands: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was told to take another version must not get the first one's environment again."""
    venv = checkout / ".venv"
    setup.create_venv(venv)
    monkeypatch.setattr(sys, "version_info", (3, 99, 0))
    setup.create_venv(venv, keep=True)
    assert commands == [f"-m venv --clear {venv}"]
    setup.create_venv(venv)
    assert commands == 2 * [f"-m venv --clear {venv}"]


def test_old_python_can_read_the_script_at_all() -> None:
    """Else it would die of a SyntaxError before it can say so."""
    ast.parse(Path(setup.__file__).read_text(), feature_version=(3, 8))


def test_unknown_extra_lists_the_extras(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        setup.main(["nethak"])
    assert "unknown extra nethak; there are" in capsys.readouterr().err


def test_first_install_then_nothing_then_only_more(checkout: Path, commands: list[str]) -> None:
    venv = checkout / ".venv"
    setup.install(venv, [], None)
    assert commands[0] == f"-m venv --clear {venv}"
    assert pip(commands[1]).endswith("--extra-index-url cpu torch torchvision")
    assert pip(commands[2]).endswith(f"--editable {checkout}")
    commands.clear()
    setup.install(venv, [], None)
    assert commands == []
    setup.install(venv, ["nethack"], None)
    commands.clear()
    setup.install(venv, ["dev"], None)
    assert pip(commands[-1]).endswith(f"--editable {checkout}[dev,nethack]")
    commands.clear()
    setup.install(venv, ["nethack"], None)
    assert commands == []


def test_changed_pins_install_again(checkout: Path, commands: list[str]) -> None:
    setup.install(checkout / ".venv", [], None)
    commands.clear()
    (checkout / "constraints.txt").write_text("numpy==2.4.6")
    setup.install(checkout / ".venv", [], None)
    assert any("--editable" in command for command in commands)


def test_an_interrupted_install_is_not_taken_for_done(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*command: str) -> None:
        raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(setup, "run", run)
    with pytest.raises(subprocess.CalledProcessError):
        setup.install(checkout / ".venv", [], None)
    assert not (checkout / ".venv" / "reward-designers-setup.json").exists()


def test_switching_the_torch_build_removes_the_old_one(checkout: Path, commands: list[str]) -> None:
    setup.install(checkout / ".venv", [], "cpu")
    commands.clear()
    setup.install(checkout / ".venv", [], "cuda")
    assert commands[0].endswith("--yes torch torchvision")
    assert not any("--extra-index-url" in command for command in commands)
    commands.clear()
    setup.install(checkout / ".venv", ["dev"], None)
    assert not any("torch" in command.replace(str(checkout), "") for command in commands), "cuda is kept unless asked"


def test_without_ensurepip_the_outer_pip_helps(
    checkout: Path, commands: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "works", lambda python, code="": "venv" in code)
    setup.create_venv(checkout / ".venv")
    assert commands[0] == f"-m venv --clear --without-pip {checkout / '.venv'}"
    assert commands[1].startswith(f"-m pip --python {checkout / '.venv' / 'bin' / 'python'} install")


def test_without_any_pip_the_package_is_named(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "works", lambda python, code="": False)
    with pytest.raises(setup.SetupError, match="apt-get install python3-venv"):
        setup.create_venv(checkout / ".venv")


def test_a_strangers_package_is_named_with_its_distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "__init__.py").touch()
    info = tmp_path / "openai_agents-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: openai-agents\nVersion: 1.0\n")
    (info / "top_level.txt").write_text("agents\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(setup.SetupError, match=r"finds .*agents/__init__\.py.*pip uninstall openai-agents"):
        setup.check_names(Path(sys.executable))


def test_our_own_packages_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(setup.ROOT))
    setup.check_names(Path(sys.executable))


def test_no_gl_and_no_rights_gives_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "gl_problem", lambda python: "no off-screen OpenGL found")
    monkeypatch.setattr(setup, "apt_get", lambda: None)
    with pytest.raises(setup.SetupError, match="apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri libopengl0"):
        setup.ensure_gl(Path(sys.executable))


@pytest.mark.parametrize(("needed", "installs"), [(0, 0), (1, 1), (2, 2)])
def test_gl_packages_are_installed_until_it_works(monkeypatch: pytest.MonkeyPatch, needed: int, installs: int) -> None:
    done: list[str] = []

    def run(command: list[str], **_: object) -> Result:
        done.extend([command[-1]] if "install" in command else [])
        return Result(0)

    monkeypatch.setattr(setup, "apt_get", lambda: ["apt-get"])
    monkeypatch.setattr(setup, "gl_problem", lambda python: None if len(done) >= needed else "nothing works")
    monkeypatch.setattr(setup.subprocess, "run", run)
    setup.ensure_gl(Path(sys.executable))
    assert done == ["libopengl0", "libosmesa6"][:installs]


def test_gl_that_no_package_mends_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "apt_get", lambda: ["apt-get"])
    monkeypatch.setattr(setup, "gl_problem", lambda python: "the driver is broken")
    monkeypatch.setattr(setup.subprocess, "run", lambda command, **_: Result(0))
    with pytest.raises(setup.SetupError, match="the driver is broken"):
        setup.ensure_gl(Path(sys.executable))


@pytest.mark.parametrize("packages", setup.GL_PACKAGES, ids=" ".join)
def test_the_same_packages_are_named_when_rendering_fails_later(packages: tuple[str, ...]) -> None:
    from envs.gl import PACKAGES

    assert f"apt-get install {' '.join(packages)}`" in PACKAGES

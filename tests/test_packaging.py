"""The wheel holds what the checkout holds, the pins fit the ranges, and the packages found by name are ours."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
OURS = ("agents", "envs", "reward_designers")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def shipped(folder: str, pattern: str = "*") -> set[str]:
    """Files that git knows, or would add, below `folder`, relative to it."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", folder]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip(f"not a git checkout: {listed.stderr.strip()}")
    paths = [Path(line) for line in listed.stdout.splitlines()]
    return {str(path.relative_to(folder)) for path in paths if path.match(pattern) and (ROOT / path).is_file()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built from this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of a fresh environment that has the wheel and, through a path file, this environment's dependencies.

    Path files of the outer environment are not followed, so its editable install of this project stays out.
    """
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(command, check=True, capture_output=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "outer.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def elsewhere(python: Path, code: str, folder: Path) -> str:
    """What `code` prints when run far from the checkout."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run([python, "-c", code], cwd=folder, env=env, check=True, capture_output=True, text=True).stdout


def test_wheel_holds_our_packages_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(OURS)
    for package in OURS:
        packed = {name.removeprefix(f"{package}/") for name in names if name.startswith(f"{package}/")}
        assert {name for name in packed if not name.startswith("_assets/")} == shipped(package)
    packed = {name.removeprefix("reward_designers/_assets/") for name in names if "/_assets/" in name}
    assert packed == shipped("assets")
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_installed_wheel_works_from_another_directory(installed: Path, tmp_path: Path) -> None:
    code = f"""
import importlib, json
from reward_designers.assets import asset
files = {{name: importlib.import_module(name).__file__ for name in {OURS}}}
print(json.dumps([files, str(asset()), str(asset("README.md"))]))
"""
    files, root, readme = json.loads(elsewhere(installed, code, tmp_path))
    prefix = installed.parent.parent
    assert all(Path(path).is_relative_to(prefix) for path in [*files.values(), root, readme])
    assert {str(path.relative_to(root)) for path in Path(root).rglob("*") if path.is_file()} == shipped("assets")


@pytest.mark.slow
def test_installed_wheel_trains_on_the_embedded_model(installed: Path, tmp_path: Path) -> None:
    """The console's main job in small, where no checkout is near: config files, model and report templates included."""
    options = "env=Hopper task=standing reward=vlm total_timesteps=128 num_envs=2 algo.n_steps=64 algo.batch_size=64"
    command = [installed, "-m", "agents.train", *options.split(), "eval_every=0", "video=false", "run_dir=run"]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["state"] == "finished"
    assert "<html" in (tmp_path / "run" / "report.html").read_text()


def test_these_packages_are_ours() -> None:
    """`openai-agents`, for one, installs an `agents` too: then one of the two is hidden, whichever comes first."""
    owners = importlib.metadata.packages_distributions()
    for name in OURS:
        assert Path(__import__(name).__file__ or "").resolve().parent == ROOT / name
        strangers = set(owners.get(name, [])) - {PROJECT["name"]}
        assert not strangers, f"{strangers} install a package {name!r} as well: use an environment of its own"


def requirements() -> Iterator[Requirement]:
    """All direct dependencies, those of the extras included, without references to our own extras."""
    for group in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()):
        yield from (r for r in map(Requirement, group) if r.name != PROJECT["name"])


def pins() -> dict[str, list[str]]:
    """Versions in constraints.txt by canonical name; several where they depend on the Python version."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if pin := re.match(r"([\w.-]+)==([^\s;]+)", line):
            found.setdefault(canonicalize_name(pin[1]), []).append(pin[2])
    return found


@pytest.mark.parametrize("requirement", list(requirements()), ids=str)
def test_every_dependency_is_pinned_within_its_range(requirement: Requirement) -> None:
    versions = pins().get(canonicalize_name(requirement.name), [])
    assert versions, f"{requirement.name} is not in constraints.txt: run `make lock`"
    assert all(version in requirement.specifier for version in versions)


def test_all_means_every_extra_but_dev() -> None:
    extras = PROJECT["optional-dependencies"]
    (everything,) = map(Requirement, extras["all"])
    assert everything.extras == set(extras) - {"all", "dev"}


def test_readme_starts_with_two_single_commands() -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.S | re.M)[:2]
    assert [len(block.strip().splitlines()) for block in blocks] == [1, 1]
    assert "agents.train env=Humanoid" in blocks[0]
    assert "pytest" in blocks[1]


def test_ci_runs_the_second_command_of_the_readme(tmp_path: Path) -> None:
    """The script itself runs, on a README of our own and with stand-ins for the tools; types fail here."""
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / "run").write_text((ROOT / ".ci" / "run").read_text())
    (tmp_path / "README.md").write_text("```sh\ntouch first\n```\n```python\npass\n```\n```sh\ntouch second\n```\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_stock.py").write_text('pytest.importorskip("textworld")\n')
    (tmp_path / "tests" / "test_other.py").write_text('pytest.importorskip("minihack")\n')
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$@" >> calls\ntest "$2" != mypy\n')
    python.chmod(0o755)
    result = subprocess.run(["bash", ".ci/run"], cwd=tmp_path, capture_output=True, text=True)
    assert (tmp_path / "second").exists()
    assert not (tmp_path / "first").exists()
    assert (tmp_path / "calls").read_text().splitlines() == [
        "-m agents.setup dev alfworld",
        "-m pytest -n auto --maxprocesses 4 tests/test_stock.py",
        "-m ruff check .",
        "-m ruff format --check .",
        "-m mypy",
    ]
    assert result.returncode == 1
    assert result.stdout.endswith("failed: types\n")


def test_the_set_up_offers_every_extra() -> None:
    from agents.setup import EXTRAS

    assert set(EXTRAS) == set(PROJECT["optional-dependencies"])

"""Who may import whom, and that nothing heavy is imported before it is needed.

`agents -> envs -> reward_designers.base -> numpy`; a designer (a subpackage of `reward_designers`) imports the shared
modules beside it and `llm`, no other designer, and nothing imports `agents`. Imports are read from the source, so one
inside a function counts as well.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
OURS = ("agents", "envs", "reward_designers")
# What the interface is made of. All but the first two build on `base`, which reaches for them inside its methods
# (`a + b` builds a Sum): the one cycle, and a lazy one.
INTERFACE = {
    f"reward_designers.{name}"
    for name in ("errors", "memory", "encoders", "evaluation", "transforms", "shaping", "saving")
}
HEAVY = ("torch", "torchvision", "open_clip", "mujoco", "stable_baselines3", "matplotlib", "scipy", "transformers")
OPTIONAL = (
    "openai",
    "nle",
    "minihack",
    "alfworld",
    "textworld",
    "ray",
    "wandb",
    "sentence_transformers",
    "h5py",
    "wordllama",
)


def sources() -> dict[str, Path]:
    """Every module of ours by dotted name."""
    found = {}
    for package in OURS:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


SOURCES = sources()


def imports(module: str) -> set[str]:
    """Dotted names that `module` imports anywhere in its source; modules where they exist, else what is named."""
    package = module if SOURCES[module].name == "__init__.py" else module.rpartition(".")[0]
    names = set()
    for node in ast.walk(ast.parse(SOURCES[module].read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            base = ".".join(parents[: len(parents) - node.level + 1]) if node.level else ""
            origin = ".".join(filter(None, (base, node.module)))
            names |= {
                f"{origin}.{alias.name}" if f"{origin}.{alias.name}" in SOURCES else origin for alias in node.names
            }
    return names


def within(name: str, *packages: str) -> bool:
    """Whether `name` is one of `packages` or below it."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def designer(module: str) -> str | None:
    """The subpackage of `reward_designers` that holds `module`; None for the shared modules beside them."""
    first = ".".join(module.split(".")[:2])
    return first if first in SOURCES and SOURCES[first].name == "__init__.py" and "." in first else None


def allowed(module: str, target: str) -> bool:
    """The rule of the layout for one import of ours by another."""
    if within(module, "agents"):
        return True
    if within(module, "envs"):
        return within(target, "envs") or (within(target, "reward_designers") and designer(target) is None)
    if not within(target, "reward_designers") or (module == "reward_designers.base" and target not in INTERFACE):
        return False
    return designer(target) in (None, "reward_designers.llm", designer(module))


@pytest.mark.parametrize("module", SOURCES)
def test_layers(module: str) -> None:
    wrong = {name for name in imports(module) if within(name, *OURS) and not allowed(module, name)}
    assert not wrong, f"{module} may not import {', '.join(sorted(wrong))}"


def test_the_rules_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted modules: each import below is seen, and judged as the layout says."""
    for module, text in {
        "envs.planted": "def late():\n    from agents import train\n",
        "reward_designers.vlm": "",
        "reward_designers.vlm.planted": "from ..code import invented\nfrom ..base import RewardFn\n",
        "reward_designers.code": "",
        "reward_designers.llm": "",
    }.items():
        path = tmp_path / (f"{module}/__init__.py" if not text else f"{module}.py")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        monkeypatch.setitem(SOURCES, module, path)
    assert within(next(iter(imports("envs.planted"))), "agents")
    assert imports("reward_designers.vlm.planted") == {"reward_designers.code", "reward_designers.base"}
    assert not allowed("envs.planted", "agents.train")
    assert not allowed("envs.planted", "reward_designers.code")
    assert not allowed("reward_designers.base", "envs.task")
    assert not allowed("reward_designers.base", "reward_designers.checker")
    assert not allowed("reward_designers.vlm.planted", "reward_designers.code")
    assert allowed("reward_designers.vlm.planted", "reward_designers.llm")
    assert allowed("reward_designers.vlm.planted", "reward_designers.base")


@pytest.mark.parametrize(
    "module", ["reward_designers.base", "reward_designers", "reward_designers.llm", "envs", "agents", "agents.setup"]
)
def test_light_imports(module: str) -> None:
    """`--help` and a wrong name must answer within seconds, so these load nothing heavy."""
    code = f"import sys, {module}; print(*sorted(set(sys.modules) & set({HEAVY + OPTIONAL!r})))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert not loaded.split()


def test_base_needs_numpy_alone() -> None:
    code = (
        "import sys; before = set(sys.modules); import numpy; known = set(sys.modules); import reward_designers.base;"
        "print(*{m.split('.')[0] for m in set(sys.modules) - known} - set(sys.stdlib_module_names))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert set(loaded.split()) <= {"reward_designers"}


@pytest.mark.parametrize("package", OPTIONAL)
def test_optional_packages_are_imported_lazily(package: str) -> None:
    """A module of ours must load without the extras: an optional import sits inside a function or a guarded block."""
    for module, path in SOURCES.items():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import):
                names = {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names = {node.module or ""}
            else:
                continue
            assert not any(within(name, package) for name in names), f"{module} imports {package} at its top level"


# Import names of distributions that are called otherwise.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "hydra": "hydra-core",
    "yaml": "pyyaml",
    "open_clip": "open-clip-torch",
    "OpenGL": "mujoco",
}  # mujoco brings pyopengl


def test_what_is_imported_is_a_declared_dependency() -> None:
    """Not just something that another dependency happens to bring."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    declared = {canonicalize_name(Requirement(text).name) for text in listed}
    for module in SOURCES:
        for name in imports(module):
            top = name.partition(".")[0]
            if top not in OURS and top not in sys.stdlib_module_names and top != "__future__":
                distribution = canonicalize_name(DISTRIBUTIONS.get(top, top))
                assert distribution in declared, f"{module} imports {top}, which pyproject.toml does not list"

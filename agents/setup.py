"""Make a machine ready: `python3 -m agents.setup [extra ...]`.

In a checkout it creates `.venv/`, installs the project there in editable mode with the versions of constraints.txt,
and sees to it that MuJoCo can render off-screen, with Debian's packages where it may install them. Run it again at any
time: what is in place is left alone. From an installed wheel it does the last part only.

    python3 -m agents.setup                  what `python -m agents.train env=Humanoid reward=vlm` needs, on the CPU
    python3 -m agents.setup dev              and the tools for tests, lint and types
    python3 -m agents.setup --torch cuda     the CUDA build of PyTorch
    python3 -m agents.setup nethack          and NetHack and MiniHack
    python3 -m agents.setup alfworld         and ALFWorld, which compiles from source (needs g++ and cmake)

Only the standard library is imported: this module runs before anything is installed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST, NEWEST = (3, 11), (3, 13)  # the tests pass on these and all between; as pyproject.toml's classifiers say
_NLE, _WORDLLAMA = "nle", "wordllama"
COMPILED = {"nethack": [_NLE], "embedding": [_WORDLLAMA], "dev": [_NLE, _WORDLLAMA], "all": [_NLE, _WORDLLAMA]}
"""What an extra needs that has no wheel for any later version (as of November 2026)."""
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
GL_PACKAGES = (("libegl1", "libegl-mesa0", "libgl1-mesa-dri", "libopengl0"), ("libosmesa6",))  # EGL, else OSMesa
EXTRAS = ("vlm", "llm", "ray", "wandb", "hdf5", "embedding", "nethack", "alfworld", "dev", "all")
PROBE_GL = """
import sys
from envs.gl import GLError, ensure_gl
try:
    ensure_gl()
except GLError as error:
    print(error)
    sys.exit(3)
"""
# Other distributions (openai-agents, for one) install a package called `agents` too; ask from a neutral directory.
PROBE_NAMES = """
import importlib.metadata, importlib.util, json
owners = importlib.metadata.packages_distributions()
names = ("agents", "envs", "reward_designers")
print(json.dumps({n: [getattr(importlib.util.find_spec(n), "origin", None), owners.get(n, [])] for n in names}))
"""


class SetupError(Exception):
    """What is wrong and what to do about it, in words for the person at the terminal."""


def main(argv: list[str] | None = None) -> int:
    """Run the set-up; returns the exit status."""
    if sys.version_info < OLDEST:
        newer = [name for name in ("python3.13", "python3.12", "python3.11") if shutil.which(name)]
        hint = f"run `{newer[0]} -m agents.setup`" if newer else "install a newer one (Debian 12 and later have it)"
        print(f"setup: Python {platform.python_version()} is too old, 3.11 or later is needed: {hint}", file=sys.stderr)
        return 1
    parser = argparse.ArgumentParser(
        prog="python3 -m agents.setup", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("extras", nargs="*", metavar="extra", help=f"optional parts to install: {', '.join(EXTRAS)}")
    parser.add_argument("--torch", choices=("cpu", "cuda"), help="PyTorch build (default: cpu, or the one in place)")
    parser.add_argument("--without-gl", action="store_true", help="do not check or install off-screen rendering")
    args = parser.parse_args(argv)
    unknown = sorted(set(args.extras) - set(EXTRAS))
    if unknown:
        parser.error(f"unknown extra {', '.join(unknown)}; there are {', '.join(EXTRAS)}")
    untried = too_new(args.extras)
    if untried:
        print(f"setup: {untried}", file=sys.stderr)
    try:
        if (ROOT / "pyproject.toml").is_file():
            python = install(ROOT / ".venv", args.extras, args.torch)
        elif args.extras or args.torch:
            raise SetupError(
                "this is an installed copy, not a checkout: use `pip install 'reward-designers[EXTRA]'` for extras"
            )
        else:
            python = Path(sys.executable)
        check_names(python)
        if not args.without_gl and sys.platform == "linux":
            ensure_gl(python)
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"setup: this command failed (exit status {error.returncode}); its message is above:", file=sys.stderr)
        print(f"    {' '.join(map(str, error.cmd))}", file=sys.stderr)
        if untried:
            print(f"setup: {untried}", file=sys.stderr)
        return 1
    print(f"setup: ready, use {python}")
    return 0


def too_new(extras: list[str]) -> str:
    """What to expect of a Python later than those that the project was tried with; nothing for those."""
    if sys.version_info[:2] <= NEWEST:
        return ""
    version, newest = f"Python {sys.version_info[0]}.{sys.version_info[1]}", ".".join(map(str, NEWEST))
    missing = " and ".join(sorted({package for extra in extras for package in COMPILED.get(extra, [])}))
    compiled = f", and for lack of wheels {missing} would be compiled" if missing else ""
    command = " ".join([f"python{newest} -m agents.setup", *extras])
    return f"{version} was never tried with this project, {newest} is the newest that was{compiled}: better `{command}`"


def install(venv: Path, extras: list[str], torch: str | None) -> Path:
    """Install the checkout and `extras` into `venv` unless this very state is there; returns its Python."""
    python = venv / "bin" / "python"
    stamp = venv / "reward-designers-setup.json"
    inputs = b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt"))
    wanted = {"inputs": hashlib.sha256(inputs).hexdigest(), "torch": torch or "cpu", "extras": sorted(set(extras))}
    done = json.loads(stamp.read_text()) if stamp.is_file() and works(python) else None
    if done:  # extras accumulate: the tests' set-up must not undo an earlier `nethack`
        wanted["extras"] = sorted({*done["extras"], *extras})
        wanted["torch"] = torch or done["torch"]
        if done == wanted:
            return python
        stamp.unlink()
    create_venv(venv, keep=done is not None)
    constrained = ["--constraint", str(ROOT / "constraints.txt")]
    if done and done["torch"] != wanted["torch"]:  # both builds satisfy torch==X, so pip would keep the old one
        pip(python, "uninstall", "--yes", "torch", "torchvision")
    if wanted["torch"] == "cpu":
        pip(python, "install", "--no-deps", *constrained, *cpu_index(), "torch", "torchvision")
    target = f"{ROOT}[{','.join(wanted['extras'])}]" if wanted["extras"] else str(ROOT)
    pip(python, "install", *constrained, "--editable", target)
    stamp.write_text(json.dumps(wanted))
    return python


def create_venv(venv: Path, keep: bool = False) -> None:
    """Create `venv` with pip in it, where Debian's python3-venv is missing with the help of the outer pip.

    One that works is left alone; unless it is to be kept, it must also be of this version of Python.
    """
    python = venv / "bin" / "python"
    if works(
        python, "import pip" if keep else f"import pip, sys; assert sys.version_info[:2] == {sys.version_info[:2]}"
    ):
        return
    print(f"setup: creating {venv}", flush=True)
    if works(Path(sys.executable), "import ensurepip"):
        run(sys.executable, "-m", "venv", "--clear", str(venv))
    elif works(Path(sys.executable), "import venv, pip"):
        run(sys.executable, "-m", "venv", "--clear", "--without-pip", str(venv))
        run(sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "pip")
    else:
        raise SetupError(
            f"{sys.executable} has neither ensurepip nor pip, so no virtual environment can be made; "
            "on Debian and Ubuntu: apt-get install python3-venv"
        )


def cpu_index() -> list[str]:
    """Arguments that lead pip to PyTorch's index of CPU builds; none, and a word about it, if it is out of reach."""
    try:
        with urllib.request.urlopen(f"{CPU_INDEX}/torch/", timeout=10):
            return ["--extra-index-url", CPU_INDEX]
    except (urllib.error.URLError, OSError) as error:
        print(f"setup: {CPU_INDEX} cannot be reached ({error}), so PyTorch comes from pip's own sources;", flush=True)
        print("setup: if those have no CPU build, this is the CUDA build with several GB of libraries", flush=True)
        return []


def check_names(python: Path) -> None:
    """Make sure that `agents`, `envs` and `reward_designers` are this project's in `python`, from any directory."""
    found = subprocess.run(
        [str(python), "-c", PROBE_NAMES], cwd="/", check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    for name, (origin, owners) in json.loads(found).items():
        if origin is None or Path(origin).resolve().parent != ROOT / name:
            others = [owner for owner in owners if owner != "reward-designers"]
            remedy = f"pip uninstall {' '.join(others)}" if others else "remove it from sys.path"
            raise SetupError(
                f"`import {name}` in {python} finds {origin or 'nothing'}, not {ROOT / name}: another distribution "
                f"uses that name; keep it in an environment of its own, here: {remedy}"
            )


def ensure_gl(python: Path) -> None:
    """Make off-screen rendering work, installing Debian's packages where this user may."""
    problem = gl_problem(python)
    for packages in GL_PACKAGES:
        if problem is None:
            return
        command = f"apt-get install {' '.join(packages)}"
        apt = apt_get()
        if apt is None:
            raise SetupError(
                f"{problem}\nsetup: this user may not install packages; as root run: apt-get update && {command}\n"
                "setup: then run this again, or with --without-gl if no reward of yours looks at frames"
            )
        print(f"setup: no off-screen rendering yet, so: {command}", flush=True)
        for step in (("update",), ("install", "--yes", "--no-install-recommends", *packages)):
            result = subprocess.run([*apt, "-qq", *step], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if result.returncode:
                print(result.stdout, file=sys.stderr)
                result.check_returncode()
        problem = gl_problem(python)
    if problem is not None:
        raise SetupError(problem)


def gl_problem(python: Path) -> str | None:
    """Why MuJoCo cannot render off-screen, from a fresh process that asks `envs.gl`; None if it can."""
    result = subprocess.run([str(python), "-c", PROBE_GL], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if result.returncode not in (0, 3):  # anything but GLError is no reason to install libraries
        result.check_returncode()
    return result.stdout.strip() if result.returncode else None


def apt_get() -> list[str] | None:
    """The command prefix that may install Debian packages without asking for a password, if there is one."""
    if not shutil.which("apt-get"):
        return None
    quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    if os.geteuid() == 0:
        return quiet
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], stderr=subprocess.DEVNULL).returncode == 0:
        return ["sudo", "-n", *quiet]
    return None


def works(python: Path, code: str = "") -> bool:
    """Whether `python` exists and runs `code`."""
    command = [str(python), "-c", code]
    return python.exists() and subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0


def pip(python: Path, *args: str) -> None:
    """Run pip of `python`, quietly but for what it asks people to know."""
    print(f"setup: pip {' '.join(args)}", flush=True)
    run(str(python), "-m", "pip", args[0], "--quiet", "--disable-pip-version-check", *args[1:])


def run(*command: str) -> None:
    """Run `command`, its output shown; CalledProcessError when it fails."""
    subprocess.run(command, check=True)


if __name__ == "__main__":
    sys.exit(main())

"""The documentation is true: its Python runs, its links lead somewhere, its commands name modules that exist."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType

import pytest

import envs
from agents.acting.options import ACT
from agents.arguments import prepare
from agents.config.commands import EVALUATE, TRAIN
from agents.prediction.options import PREDICTION

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path, language: str) -> list[tuple[int, str]]:
    """Fenced blocks of `language`, each with the line on which its code starts."""
    text = page.read_text()
    found = re.finditer(rf"^```{language}\n(.*?)^```$", text, re.S | re.M)
    return [(text.count("\n", 0, match.start(1)) + 1, match[1]) for match in found]


def write_file(code: str) -> None:
    """A block that begins with a comment such as `# my_reward.py` is that file."""
    if file := re.match(r"# ([\w/]+\.(?:py|yaml))\n", code):
        Path(file[1]).parent.mkdir(parents=True, exist_ok=True)
        Path(file[1]).write_text(code)


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "page", [p for p in PAGES if blocks(p, "python")], ids=lambda page: str(page.relative_to(ROOT))
)
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one namespace, top to bottom, as a reader would paste them; tracebacks point into the page."""
    monkeypatch.chdir(tmp_path)
    module = ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)
    for line, code in blocks(page, "python"):
        write_file(code)
        exec(compile("\n" * (line - 1) + code, str(page), "exec", dont_inherit=True), vars(module))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{target} does not exist"
        assert not anchor or anchor in anchors(linked), f"{target}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_name_modules_that_exist(page: Path) -> None:
    for module in re.findall(r"python3? -m ((?:agents|envs|reward_designers|benchmarks)(?:\.\w+)*)", page.read_text()):
        assert importlib.util.find_spec(module), f"there is no module {module}"


def commands(page: Path, module: str) -> list[list[str]]:
    """The arguments of each `python -m module ...` in the page's shell blocks."""
    lines = [line for _, code in blocks(page, "sh") for line in code.replace("\\\n", " ").splitlines()]
    words = [shlex.split(line, comments=True) for line in lines if f"-m {module}" in line]
    return [line[line.index(module) + 1 :] for line in words]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_have_options_that_exist(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _, code in blocks(page, "yaml"):
        write_file(code)
    for arguments in commands(page, "agents.train"):
        prepared = prepare([a for a in arguments if a != "--help"], TRAIN)
        given = dict(a.split("=", 1) for a in prepared if "=" in a and not a.startswith("hydra"))
        if "task" in given:
            envs.find_task(given["env"], given["task"])
    for arguments in commands(page, "agents.evaluate"):
        prepare(arguments, ACT if any(a.startswith("agent=") for a in arguments) else EVALUATE)
    for arguments in commands(page, "agents.compare"):
        if any(a.startswith("benchmark=") for a in arguments):
            prepare(arguments, PREDICTION)


def test_the_shown_commands_are_found() -> None:
    assert commands(ROOT / "README.md", "agents.train")
    assert commands(ROOT / "docs" / "quickstart.md", "agents.evaluate")


def test_the_index_lists_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert pages == {page for page in pages if f"({page})" in index}

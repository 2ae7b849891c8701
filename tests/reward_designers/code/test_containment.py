"""What a hostile program does not do. The suites are in `hostile/`; all run with the AST check off."""

from __future__ import annotations

import ast
import os
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from reward_designers import check_reward, random_batch
from reward_designers.code import CodeReward, ProgramError, ProgramRejected, parse_program
from reward_designers.code.sandbox.client import Limits, Worker
from reward_designers.laws import RewardCheckError

HOSTILE = Path(__file__).parent / "hostile"
SUITES = {name: (HOSTILE / f"{name}.py").read_text() for name in ("attacks", "escapes", "deadly")}
LAYERS = ("seccomp", "landlock", "capabilities", "not_dumpable", "limits", "no_new_privileges")


def functions(suite: str) -> dict[str, ast.FunctionDef]:
    """The attacks of a suite, by name: functions without arguments, their names of two words or more."""
    found = [node for node in ast.parse(SUITES[suite]).body if isinstance(node, ast.FunctionDef)]
    return {
        node.name: node for node in sorted(found, key=lambda n: n.name) if "_" in node.name[1:] and not _taken(node)
    }


def _taken(node: ast.FunctionDef) -> bool:
    return bool(node.args.args) or node.name.startswith("_")


@dataclass
class World:
    """What must stay as it is: files, a listener's silence, this process and its environment."""

    folder: Path
    listener: socket.socket = field(default_factory=socket.socket)
    abstract: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_UNIX))
    signals: list[int] = field(default_factory=list)
    obs: np.ndarray = field(default_factory=lambda: np.arange(12.0).reshape(4, 3))

    def __post_init__(self) -> None:
        for name in ("canary", "secret", "victim-unlink", "victim-rename"):
            (self.folder / name).write_text("SECRET" if name == "secret" else "as it was")
        (self.folder / "planted.py").write_text("value = 1")
        self.listener.bind(("127.0.0.1", 0))
        self.abstract.bind(f"\0reward-{os.getpid()}-{id(self)}")
        for sock in (self.listener, self.abstract):
            sock.listen()
            sock.setblocking(False)
        self.before = self.state()

    def state(self) -> dict[str, object]:
        """All of it."""
        files = {
            p.name: (p.read_bytes() if p.is_file() else None, p.lstat().st_mode, p.lstat().st_mtime_ns)
            for p in self.folder.iterdir()
        }
        return {
            "files": files,
            "connections": [self._connected(sock) for sock in (self.listener, self.abstract)],
            "signals": list(self.signals),
            "obs": self.obs.tolist(),
            "environment": {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"},
            "children": _children(),
        }

    def _connected(self, sock: socket.socket) -> bool:
        try:
            sock.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def source(self, suite: str) -> str:
        """A suite with what it needs to know of this world."""
        constants = {
            "FOLDER": str(self.folder),
            "SECRET": str(self.folder / "secret"),
            "PORT": self.listener.getsockname()[1],
            "NAME": self.abstract.getsockname()[1:].decode(),
            "PARENT": os.getpid(),
            "MACHINE": os.uname().machine,
        }
        before = "".join(f"{name} = {value!r}\n" for name, value in constants.items())
        return f"{before}{SUITES[suite]}\n\nTABLE = [{', '.join(functions(suite))}]\n"

    def inputs(self, suite: str, name: str) -> dict[str, np.ndarray]:
        """What tells the program which attack to try."""
        which = np.full(4, float(list(functions(suite)).index(name)))
        return {"which": which} if suite == "escapes" else {"obs": self.obs, "which": which}


def _children() -> set[int]:
    """Processes that this one has started, but for workers (which the tests hold)."""
    tasks = Path("/proc/self/task").glob("*/children")
    children = {int(pid) for task in tasks for pid in task.read_text().split()}
    return {pid for pid in children if b"sandbox.worker" not in Path(f"/proc/{pid}/cmdline").read_bytes()}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("API_KEY", "SECRET" + "-VALUE")
    world = World(tmp_path)
    previous = signal.signal(signal.SIGUSR1, lambda number, frame: world.signals.append(number))
    yield world
    signal.signal(signal.SIGUSR1, previous)
    world.listener.close()
    world.abstract.close()


def run_all(world: World, suite: str, skip: tuple[str, ...] = (), only: tuple[str, ...] = ()) -> set[str]:
    """Try the attacks one after the other in one process, or a new one where that was ended; which succeeded."""
    succeeded: set[str] = set()
    worker = None
    for name in only or functions(suite):
        if worker is None or worker.closed:
            unrestricted = suite != "escapes"
            worker = Worker(world.source(suite), "reward", Limits(5.0, 1 << 30), skip=skip, unrestricted=unrestricted)
        try:
            if worker(world.inputs(suite, name))["succeeded"].any():
                succeeded.add(name)
        except ProgramError:
            if not worker.closed:
                raise
    assert worker is not None
    worker.close()
    return succeeded


@pytest.mark.parametrize("suite", ["attacks", "escapes"])
def test_nothing_succeeds(world: World, suite: str) -> None:
    assert len(functions(suite)) > (80 if suite == "attacks" else 25)
    assert run_all(world, suite) == set()
    assert world.state() == world.before


def test_the_filter_of_system_calls_is_enough_by_itself(world: World) -> None:
    assert run_all(world, "attacks", skip=LAYERS[1:-1]) == set()
    assert world.state() == world.before


def test_landlock_stops_by_itself_what_it_is_for(world: World) -> None:
    for_it = (
        "file_write", "file_read_secret", "file_create", "file_unlink", "file_rename", "file_mkdir", "file_truncate",
        "file_raw_open", "file_numpy_memmap", "net_connect", "net_abstract_socket", "process_system", "parent_signal",
        "parent_environment", "parent_ptrace", "parent_memory", "import_from_folder",
    )  # fmt: skip
    others = ("seccomp", "capabilities", "not_dumpable", "limits")
    worker = Worker(world.source("attacks"), "reward", skip=others, unrestricted=True)
    protection = worker.protection
    worker.close()
    if protection.landlock_abi < 6:
        pytest.skip(f"the kernel's Landlock is of version {protection.landlock_abi}")
    assert run_all(world, "attacks", skip=others, only=for_it) == set()
    assert world.state() == world.before


def test_without_protection_most_attacks_succeed(world: World) -> None:
    """So that the tests above are not of attacks that could never work."""
    harmful = ("import_urllib", "descriptors_write", "kernel_namespace", "parent_ptrace")  # to attacker or tester
    succeeded = run_all(world, "attacks", skip=LAYERS, only=tuple(n for n in functions("attacks") if n not in harmful))
    assert len(succeeded) > 55
    assert {"file_write", "net_connect", "parent_signal", "process_fork", "memory_executable"} <= succeeded
    assert {"parent_environment", "parent_memory_map", "descriptors_close_lifeline"} <= succeeded
    after = world.state()
    assert [name for name in after if after[name] != world.before[name]] == ["files", "connections", "signals"]


def test_a_restricted_namespace_contains_nobody(world: World) -> None:
    succeeded = run_all(world, "escapes", skip=LAYERS)
    assert {"walk_subclasses", "walk_function_globals", "walk_method_self", "ctypes_of_an_array"} <= succeeded


@pytest.mark.parametrize("name", functions("deadly"))
def test_what_ends_a_worker_costs_one_candidate(world: World, name: str) -> None:
    kinds = (ast.get_docstring(functions("deadly")[name]) or "").split()
    assert kinds
    limits = Limits(0.6 if "timeout" in kinds else 20.0, 256 << 20)
    worker = Worker(world.source("deadly"), "reward", limits, unrestricted=True)
    begin = time.monotonic()
    inputs = world.inputs("deadly", name)
    with pytest.raises(ProgramError) as caught:
        worker(inputs) and worker(inputs)  # a forged answer may be found out at the next call only
    assert caught.value.kind in kinds, str(caught.value)
    assert time.monotonic() - begin < 30
    message = str(caught.value)
    assert len(message) < 1000
    assert all(c.isprintable() or c == "\n" for c in message)
    assert not any(marker in message for marker in ("im_end", "im_start", "```"))
    if caught.value.kind in ("raised", "result"):
        assert not worker.closed
    else:
        assert worker.closed
        assert not Path(f"/proc/{worker.pid}").exists()
    worker.close()
    assert world.state() == world.before


@pytest.mark.parametrize(("suite", "name"), [(suite, name) for suite in SUITES for name in functions(suite)])
def test_the_allowlist_refuses_it_before_it_runs(suite: str, name: str) -> None:
    """What it lets through is Python that may be in a reward, and can only hang, allocate or return nonsense."""
    source = f"import numpy as np\n\n{ast.unparse(functions(suite)[name])}\n\ndef reward(obs):\n    return {name}()\n"
    if name in ("hang_loop", "hang_in_c", "hang_in_numpy", "hang_in_sort", "memory_list", "memory_text",
                "memory_integers", "lie_integers", "raise_huge_message"):  # fmt: skip
        assert parse_program(source, fields=()).arguments == ("obs",)
        return
    with pytest.raises(ProgramRejected):
        parse_program(source, fields=())


STATEFUL = {
    "a counter": ("deterministic", "CALLS = []", "CALLS.append(0)\n    return obs[:, 0] + len(CALLS)"),
    "the last batch": (
        "deterministic",
        "LAST = [0.0]",
        "before = LAST[0]\n    LAST[0] = obs[0, 0] + 0.0\n    return obs[:, 0] - before",
    ),
    "the batch's maximum": ("rows", "", "return obs[:, 0] / np.abs(obs[:, 0]).max()"),
    "the place in the batch": ("rows", "", "return np.arange(len(obs)) * 1.0"),
    "the size of the batch": ("rows", "", "return obs[:, 0] * len(obs)"),
    "changed inputs": ("unmutated", "", "obs *= 2.0\n    return obs[:, 0]"),
    "its total": ("total", "", "return {'a': obs[:, 0], 'b': obs[:, 1], 'sum': obs[:, 0] + obs[:, 1]}"),
}


@pytest.mark.parametrize("what", STATEFUL)
def test_programs_that_depend_on_more_than_their_row_break_a_law(what: str) -> None:
    law, constant, body = STATEFUL[what]
    reward = CodeReward(f"import numpy as np\n{constant}\ndef reward(obs):\n    {body}\n")
    with pytest.raises(RewardCheckError) as caught:
        check_reward(reward, random_batch({"obs": (3,)}))
    assert caught.value.law == law
    reward.close()

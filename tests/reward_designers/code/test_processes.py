"""A program's process: copies, forks, threads, and that it ends in every case."""

from __future__ import annotations

import copy
import gc
import logging
import multiprocessing
import os
import pickle
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from reward_designers import RewardFn, random_batch
from reward_designers.base import Transition
from reward_designers.code import CodeReward, ProgramError, ProgramRejected, SandboxUnavailable, load_program
from reward_designers.code.sandbox import client, protection
from reward_designers.code.sandbox.client import Limits, Worker
from reward_designers.code.sandbox.protection import LAYERS, Protection

ROOT = Path(__file__).resolve().parents[3]
SOURCE = "import numpy as np\n\n\ndef reward(next_obs):\n    return {'upright': np.cos(next_obs[:, 2])}\n"


def batch(n: int = 16) -> Transition:
    return random_batch({"obs": (4,)}, n)


def worker_of(reward: CodeReward) -> Worker:
    reward.start()
    assert reward._worker is not None
    return reward._worker


@pytest.fixture(scope="module")
def reward() -> Iterator[CodeReward]:
    made = load_program(SOURCE, fields=())
    yield made
    made.close()


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie counts, for nobody waited for it."""
    return Path(f"/proc/{pid}").exists()


def gone(pid: int) -> bool:
    """Whether the process ends within seconds."""
    for _ in range(200):
        if not alive(pid):
            return True
        time.sleep(0.02)
    return False


def test_close_and_start_again(reward: CodeReward) -> None:
    first = worker_of(reward).pid
    reward.close()
    reward.close()
    assert not alive(first)
    assert reward(batch()).keys() == {"upright"}
    assert worker_of(reward).pid != first


def test_it_ends_with_the_object() -> None:
    reward = load_program(SOURCE, fields=())
    reward(batch())
    pid = worker_of(reward).pid
    del reward
    gc.collect()
    assert not alive(pid)


def test_copies_have_processes_of_their_own(reward: CodeReward) -> None:
    pid = worker_of(reward).pid
    for other in (copy.deepcopy(reward), pickle.loads(pickle.dumps(reward))):
        assert other._worker is None
        np.testing.assert_array_equal(other(batch())["upright"], reward(batch())["upright"])
        assert worker_of(other).pid != pid
        other.close()
    assert alive(pid)


def test_a_fork_neither_uses_nor_ends_the_parents_process(reward: CodeReward) -> None:
    pid, expected = worker_of(reward).pid, reward(batch())["upright"].tolist()
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            closed = reward._worker is not None and reward._worker.closed
            same = reward(batch())["upright"].tolist() == expected
            os.write(send, f"{closed} {same} {worker_of(reward).pid != pid}".encode())
            reward.close()
            gc.collect()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(receive, 100) == b"True True True"
    os.close(receive)
    os.close(send)
    assert reward(batch())["upright"].tolist() == expected
    assert worker_of(reward).pid == pid


def _values(reward: RewardFn) -> list[float]:
    return reward(batch())["upright"].tolist()


def test_it_goes_to_other_processes(reward: CodeReward) -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(_values, [reward]) == [_values(reward)]


def test_threads_take_turns(reward: CodeReward) -> None:
    wrong = []

    def work(n: int) -> None:
        for _ in range(50):
            t = batch(n)
            if not np.array_equal(reward(t)["upright"], np.cos(t.next_state["obs"][:, 2])):
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in (3, 40, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


SCRIPT = """
import os, sys, numpy as np
from reward_designers import random_batch
from reward_designers.code import load_program
reward = load_program("def reward(obs):\\n    while len(obs) == 9: pass\\n    return obs[:, 0]", fields=())
reward(random_batch({"obs": (2,)}, 16))
print(reward._worker.pid, flush=True)
"""


def run_script(then: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SCRIPT + textwrap.dedent(then)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_nothing_is_left_at_the_end_of_the_interpreter() -> None:
    script = run_script("")
    out, err = script.communicate(timeout=60)
    assert script.returncode == 0
    assert err == ""
    assert not alive(int(out))


def test_a_killed_trainer_takes_a_busy_program_with_it() -> None:
    script = run_script('reward(random_batch({"obs": (2,)}, 9))')
    assert script.stdout is not None
    pid = int(script.stdout.readline())
    time.sleep(0.3)
    assert alive(pid)
    script.kill()
    script.wait()
    script.communicate()
    assert gone(pid)


def test_errors_come_back_from_other_processes() -> None:
    for error in (ProgramError("raised", "ValueError: x", 3), ProgramError("died", "it did"), ProgramRejected("no", 4)):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert (str(again), vars(again)) == (str(error), vars(error))


@pytest.fixture
def xcpu_ignored() -> Iterator[None]:
    """As it is after a game of NetHack; a process that is started inherits it."""
    before = signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGXCPU, signal.SIG_DFL if before is None else before)


@pytest.mark.usefixtures("xcpu_ignored")
def test_the_kernel_ends_what_nobody_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """CPU time is granted in portions, so that a program runs out of it if this process cannot kill it."""
    monkeypatch.setattr(client, "CPU_GRANT", 1.0)
    worker = Worker("def reward(obs):\n    while True: pass", "reward", Limits(seconds=60.0))
    monkeypatch.setattr(worker, "_grant", lambda: None)
    with pytest.raises(ProgramError, match="SIGXCPU"):
        worker({"obs": np.zeros((2, 2))})


def test_cpu_time_is_granted_as_calls_go_on() -> None:
    worker = Worker("def reward(obs): return obs[:, 0]", "reward", Limits(seconds=10.0))
    worker._granted = 12.0
    worker({"obs": np.zeros((2, 2))})
    assert 600 < worker._granted < 622
    limits = Path(f"/proc/{worker.pid}/limits").read_text()
    assert next(line for line in limits.splitlines() if "cpu time" in line).split()[3] == "1210"
    worker.close()


# What is in force


def test_all_layers_are_in_force_and_the_kernel_says_so_too(reward: CodeReward) -> None:
    found = worker_of(reward).protection
    assert "seccomp" in found.in_force, str(found)
    assert found.reachable == ()
    status = Path(f"/proc/{worker_of(reward).pid}/status").read_text().split("\n")
    told = dict(line.split(":\t", 1) for line in status if ":\t" in line)
    assert (told["Seccomp"], told["NoNewPrivs"], told["Threads"]) == ("2", "1", "1")
    assert int(told["CapEff"], 16) == int(told["CapPrm"], 16) == 0


def test_what_is_left_out_is_told_and_not_claimed() -> None:
    worker = Worker("def reward(obs): return obs", "reward", skip=("seccomp", "landlock", "limits"))
    found = worker.protection
    worker.close()
    assert set(found.missing) >= {"seccomp", "landlock", "limits"}
    assert found.landlock_abi == 0
    assert {"open /etc/passwd", "make a socket", "signal the parent"} <= set(found.reachable)
    assert not found.full
    assert "no seccomp (left out)" in str(found)
    assert "it could still open /" in str(found)


@pytest.mark.parametrize(
    ("missing", "reachable", "refused"),
    [
        ((), (), ()),
        (("landlock",), (), ("required",)),
        (("landlock", "sealed_inputs"), (), ("required",)),
        (("seccomp",), (), ("required", "available")),
        ((), ("open /",), ("required", "available")),
    ],
)
def test_how_much_is_enough(
    missing: tuple[str, ...], reachable: tuple[str, ...], refused: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    report: dict[str, object] = {layer: True for layer in LAYERS if layer != "sealed_inputs"}
    report |= {layer: "not there" for layer in missing if layer != "sealed_inputs"}
    sealed = "not there" if "sealed_inputs" in missing else None
    found = Protection.from_report({**report, "landlock_abi": 7, "reachable": list(reachable)}, sealed)
    assert set(found.missing) == set(missing)
    assert found.full == (refused == ())
    protection._told.clear()
    with caplog.at_level(logging.INFO):
        for sandbox in ("required", "available", "required", "available"):
            if sandbox in refused:
                with pytest.raises(SandboxUnavailable, match=f"sandbox={sandbox} is not met"):
                    found.require(sandbox)  # type: ignore[arg-type]
            else:
                found.require(sandbox)  # type: ignore[arg-type]
    assert [record.levelname for record in caplog.records] == ["INFO" if found.full else "WARNING"]


def test_required_is_met_here_or_refused(reward: CodeReward) -> None:
    strict = CodeReward(SOURCE, sandbox="required")
    if worker_of(reward).protection.full:
        assert strict(batch()).keys() == {"upright"}
        strict.close()
    else:
        with pytest.raises(SandboxUnavailable):
            strict.start()


def test_an_interpreter_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho cannot find libpython >&2\nexit 127\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    with pytest.raises(SandboxUnavailable, match="exited with code 127; it said: cannot find libpython"):
        load_program(SOURCE, fields=()).start()


OLD_KERNEL = """
import ctypes, os, struct, sys
from reward_designers.code import SandboxUnavailable, load_program
from reward_designers.code.sandbox.seccomp import ARCHITECTURES

numbers = {"seccomp": ARCHITECTURES[os.uname().machine][1]["seccomp"], "landlock": 444}
refused = [numbers[name] for name in sys.argv[1:]]
code = struct.pack("HBBI", 0x20, 0, 0, 0)
for number in refused:  # ENOSYS, as a kernel without it
    code += struct.pack("HBBI", 0x15, 0, 1, number) + struct.pack("HBBI", 0x06, 0, 0, 0x00050000 | 38)
code += struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000)
buffer = ctypes.create_string_buffer(code, len(code))
header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer)))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, header, 0, 0) == 0
for sandbox in ("available", "required"):
    reward = load_program("def reward(obs): return obs[:, 0]", fields=())
    reward.sandbox = sandbox
    try:
        reward.start()
        print("started:", reward.protection)
    except SandboxUnavailable as error:
        print("refused:", error)
"""


@pytest.mark.parametrize(
    ("lacks", "available"),
    [
        (("landlock",), "started: sandbox: seccomp, no_new_privileges, .*no landlock .*Function not implemented"),
        (("seccomp",), "refused: sandbox=available is not met.*no seccomp .*Function not implemented.*sandbox=none"),
        (("seccomp", "landlock"), "refused: sandbox=available .*no seccomp.*no landlock.*signal the parent"),
    ],
)
def test_what_an_older_kernel_lacks_is_told(lacks: tuple[str, ...], available: str) -> None:
    script = subprocess.run(
        [sys.executable, "-c", OLD_KERNEL, *lacks], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert script.returncode == 0, script.stderr
    told = script.stdout.splitlines()
    assert re.match(available, told[0]), told
    assert re.match("refused: sandbox=required is not met", told[1]), told
    assert ("sandbox: seccomp, " in script.stderr) == (lacks == ("landlock",))  # a warning, once
    assert script.stderr.count("sandbox:") == 1

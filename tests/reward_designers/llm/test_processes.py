"""Processes that ask, share a store, and are killed: nothing is paid for twice, and nobody is kept waiting."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from reward_designers.llm import Prompt, ReplyStore, Sampling
from tests.reward_designers.llm.chat_server import answer, hang

ROOT = Path(__file__).resolve().parents[3]
CHILD = """
import sys
from reward_designers.llm import OpenAILLM, ReplyStore, Sampling
llm = OpenAILLM("tiny", store=ReplyStore(sys.argv[1]), base_url=sys.argv[2], sampling=Sampling(50), timeout=20)
print("ready", flush=True)
sys.stdin.readline()
replies = llm.sample([{"role": "user", "content": "Hop."}], n=int(sys.argv[3]))
print("|".join(reply.text for reply in replies), flush=True)
sys.stdin.readline()
"""


def child(store: ReplyStore, url: str, n: int = 1) -> subprocess.Popen[str]:
    """A process that says `ready`, and samples when it gets a line."""
    command = [sys.executable, "-c", CHILD, str(store.path), url, str(n)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def kill(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def test_killed_between_reply_and_use(server, connect, store):
    """The process dies by -9 the moment the reply is in; the next one pays nothing."""
    process = child(store, server.url)
    go(process)
    wanted = connect(sampling=Sampling(50))
    deadline = time.monotonic() + 20
    while not store.requests() and time.monotonic() < deadline:
        time.sleep(0.002)
    kill(process)
    assert [reply.text for reply in wanted.sample([{"role": "user", "content": "Hop."}])] == ["reply 0"]
    assert len(server.seen) == 1
    assert [usage.tokens for usage in store.spent()] == [15]


def test_killed_while_asking(server, connect, store):
    """Nobody knows whether that call was charged: it keeps its worst case, and its claim blocks nobody."""
    server.script.append(hang)
    process = child(store, server.url)
    go(process)
    deadline = time.monotonic() + 20
    while not server.seen and time.monotonic() < deadline:
        time.sleep(0.002)
    kill(process)
    llm = connect(sampling=Sampling(50), timeout=20)
    start = time.monotonic()
    prompt = Prompt([{"role": "user", "content": "Hop."}])
    assert [reply.text for reply in llm.sample(prompt.messages)] == ["reply 0"]
    assert time.monotonic() - start < 5
    (spent,) = store.spent()
    assert spent.unsettled_tokens == 50 + prompt.most_tokens
    assert spent.tokens == spent.unsettled_tokens + 15


def test_two_processes_on_one_store_pay_once(server, store):
    server.default = answer(delay=0.3)
    processes = [child(store, server.url, n=3) for _ in range(2)]
    for process in processes:
        go(process)
    said = [process.communicate("\n")[0].strip() for process in processes]
    assert said == ["reply 0|reply 1|reply 2"] * 2
    assert [body["n"] for body in server.bodies] == [3]


def test_ctrl_c_leaves_a_usable_client(server, connect, store):
    server.script.append(hang)
    code = CHILD.replace('print("ready", flush=True)', 'print("ready", flush=True); import signal; '
                         'signal.signal(signal.SIGINT, signal.default_int_handler)')  # fmt: skip
    command = [sys.executable, "-c", code, str(store.path), server.url, "1"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    go(process)
    deadline = time.monotonic() + 20
    while not server.seen and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert process.returncode == -signal.SIGINT

"""The store: nothing lost, nothing twice, claims that die with their owners."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from reward_designers.llm import LLMError, Prompt, Reply, ReplyStore, Request, Sampling, Usage

ROOT = Path(__file__).resolve().parents[3]
REQUEST = Request("tiny", Prompt([{"role": "user", "content": "Hop."}], label="hop/1"), Sampling(100))


def reply(index: int = 0, text: str = "text", request: Request = REQUEST) -> Reply:
    return Reply(text, request.hash, index, "tiny-1", "2026-01-01T00:00:00+00:00", "stop")


def admit(spent: list[Usage], call: Usage) -> None:
    """No limit."""


def test_a_reply_comes_back_as_it_was(store):
    text = 'quotes \' " — tabs\t\r\n NUL \0 emoji 🦘 and ""'
    store.add(REQUEST, [reply(0, text), reply(2)])
    with ReplyStore(store.path, read_only=True) as again:
        assert again.replies(REQUEST.hash) == {0: reply(0, text), 2: reply(2)}
        (request,) = again.requests()
        assert (request.hash, request.prompt.label, request.sampling) == (REQUEST.hash, "hop/1", REQUEST.sampling)
        assert again.requests(prompt=REQUEST.prompt.hash) == again.requests(label="hop/1") == [request]
        assert again.requests(label="hop/2") == again.requests(prompt="0" * 64) == []
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            again.add(REQUEST, [reply(5)])


def test_the_first_reply_stays(store):
    store.add(REQUEST, [reply(0, "first")])
    store.add(REQUEST, [reply(0, "second"), reply(1)])
    assert [r.text for r in store.replies(REQUEST.hash).values()] == ["first", "text"]


def test_a_claim_reserves_and_settling_replaces(store):
    seen = []
    claim = store.claim(REQUEST, [0, 1, 2], lambda *args: seen.append(args), seconds=10)
    worst = Usage("tiny", 1, REQUEST.prompt.most_tokens, 300)
    assert seen == [([], worst)]
    (spent,) = store.spent()
    assert (spent.tokens, spent.unsettled_tokens) == (worst.tokens, worst.tokens)
    assert store.claim(REQUEST, [0, 2], admit, seconds=10) is None
    other = store.claim(REQUEST, [2, 3], admit, seconds=10)
    assert other is not None
    assert other.indexes == (3,)
    store.release(other, charged=False)
    store.settle(claim, [reply(0), reply(1)], Usage("tiny", 1, 7, 9))
    assert store.spent() == [Usage("tiny", 1, 7, 9)]
    again = store.claim(REQUEST, [0, 1, 2], admit, seconds=10)  # the one that did not come is free again
    assert again is not None
    assert again.indexes == (2,)
    store.release(again, charged=True)
    (spent,) = store.spent()
    assert (spent.calls, spent.unsettled_tokens) == (2, REQUEST.prompt.most_tokens + 100)


def test_a_refused_claim_leaves_nothing(store):
    def refuse(spent, call):
        raise ValueError("too much")

    with pytest.raises(ValueError, match="too much"):
        store.claim(REQUEST, [0], refuse, seconds=10)
    assert store.spent() == []
    assert store.claim(REQUEST, [0], admit, seconds=10) is not None


def test_claims_die_with_time_and_with_their_owner(store):
    """Another store object of this process stands for an earlier process whose id a container gave us again."""
    assert store.claim(REQUEST, [0], admit, seconds=-1) is not None  # expired at once
    assert store.claim(REQUEST, [0], admit, seconds=100) is not None
    earlier = ReplyStore(store.path)
    assert earlier.claim(REQUEST, [1], admit, seconds=100) is not None
    assert store.claim(REQUEST, [0, 1], admit, seconds=100) is None
    earlier.close()
    claim = store.claim(REQUEST, [0, 1], admit, seconds=100)
    assert claim is not None
    assert claim.indexes == (1,)


def test_a_claim_of_another_process(store):
    code = (
        "import sys; from tests.reward_designers.llm.test_store import *;"
        "print(ReplyStore(sys.argv[1]).claim(REQUEST, [0], admit, 100) is not None, flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(store.path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    assert store.claim(REQUEST, [0], admit, seconds=100) is None
    process.kill()
    process.communicate()
    assert store.claim(REQUEST, [0], admit, seconds=100) is not None


def test_many_threads_open_one_new_file(tmp_path):
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with ReplyStore(tmp_path / "new" / "replies.sqlite") as store:
                claim = store.claim(REQUEST, [number], admit, seconds=10)
                assert claim is not None
                store.settle(claim, [reply(number)], Usage("tiny", 1, 1, 1))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with ReplyStore(tmp_path / "new" / "replies.sqlite", read_only=True) as store:
        assert list(store.replies(REQUEST.hash)) == list(range(16))
        assert store.spent() == [Usage("tiny", 16, 16, 16)]


def test_what_is_no_store(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no reply store"):
        ReplyStore(tmp_path / "none.sqlite", read_only=True)
    (tmp_path / "text.sqlite").write_text("this is text " * 100)
    for read_only in (True, False):
        with pytest.raises(LLMError, match="cannot be used as a reply store"):
            ReplyStore(tmp_path / "text.sqlite", read_only=read_only)
    sqlite3.connect(tmp_path / "other.sqlite").execute("CREATE TABLE mine (x)")
    with pytest.raises(LLMError, match="no reply store of this version"):
        ReplyStore(tmp_path / "other.sqlite")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_store_in_a_folder_that_may_not_be_written(tmp_path):
    with ReplyStore(tmp_path / "s" / "replies.sqlite") as store:
        store.add(REQUEST, [reply()])
    (tmp_path / "s").chmod(0o500)
    with ReplyStore(tmp_path / "s" / "replies.sqlite", read_only=True) as again:
        assert again.replies(REQUEST.hash) == {0: reply()}
    (tmp_path / "s").chmod(0o700)

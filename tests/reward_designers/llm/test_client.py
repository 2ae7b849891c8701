"""The client against a real server on the loopback interface: what is sent, stored, retried, survived, kept secret."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import sys
import time
import traceback
from email.utils import formatdate
from pathlib import Path

import pytest

from reward_designers.llm import BudgetError, LLMError, OpenAILLM, Prompt, Sampling
from reward_designers.llm.budget import Budget
from tests.reward_designers.llm.chat_server import answer, hang, hang_up, status, stream, trickle, truncated
from tests.reward_designers.llm.conftest import KEY

ROOT = Path(__file__).resolve().parents[3]
ASK = [{"role": "system", "content": "You write rewards."}, {"role": "user", "content": "Hop."}]


def texts(replies):
    return [reply.text for reply in replies]


# What is sent and stored


def test_a_request_as_the_server_sees_it(server, connect):
    llm = connect(sampling=Sampling(100, temperature=0.5, seed=3, extra={"reasoning_effort": "low"}))
    (reply,) = llm.sample(ASK)
    assert (reply.text, reply.index, reply.written_by, reply.finish_reason) == ("reply 0", 0, "tiny-2026-01-01", "stop")
    ((_, headers, body),) = server.seen
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert body == {
        "model": "tiny",
        "messages": ASK,
        "max_tokens": 100,
        "temperature": 0.5,
        "seed": 3,
        "reasoning_effort": "low",
    }


def test_the_same_request_is_paid_for_once(server, connect, store):
    llm = connect()
    first = llm.sample(ASK, n=4)
    assert texts(first) == [f"reply {i}" for i in range(4)]
    assert llm.sample(ASK, n=4) == first == connect().sample(ASK, n=4, label="another label")
    assert [body.get("n") for body in server.bodies] == [4]
    more = llm.sample(ASK, n=6)  # only what is missing
    assert more[:4] == first
    assert [body.get("n") for body in server.bodies] == [4, 2]
    assert llm.sample(ASK, n=2) == first[:2]
    connect(sampling=Sampling(temperature=0.1)).sample(ASK)
    connect("small").sample(ASK)
    assert len(server.seen) == 4
    usages, usd = llm.spent()
    assert [(usage.model, usage.calls, usage.tokens, usage.estimated_tokens) for usage in usages] == [
        ("small", 1, 15, 0),
        ("tiny", 3, 45, 0),
    ]
    assert usd is None  # nobody gave prices


def test_a_batch_that_holds_one_request_twice(server, connect):
    server.default = answer(delay=0.3)
    a, b, c = connect().sample_all([Prompt(ASK, 2), Prompt(ASK, 3), Prompt(ASK[1:])])
    assert a == b[:2]
    assert len({*texts(b), *texts(c)}) == 4
    assert server.served == 4


def test_calls_run_together_up_to_the_limit(server, connect):
    server.default = answer(delay=0.15)
    prompts = [Prompt([{"role": "user", "content": str(i)}]) for i in range(12)]
    start = time.monotonic()
    found = connect(concurrency=4).sample_all(prompts)
    assert time.monotonic() - start < 12 * 0.15
    assert server.most_at_once == 4
    assert len({reply.text for (reply,) in found}) == 12


def test_it_works_inside_a_running_event_loop(connect):
    async def notebook():
        return connect().sample(ASK)

    assert len(asyncio.run(notebook())) == 1


# What is retried


@pytest.mark.parametrize("code", [429, 500, 502, 503])
def test_what_may_pass_is_retried(server, connect, code, caplog):
    server.script.append(status(code, "busy"))
    assert texts(connect().sample(ASK)) == ["reply 0"]
    assert len(server.seen) == 2
    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert re.fullmatch(rf"retry 1 of 2 in 0\.[2-5] s: .*{code} - busy", warning)


@pytest.mark.parametrize("trouble", [truncated, hang_up, stream(broken=True), hang, trickle])
def test_broken_answers_and_time_outs_are_retried(server, connect, trouble):
    """They keep their worst case in the ledger: the server may have charged for them."""
    server.script.append(trouble)
    llm = connect(timeout=0.5, sampling=Sampling(50))
    start = time.monotonic()
    assert texts(llm.sample(ASK))[0].startswith("reply")
    assert time.monotonic() - start < 5
    assert len(server.seen) == 2
    (spent,) = llm.spent()[0]
    assert spent.calls == 2
    assert spent.unsettled_tokens == 50 + Prompt(ASK).most_tokens
    assert spent.tokens == spent.unsettled_tokens + 15


@pytest.mark.parametrize("code", [400, 401, 403, 404])
def test_what_will_not_pass_is_not_retried(server, connect, code):
    server.default = status(code, "that is how it is")
    with pytest.raises(LLMError, match="that is how it is"):
        connect().sample(ASK)
    assert len(server.seen) == 1


def test_an_empty_account_is_not_retried(server, connect):
    server.default = status(429, "You exceeded your current quota", code="insufficient_quota")
    with pytest.raises(LLMError, match="quota"):
        connect().sample(ASK)
    assert len(server.seen) == 1


def test_retries_end(server, connect, store):
    server.default = status(503, "down for the day")
    with pytest.raises(LLMError, match=r"failed \(3 times\).*down for the day"):
        connect().sample(ASK)
    assert len(server.seen) == 3
    assert store.spent() == []


@pytest.mark.parametrize(
    ("headers", "least"),
    [
        ({"Retry-After": "1"}, 1.0),
        ({"Retry-After-Ms": "900"}, 0.9),
        ({"Retry-After": "the date"}, 1.0),
        ({"Retry-After": "soon"}, 0.25),
    ],
)
def test_retry_after_is_respected(server, connect, headers, least):
    if headers.get("Retry-After") == "the date":  # whole seconds
        headers = {"Retry-After": formatdate(time.time() + 2, usegmt=True)}
    server.script.append(status(429, "slow down", headers))
    connect().sample(ASK)
    waited = server.seen[1][0] - server.seen[0][0]
    assert least <= waited < least + 2


def test_a_server_that_wants_too_long_a_wait(server, connect):
    server.default = status(429, "daily limit", {"Retry-After": "7200"})
    with pytest.raises(LLMError, match=r"asked to wait 7200 s.*daily limit"):
        connect().sample(ASK)


def test_a_server_that_is_not_there(connect):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    llm = connect(base_url=url, retries=1)
    with pytest.raises(LLMError, match=rf"{re.escape(url)} failed \(2 times\): the server cannot be reached"):
        llm.sample(ASK)
    assert llm.spent()[0] == []  # it cannot have charged


def test_after_an_error_nothing_new_starts_and_what_is_paid_for_is_kept(server, connect, store):
    server.script.append(answer("slow but paid for", delay=0.5))
    server.default = status(401, "wrong key")
    prompts = [Prompt([{"role": "user", "content": str(i)}]) for i in range(20)]
    with pytest.raises(LLMError, match="wrong key"):
        connect(concurrency=2).sample_all(prompts)
    assert len(server.seen) <= 3
    assert [reply.text for request in store.requests() for reply in store.replies(request.hash).values()] == [
        "slow but paid for"
    ]


def test_nobody_waits_for_a_retry_after_another_call_failed_for_good(server, connect):
    server.script.append(status(429, "slow down", {"Retry-After": "60"}))
    server.default = status(404, "no such model")
    prompts = [Prompt([{"role": "user", "content": str(i)}]) for i in range(2)]
    start = time.monotonic()
    with pytest.raises(LLMError, match="no such model"):
        connect(concurrency=2).sample_all(prompts)
    assert time.monotonic() - start < 10


# Budget


def test_tokens_stop_before_the_limit(server, connect, store):
    """Each call can take 40 + most_tokens, takes 15: the last admitted one must still fit at its worst."""
    worst = 40 + Prompt([{"role": "user", "content": "0"}]).most_tokens
    limit = 2 * 15 + worst
    llm = connect(sampling=Sampling(40), budget=Budget(max_tokens=limit))
    for i in range(3):
        llm.sample([{"role": "user", "content": str(i)}])
    with pytest.raises(BudgetError, match=f"not asked: .* 45 of max_tokens={limit} are spent"):
        llm.sample([{"role": "user", "content": "3"}])
    assert len(server.seen) == 3
    assert llm.sample([{"role": "user", "content": "1"}])[0].text == "reply 1"  # what is stored is free
    with pytest.raises(BudgetError, match="45 of max_tokens"):  # a resumed run counts on
        connect(sampling=Sampling(40), budget=Budget(max_tokens=limit)).sample([{"role": "user", "content": "4"}])
    connect(sampling=Sampling(40), budget=Budget(max_tokens=limit + 15)).sample([{"role": "user", "content": "5"}])


def test_dollars_stop_before_the_limit(server, connect):
    """15 tokens at (10, 5) are 10 * 1 + 5 * 2 = 20 millionths; the worst case is 33 * 1 + 40 * 2 = 113."""
    assert Prompt([{"role": "user", "content": "0"}]).most_tokens == 33
    llm = connect(sampling=Sampling(40), budget=Budget(max_usd=134e-6, price=(1.0, 2.0)))
    llm.sample([{"role": "user", "content": "0"}])
    assert llm.spent()[1] == pytest.approx(20e-6)
    llm.sample([{"role": "user", "content": "1"}])
    with pytest.raises(BudgetError, match=r"max_usd=0\.000134"):
        llm.sample([{"role": "user", "content": "2"}])
    assert len(server.seen) == 2


def test_n_counts_in_the_reserve(server, connect):
    llm = connect(sampling=Sampling(40), budget=Budget(max_tokens=200))
    with pytest.raises(BudgetError, match="160 completion tokens"):
        llm.sample(ASK, n=4)
    assert server.seen == []


def test_concurrent_calls_wait_for_what_others_give_back(server, connect):
    """Twenty worst cases together are far past the limit; what they really take is not."""
    server.default = answer(delay=0.02)
    prompts = [Prompt([{"role": "user", "content": str(i)}]) for i in range(20)]
    llm = connect(sampling=Sampling(100), budget=Budget(max_tokens=20 * 15 + 200))
    assert len(llm.sample_all(prompts)) == 20
    assert 1 <= server.most_at_once <= 3


def test_a_price_is_asked_for(connect):
    with pytest.raises(BudgetError, match=r"llm\.price=.*"):
        connect("my-finetune", budget=Budget(max_usd=1.0))
    connect("my-finetune", budget=Budget(max_usd=1.0, price=(0.0, 0.0)))
    with pytest.raises(BudgetError, match="Did you mean 'gpt-5-mini'"):
        connect("gpt5-mini", budget=Budget(max_usd=1.0))


# Secrets


def test_the_key_appears_nowhere(server, connect, store, caplog, capfd, tmp_path):
    """Servers repeat it in errors, headers and replies; every logger is at its most talkative."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger().setLevel(logging.DEBUG)
    echo = {"X-Echo": "{authorization}", "Set-Cookie": "{authorization}"}
    server.script.extend(
        [
            status(429, "slow down, {authorization}", echo),
            status(500, "failed for {authorization}", echo),
            answer(f"my key is {KEY}", headers={"X-Echo": f"Bearer {KEY}"}),
        ]
    )
    llm = connect()
    (reply,) = llm.sample(ASK)
    assert reply.text == "my key is [key]"
    server.default = status(401, "Incorrect key in {authorization}", echo)
    with pytest.raises(LLMError, match=r"Bearer \[key\].*\$OPENAI_API_KEY was sent") as caught:
        llm.sample(ASK[1:])
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(vars(llm))
    error: BaseException | None = caught.value
    while error is not None:
        shown += str(error) + repr(error.args)
        error = error.__context__
    out, err = capfd.readouterr()
    logged = "".join(r.getMessage() + repr(vars(r)) for r in caplog.records)
    assert "slow down" in logged
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"my key is" in stored
    for place in (shown, out, err, logged, caplog.text, stored.decode("latin-1")):
        assert KEY not in place


def test_a_key_in_a_prompt_is_refused(server, connect, store):
    with pytest.raises(LLMError, match=r"\$OPENAI_API_KEY is part of a prompt") as caught:
        connect().sample([{"role": "user", "content": f"use {KEY}"}])
    assert KEY not in str(caught.value)
    assert server.seen == []
    assert store.requests() == []


def test_where_the_key_comes_from(server, connect, store, monkeypatch):
    monkeypatch.setenv("OTHER_KEY", "another-secret")
    connect(key_variable="OTHER_KEY").sample(ASK)
    assert server.seen[-1][1]["Authorization"] == "Bearer another-secret"
    monkeypatch.delenv("OPENAI_API_KEY")
    connect().sample(ASK[1:])  # a server of one's own may need none
    with pytest.raises(LLMError, match="set the environment variable OPENAI_API_KEY"):
        OpenAILLM("gpt-5-mini", store=store)
    server.default = status(401, "who are you?")
    with pytest.raises(LLMError, match=r"no key was sent, \$OPENAI_API_KEY is not set"):
        connect().sample(ASK[:1])
    monkeypatch.setenv("OPENAI_API_KEY", "secret with a newline\n")
    with pytest.raises(LLMError, match="is no key") as caught:
        connect()
    assert "secret" not in str(caught.value)
    for url in ("http://me:secret@127.0.0.1/v1", "http://127.0.0.1/v1?api_key=secret"):
        with pytest.raises(ValueError, match="must not hold") as refused:
            connect(base_url=url)
        assert "secret@" not in str(refused.value)
    with pytest.raises(ValueError, match="must look like"):
        connect(base_url="localhost:8000")


def test_openai_is_optional(store, monkeypatch):
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(LLMError, match=r"pip install 'reward-designers\[llm\]'"):
        OpenAILLM("tiny", store=store, base_url="http://127.0.0.1:1/v1")

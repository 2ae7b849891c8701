"""What servers send differs: fewer replies than asked for, streams, other names of options, no usage."""

from __future__ import annotations

import json

import pytest

from reward_designers.llm import LLMError, Sampling
from tests.reward_designers.llm.chat_server import answer, status, stream

ASK = [{"role": "system", "content": "You write rewards."}, {"role": "user", "content": "Hop."}]


@pytest.mark.parametrize("most", [1, 3])
def test_a_server_that_returns_fewer_than_n(server, connect, most):
    server.default = answer(most=most)
    replies = connect(sampling=Sampling(seed=7)).sample(ASK, n=8)
    assert [reply.index for reply in replies] == list(range(8))
    assert len({reply.text for reply in replies}) == 8 == server.served
    assert [body.get("n", 1) for body in server.bodies] == [8] + [1] * (8 - most)
    assert len({body["seed"] for body in server.bodies}) == 9 - most  # one seed would draw one reply


def test_a_server_that_refuses_n(server, connect):
    llm = connect()
    server.script.append(status(400, "Only one completion choice is allowed"))
    assert len(llm.sample(ASK, n=4)) == 4
    assert [body.get("n", 1) for body in server.bodies] == [4, 1, 1, 1, 1]
    llm.sample(ASK[1:], n=2)  # learned
    assert [body.get("n", 1) for body in server.bodies][5:] == [1, 1]


def test_a_bad_request_does_not_teach_to_split_calls(server, connect):
    """Separate calls pay for the prompt each time."""
    llm = connect()
    server.script.extend([status(400, "the context is too long")] * 3)
    with pytest.raises(LLMError, match="too long"):
        llm.sample(ASK, n=2)
    server.script.clear()
    llm.sample(ASK[1:], n=4)
    assert server.bodies[-1]["n"] == 4


def test_a_server_that_wants_the_other_name_of_the_limit(server, connect):
    server.script.append(status(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."))
    connect(sampling=Sampling(64)).sample(ASK)
    assert "max_tokens" in server.bodies[0]
    assert server.bodies[1]["max_completion_tokens"] == 64
    assert "max_tokens" not in server.bodies[1]


@pytest.mark.parametrize("insist", [False, True])
@pytest.mark.parametrize("usage", [False, True])
def test_a_server_that_streams(server, connect, insist, usage):
    server.default = stream(insist=insist, usage=usage)
    llm = connect()
    replies = llm.sample(ASK, n=2)
    assert [reply.text for reply in replies] == ["reply 0 – in chunks", "reply 1 – in chunks"]
    assert replies[0].written_by == "tiny-stream"
    assert len(server.seen) == 1 + insist
    (spent,) = llm.spent()[0]
    assert spent.tokens == 15 if usage else spent.estimated_tokens == spent.tokens > 0


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        "many",
        {"prompt_tokens": None, "completion_tokens": None},
        {"prompt_tokens": "12", "completion_tokens": 5},
        {"prompt_tokens": -3, "completion_tokens": 5},
        {"prompt_tokens": 12, "completion_tokens": 0},
        {"prompt_tokens": 12.5, "completion_tokens": 1},
        {"prompt_tokens": True, "completion_tokens": True},
    ],
)
def test_missing_or_wrong_usage_is_estimated_and_labelled(server, connect, usage):
    server.default = answer("x" * 300, usage=usage)
    llm = connect()
    llm.sample(ASK)
    (spent,) = llm.spent()[0]
    assert spent.completion_tokens == 100  # three bytes a token
    assert spent.prompt_tokens == 6 + 8 + 2 + 8  # "You write rewards.", "Hop.", and the template
    assert spent.estimated_tokens == spent.tokens == 124
    assert spent.unsettled_tokens == 0


def test_odd_but_valid_answers(server, connect):
    def parts(handler, body):
        content = [{"type": "text", "text": "two "}, {"type": "text", "text": "parts"}]
        choices = [{"message": {"content": content}}, {"message": {"content": None, "refusal": "no"}}]
        handler.send(200, json.dumps({"choices": choices}).encode())

    server.script.append(parts)
    server.script.append(answer("lone \ud800 surrogate"))
    llm = connect()
    assert [(r.text, r.finish_reason, r.written_by) for r in llm.sample(ASK, n=2)] == [
        ("two parts", "", "tiny"),
        ("", "", "tiny"),
    ]
    assert llm.sample(ASK[1:])[0].text == "lone ? surrogate"

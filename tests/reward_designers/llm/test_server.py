"""Reading what servers send: the protocol's corners, and anything else without a crash."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reward_designers.llm import LLMError
from reward_designers.llm.completion import parse
from reward_designers.llm.server import retry_after
from tests.reward_designers.llm.chat_server import completion

FIELDS = ["choices", "message", "delta", "content", "index", "usage", "model", "error", "finish_reason", "text"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS) | st.text(), inner, max_size=5),
)


@settings(max_examples=60, deadline=None)
@given(JSON)
def test_whatever_comes_is_a_completion_or_an_error(value):
    for body in (json.dumps(value), f"data: {json.dumps(value)}\n\ndata: [DONE]"):
        try:
            answer = parse(body, stream=False)
        except ValueError:
            continue
        assert answer.texts
        assert all(isinstance(text, str) for text in answer.texts)


@given(st.integers(0, 400))
def test_every_cut_is_noticed(length):
    whole = json.dumps(completion(["a reply", "another"]))
    if length < len(whole):
        with pytest.raises(ValueError, match=r"."):
            parse(whole[:length], stream=False)
    else:
        assert parse(whole, stream=False).texts == ["a reply", "another"]


def test_an_error_instead_of_a_completion():
    for body in ('{"error": {"message": "overloaded"}}', 'data: {"error": {"message": "overloaded"}}\n\n'):
        with pytest.raises(ValueError, match="overloaded"):
            parse(body, stream=False)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "12"}, 12.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 99 Oct 2015 07:28:00 GMT"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),  # past
        ({"retry-after-ms": "250", "retry-after": "12"}, 0.25),
        ({"retry-after-ms": "?", "retry-after": "12"}, 12.0),
    ],
)
def test_retry_after(headers, seconds):
    assert retry_after(headers) == seconds


def test_a_web_page_is_explained(server, connect):
    server.default = lambda handler, body: handler.send(200, b"<!doctype html><p>Welcome</p>", type="text/html")
    llm = connect()
    with pytest.raises(LLMError, match=r"web page.*ends in /v1"):
        llm.sample([{"role": "user", "content": "Hop."}])
    assert len(server.seen) == 1
    assert llm.spent()[0] == []

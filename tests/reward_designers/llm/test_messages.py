"""Content addresses: what is part of a request and what is not."""

from __future__ import annotations

import hashlib

import pytest

from reward_designers.llm import Prompt, Request, Sampling

ASK = [{"role": "user", "content": "Höp."}]


def test_the_hash_is_of_the_text_written_down_here():
    """Derived by hand: canonical JSON with sorted keys. Changing it would orphan every stored reply."""
    text = (
        '{"messages":[{"content":"H\\u00f6p.","role":"user"}],"model":"tiny",'
        '"sampling":{"max_completion_tokens":64,"temperature":0.5}}'
    )
    request = Request("tiny", Prompt(ASK, n=3, label="x"), Sampling(64, 0.5))
    assert request.hash == hashlib.sha256(text.encode()).hexdigest()
    assert request.prompt.hash == hashlib.sha256(b'[{"content":"H\\u00f6p.","role":"user"}]').hexdigest()


def test_what_changes_the_hash():
    base = Request("tiny", Prompt(ASK))
    same = [
        Request("tiny", Prompt(tuple(ASK), n=9, label="step 4")),
        Request("tiny", Prompt([{"content": "Höp.", "role": "user"}]), Sampling()),
    ]
    other = [
        Request("small", Prompt(ASK)),
        Request("tiny", Prompt([{"role": "system", "content": "Höp."}])),
        Request("tiny", Prompt(ASK * 2)),
        Request("tiny", Prompt(ASK), Sampling(temperature=0.0)),
        Request("tiny", Prompt(ASK), Sampling(seed=0)),
        Request("tiny", Prompt(ASK), Sampling(extra={"top_k": 1})),
        Request("tiny", Prompt(ASK), Sampling(4095)),
    ]
    assert {request.hash for request in same} == {base.hash}
    assert len({request.hash for request in [base, *other]}) == 1 + len(other)


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([], "at least one message"),
        ([{"role": "robot", "content": "x"}], "expected a role"),
        ([{"role": "user"}], "expected a role"),
        ([{"role": "user", "content": "x", "name": "y"}], "expected a role"),
        ([{"role": "user", "content": ["x"]}], "expected text"),
    ],
)
def test_malformed_conversations(messages, said):
    with pytest.raises((ValueError, TypeError), match=said):
        Prompt(messages)


def test_malformed_sampling():
    with pytest.raises(ValueError, match="max_completion_tokens=0"):
        Sampling(0)
    with pytest.raises(ValueError, match="extra may not hold n, temperature"):
        Sampling(extra={"n": 4, "temperature": 1, "top_k": 3})
    with pytest.raises(ValueError, match="n=0"):
        Prompt(ASK, n=0)

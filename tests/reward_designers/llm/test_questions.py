"""Questions for JSON: read strictly, repeated once, counted, and given up when nothing comes of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reward_designers.llm import LLMError, OpenAILLM, Prompt, Questions
from reward_designers.llm.questions import AGAIN, json_object
from tests.reward_designers.llm.asked import model, replying
from tests.reward_designers.llm.chat_server import ChatServer, answer


def prompt(number: int) -> Prompt:
    return Prompt([{"role": "system", "content": "Count."}, {"role": "user", "content": json.dumps({"n": number})}])


def read(said: dict[str, Any], _: int) -> int | None:
    return said.get("n") if isinstance(said.get("n"), int) else None


def test_many_at_once(server: ChatServer) -> None:
    server.default = replying(lambda told, _: {"n": told["n"] + 1})
    questions = Questions(model(server))
    assert questions.ask([prompt(number) for number in range(6)], read) == [1, 2, 3, 4, 5, 6]
    assert (questions.asked, questions.invalid) == (6, 0)
    questions.close()


def test_an_invalid_answer_is_asked_for_once_more(server: ChatServer) -> None:
    server.script.extend([answer("four, I think"), answer('{"n": 4}'), answer('{"n": "x"}'), answer("[]")])
    questions = Questions(model(server))
    assert questions.ask([prompt(3)], read) == [4]
    assert server.bodies[1]["messages"][-1]["content"].startswith(AGAIN)
    assert questions.ask([prompt(7)], read) == [None]
    assert (questions.asked, questions.invalid) == (2, 1)
    assert len(server.bodies) == 4


def test_only_those_without_an_answer_are_asked_again(server: ChatServer) -> None:
    server.default = replying(lambda told, _: {"n": 1} if told["n"] else "no")
    assert Questions(model(server)).ask([prompt(0), prompt(5), prompt(0)], read) == [None, 1, None]
    assert len(server.bodies) == 3  # the same question is one request: 0 and 5, and 0 again


def test_replies_are_kept(server: ChatServer, tmp_path: Path) -> None:
    server.default = replying(lambda told, _: {"n": told["n"]})
    for _ in range(2):
        questions = Questions(model(server), tmp_path / "replies.sqlite")
        assert questions.ask([prompt(3)], read) == [3]
        questions.close()
    assert len(server.bodies) == 1
    recorded = {
        "name": "replay",
        "path": str(tmp_path / "replies.sqlite"),
        "match": "exact",
        "model": None,
        "pending": None,
    }
    assert Questions(recorded).ask([prompt(3)], read) == [3]


def test_a_model_that_never_answers_as_asked_is_given_up(server: ChatServer) -> None:
    server.default = answer("I would rather not.")
    questions = Questions(model(server))
    with pytest.raises(LLMError, match=r"20 of 20 questions got no valid answer, the last one 'I would rather not.'"):
        questions.ask([prompt(number) for number in range(20)], read)


def test_a_model_of_ones_own_and_nobody(connect: Callable[..., OpenAILLM], server: ChatServer) -> None:
    server.default = answer('{"n": 2}')
    assert Questions(connect()).ask([prompt(1)], read) == [2]
    with pytest.raises(LLMError, match="this needs a language model"):
        Questions(None).ask([prompt(1)], read)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1}', {"a": 1}),
        ('<think>{"a": 2}</think>\n```json\n{"a": 1}\n```', {"a": 1}),
        ('So: {"a": {"b": []}} as you asked', {"a": {"b": []}}),
        ('{"a": 1', None),
        ('{"a": 1} and {"b": 2}', None),
        ("[1]", None),
        ("", None),
    ],
)
def test_json_in_a_reply(text: str, found: object) -> None:
    assert json_object(text) == found

"""A server on the loopback interface, a store, and clients of both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reward_designers.llm import OpenAILLM, ReplyStore
from tests.reward_designers.llm.chat_server import ChatServer, serving

KEY = "sk-test-0123456789abcdef"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.lower(), raising=False)
    with serving() as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ReplyStore]:
    with ReplyStore(tmp_path / "replies.sqlite") as store:
        yield store


@pytest.fixture
def connect(server: ChatServer, store: ReplyStore) -> Iterator[Callable[..., OpenAILLM]]:
    """Makes clients of the server, which are closed after the test."""
    made: list[OpenAILLM] = []

    def make(model: str = "tiny", **options: Any) -> OpenAILLM:
        made.append(
            OpenAILLM(model, **{"store": store, "base_url": server.url, "timeout": 10.0, "retries": 2} | options)
        )
        return made[-1]

    yield make
    for llm in made:
        llm.close()

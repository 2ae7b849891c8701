"""Options of the loopback server's model, and a behavior that answers by a function of what was asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from agents.config.language_models import OpenAIModel
from reward_designers.llm.questions import AGAIN
from tests.reward_designers.llm.chat_server import Behavior, ChatServer, Handler, completion


def model(server: ChatServer) -> dict[str, Any]:
    """What a reward keeps of a model that the loopback server plays."""
    return vars(OpenAIModel(model="tiny", base_url=server.url, timeout=10.0, retries=1)).copy()


def told(body: dict[str, Any]) -> dict[str, Any]:
    """What a question tells."""
    return json.loads(body["messages"][-1]["content"].removeprefix(AGAIN))


def replying(reply: Callable[[dict[str, Any], str], Any]) -> Behavior:
    """Answers with what `reply` makes of what is told and of the system's message: JSON, or text as it is."""

    def serve(handler: Handler, body: dict[str, Any]) -> None:
        said = reply(told(body), body["messages"][0]["content"])
        text = said if isinstance(said, str) else json.dumps(said)
        handler.send(200, json.dumps(completion([text])).encode())

    return serve

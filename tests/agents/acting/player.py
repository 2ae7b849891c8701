"""A chat server that plays: it answers like a model, by rules, so that whole evaluations run on the loopback."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from tests.reward_designers.llm.chat_server import Behavior, Handler, completion

Policy = Callable[[str, Sequence[str], int], str]
"""The conversation as text, the possible commands, and which sample it is, to a reply."""


def player(policy: Policy, world: Callable[[str], str] = lambda _: "Nothing happens.") -> Behavior:
    """Serves `policy` where commands are asked for, and `world` where an observation is to be predicted."""

    def serve(handler: Handler, body: dict[str, Any]) -> None:
        messages = body["messages"]
        text = "\n".join(message["content"] for message in messages)
        if "Possible commands:" in messages[-1]["content"]:
            commands = messages[-1]["content"].partition("Possible commands:\n")[2].splitlines()
            replies = [policy(text, commands, sample) for sample in range(body.get("n", 1))]
        else:
            command = re.findall(r"^Command: (.*)$", messages[-1]["content"], re.M)[-1]
            replies = [world(command)]
        handler.send(200, json.dumps(completion(replies)).encode())

    return serve

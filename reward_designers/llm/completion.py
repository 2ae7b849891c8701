"""What a server sent, read: a completion in one piece or as server-sent events, with whatever usage it claims."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reward_designers.llm.messages import Request, estimated_tokens


@dataclass(frozen=True)
class Answer:
    """What a server said: texts with the reasons why they end, its name for the model, and tokens if it counted."""

    texts: list[str]
    finish_reasons: list[str]
    model: str
    tokens: tuple[int, int] | None


def parse(body: str, *, stream: bool) -> Answer:
    """Read a completion, sent whole or as server-sent events.

    Raises:
        ValueError: It is cut off, or no completion.
    """
    try:
        if stream or body.lstrip().startswith("data:"):
            return _answer(_merge(_events(body)))
        return _answer(json.loads(body))
    except (AttributeError, KeyError, TypeError) as error:  # some part is not of the type that the protocol says
        raise ValueError(f"malformed completion: {error}") from None


def _events(body: str) -> Iterable[dict[str, Any]]:
    """The JSON objects of a stream, up to `[DONE]`."""
    for line in body.splitlines():
        if line.startswith("data:"):
            data = line.removeprefix("data:").strip()
            if data == "[DONE]":
                return
            yield json.loads(data)


def _merge(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """A stream's chunks as the one object that they are the pieces of."""
    whole: dict[str, Any] = {}
    texts: dict[int, str] = {}
    reasons: dict[int, str] = {}
    for event in events:
        whole |= {name: event[name] for name in ("model", "usage", "error") if event.get(name)}
        for choice in event.get("choices") or []:
            index = choice.get("index", 0)
            texts[index] = texts.get(index, "") + ((choice.get("delta") or {}).get("content") or "")
            if choice.get("finish_reason"):
                reasons[index] = choice["finish_reason"]
    if set(texts) != set(reasons) and not whole.get("error"):
        raise ValueError("the stream broke off")
    choices = [{"message": {"content": texts[i]}, "finish_reason": reasons.get(i)} for i in sorted(texts)]
    return whole | {"choices": choices}


def _answer(whole: Any) -> Answer:
    if not isinstance(whole, dict) or not isinstance(whole.get("choices"), list) or not whole["choices"]:
        said = whole.get("error") if isinstance(whole, dict) else None
        raise ValueError(f"the server says {said!r:.300}" if said else "it holds no choices")
    texts, reasons = [], []
    for choice in whole["choices"]:
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(message, dict):
            raise ValueError("a choice holds no message")
        content = message.get("content") or ""
        if isinstance(content, list):  # parts, as some servers send
            content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
        # A lone surrogate, which JSON can smuggle in, fits into no file and no database.
        texts.append(str(content).encode("utf-8", "replace").decode())
        reasons.append(str(choice.get("finish_reason") or ""))
    return Answer(texts, reasons, str(whole.get("model") or ""), _tokens(whole.get("usage"), texts))


def _tokens(usage: Any, texts: list[str]) -> tuple[int, int] | None:
    """The server's count of prompt and completion tokens; None if it gave none that can be true."""
    if not isinstance(usage, dict):
        return None
    prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if type(prompt) is not int or type(completion) is not int or prompt < 1 or completion < any(texts):
        return None
    return prompt, completion


def estimate(request: Request, texts: list[str]) -> tuple[int, int]:
    """Tokens of prompt and completions where the server did not count them."""
    prompt = sum(estimated_tokens(m["content"]) + 8 for m in request.prompt.messages)
    return prompt, sum(estimated_tokens(text) for text in texts)

"""One call to an OpenAI-compatible server: what is sent, what comes back, and what went wrong in plain words.

`chat.completions` is what OpenAI, vLLM, Ollama and llama.cpp share. They differ in the name of the length limit (Ollama
silently ignores `max_completion_tokens`), in whether `n` works, in whether they insist on streaming and in how they
count; all of that is settled here.
"""

from __future__ import annotations

import asyncio
import email.utils
import json
import logging
import math
import os
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from reward_designers.llm.completion import Answer, parse
from reward_designers.llm.messages import LLMError, Request

OPENAI_URL = "https://api.openai.com/v1"
OTHER_LIMIT = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
RETRIED = {408, 409, 425, 429}  # and everything from 500 on
CONNECT_SECONDS = 20.0
SECRET_LENGTH = 8  # "EMPTY" and "ollama" are what people give to servers that want any key


class CallError(Exception):
    """A call failed. `charged`: the server may have worked for it. `wait`: seconds that it asks us to wait."""

    def __init__(self, message: str, *, retry: bool, charged: bool, wait: float | None = None, adapted: bool = False):
        super().__init__(message)
        self.retry, self.charged, self.wait, self.adapted = retry, charged, wait, adapted


class Server:
    """An endpoint, and what was learned of its dialect.

    Args:
        base_url: Such as ``http://localhost:8000/v1``.
        key_variable: The environment variable that holds the key; it may be unset for servers that need none.
        timeout: Seconds for one call, everything included.

    Raises:
        LLMError: `openai` is not installed, or the key is missing or malformed.
        ValueError: The URL is none, or holds a secret.
    """

    def __init__(self, base_url: str, key_variable: str, timeout: float):
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("base_url must look like http://localhost:8000/v1")
        if parts.username or parts.password or parts.query:
            raise ValueError(
                "base_url must not hold a user, password or query, for it is logged and stored: put the key into an "
                "environment variable and name that with llm.key_variable"
            )
        self._key = os.environ.get(key_variable, "")
        self.base_url, self.key_variable, self.timeout = base_url, key_variable, timeout
        if not self._key and parts.hostname == "api.openai.com":
            raise LLMError(
                f"no key: set the environment variable {key_variable}, name another with llm.key_variable, give "
                "llm.base_url for a server of your own, or use llm=replay, which needs none"
            )
        if self._key and not re.fullmatch(r"[!-~]+", self._key):
            raise LLMError(f"${key_variable} is no key: it holds spaces, line breaks or letters beyond ASCII")
        try:
            import openai
        except ImportError as error:
            raise LLMError(
                "llm=openai needs the package openai: python3 -m agents.setup llm, or pip install "
                "'reward-designers[llm]'"
            ) from error
        self._openai = openai
        # The transport's debug log shows the headers of answers, in which a server may repeat the key.
        logging.getLogger("httpcore2").setLevel(logging.INFO)
        # Retries are ours: each must be reserved in the ledger first.
        self._client = openai.AsyncOpenAI(
            api_key=self._key or "none",
            base_url=base_url,
            timeout=openai.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS)),
            max_retries=0,
        )
        self._limit = "max_completion_tokens" if parts.hostname == "api.openai.com" else "max_tokens"
        self._stream = False
        self.many = True  # whether `n` works

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def redact(self, text: str) -> str:
        """`text` without the key, should a server repeat it."""
        return text.replace(self._key, "[key]") if len(self._key) >= SECRET_LENGTH else text

    def refuse_secrets(self, request: Request) -> None:
        """Raise LLMError if the key is part of what would be sent and stored."""
        sent = json.dumps(request.sampling.to_json()) + "".join(m["content"] for m in request.prompt.messages)
        if self.redact(sent + request.model) != sent + request.model:
            raise LLMError(f"the value of ${self.key_variable} is part of a prompt: not sent, and not stored")

    async def ask(self, request: Request, indexes: tuple[int, ...]) -> Answer:
        """Ask for as many replies as there are `indexes`.

        Raises:
            CallError: Nothing usable came back.
        """
        sent = self._body(request, indexes)
        openai, failure = self._openai, None
        try:
            async with asyncio.timeout(self.timeout):  # httpx's own clock starts anew with every byte
                raw = await self._client.chat.completions.with_raw_response.create(**sent)
            if raw.text.lstrip().startswith("<"):
                problem = "sent a web page: the address of an OpenAI-compatible server usually ends in /v1"
                raise CallError(f"{self.base_url} {problem}", retry=False, charged=False)
            answer = parse(raw.text, stream="text/event-stream" in raw.headers.get("content-type", ""))
            return Answer(
                [self.redact(text) for text in answer.texts[: len(indexes)]],
                [self.redact(reason) for reason in answer.finish_reasons[: len(indexes)]],
                self.redact(answer.model) or request.model,
                answer.tokens,
            )
        except openai.APIStatusError as error:
            failure = self._status(error, sent)
        except (openai.APIConnectionError, TimeoutError) as error:
            cause = error.__cause__ or error
            reached = type(cause).__name__ not in ("ConnectError", "ConnectTimeout")
            late = isinstance(error, (openai.APITimeoutError, TimeoutError))
            problem = f"no answer within {self.timeout:g} s" if late else f"the connection broke ({cause})"
            problem = problem if reached else f"the server cannot be reached ({cause})"
            failure = CallError(self.redact(problem), retry=True, charged=reached)
        except (ValueError, openai.OpenAIError) as error:
            failure = CallError(self.redact(f"unreadable answer: {error}"), retry=True, charged=True)
        raise failure  # outside the handlers, so that no unredacted error hangs on to it

    def _body(self, request: Request, indexes: tuple[int, ...]) -> dict[str, Any]:
        sampling = request.sampling
        body: dict[str, Any] = {
            "model": request.model,
            "messages": [dict(message) for message in request.prompt.messages],
            self._limit: sampling.max_completion_tokens,
        }
        extra = dict(sampling.extra)
        if len(indexes) > 1:
            body["n"] = len(indexes)
        if sampling.temperature is not None:
            body["temperature"] = sampling.temperature
        if sampling.seed is not None:  # separate calls with one seed would all draw the same reply
            body["seed"] = sampling.seed + 1_000_003 * indexes[0]
        if self._stream:  # in `extra`: to openai this is no stream, so it reads the answer to its end
            extra |= {"stream": True, "stream_options": {"include_usage": True}}
        return body | {"extra_body": extra}

    def _status(self, error: Any, sent: dict[str, Any]) -> CallError:
        """The server refused; learn from it if it names something that can be said otherwise."""
        status, message = error.status_code, self.redact(str(error))[:1000]
        if status in (400, 422) and self._adapt(message, sent):
            return CallError(message, retry=True, charged=False, adapted=True)
        if status in (400, 422) and "n" not in sent:
            self.many = True  # if splitting a call did not help, `n` was not what the server minded
        if status in (401, 403):
            key = f"${self.key_variable} was sent" if self._key else f"no key was sent, ${self.key_variable} is not set"
            message = f"{message} ({key})"
        if status == 404 and "model" not in message:
            message = f"{message} (nothing there: the address of an OpenAI-compatible server usually ends in /v1)"
        exhausted = getattr(error, "code", None) == "insufficient_quota"
        retry = (status in RETRIED or status >= 500) and not exhausted
        return CallError(message, retry=retry, charged=False, wait=retry_after(error.response.headers))

    def _adapt(self, message: str, sent: dict[str, Any]) -> bool:
        """Whether something is said otherwise from now on; decided from what was sent, as calls overlap."""
        limit = next(name for name in OTHER_LIMIT if name in sent)
        if re.search(rf"\b{limit}\b", message):
            self._limit = OTHER_LIMIT[limit]
        elif re.search(r"\bstream", message, re.I) and "stream" not in sent["extra_body"]:
            self._stream = True
        elif "n" in sent:
            self.many = False
        else:
            return False
        return True


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that `Retry-After` (a number or a date) or `retry-after-ms` asks for; None without a valid one."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        return None if math.isnan(seconds) else max(seconds, 0.0)
    try:
        return max(email.utils.parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError):
        return None

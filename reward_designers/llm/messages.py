"""What is asked of a language model and what comes back: plain data with a content address.

A request is its model, messages and sampling parameters, nothing else: the same three give the same hash on any
machine, whatever server answers. Sample i of a request is kept under (hash, i), so that asking for 16 samples after 4
pays for 12.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

Message = Mapping[str, str]
"""``{"role": "system" | "user" | "assistant", "content": text}``."""
ROLES = ("system", "developer", "user", "assistant")


class LLMError(RuntimeError):
    """A language model could not be asked, or did not answer; the message says what to do. It holds no secret."""


class BudgetError(LLMError):
    """A call was not made because it could have gone past ``max_usd`` or ``max_tokens``."""


class MissingReplyError(LLMError):
    """A replay was asked for something that its store does not hold."""


@dataclass(frozen=True)
class Sampling:
    """How replies are drawn; part of the request's hash.

    Attributes:
        max_completion_tokens: The longest reply, in tokens, hidden reasoning included.
        temperature: None: the server's default.
        seed: Sent to the server, and a way to draw other replies to the same prompt.
        extra: Further fields of the request's body, such as ``{"reasoning_effort": "low"}``.
    """

    max_completion_tokens: int = 4096
    temperature: float | None = None
    seed: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what no server would take, before anything is hashed or paid."""
        if self.max_completion_tokens < 1:
            raise ValueError(f"max_completion_tokens={self.max_completion_tokens}, expected at least 1")
        taken = {"model", "messages", "n", "stream", "max_tokens", *self.__dataclass_fields__} & set(self.extra)
        if taken:
            raise ValueError(f"extra may not hold {', '.join(sorted(taken))}: the client sets that itself")

    def to_json(self) -> dict[str, Any]:
        """What is set, as plain data."""
        return {name: value for name, value in vars(self).items() if value is not None and value != {}}


@dataclass(frozen=True)
class Prompt:
    """What a designer wants: ``n`` replies to ``messages``.

    Attributes:
        messages: The conversation so far.
        n: How many replies.
        label: The step of the search this is, such as ``Hopper/hop fast/eureka/2``. Not part of the hash; a replay may
            match by it where measured numbers in the prompt differ between machines.
    """

    messages: Sequence[Message]
    n: int = 1
    label: str = ""

    def __post_init__(self) -> None:
        """Refuse malformed conversations."""
        if self.n < 1:
            raise ValueError(f"n={self.n}, expected at least 1 reply")
        if not self.messages:
            raise ValueError("a prompt needs at least one message")
        for message in self.messages:
            if set(message) != {"role", "content"} or message["role"] not in ROLES:
                raise ValueError(f"expected a role ({', '.join(ROLES)}) and a content, got {dict(message)!r:.200}")
            if not isinstance(message["content"], str):
                raise TypeError(f"expected text as a message's content, got {type(message['content']).__name__}")

    @property
    def hash(self) -> str:
        """SHA-256 of the messages alone."""
        return _digest([dict(message) for message in self.messages])

    @property
    def first_words(self) -> str:
        """The beginning of the last message: enough to recognise it."""
        words = " ".join(self.messages[-1]["content"].split())
        return words if len(words) <= 80 else words[:79] + "…"

    @property
    def bytes(self) -> int:
        """Length of the text in UTF-8."""
        return sum(len(message["content"].encode("utf-8", "replace")) for message in self.messages)

    @property
    def most_tokens(self) -> int:
        """No byte-level tokenizer makes more tokens than bytes; the rest is the chat template."""
        return self.bytes + 16 * len(self.messages) + 16


@dataclass(frozen=True)
class Request:
    """A prompt to one model under given sampling parameters."""

    model: str
    prompt: Prompt
    sampling: Sampling = field(default_factory=Sampling)

    @property
    def hash(self) -> str:
        """SHA-256 of model, messages and sampling parameters."""
        messages = [dict(message) for message in self.prompt.messages]
        return _digest({"model": self.model, "messages": messages, "sampling": self.sampling.to_json()})


@dataclass(frozen=True)
class Reply:
    """One answer.

    Attributes:
        text: What the model wrote; may be empty.
        request: Hash of the request it answers.
        index: Which of the request's samples it is.
        written_by: The model as the server named it, or who else wrote it.
        created: When, ISO 8601 in UTC.
        finish_reason: ``stop``, ``length`` (cut off), ...; empty if the server gave none.
        exact: False if a replay matched it by label: it was written for a prompt with other numbers.
    """

    text: str
    request: str
    index: int
    written_by: str
    created: str
    finish_reason: str = "stop"
    exact: bool = True


class LLM(ABC):
    """Something that answers prompts: a server, or the record of one."""

    @abstractmethod
    def sample_all(self, prompts: Sequence[Prompt]) -> list[list[Reply]]:
        """Replies to each prompt, ``n`` each, asked for concurrently.

        Raises:
            LLMError: Something was not answered. Replies that did arrive are stored, and not paid for again.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of connections and files."""

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def sample(self, messages: Sequence[Message], n: int = 1, label: str = "") -> list[Reply]:
        """``n`` replies to one conversation; see `sample_all`."""
        return self.sample_all([Prompt(messages, n, label)])[0]


def estimated_tokens(text: str) -> int:
    """Tokens of `text` where nobody counted them: three bytes each, which overestimates prose and code a little."""
    return -(-len(text.encode("utf-8", "replace")) // 3)


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()

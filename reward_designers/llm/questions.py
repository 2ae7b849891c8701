"""Questions whose answer must be one JSON object, asked by rewards: many at once, each repeated once if need be."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from reward_designers.llm.connect import connect
from reward_designers.llm.messages import LLM, LLMError, Message, Prompt, Reply
from reward_designers.llm.store import ReplyStore

T = TypeVar("T")
AGAIN = "Your last answer to this was not one valid JSON object of the form asked for. Answer again.\n\n"
PATIENCE = 20
"""From so many questions on, a model most of whose answers are invalid is given up."""


class Questions:
    """A language model that is asked for JSON, connected at the first question.

    Args:
        llm: A model; or its options as `connect` takes them, which is what a reward can save; or None, for nobody.
        store: Where replies are kept if `llm` is options; None: in memory.

    Attributes:
        asked: Questions so far.
        invalid: Those without a valid answer, at either attempt.
    """

    def __init__(self, llm: LLM | Mapping[str, Any] | None, store: str | os.PathLike[str] | None = None):
        self._llm = llm if isinstance(llm, LLM) else None
        self._options = llm if isinstance(llm, Mapping) else None
        self._store = store
        self.asked = self.invalid = 0
        self._last = ""

    def open(self) -> LLM:
        """The model, connected.

        Raises:
            LLMError: There is none, or it cannot be asked: no key, no price, no package.
        """
        if self._llm is None:
            if self._options is None:
                raise LLMError("this needs a language model: llm=openai llm.model=NAME, or llm=replay llm.path=FILE")
            self._llm = connect(self._options, ReplyStore(None) if self._store is None else self._store)
        return self._llm

    def ask(self, prompts: Sequence[Prompt], read: Callable[[Any, int], T | None]) -> list[T | None]:
        """Answers to all of `prompts`, asked for concurrently.

        Args:
            prompts: Each wants one reply.
            read: What the JSON object that answers the prompt at a position says; None if it is not valid.

        Returns:
            For each prompt what was read, of the first or the second reply; None if neither was valid.

        Raises:
            LLMError: The model cannot be asked, or most of its answers are not valid.
        """
        answers: list[T | None] = [None] * len(prompts)
        unanswered = list(range(len(prompts)))
        for attempt in (1, 2):
            if not unanswered:
                break
            asked = [prompts[i] if attempt == 1 else _again(prompts[i]) for i in unanswered]
            for position, (reply, *_) in zip(unanswered, self.open().sample_all(asked), strict=True):
                answers[position] = self._read(reply, position, read)
            unanswered = [i for i in unanswered if answers[i] is None]
        self.asked += len(prompts)
        self.invalid += len(unanswered)
        if self.asked >= PATIENCE and self.invalid > self.asked / 2:
            raise LLMError(
                f"{self.invalid} of {self.asked} questions got no valid answer, the last one {self._last!r:.200}: "
                "this model does not answer as asked; choose another, or set llm.extra for JSON output"
            )
        return answers

    def metrics(self) -> dict[str, float]:
        """What share of answers was not valid, to log; empty before the first question."""
        return {"invalid_answers": self.invalid / self.asked} if self.asked else {}

    def _read(self, reply: Reply, position: int, read: Callable[[Any, int], T | None]) -> T | None:
        said = None if reply.finish_reason == "length" else json_object(reply.text)
        answer = None if said is None else read(said, position)
        if answer is None:
            self._last = reply.text
        return answer

    def close(self) -> None:
        """Let go of the connection."""
        if self._llm is not None and self._options is not None:
            self._llm.close()
            self._llm = None


def json_object(text: str) -> dict[str, Any] | None:
    """The JSON object in a reply, after any thoughts and within any fence; None if there is none."""
    text = text.rpartition("</think>")[2]
    try:
        found = json.loads(text[text.index("{") : text.rindex("}") + 1])
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _again(prompt: Prompt) -> Prompt:
    *before, last = prompt.messages
    repeated: Message = {"role": last["role"], "content": AGAIN + last["content"]}
    return Prompt([*before, repeated], prompt.n, prompt.label)

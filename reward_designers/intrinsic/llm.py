"""Language models as judges: many captions a call, strict answers, nothing asked or paid for twice."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from reward_designers.intrinsic.labels import Spent
from reward_designers.intrinsic.memory import Memory, Remembered
from reward_designers.llm import Budget, LLMError, OpenAILLM, Sampling
from reward_designers.llm.server import OPENAI_URL


@dataclass
class LLMAnnotator(Remembered):
    """A model behind an OpenAI-compatible endpoint judges.

    An answer must be one JSON object with a valid entry for each caption; those without one are asked about once more,
    and then are invalid. Labels belong to the model, the goal and the wording of the question: where a store has them,
    sampling parameters do not matter.

    Args:
        name: The model, as the server calls it.
        base_url: The endpoint; http://localhost:8000/v1 for vLLM, http://localhost:11434/v1 for Ollama.
        key_variable: The environment variable that holds the key.
        sampling: How replies are drawn; ``extra={"response_format": {"type": "json_object"}}`` where a server knows
            that.
        budget: Limits on calls, tokens and dollars, on all that the store ever paid for.
        batch: Captions in one call. The question itself takes about 250 tokens, a caption 10 to 30.
        concurrency: Calls in flight at once.
        timeout: Seconds for one call.
        retries: How often the client repeats a call that failed, before the service pauses.
    """

    name: str
    base_url: str = OPENAI_URL
    key_variable: str = "OPENAI_API_KEY"
    sampling: Sampling = field(default_factory=lambda: Sampling(max_completion_tokens=2048))
    budget: Budget = field(default_factory=Budget)
    batch: int = 20
    concurrency: int = 4
    timeout: float = 120.0
    retries: int = 1

    def open(self, store: str | os.PathLike[str] | None) -> None:
        """See `Annotator.open`.

        Raises:
            LLMError: No package, no key, or a limit in dollars for a model without a price.
        """
        super().open(store)
        self._llm = OpenAILLM(
            self.name,
            store=self.store,
            base_url=self.base_url,
            key_variable=self.key_variable,
            sampling=self.sampling,
            budget=self.budget,
            concurrency=self.concurrency,
            timeout=self.timeout,
            retries=self.retries,
        )

    def settle(self, memory: Memory, items: Sequence[Any]) -> None:
        """See `Remembered.settle`.

        Raises:
            BudgetError: A limit would be passed.
            LLMError: The server cannot be asked, or replies are cut off before they end.
        """
        for attempt in range(1, self.attempts + 1):
            asked = [item for item in items if memory.attempt(item) == attempt]
            if asked:
                reply = self._llm.sample_all([memory.form.prompt(asked, attempt)])[0][0]
                if reply.finish_reason == "length":
                    raise LLMError(
                        f"{self.name} was cut off after max_completion_tokens={self.sampling.max_completion_tokens} "
                        f"while answering about {len(asked)} captions: allow more tokens, or ask about fewer at once"
                    )
                memory.take(asked, reply)

    def spent(self) -> Spent:
        """See `Annotator.spent`."""
        usages, usd = self._llm.spent()
        return Spent(sum(usage.calls for usage in usages), sum(usage.tokens for usage in usages), usd)

    def close(self) -> None:
        """See `Annotator.close`."""
        if self._store is not None:
            self._llm.close()
        super().close()

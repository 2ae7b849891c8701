"""Replies from any OpenAI-compatible server: stored when they arrive, retried when it helps, stopped before a limit.

    llm = OpenAILLM("gpt-5-mini", store="run/replies.sqlite", budget=Budget(max_usd=2.0))
    replies = llm.sample([{"role": "user", "content": "Write a reward for ..."}], n=16)

Calls run concurrently on an event loop in a thread of its own, so that this also works inside notebooks.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import threading
import time
from collections.abc import Coroutine, Sequence
from typing import Any

from reward_designers.llm.budget import Budget, Usage
from reward_designers.llm.completion import Answer, estimate
from reward_designers.llm.messages import LLM, BudgetError, LLMError, Prompt, Reply, Request, Sampling
from reward_designers.llm.server import OPENAI_URL, CallError, Server
from reward_designers.llm.store import Claim, ReplyStore, now

log = logging.getLogger(__name__)
FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0
"""Seconds before the first retry, doubled for each further one up to the second."""
PATIENCE = 600.0
"""Seconds that a server may ask us to wait; beyond that it is better to stop and resume later."""


class OpenAILLM(LLM):
    """A model behind an OpenAI-compatible endpoint.

    Args:
        model: As the server calls it.
        store: Where replies and spending are kept: a store, or the path of one. It is asked first, so that no request
            is paid for twice.
        base_url: The endpoint; http://localhost:8000/v1 for vLLM, http://localhost:11434/v1 for Ollama.
        key_variable: The environment variable that holds the key.
        sampling: How replies are drawn.
        budget: Limits on what the store has ever paid for.
        concurrency: Calls in flight at once.
        timeout: Seconds for one call, everything included.
        retries: How often a call is repeated after a time-out, a broken answer or a status that may pass (429, 5xx).

    Raises:
        LLMError: `openai` or the key is missing, or `max_usd` is set for a model without a price.
        ValueError: A malformed option.
    """

    def __init__(
        self,
        model: str,
        *,
        store: ReplyStore | str | os.PathLike[str],
        base_url: str = OPENAI_URL,
        key_variable: str = "OPENAI_API_KEY",
        sampling: Sampling | None = None,
        budget: Budget | None = None,
        concurrency: int = 8,
        timeout: float = 600.0,
        retries: int = 6,
    ):
        if concurrency < 1 or retries < 0 or not timeout > 0:
            raise ValueError(
                f"concurrency={concurrency}, retries={retries}, timeout={timeout}: "
                "expected at least 1, at least 0 and more than 0"
            )
        self.model, self.retries = model, retries
        self.sampling = sampling if sampling is not None else Sampling()
        self.budget = budget if budget is not None else Budget()
        self.budget.require_price(model)
        self._server = Server(base_url, key_variable, timeout)
        self._own_store = not isinstance(store, ReplyStore)
        self.store = store if isinstance(store, ReplyStore) else ReplyStore(store)
        self._slots = asyncio.Semaphore(concurrency)
        self._in_flight = 0
        self._settled = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="llm", daemon=True)
        self._thread.start()

    def sample_all(self, prompts: Sequence[Prompt]) -> list[list[Reply]]:
        """Replies to each prompt, from the store where it has them.

        After an error no further call starts, but those in flight are waited for and their replies stored.

        Raises:
            BudgetError: The next call could go past a limit.
            LLMError: The server refused, or kept failing.
        """
        requests = [Request(self.model, prompt, self.sampling) for prompt in prompts]
        for request in requests:
            self._server.refuse_secrets(request)
        self._run(self._fill_all(requests))
        found = [self.store.replies(request.hash) for request in requests]
        return [[replies[i] for i in range(prompt.n)] for replies, prompt in zip(found, prompts, strict=True)]

    def spent(self) -> tuple[list[Usage], float | None]:
        """What the store has ever paid for, by model, and its cost in US dollars (None: a price is not known)."""
        usages = self.store.spent()
        return usages, self.budget.usd(usages, self.model)

    def close(self) -> None:
        """Stop the loop and close the connections; a store that was given by its path is closed as well."""
        if self._loop.is_running():
            self._run(self._server.close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
            if self._own_store:
                self.store.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` on the loop; Ctrl-C cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            future.result()
        except BaseException:
            future.cancel()
            raise

    async def _fill_all(self, requests: Sequence[Request]) -> None:
        failed = asyncio.Event()
        results = await asyncio.gather(*(self._fill(r, failed) for r in requests), return_exceptions=True)
        errors = [result for result in results if isinstance(result, BaseException)]
        if errors:
            raise next((e for e in errors if not isinstance(e, LLMError)), errors[0])  # a bug of ours comes first

    async def _fill(self, request: Request, failed: asyncio.Event) -> None:
        """Ask until the store holds all samples: in one call where `n` works, else each in its own."""
        while not failed.is_set():
            stored = self.store.replies(request.hash)
            missing = [index for index in range(request.prompt.n) if index not in stored]
            if not missing:
                return
            groups = [missing] if self._server.many else [[index] for index in missing]
            results = await asyncio.gather(
                *(self._ask(request, group, failed) for group in groups), return_exceptions=True
            )
            for result in results:
                if isinstance(result, BaseException):
                    raise result

    async def _ask(self, request: Request, indexes: Sequence[int], failed: asyncio.Event) -> None:
        """One call, with retries; it may bring fewer replies than asked for, or none if others ask for the same."""
        try:
            async with self._slots:
                if failed.is_set() or await self._call(request, indexes, failed):
                    return
            await asyncio.sleep(0.1)  # someone else asks for them: look again
        except BaseException:
            failed.set()
            raise

    async def _call(self, request: Request, indexes: Sequence[int], failed: asyncio.Event) -> bool:
        """Whether there was something to ask for."""
        adapted = failures = 0
        while True:
            claim = await self._claim(request, indexes)
            if claim is None:
                return False
            failure = await self._attempt(claim)
            if failure is None:
                return True
            if failure.adapted and adapted < 3:  # `n`, the limit's name, streaming
                adapted += 1
                if len(claim.indexes) > 1 and not self._server.many:
                    return True
                continue
            if not failure.retry or failure.adapted or failures == self.retries:
                times = f" ({failures + 1} times)" if failures else ""
                raise LLMError(f"{self.model} at {self._server.base_url} failed{times}: {failure}")
            failures += 1
            # Other calls were told to come back at the same time, hence the jitter on top.
            wait = (failure.wait or 0.0) + min(LONGEST_WAIT, FIRST_WAIT * 2 ** (failures - 1)) * random.uniform(0.5, 1)
            if wait > PATIENCE:
                raise LLMError(f"asked to wait {wait:.0f} s: come back later, what arrived is stored ({failure})")
            log.warning("retry %d of %d in %.1f s: %s", failures, self.retries, wait, failure)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(failed.wait(), wait)
                return True  # another call failed for good: no use in waiting

    async def _claim(self, request: Request, indexes: Sequence[int]) -> Claim | None:
        """A claim; where the budget lacks room, only once the calls in flight have given back what they did not use."""
        while True:
            try:
                return self.store.claim(request, indexes, self.budget.admit, seconds=self._server.timeout + 60)
            except BudgetError:
                if not self._in_flight:
                    raise
            self._settled.clear()
            await self._settled.wait()

    async def _attempt(self, claim: Claim) -> CallError | None:
        """Make the call; its replies are stored before anything else happens."""
        self._in_flight += 1
        try:
            start = time.monotonic()
            answer = await self._server.ask(claim.request, claim.indexes)
            self._settle(claim, answer, time.monotonic() - start)
        except CallError as error:
            self.store.release(claim, charged=error.charged)
            return error
        except BaseException:  # cancelled, for one: nobody knows what the server will charge
            self.store.release(claim, charged=True)
            raise
        finally:
            self._in_flight -= 1
            self._settled.set()
        return None

    def _settle(self, claim: Claim, answer: Answer, seconds: float) -> None:
        request, created = claim.request, now()
        tokens = answer.tokens or estimate(request, answer.texts)
        usage = Usage(request.model, 1, *tokens, estimated_tokens=0 if answer.tokens else sum(tokens))
        ends = zip(claim.indexes, answer.texts, answer.finish_reasons, strict=False)  # there may be fewer than wanted
        replies = [Reply(text, request.hash, index, answer.model, created, reason) for index, text, reason in ends]
        self.store.settle(claim, replies, usage)
        if len(replies) < len(claim.indexes):
            self._server.many = False
        if tokens[1] > request.sampling.max_completion_tokens * len(claim.indexes):
            log.warning("%s ignores max_completion_tokens: its %d tokens may pass a limit", answer.model, tokens[1])
        log.info(
            "%s: %d replies in %.1f s, %d prompt and %d completion tokens%s",
            answer.model,
            len(replies),
            seconds,
            *tokens,
            "" if answer.tokens else " (estimated)",
        )

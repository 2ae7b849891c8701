"""What was spent, what the next call could cost, and the limit that stops it before it is made.

A call reserves its worst case (every byte of the prompt a token, every reply as long as allowed) and is settled with
what the server counted. Calls whose outcome nobody knows, because they timed out or the process died, keep their worst
case: some servers charge for those.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from reward_designers.errors import unknown_name
from reward_designers.llm.messages import BudgetError

Price = tuple[float, float]
"""US dollars per million tokens of prompt and of completion."""


@dataclass(frozen=True)
class Usage:
    """Tokens of one model's calls.

    Attributes:
        model: As it was asked for.
        calls: How many calls.
        prompt_tokens: Tokens that were sent.
        completion_tokens: Tokens that came back, hidden reasoning included.
        estimated_tokens: How many of both are our estimate, since the server counted nothing sensible.
        unsettled_tokens: How many of both are the worst case of calls in flight, timed out, or cut off by a crash.
    """

    model: str
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated_tokens: int = 0
    unsettled_tokens: int = 0

    @property
    def tokens(self) -> int:
        """Both kinds together."""
        return self.prompt_tokens + self.completion_tokens

    def usd(self, price: Price) -> float:
        """What that costs."""
        return (self.prompt_tokens * price[0] + self.completion_tokens * price[1]) / 1e6


@functools.cache
def price_table() -> dict[str, Price]:
    """Prices of well-known models, from prices.yaml, which names its source and date."""
    table = yaml.safe_load(Path(__file__).with_name("prices.yaml").read_text())
    return {model: (float(pair[0]), float(pair[1])) for model, pair in table["models"].items()}


@dataclass(frozen=True)
class Budget:
    """Limits on everything that a store has ever paid for, resumed runs included.

    Attributes:
        max_usd: US dollars; needs the model's price.
        max_tokens: Tokens, prompts and completions together.
        price: Of the model in use, per million tokens of prompt and completion; None: the shipped table's.
        max_calls: Calls; those that a server refused (429, 5xx) do not count.
    """

    max_usd: float | None = None
    max_tokens: int | None = None
    price: Price | None = None
    max_calls: int | None = None

    def __post_init__(self) -> None:
        """Refuse negative limits and prices."""
        for name in ("max_usd", "max_tokens", "max_calls"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ValueError(f"{name}={value}, expected at least 0")
        if self.price is not None and (len(self.price) != 2 or not all(part >= 0 for part in self.price)):
            raise ValueError(f"price={self.price}, expected [prompt, completion] in US dollars per million tokens")

    def price_of(self, model: str, current: str) -> Price | None:
        """The price of `model` when `current` is the model in use."""
        return self.price if self.price is not None and model == current else price_table().get(model)

    def usd(self, usages: Iterable[Usage], current: str) -> float | None:
        """The cost of `usages`; None if a model among them has no known price."""
        prices = [(usage, self.price_of(usage.model, current)) for usage in usages if usage.tokens]
        return None if any(price is None for _, price in prices) else sum(u.usd(p) for u, p in prices if p is not None)

    def require_price(self, model: str) -> None:
        """Raise BudgetError if dollars are limited and `model` has no known price."""
        if self.max_usd is not None and self.price_of(model, model) is None:
            raise BudgetError(
                f"max_usd={self.max_usd:g} needs a price: {unknown_name('priced model', model, price_table())} "
                "Give llm.price=[prompt,completion] in US dollars per million tokens ([0,0] for a server of your own), "
                "or limit llm.max_tokens instead."
            )

    def admit(self, spent: Iterable[Usage], call: Usage) -> None:
        """Raise BudgetError if `call`, at its worst, could go past a limit."""
        spent = list(spent)
        what = (
            f"a call of {call.model} could take {call.prompt_tokens:,} prompt and {call.completion_tokens:,} "
            "completion tokens"
        )
        tokens = sum(usage.tokens for usage in spent)
        unsettled = sum(usage.unsettled_tokens for usage in spent)
        advice = "Raise the limit, or ask for fewer or shorter replies; what was paid for is stored."
        if unsettled:
            advice = f"Of what is spent, {unsettled:,} tokens are the worst case of calls without an outcome. {advice}"
        calls = sum(usage.calls for usage in spent)
        if self.max_calls is not None and calls + call.calls > self.max_calls:
            raise BudgetError(f"not asked: {calls:,} of max_calls={self.max_calls:,} were made. {advice}")
        if self.max_tokens is not None and tokens + call.tokens > self.max_tokens:
            raise BudgetError(
                f"not asked: {what}, and {tokens:,} of max_tokens={self.max_tokens:,} are spent. {advice}"
            )
        if self.max_usd is not None:
            self.require_price(call.model)
            usd, cost = self.usd(spent, call.model), self.usd([call], call.model)
            if usd is None or cost is None:
                unpriced = sorted({u.model for u in spent if u.tokens and self.price_of(u.model, call.model) is None})
                raise BudgetError(
                    f"max_usd={self.max_usd:g} cannot be kept: the store also paid for {', '.join(unpriced)}, whose "
                    "price is not known. Use a store of its own for each model, or limit llm.max_tokens instead."
                )
            if usd + cost > self.max_usd:
                raise BudgetError(
                    f"not asked: {what}, ${cost:.4f}, and ${usd:.4f} of max_usd={self.max_usd:g} is spent. {advice}"
                )

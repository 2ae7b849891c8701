"""What a language model has cost, in words for reports."""

from __future__ import annotations

from reward_designers.llm import LLM, OpenAILLM


def spending(llm: LLM | None) -> str:
    """All that the store has ever paid for; empty for recorded replies, which cost nothing."""
    if not isinstance(llm, OpenAILLM):
        return ""
    usages, usd = llm.spent()
    calls, tokens = (sum(getattr(usage, kind) for usage in usages) for kind in ("calls", "tokens"))
    return f"{calls:,} calls, {tokens:,} tokens" + ("" if usd is None else f", ${usd:.4f}")

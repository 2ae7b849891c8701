"""From a command's options to a language model: `llm=openai` and `llm=replay`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from reward_designers.assets import asset
from reward_designers.errors import unknown_name
from reward_designers.llm.budget import Budget
from reward_designers.llm.client import OpenAILLM
from reward_designers.llm.messages import LLM, Sampling
from reward_designers.llm.replay import ReplayLLM
from reward_designers.llm.store import ReplyStore


def connect(options: Mapping[str, Any], store: ReplyStore | str | os.PathLike[str], *, seed: int | None = None) -> LLM:
    """The language model that `options` name.

    Args:
        options: ``name``, and the fields of that choice, as in `OpenAIModel` and `ReplayModel` of
            `agents.config.language_models`.
        store: Where an asked server's replies are kept: a store, or its path, usually ``replies.sqlite`` in the run's
            folder.
        seed: Of the run: another seed draws other replies to the same prompts.

    Raises:
        ValueError: Unknown name, or a malformed option.
        LLMError: The model cannot be asked: no key, no price, no package.
        FileNotFoundError: There is nothing to replay.
    """
    options = dict(options)
    name = options.pop("name")
    if name == "replay":
        path = options.pop("path")
        return ReplayLLM(asset("replies") if path is None else path, **options)
    if name != "openai":
        raise ValueError(unknown_name("llm", name, ("openai", "replay")))
    price = options.pop("price")
    limits = {name: options.pop(name) for name in ("max_usd", "max_tokens", "max_calls")}
    budget = Budget(price=None if price is None else tuple(price), **limits)
    sampling = Sampling(options.pop("max_completion_tokens"), options.pop("temperature"), seed, options.pop("extra"))
    return OpenAILLM(options.pop("model"), store=store, sampling=sampling, budget=budget, **options)

"""Language models that can be asked, and recorded ones."""

# ruff: noqa: RUF009  (option() returns a dataclass field)
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omegaconf import MISSING

from agents.config.options import option


@dataclass
class OpenAIModel:
    """A language model behind an OpenAI-compatible server: OpenAI's own, vLLM, Ollama, llama.cpp."""

    name: str = "openai"
    model: str = option(MISSING, "the model, as the server calls it", text=True)
    base_url: str = option("https://api.openai.com/v1", "the server, such as http://localhost:8000/v1", text=True)
    key_variable: str = option("OPENAI_API_KEY", "environment variable that holds the key")
    temperature: float | None = option(None, "randomness of replies; default: the server's", least=0)
    max_completion_tokens: int = option(4096, "longest reply in tokens, hidden reasoning included", least=1)
    extra: dict[str, Any] = option({}, "further fields of each request, as in llm.extra.reasoning_effort=low")
    max_usd: float | None = option(None, "stop before the run has cost this many US dollars", least=0)
    max_tokens: int | None = option(None, "stop before the run has taken this many tokens", least=0)
    max_calls: int | None = option(None, "stop before the run has made more calls than this", least=0)
    price: list[float] | None = option(
        None, "[prompt,completion] in US dollars per million tokens; default: the shipped table's"
    )
    concurrency: int = option(8, "calls in flight at once", least=1)
    timeout: float = option(600.0, "seconds for one call", least=0)
    retries: int = option(6, "how often a call that failed for now is repeated", least=0)


@dataclass
class ReplayModel:
    """Recorded replies of a language model: no key, no network, no cost."""

    name: str = "replay"
    path: str | None = option(None, "replies.sqlite of a run, or YAML; default: what ships with the kit", text=True)
    match: str = option("label", "exact: recorded prompts only; label: the same step of a search, numbers may differ")
    model: str | None = option(None, "whose replies, where several models' are recorded")
    pending: str | None = option(None, "folder to which prompts without replies are written", text=True)


@dataclass
class NoModel:
    """No language model is asked."""

    name: str = "none"

"""Language models: any OpenAI-compatible server, or the record of one; every reply is paid for once.

`OpenAILLM` asks, `ReplyStore` remembers, `Budget` stops before a limit, `ReplayLLM` repeats without a key.
"""

from reward_designers.llm.budget import Budget, Usage, price_table
from reward_designers.llm.client import OpenAILLM
from reward_designers.llm.connect import connect
from reward_designers.llm.messages import (
    LLM,
    BudgetError,
    LLMError,
    Message,
    MissingReplyError,
    Prompt,
    Reply,
    Request,
    Sampling,
)
from reward_designers.llm.questions import Questions
from reward_designers.llm.replay import ReplayLLM
from reward_designers.llm.store import ReplyStore
from reward_designers.llm.text import open_store

__all__ = [
    "LLM",
    "Budget",
    "BudgetError",
    "LLMError",
    "Message",
    "MissingReplyError",
    "OpenAILLM",
    "Prompt",
    "Questions",
    "ReplayLLM",
    "Reply",
    "ReplyStore",
    "Request",
    "Sampling",
    "Usage",
    "connect",
    "open_store",
    "price_table",
]

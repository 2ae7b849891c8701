"""Language models: any OpenAI-compatible server, or the record of one; every reply is paid for once.

`OpenAILLM` asks, `ReplyStore` remembers, `Budget` stops before a limit, `ReplayLLM` repeats without a key.
"""

from .budget import Budget, Usage, price_table
from .client import OpenAILLM
from .connect import connect
from .messages import LLM, BudgetError, LLMError, Message, MissingReplyError, Prompt, Reply, Request, Sampling
from .replay import ReplayLLM
from .store import ReplyStore
from .text import open_store

__all__ = [
    "LLM",
    "Budget",
    "BudgetError",
    "LLMError",
    "Message",
    "MissingReplyError",
    "OpenAILLM",
    "Prompt",
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

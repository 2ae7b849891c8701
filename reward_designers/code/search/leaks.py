"""An audit of prompts: neither the ground truth nor the environment's own reward may be in them.

    secrets = Secrets.of(task.fitness.function, task.reward, allowed=task.fields)
    assert not secrets.find(messages, quoted=[candidate.source])

Two things are looked for: fragments of the secret code, however it is laid out, and names that nothing but the secret
code uses. Programs and texts that the language model wrote itself are quoted back to it; what they hold, it knew.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from reward_designers.base import RewardFn
from reward_designers.llm import Message

FRAGMENT = 12
"""Tokens in a row that the secret code and a prompt may not share. ``np.square(action).sum(axis=-1)`` has fourteen."""
FORBIDDEN = ("fitness", "env_reward", "success")
"""Words that only the ground truth and the logs use."""

_TOKEN = re.compile(r"[A-Za-z_]\w*|\d+(?:\.\d*)?(?:e[+-]?\d+)?|\S")
_WORD = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Leak:
    """Something secret in a prompt.

    Attributes:
        what: The secret's name.
        found: The fragment, or the name.
        where: The line of the prompt.
    """

    what: str
    found: str
    where: str

    def __str__(self) -> str:
        return f"{self.found!r} of {self.what} in {self.where!r}"


@dataclass(frozen=True)
class Secrets:
    """Code that no prompt may show.

    Attributes:
        fragments: `FRAGMENT` tokens in a row, of code or its docstrings, to the name of the code that they are from.
        names: Names that only the secret code uses, to its name.
    """

    fragments: dict[tuple[str, ...], str]
    names: dict[str, str]

    @classmethod
    def of(cls, *secrets: Callable[..., Any] | str, allowed: Iterable[str] = ()) -> Secrets:
        """Collect functions (with the functions of their module that they call), reward classes, and source texts.

        Args:
            *secrets: What must not be shown.
            allowed: Names that prompts use in their own right, such as those of the fields.

        Raises:
            OSError, TypeError: The source of one of them is not there, so that nothing could be proven.
            ValueError: It cannot be read on its own, such as a lambda's.
        """
        known = {*allowed, *(f"next_{name}" for name in allowed)}
        fragments: dict[tuple[str, ...], str] = {}
        names = dict.fromkeys(FORBIDDEN, "the ground truth")
        for secret in secrets:
            for what, source in _sources(secret):
                tree, texts = _bare(what, source)
                for text in (ast.unparse(tree), *texts):
                    tokens = _TOKEN.findall(text)
                    for i in range(max(1, len(tokens) - FRAGMENT + 1)):  # a shorter one as a whole
                        fragments.setdefault(tuple(tokens[i : i + FRAGMENT]), what)
                for name in _names(tree) - known:
                    if "_" in name.strip("_") or name.startswith("_"):  # single words are found in any sentence
                        names.setdefault(name, what)
        return cls(fragments, names)

    def find(self, messages: Sequence[Message], *, quoted: Iterable[str] = ()) -> list[Leak]:
        """What of the secrets is in a conversation; nothing, if all is well.

        Args:
            messages: The prompt.
            quoted: Texts whose author is the language model, which may be repeated to it.
        """
        return [leak for message in messages for leak in self._find(without(message["content"], quoted))]

    def _find(self, text: str) -> Iterator[Leak]:
        for match in _WORD.finditer(text):
            if what := self.names.get(match.group().lower()) or self.names.get(match.group()):
                yield Leak(what, match.group(), _line(text, match.start()))
        tokens = list(_TOKEN.finditer(text))
        words = [token.group() for token in tokens]
        for size in {len(fragment) for fragment in self.fragments}:
            for i in range(len(words) - size + 1):
                if what := self.fragments.get(tuple(words[i : i + size])):
                    start, end = tokens[i].start(), tokens[i + size - 1].end()
                    yield Leak(what, text[start:end], _line(text, start))


def without(text: str, quoted: Iterable[str]) -> str:
    """``text`` less the passages that are quoted in it, the longest first."""
    for passage in sorted({q.strip() for q in quoted if q.strip()}, key=len, reverse=True):
        text = text.replace(passage, "\n\0\n")  # a token of its own: what stood apart is not joined
    return text


def _sources(secret: Callable[..., Any] | str) -> Iterator[tuple[str, str]]:
    """Name and source of a secret and of what it is made of."""
    if isinstance(secret, str):
        yield "the given code", secret
        return
    target: Any = inspect.unwrap(getattr(secret, "func", secret))
    if not isinstance(target, type) and not inspect.isroutine(target):
        target = type(target)
    if isinstance(target, type):
        kept = [base for base in target.__mro__ if issubclass(base, RewardFn) and base is not RewardFn]
        for base in kept or [target]:
            yield base.__name__, inspect.getsource(base)
        return
    yield target.__name__, inspect.getsource(target)
    for name in target.__code__.co_names:
        helper = target.__globals__.get(name)
        if inspect.isfunction(helper) and helper is not target and helper.__module__ == target.__module__:
            yield helper.__name__, inspect.getsource(helper)


def _bare(what: str, source: str) -> tuple[ast.Module, list[str]]:
    """The code without comments, docstrings and annotations; and the docstrings that say something."""
    try:
        tree = ast.parse(textwrap.dedent(source))
    except SyntaxError as error:
        raise ValueError(
            f"the code of {what} cannot be read on its own ({error.msg}): give its text instead"
        ) from error
    texts = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            texts.append(ast.get_docstring(node) or "")
            node.body = [s for s in node.body if not _is_text(s)] or [ast.Pass()]
    return tree, [text for text in texts if len(_TOKEN.findall(text)) >= FRAGMENT]


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _names(tree: ast.Module) -> set[str]:
    """Names that the code itself introduces: functions, arguments, attributes set in it, variables."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return {name for name in found if not name.startswith("__")}


def _line(text: str, position: int) -> str:
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    return text[start : end if end >= 0 else len(text)].strip()

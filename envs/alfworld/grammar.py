"""How a game words its commands and what it says: the part of TextWorld's grammars (twl2) that ALFWorld uses.

A text has literal parts, symbols (``#look.feedback#``, replaced by the first rule whose condition holds), expressions
(``{o.indefinite + ' ' + o.name}``) and lists of them (``[{r.name | atlocation(a:agent, l:location) & ...}]``, one for
each result of the query). Each is parsed once; TextWorld parses it again whenever it is said.
"""

from __future__ import annotations

import ast
import json
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from envs.alfworld.facts import Facts, Query
from envs.alfworld.games import UNKNOWN_GOAL
from envs.alfworld.pddl import Literal

_GRAMMAR = re.compile(r'grammar\s*::\s*"""(.*?)"""', re.DOTALL)
_ACTION = re.compile(
    r'action\s+(\w+)\s*\{\s*template\s*::\s*"([^"]*)"\s*;\s*feedback\s*::\s*"([^"]*)"\s*;'
    r'(?:\s*grammar\s*::\s*"""(.*?)"""\s*;)?\s*\}',
    re.DOTALL,
)
_PART = re.compile(rf"(\[\{{.*?\}}\]|\{{.*?\}}|#[^#]+#|{UNKNOWN_GOAL})", re.DOTALL)
_PREDICATE = re.compile(r"\s*(\w+)\(([^()]*)\)\s*")
_ATTRIBUTES = ("name", "id", "definite", "indefinite")


class Context(NamedTuple):
    """What is spoken about.

    Attributes:
        facts: What holds.
        bound: Things by variable and type, such as ``o:object``.
    """

    facts: Facts
    bound: Mapping[str, str]


class Rule(NamedTuple):
    """What a symbol is replaced by, if a query has results."""

    condition: str
    text: str


class Grammar:
    """The rules of a game's texts.

    Args:
        rules: By symbol.
        templates: Of commands, by action in lower case.
        feedback: What is said after an action, by action in lower case.
    """

    def __init__(
        self, rules: Mapping[str, tuple[Rule, ...]], templates: Mapping[str, str], feedback: Mapping[str, str]
    ):
        self.rules, self.templates, self.feedback = rules, templates, feedback
        self._texts: dict[str, list[Any]] = {}
        self._queries: dict[tuple[str, tuple[str, ...]], Query] = {}

    def parts(self, text: str) -> list[Any]:
        """A text in parts: str, or what says it."""
        if text not in self._texts:
            # TextWorld's parser passes over blanks and line ends where a text begins.
            self._texts[text] = [_parse(part) for part in _PART.split(text.lstrip()) if part]
        return self._texts[text]

    def query(self, query: str, known: tuple[str, ...]) -> Query:
        """A query, where ``known`` variables have values already."""
        if (query, known) not in self._queries:
            self._queries[query, known] = Query(_literals(query), known, (), distinct=True)
        return self._queries[query, known]


@lru_cache(16)
def parse_grammar(text: str) -> Grammar:
    """Read a grammar.

    Raises:
        ValueError: It is none.
    """
    actions = list(_ACTION.finditer(text))
    if not actions:
        raise ValueError("the grammar has no actions")
    blocks = [block for block in _GRAMMAR.findall(_ACTION.sub("", text)) if block]
    blocks += [match.group(4) for match in actions if match.group(4)]
    rules: dict[str, tuple[Rule, ...]] = {}
    for block in blocks:
        lines = [line for line in textwrap.dedent(block).split("\n") if not line.lstrip().startswith("#")]
        try:
            entries = json.loads("\n".join(lines))
        except json.JSONDecodeError as error:
            raise ValueError(f"a part of the grammar is no JSON: {error}") from error
        for symbol, found in entries.items():
            rules[symbol] = tuple(Rule(rule.get("condition", ""), rule["rhs"]) for rule in found)
    return Grammar(
        rules,
        {match.group(1).lower(): match.group(2) for match in actions},
        {match.group(1).lower(): match.group(3) for match in actions},
    )


class Speaker:
    """Says what the grammar has for one game.

    Args:
        grammar: The rules.
        names: What things are called.
        goal: As the game says it.
    """

    def __init__(self, grammar: Grammar, names: Mapping[str, str], goal: str):
        self._grammar = grammar
        self._names = names
        self.goal = goal

    def say(self, text: str, context: Context) -> str:
        """The text with everything in it replaced.

        Raises:
            ValueError: The grammar lacks a symbol, or no rule of it applies.
        """
        parts = self._grammar.parts(text)
        return "".join([part if isinstance(part, str) else part(self, context) for part in parts])

    def symbol(self, name: str, context: Context) -> str:
        """What a symbol is replaced by."""
        rules = self._grammar.rules.get(name)
        if not rules:
            raise ValueError(f"the grammar has no rule for #{name}#")
        for rule in rules:
            if not rule.condition or self.find(rule.condition, context):
                return self.say(rule.text, context)
        raise ValueError(f"no rule of the grammar for #{name}# applies")

    def find(self, query: str, context: Context) -> list[Context]:
        """A context for each result of a query, in TextWorld's order."""
        search = self._grammar.query(query, tuple(context.bound))
        rows = search.rows(context.facts, tuple(context.bound.values()))
        places = search.places.items()
        return [Context(context.facts, {variable: row[place] for variable, place in places}) for row in rows]

    def attribute(self, variable: str, attribute: str, context: Context) -> str:
        """``name``, ``id``, ``definite`` or ``indefinite`` article of what a variable stands for."""
        thing = next((value for bound, value in context.bound.items() if bound.partition(":")[0] == variable), None)
        if thing is None:
            raise ValueError(f"the grammar speaks of {variable!r} where it stands for nothing")
        if attribute == "name":
            return self._names.get(thing, thing)
        return {"id": thing, "definite": "the", "indefinite": "a"}[attribute]


class _Symbol:
    def __init__(self, name: str):
        self.name = name

    def __call__(self, speaker: Speaker, context: Context) -> str:
        return speaker.symbol(self.name, context)


class _Goal:
    def __call__(self, speaker: Speaker, context: Context) -> str:
        return speaker.goal


class _Each:
    """An expression, once for each result of its query if it has one; as a list, or one after the other."""

    def __init__(self, expression: str, query: str, as_list: bool):
        self.query, self.as_list = query, as_list
        symbol = _PART.fullmatch(expression)
        self.say: Callable[[Speaker, Context], str] = (
            _Symbol(expression[1:-1]) if symbol else _Expression(ast.parse(expression.strip(), mode="eval").body)
        )

    def __call__(self, speaker: Speaker, context: Context) -> str:
        contexts = speaker.find(self.query, context) if self.query else [context]
        said = [self.say(speaker, each) for each in contexts]
        if not self.as_list:
            return "".join(said)
        if len(said) < 2:
            return said[0] if said else speaker.symbol("list_empty", context)
        separator = speaker.symbol("list_separator", context)
        return separator.join(said[:-1]) + speaker.symbol("list_last_separator", context) + said[-1]


class _Expression:
    """Texts and attributes joined by ``+``, and ``or`` for what is empty: all that grammars need of Python."""

    def __init__(self, node: ast.expr):
        self.node = node
        self._check(node)

    def _check(self, node: ast.expr) -> None:
        match node:
            case ast.Name() | ast.Constant(value=str()):
                return
            case ast.Attribute(value=ast.Name(), attr=attribute) if attribute in _ATTRIBUTES:
                return
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                inner: Sequence[ast.expr] = (left, right)
            case ast.BoolOp(op=ast.Or(), values=values):
                inner = values
            case _:
                raise ValueError(f"the grammar has an expression that ALFWorld's have not: {ast.unparse(node)}")
        for part in inner:
            self._check(part)

    def __call__(self, speaker: Speaker, context: Context) -> str:
        return self._value(self.node, speaker, context)

    def _value(self, node: ast.expr, speaker: Speaker, context: Context) -> str:
        match node:
            case ast.Name(id=variable):
                return speaker.attribute(variable, "name", context)
            case ast.Attribute(value=ast.Name(id=variable), attr=attribute):
                return speaker.attribute(variable, attribute, context)
            case ast.Constant(value=str(text)):
                return text
            case ast.BinOp(left=left, right=right):
                return self._value(left, speaker, context) + self._value(right, speaker, context)
            case ast.BoolOp(values=values):
                return next((said for part in values if (said := self._value(part, speaker, context))), "")
        raise AssertionError(node)  # `_check` has seen to it


def _parse(part: str) -> Any:
    """A part of a text: str, or what says it."""
    if part == UNKNOWN_GOAL:
        return _Goal()
    if part[0] == "#":
        return _Symbol(part[1:-1])
    if part[0] in "{[":
        inner = part.strip("[]")[1:-1]
        expression, _, query = inner.partition("|")
        return _Each(expression.strip(), query.strip(), as_list=part[0] == "[")
    return part.replace("\\n", "\n")


def _literals(query: str) -> list[Literal]:
    """The predicates of a query, with the types of their variables."""
    literals = []
    types: dict[str, Literal] = {}
    for part in query.split("&"):
        match = _PREDICATE.fullmatch(part)
        if match is None:
            raise ValueError(f"the grammar has a query that is none: {query!r}")
        args = tuple("".join(arg.split()) for arg in match.group(2).split(","))
        literals.append(Literal(match.group(1), args))
        for arg in args:
            kind = arg.partition(":")[2]
            if kind != "object":
                types[arg] = Literal(f":{kind}", (arg,))
    return [*literals, *types.values()]

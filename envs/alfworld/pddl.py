"""The part of PDDL that ALFWorld's rules and rooms are written in.

Conditions come as alternatives of conjunctions with all quantifiers lifted: an action is possible, a goal is met, if
one of its conjunctions holds. So one search over facts (`envs.alfworld.facts`) serves them all.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

Fact = tuple[str, ...]
"""The name of a predicate, then the things that it holds for."""
EQUAL = "="
ROOT = "object"
_COMMENTS = re.compile(r";[^\n]*")
_TOKENS = re.compile(r"[()]|[^\s()]+")


class Literal(NamedTuple):
    """A predicate with variables (``?x``) and constants, or its negation."""

    name: str
    args: tuple[str, ...]
    positive: bool = True


Conjunction = tuple[Literal, ...]


class Effect(NamedTuple):
    """What an action makes true or false, if one of the conjunctions in ``when`` held before it."""

    literal: Literal
    when: tuple[Conjunction, ...]


@dataclass(frozen=True)
class Action:
    """What can be done.

    Attributes:
        name: In lower case, as all names here.
        parameters: Variables, such as ``?o``, and the types of what they stand for.
        conditions: See the module; variables other than the parameters stand for anything.
        effects: What it changes.
    """

    name: str
    parameters: Mapping[str, str]
    conditions: tuple[Conjunction, ...]
    effects: tuple[Effect, ...]


@dataclass(frozen=True)
class Domain:
    """The rules of a world.

    Attributes:
        parents: For each type the one above it.
        actions: By name.
    """

    parents: Mapping[str, str]
    actions: Mapping[str, Action]

    @property
    def changing(self) -> frozenset[str]:
        """Predicates that actions change."""
        return frozenset(effect.literal.name for action in self.actions.values() for effect in action.effects)

    def ancestors(self, kind: str) -> Iterator[str]:
        """A type and all above it."""
        while True:
            yield kind
            if kind == ROOT:
                return
            kind = self.parents.get(kind, ROOT)


@dataclass(frozen=True)
class Problem:
    """A room, and what is to be done in it.

    Attributes:
        objects: What there is, and of which type.
        facts: What holds at first.
        goal: See the module.
    """

    objects: Mapping[str, str]
    facts: frozenset[Fact]
    goal: tuple[Conjunction, ...]


def typed(variable: str, kind: str) -> Literal:
    """That something is of a type, as a literal; `type_facts` makes it true."""
    return Literal(f":{kind}", (variable,))


def type_facts(objects: Mapping[str, str], domain: Domain) -> frozenset[Fact]:
    """The types of things as facts."""
    return frozenset((f":{above}", name) for name, kind in objects.items() for above in domain.ancestors(kind))


@lru_cache(16)
def parse_domain(text: str) -> Domain:
    """Read the rules.

    Raises:
        ValueError: It is no PDDL, or uses more of it than ALFWorld does.
    """
    actions: dict[str, Action] = {}
    parents: dict[str, str] = {}
    for section in _sections(text):
        if section[0] == ":types":
            parents = dict(_typed_list(section[1:]))
        elif section[0] == ":action":
            parts = dict(zip(section[2::2], section[3::2], strict=True))
            parameters = dict(_typed_list(parts.get(":parameters", [])))
            actions[section[1]] = Action(
                section[1],
                parameters,
                _alternatives(parts.get(":precondition", []), parameters),
                tuple(_effects(parts.get(":effect", []), ((),))),
            )
    if not actions:
        raise ValueError("the PDDL domain has no actions")
    return Domain(parents, actions)


def parse_problem(text: str) -> Problem:
    """Read a room and its goal.

    Raises:
        ValueError: It is no PDDL, has no goal, or uses more of PDDL than ALFWorld does.
    """
    sections = {section[0]: section[1:] for section in _sections(text)}
    for name in (":objects", ":init", ":goal"):
        if name not in sections:
            raise ValueError(f"the PDDL problem has no ({name} ...)")
    facts = frozenset(tuple(fact) for fact in sections[":init"] if fact[0] != EQUAL)  # = gives distances
    return Problem(dict(_typed_list(sections[":objects"])), facts, _alternatives(sections[":goal"][0], {}))


def _sections(text: str) -> Iterator[list[Any]]:
    """The parts of ``(define (...) part ...)``."""
    stack: list[list[Any]] = [[]]
    words: dict[str, str] = {}  # each word once in memory: a room names its things ten times
    for token in _TOKENS.findall(_COMMENTS.sub("", text.lower())):
        if token == "(":
            stack.append([])
        elif token == ")":
            if len(stack) == 1:
                raise ValueError("the PDDL has a ')' too many")
            last = stack.pop()
            stack[-1].append(last)
        else:
            stack[-1].append(words.setdefault(token, token))
    if len(stack) > 1:
        raise ValueError("the PDDL is cut off: a ')' is missing")
    for whole in stack[0]:
        if isinstance(whole, list) and whole and whole[0] == "define":
            return iter(part for part in whole[1:] if isinstance(part, list) and part)
    raise ValueError("the PDDL has no (define ...)")


def _typed_list(tokens: Sequence[Any]) -> Iterator[tuple[str, str]]:
    """``a b - kind c``: names with their types."""
    waiting: list[str] = []
    rest = iter(tokens)
    for token in rest:
        if not isinstance(token, str):
            raise ValueError(f"expected names and types in PDDL, got {token!r}")
        if token == "-":
            kind = next(rest)  # "location," in one place of ALFWorld: a type that nothing has, to every planner
            yield from ((name, kind) for name in waiting)
            waiting = []
        else:
            waiting.append(token)
    yield from ((name, ROOT) for name in waiting)


def _alternatives(formula: Sequence[Any], types: Mapping[str, str]) -> tuple[Conjunction, ...]:
    """A formula over typed variables as alternatives of conjunctions."""
    kinds = tuple(typed(variable, kind) for variable, kind in types.items() if kind != ROOT)
    return tuple((*conjunction, *kinds) for conjunction in _disjuncts(formula, True, itertools.count()))


def _disjuncts(formula: Sequence[Any], positive: bool, fresh: Iterator[int]) -> tuple[Conjunction, ...]:
    if not formula:
        return ((),)
    word, *rest = formula
    if word == "not":
        return _disjuncts(rest[0], not positive, fresh)
    if word == "exists" and positive:
        # Each quantifier gets names of its own, for ALFWorld's goals use some twice.
        names = {variable: f"{variable}#{next(fresh)}" for variable, _ in _typed_list(rest[0])}
        kinds = tuple(typed(names[variable], kind) for variable, kind in _typed_list(rest[0]) if kind != ROOT)
        return tuple((*inner, *kinds) for inner in _disjuncts(_renamed(rest[1], names), positive, fresh))
    if word in ("and", "or"):
        parts = [_disjuncts(part, positive, fresh) for part in rest]
        if (word == "and") == positive:
            return tuple(tuple(itertools.chain(*choice)) for choice in itertools.product(*parts))
        return tuple(itertools.chain(*parts))
    if word in ("exists", "forall", "imply", "when"):
        raise ValueError(f"PDDL with {'not ' * (not positive)}({word} ...) is more than ALFWorld's rules need")
    return ((Literal(word, tuple(rest), positive),),)


def _renamed(formula: Any, names: Mapping[str, str]) -> Any:
    if isinstance(formula, str):
        return names.get(formula, formula)
    return [_renamed(part, names) for part in formula]


def _effects(formula: Sequence[Any], when: tuple[Conjunction, ...]) -> Iterator[Effect]:
    if not formula:
        return
    word, *rest = formula
    if word == "and":
        for part in rest:
            yield from _effects(part, when)
    elif word == "when" and when == ((),):
        yield from _effects(rest[1], _alternatives(rest[0], {}))
    elif word == "not":
        yield Effect(Literal(rest[0][0], tuple(rest[0][1:]), False), when)
    elif word in ("when", "forall"):
        raise ValueError(f"PDDL with ({word} ...) in an effect is more than ALFWorld's rules need")
    elif word != "increase":  # costs
        yield Effect(Literal(word, tuple(rest)), when)

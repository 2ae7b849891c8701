"""Facts, and the search for all things of which several of them hold at once.

Facts never change: what an action does gives new ones that share all relations but a few with the old. So a state is
kept, returned to and compared at no cost.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from envs.alfworld.pddl import EQUAL, Fact, Literal

Row = tuple[str, ...]
"""Values of variables."""
Facts = Mapping[str, "Relation"]
"""By the name of the predicate."""


class Relation:
    """All things of which one predicate holds.

    Attributes:
        rows: By what `itemgetter` makes of them: a row of one is found under its only entry, others under themselves.
    """

    __slots__ = ("_groups", "rows")

    def __init__(self, rows: Iterable[Row] = ()):
        self.rows: dict[Any, Row] = {_key(row): row for row in rows}
        self._groups: dict[tuple[int, ...], dict[Any, list[Row]]] = {}

    def grouped(self, positions: tuple[int, ...]) -> Mapping[Any, list[Row]]:
        """The rows by their entries at some positions."""
        if positions not in self._groups:
            groups: dict[Any, list[Row]] = {}
            pick = itemgetter(*positions)
            for row in self.rows.values():
                groups.setdefault(pick(row), []).append(row)
            self._groups[positions] = groups
        return self._groups[positions]


_NOTHING = Relation()


def collect(facts: Iterable[Fact]) -> dict[str, Relation]:
    """Facts by predicate, in an order that does not depend on hashes."""
    rows: dict[str, list[Row]] = {}
    for name, *args in sorted(facts):
        rows.setdefault(name, []).append(tuple(args))
    return {name: Relation(known) for name, known in rows.items()}


def changed(facts: Facts, added: Iterable[Fact], removed: Iterable[Fact]) -> dict[str, Relation]:
    """Facts after something has become true, and something else false.

    What has become false is a fact too, ``not_<name>``, as in TextWorld, whose grammars ask for it; it is one no longer
    once it is true again.
    """
    changes: dict[str, dict[Any, Row]] = {}
    for sign, group in (("", added), ("not_", removed)):
        for name, *args in group:
            for predicate, holds in ((name, not sign), (f"not_{name}", bool(sign))):
                rows = changes.setdefault(predicate, dict(facts.get(predicate, _NOTHING).rows))
                row = tuple(args)
                if holds:
                    rows[_key(row)] = row
                else:
                    rows.pop(_key(row), None)
    result = dict(facts)
    for predicate, rows in changes.items():
        result[predicate] = Relation(rows.values())
    return result


class Query:
    """A search for all values of variables for which all of some literals are true.

    Args:
        literals: The literals; their arguments are variables, or constants if they are in neither ``known`` nor
            written with a ``?`` or a ``:``.
        known: Variables whose values will be given.
        changing: Predicates that actions change. They hold of few things, so they are looked for first.
        distinct: Different variables stand for different things, and the results are in the order in which TextWorld
            finds them.

    Attributes:
        places: Where in a row of results a variable's value is; those ``known`` come first.

    Raises:
        ValueError: A variable stands for nothing, or twice in one literal.
    """

    def __init__(
        self, literals: Sequence[Literal], known: Sequence[str], changing: Collection[str], *, distinct: bool = False
    ):
        self._known = len(known)
        self._changing = changing
        self._places = {variable: place for place, variable in enumerate(known)}
        self._width = len(known)
        constants = dict.fromkeys(arg for literal in literals for arg in literal.args if not _is_variable(arg))
        self._constants = tuple(constants)
        for constant in constants:
            self._places[constant] = self._width
            self._width += 1
        self._steps: list[Callable[[Facts, list[Row]], list[Row]]] = []
        waiting = list(literals)
        while waiting:
            literal = min(waiting, key=self._cost)
            waiting.remove(literal)
            self._steps.append(self._step(literal))
        self.places: Mapping[str, int] = self._places
        self._order: Callable[[Row], Any] | None = None
        if distinct:
            self._new = [place for place in self._places.values() if place >= self._known]
            written = [arg for literal in literals if literal.positive for arg in literal.args]
            self._order = itemgetter(*(self._places[arg] for arg in written)) if written else None
        self._distinct = distinct

    def rows(self, facts: Facts, known: Row = ()) -> list[Row]:
        """All results."""
        rows = [known + self._constants]
        for step in self._steps:
            rows = step(facts, rows)
            if not rows:
                return rows
        if self._distinct:
            rows = [row for row in rows if self._differ(row)]
            if self._order is not None and len(rows) > 1:
                rows.sort(key=self._order)
        return rows

    def _differ(self, row: Row) -> bool:
        new = {row[place] for place in self._new}
        return len(new) == len(self._new) and new.isdisjoint(row[: self._known])

    def _cost(self, literal: Literal) -> float:
        """How many results each row may have if this is searched next: a guess, on which only the speed depends."""
        unknown = sum(arg not in self._places for arg in literal.args)
        if not unknown:
            return 0.0
        if not literal.positive or literal.name == EQUAL:
            return float("inf")
        return (4 if literal.name in self._changing else 200) ** (unknown / len(literal.args))

    def _step(self, literal: Literal) -> Callable[[Facts, list[Row]], list[Row]]:
        name, args, positive = literal
        known = [place for place, arg in enumerate(args) if arg in self._places]
        if len(known) == len(args):
            return _Test(name, [self._places[arg] for arg in args], positive)
        if not positive or name == EQUAL:
            raise ValueError(f"a variable of ({name} {' '.join(args)}) is nowhere said to stand for anything")
        new = [arg for arg in args if arg not in self._places]
        if len(set(new)) < len(new):
            raise ValueError(f"({name} {' '.join(args)}) has a variable twice, which ALFWorld's rules never have")
        step = _Extend(name, tuple(known), [self._places[args[place]] for place in known])
        for place, arg in enumerate(args):
            self._places.setdefault(arg, self._width + place)
        self._width += len(args)
        return step


class _Test:
    """Keeps the rows for which a literal is true."""

    def __init__(self, name: str, places: Sequence[int], positive: bool):
        self.name, self.positive = name, positive
        self.pick: Callable[[Row], Any] = itemgetter(*places) if places else lambda row: ()

    def __call__(self, facts: Facts, rows: list[Row]) -> list[Row]:
        pick = self.pick
        if self.name == EQUAL:
            return [row for row in rows if (len(set(pick(row))) == 1) == self.positive]
        held = facts.get(self.name, _NOTHING).rows
        if self.positive:
            return [row for row in rows if pick(row) in held]
        return [row for row in rows if pick(row) not in held]


class _Extend:
    """Appends to each row all things of which a predicate holds, given some of them."""

    def __init__(self, name: str, positions: tuple[int, ...], places: Sequence[int]):
        self.name, self.positions = name, positions
        self.pick = itemgetter(*places) if places else None

    def __call__(self, facts: Facts, rows: list[Row]) -> list[Row]:
        relation = facts.get(self.name, _NOTHING)
        if self.pick is None:
            return [row + more for row in rows for more in relation.rows.values()]
        pick, groups = self.pick, relation.grouped(self.positions)
        return [row + more for row in rows for more in groups.get(pick(row), ())]


def _is_variable(arg: str) -> bool:
    return arg[0] == "?" or ":" in arg


def _key(row: Row) -> Any:
    return row[0] if len(row) == 1 else row

from __future__ import annotations

import itertools

import numpy as np
import pytest

from envs.alfworld.facts import Query, changed, collect
from envs.alfworld.pddl import Literal


def test_a_search_finds_what_trying_everything_finds(rng: np.random.Generator) -> None:
    things = [*"abcd"]
    literals = (
        Literal("on", ("?x", "?y")),
        Literal("red", ("?y",)),
        Literal("on", ("?y", "?z"), False),
        Literal("=", ("?x", "?z"), False),
        Literal("big", ("?z",)),
        Literal("on", ("?x", "a")),
    )
    found = 0
    for _ in range(50):
        facts = {("on", *pair) for pair in itertools.product(things, things) if rng.random() < 0.5}
        facts |= {(name, thing) for name in ("red", "big") for thing in things if rng.random() < 0.6}

        def true(literal: Literal, values: dict[str, str], facts: set[tuple[str, ...]] = facts) -> bool:
            args = [values.get(arg, arg) for arg in literal.args]
            held = len(set(args)) == 1 if literal.name == "=" else (literal.name, *args) in facts
            return held == literal.positive

        for known in ((), ("?z",)):
            query = Query(literals, known, {"red"})
            for given in itertools.product(things, repeat=len(known)):
                rows = query.rows(collect(facts), given)
                results = [tuple(row[query.places[variable]] for variable in ("?x", "?y", "?z")) for row in rows]
                expected = {
                    values
                    for values in itertools.product(things, repeat=3)
                    if all(true(literal, dict(zip(("?x", "?y", "?z"), values, strict=True))) for literal in literals)
                    and (not given or values[2] == given[0])
                }
                assert sorted(results) == sorted(expected)
                found += len(results)
    assert found > 100


def test_distinct_results_come_in_the_order_of_what_is_written() -> None:
    facts = collect(
        {("on", "b", "c"), ("on", "b", "a"), ("on", "a", "b"), ("on", "a", "a"), ("red", "c"), ("red", "a")}
    )
    query = Query((Literal("on", ("x:o", "y:o")), Literal("red", ("y:o",))), (), {"red"}, distinct=True)
    rows = query.rows(facts)
    assert [(row[query.places["x:o"]], row[query.places["y:o"]]) for row in rows] == [("b", "a"), ("b", "c")]
    given = Query((Literal("on", ("x:o", "y:o")),), ("z:o",), (), distinct=True)
    assert [(row[1], row[2]) for row in given.rows(facts, ("c",))] == [("a", "b"), ("b", "a")]


def test_changes_leave_the_facts_before_them_alone() -> None:
    before = collect({("in", "mug", "desk"), ("hot", "mug"), ("empty",)})
    after = changed(before, [("in", "mug", "sink")], [("in", "mug", "desk"), ("empty",)])
    assert list(before["in"].rows) == [("mug", "desk")]
    assert list(after["in"].rows) == [("mug", "sink")]
    assert after["hot"] is before["hot"]
    assert list(after["not_in"].rows) == [("mug", "desk")]
    assert (list(after["empty"].rows), list(after["not_empty"].rows)) == ([], [()])
    again = changed(after, [("in", "mug", "desk")], [])
    assert list(again["not_in"].rows) == []


def test_a_variable_that_nothing_says_anything_about() -> None:
    with pytest.raises(ValueError, match="nowhere said"):
        Query((Literal("on", ("?x", "?y"), False),), (), ())
    with pytest.raises(ValueError, match="twice"):
        Query((Literal("on", ("?x", "?x")),), (), ())

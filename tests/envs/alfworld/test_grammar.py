from __future__ import annotations

import json
from typing import Any

import pytest

from envs.alfworld.facts import collect
from envs.alfworld.grammar import Context, Speaker, parse_grammar

FACTS = collect(
    {("in", "m1", "d"), ("in", "m2", "d"), ("in", "e", "d"), ("open", "d")} | {(":drawer", "d"), (":drawer", "f")}
)
NAMES = {"m1": "mug 1", "m2": "mug 2", "e": "egg 1", "d": "drawer 1", "f": "drawer 2", "x": ""}
RULES: dict[str, Any] = {
    "list_empty": [{"rhs": "nothing"}],
    "list_separator": [{"rhs": ", "}],
    "list_last_separator": [{"rhs": ", and "}],
    "inside": [{"rhs": "[{#one(o)# | in(o:object, r:drawer)}]"}],
    "one(o)": [{"rhs": "{o.indefinite} {o.name or o.id}"}],
    "state": [
        {"condition": "open(r:drawer) & in(o:object, r:drawer)", "rhs": "The {r.name} holds #inside#."},
        {"rhs": "The {r} is shut.\n\n#task#"},
    ],
    "task": [{"rhs": "Your task is to: UNKNOWN GOAL."}],
    "indented": [{"rhs": "\n  {r.definite + ' ' + r.name}\n"}],
    "picky": [{"condition": "locked(r:drawer)", "rhs": "It is locked."}],
}


def speaker(**rules: Any) -> Speaker:
    text = f'grammar :: """\n{json.dumps({**RULES, **rules})}\n""";\n'
    text += 'action Open {\n template :: "open {r}";\n feedback :: "#state#";\n}\n'
    return Speaker(parse_grammar(text), NAMES, "put a mug in drawer.")


def about(thing: str) -> Context:
    return Context(FACTS, {"r:drawer": thing})


def test_the_first_rule_that_applies_is_said_and_lists_are_in_order_of_ids() -> None:
    says = speaker().say
    assert says("#state#", about("d")) == "The drawer 1 holds a egg 1, a mug 1, and a mug 2."
    assert says("#state#", about("f")) == "The drawer 2 is shut.\n\nYour task is to: put a mug in drawer."
    assert says("#inside#", about("f")) == "nothing"
    assert says("open {r}", about("f")) == "open drawer 2"
    assert says("{r.name or r.id}", about("x")) == "x"


def test_blanks_where_a_text_begins_are_passed_over_as_in_textworld() -> None:
    assert speaker().say("#indented#", about("d")) == "the drawer 1\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("#lost#", "no rule for #lost#"),
        ("#picky#", "no rule of the grammar for #picky# applies"),
        ("{q.name}", "'q' where it stands for nothing"),
        ("{__import__('os').getcwd()}", "an expression that ALFWorld's have not"),
        ("{r.__class__}", "an expression that ALFWorld's have not"),
        ("{r.name | open r}", "a query that is none"),
    ],
)
def test_what_cannot_be_said(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        speaker().say(text, about("d"))


def test_a_grammar_that_is_none() -> None:
    with pytest.raises(ValueError, match="no actions"):
        parse_grammar("nothing")
    with pytest.raises(ValueError, match="no JSON"):
        parse_grammar('grammar :: """{"a": }""";\naction Open { template :: "open {r}"; feedback :: "#a#"; }')

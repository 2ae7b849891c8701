from __future__ import annotations

import pytest

from envs.alfworld.pddl import Literal, parse_domain, parse_problem

DOMAIN = """
(define (domain kitchen) ; a comment (with a bracket
  (:types agent place - object drawer - place)
  (:predicates (at ?a - agent ?p - place) (Open ?p - place))
  (:action Close
    :parameters (?a - agent ?p - place)
    :precondition (and (at ?a ?p) (or (Open ?p) (not (locked ?p))))
    :effect (and (not (Open ?p)) (when (at ?a ?p) (seen ?p)) (increase (total-cost) 1)))
)
"""


def test_conditions_come_as_alternatives() -> None:
    domain = parse_domain(DOMAIN)
    (close,) = domain.actions.values()
    at, is_open = Literal("at", ("?a", "?p")), Literal("open", ("?p",))
    kinds = (Literal(":agent", ("?a",)), Literal(":place", ("?p",)))
    assert close.conditions == ((at, is_open, *kinds), (at, Literal("locked", ("?p",), False), *kinds))
    assert domain.changing == {"open", "seen"}
    assert [effect.when for effect in close.effects] == [((),), ((at,),)]
    assert list(domain.ancestors("drawer")) == ["drawer", "place", "object"]


def test_quantifiers_are_lifted_and_do_not_mix() -> None:
    problem = parse_problem(
        "(define (problem p) (:objects m - mug) (:init (in m d) (= (distance d e) 3)) (:goal (and"
        "(exists (?o - mug) (in ?o d)) (exists (?o - mug) (not (in ?o e))))))"
    )
    (goal,) = problem.goal
    (one,), (other,) = ({arg for arg in literal.args if arg[0] == "?"} for literal in goal if literal.name == "in")
    assert one != other
    assert Literal(":mug", (one,)) in goal
    assert problem.facts == {("in", "m", "d")}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("(define (domain d) (:action a", "cut off"),
        ("(define (domain d)))", r"'\)' too many"),
        ("nothing", "no \\(define"),
        (DOMAIN.replace("(or", "(forall"), r"\(forall"),
        (DOMAIN.replace("(at ?a ?p) (or", "(not (exists (?x - place) (at ?a ?x))) (or"), r"not \(exists"),
        (DOMAIN.replace("(when", "(forall"), "in an effect"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_domain(text)

"""What is concluded from distances, and what intervals leave open."""

from __future__ import annotations

from agents.comparison.findings import findings
from agents.comparison.results import Results
from tests.agents.comparison.samples import NAMES, distance, results, sample


def said(some: Results) -> dict[str, str]:
    return {finding.title: finding.text for finding in findings(some)}


def test_most_alike_and_most_different_with_what_intervals_leave_open() -> None:
    some = said(results(
        ("random", "env", "a", 0.1, 0.02), ("random", "env", "b", 0.6, 0.02), ("random", "a", "b", 0.63, 0.02),
    ))  # fmt: skip
    assert some["Most alike"] == "env vs a, EPIC distance 0.100 [0.080 to 0.120] on random."
    assert some["Most different"] == (
        "a vs b, EPIC distance 0.630 [0.610 to 0.650] on random. The intervals of env vs b overlap with this one, so "
        "the choice may be chance."
    )


def test_pairs_are_judged_by_their_largest_distance_over_coverages() -> None:
    some = said(results(
        ("random", "env", "a", 0.01, 0.0), ("random", "env", "b", 0.2, 0.0), ("random", "a", "b", 0.3, 0.0),
        ("expert", "env", "a", 0.5, 0.0), ("expert", "env", "b", 0.25, 0.0), ("expert", "a", "b", 0.4, 0.0),
    ))  # fmt: skip
    assert some["Most alike"].startswith("env vs b, EPIC distance 0.200 [0.200 to 0.200] on random to 0.250")
    assert some["Most different"].startswith("env vs a, ")
    assert some["The answer depends on coverage"].startswith("env vs a: 0.010 [0.010 to 0.010] on random, 0.500")
    assert "most extreme of 2 pairs" in some["The answer depends on coverage"]


def test_candidates_that_cannot_be_told_from_the_reference() -> None:
    some = said(results(
        ("random", "env", "a", 0.0, 0.0), ("random", "env", "b", 0.02, 0.03), ("random", "env", "c", 0.3, 0.03),
        ("random", "env", "d", 0.34, 0.03),
    ))  # fmt: skip
    text = some["Not told apart from env"]
    assert text.startswith("a (up to 0.000) and b (up to 0.050): the interval")
    assert "does not prove" in text
    assert some["Nearest to env"] == "c on random. This is not settled: on random the intervals of c and d overlap."
    apart = said(results(("random", "env", "a", 0.2, 0.03), ("random", "env", "b", 0.4, 0.03)))
    assert "Told apart from env" in apart
    assert "Not told apart from env" not in apart
    assert apart["Nearest to env"] == "a on random."


def test_a_difference_within_intervals_is_no_dependence_on_coverage() -> None:
    wide = said(results(("random", "env", "a", 0.2, 0.1), ("expert", "env", "a", 0.35, 0.1)))
    assert "The answer depends on coverage" not in wide
    narrow = said(results(("random", "env", "a", 0.2, 0.01), ("expert", "env", "a", 0.35, 0.01)))
    assert "The answer depends on coverage" in narrow


def test_too_few_samples_are_remarked_upon_beyond_what_chance_does() -> None:
    def convergence(outside: int, of: int = 40) -> Results:
        halves = [0.5 if i < outside else 0.31 for i in range(of)]
        both = [{"half": distance(value), "full": distance(0.3)} for value in halves]
        place = {"method": "epic", "coverage": "random", "a": "env", "b": "a"}
        return results(("random", "env", "a", 0.3, 0.03), convergence=[place | entry for entry in both])

    assert "Too few samples" not in said(convergence(2))  # one in twenty is what a 95 % interval promises
    assert said(convergence(8))["Too few samples"].startswith("8 of 40 EPIC distances")


def test_a_ranking_only_method_is_not_what_conclusions_are_drawn_from() -> None:
    data = sample(NAMES[:3], ("random",), ("starc", "epic"), steps=10)
    some = Results(data)
    assert some.method == "epic"
    assert some.ranking_only("starc")
    without_methods = Results({key: data[key] for key in ("rewards", "distances")})
    assert without_methods.ranking_only("starc")
    assert not without_methods.ranking_only("epic")


def test_policies_whose_intervals_overlap_are_not_ranked() -> None:
    policies = [
        {"reward": "a", "seeds": 3, "fitness": {"mean": 0.5, "low": 0.4, "high": 0.6}},
        {"reward": "env", "seeds": 3, "fitness": {"mean": 0.55, "low": 0.45, "high": 0.65}},
        {"reward": "b", "seeds": 1, "fitness": {"mean": 0.0, "low": None, "high": None}},
    ]
    text = said(results(("random", "env", "a", 0.3, 0.03), policies=policies))["After training"]
    assert text == (
        "Policies trained on env reach the highest fitness, 0.550 [0.450 to 0.650, 3 seeds]; on b the lowest, 0.000 "
        "[no interval, 1 seed]. The intervals of a overlap with the best one's: their order is not settled."
    )

"""Scores by hand, and what must not change them."""

from __future__ import annotations

import random

import pytest

from reward_designers.embeddings import Embedder, EmbeddingError
from reward_designers.errors import RewardError
from reward_designers.factored import score
from reward_designers.factored.similarity import EmbeddingSimilarity

MUG = ("mug", {"temperature": "hot", "location": "sidetable"})


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ([], 0.0),
        ([("mug 1", {})], 0.0),
        ([("mug 1", {"temperature": "hot", "location": ["hand"]})], 0.5),
        ([("mug 1", {"temperature": "hot", "location": ["shelf 1", "sidetable 2"]})], 1.0),  # it lies in two places
        ([("mug 1", {"temperature": "hot"}), ("mug 2", {"location": ["sidetable 1"]})], 0.5),  # halves of two mugs
        ([("cup 1", {"temperature": "hot", "location": ["sidetable 1"]})], 0.0),
        ([("MUG  1", {"Temperature": "Hot", "location": "SideTable 1"})], 1.0),
    ],
)
def test_one_object(state: list, expected: float) -> None:
    assert score(state, [MUG]) == expected


def test_a_goal_object_without_attributes_counts_by_identity() -> None:
    assert score([("key 3", {})], [("key", {})]) == 1.0
    assert score([("key 3", {})], [("key 4", {})]) == 0.0
    assert score([("key 3", {}), ("door 1", {"door": "locked"})], [("key", {}), ("door", {"door": "open"})]) == 0.5


def test_the_mean_over_goal_objects() -> None:
    goal = [("cd", {"location": "hand"}), ("desklamp", {"power": "on", "near": True})]
    lit = ("desklamp 1", {"power": "on"})
    assert score([lit], goal) == 0.25
    assert score([("desklamp 1", {"power": "on", "near": True})], goal) == 0.5
    assert score([("cd 1", {"location": ["hand"]}), ("desklamp 1", {"power": "on", "near": True})], goal) == 1.0


def test_two_need_two_distinct_instances() -> None:
    """Matching each goal object by itself, as the paper does, would give 1 for one bottle."""
    goal = [("spraybottle", {"location": "garbagecan"})] * 2
    assert score([("spraybottle 1", {"location": ["garbagecan 1"]})], goal) == 0.5
    both = [("spraybottle 1", {"location": ["garbagecan 1"]}), ("spraybottle 2", {"location": ["garbagecan 1"]})]
    assert score(both, goal) == 1.0


def test_the_assignment_is_the_best_one() -> None:
    """The first goal object prefers the bottle that only the second can use: .9 + .8 beats 1 + 0."""
    worth = {("a", "x"): 1.0, ("a", "y"): 0.9, ("b", "x"): 0.8, ("b", "y"): 0.0}
    found = score([("x", {}), ("y", {})], [("a", {}), ("b", {})], similarity=lambda want, have: worth[want, have])
    assert found == pytest.approx((0.9 + 0.8) / 2)


def test_one_and_the_same_place() -> None:
    goal = [("cd", {"location": "safe ?r"})] * 2
    apart = [("cd 1", {"location": ["safe 1"]}), ("cd 2", {"location": ["safe 2"]})]
    together = [("cd 1", {"location": ["safe 2"]}), ("cd 2", {"location": ["safe 2"]})]
    assert score(apart, goal) == 0.5
    assert score(together, goal) == 1.0
    assert score([("cd 1", {"location": ["hand"]})], goal) == 0.0
    assert score([("cd 1", {"location": "safe"})], goal) == 0.5  # no instance is known
    assert score(apart, [("cd", {"location": "safe"})] * 2) == 1.0


def test_graded_values() -> None:
    goal = [("cd", {"location": {"safe": 1.0, "hand": 0.5, "*": 0.25}})]
    places = {"safe 1": 1.0, "hand": 0.5, "shelf 1": 0.25}
    for place, expected in places.items():
        assert score([("cd 1", {"location": [place]})], goal) == expected
    assert score([("cd 1", {"location": ["shelf 1", "hand"]})], goal) == 0.5
    assert score([("cd 1", {"location": []})], goal) == 0.0
    assert score([("cd 1", {})], goal) == 0.0


def test_types_are_exact() -> None:
    goal = [("door", {"open": True})]
    assert score([("door", {"open": True})], goal) == 1.0
    assert score([("door", {"open": False})], goal) == score([("door", {"open": 1})], goal) == 0.0
    assert score([("hero", {"gold": 10.0})], [("hero", {"gold": 10})]) == 1.0
    assert score([("hero", {"gold": 9})], [("hero", {"gold": 10})]) == 0.0
    assert score([("hero", {"gold": None})], [("hero", {"gold": 10})]) == 0.0


def test_all_of_a_wanted_list() -> None:
    assert score([("pack", {"holds": ["key", "rope"]})], [("pack", {"holds": ["key", "lamp"]})]) == 0.5


def test_order_and_irrelevant_objects_change_nothing() -> None:
    rng = random.Random(0)
    kinds, places = ["mug", "cup", "cd"], ["sidetable 1", "sidetable 2", "desk 1", "hand"]
    for _ in range(50):
        state = [
            (f"{rng.choice(kinds)} {i}", {"location": rng.sample(places, rng.randint(1, 2)), "temperature": "hot"})
            for i in range(6)
        ]
        goal = [(rng.choice(kinds), {"location": "sidetable ?r"}) for _ in range(3)] + [MUG]
        expected = score(state, goal)
        more = [*state, ("fridge 1", {"door": "open"}), ("apple 1", {"location": ["fridge 1"]})]
        rng.shuffle(more)
        assert score(more, rng.sample(goal, len(goal))) == pytest.approx(expected, abs=1e-12)
        assert 0.0 <= expected <= 1.0


def test_more_fulfilled_is_never_less() -> None:
    before = [("mug 1", {"location": ["desk 1"]}), ("mug 2", {"temperature": "hot"})]
    after = [("mug 1", {"location": ["desk 1"]}), ("mug 2", {"temperature": "hot", "location": ["sidetable 1"]})]
    assert score(before, [MUG]) == 0.5 < score(after, [MUG]) == 1.0


def test_a_function_of_ones_own_chooses_the_best_attribute() -> None:
    def first_letter(wanted: str, known: str) -> float:
        return float(wanted[0] == known[0])

    assert (
        score([("a 1", {"temp": "cold", "heat": "hot"})], [("apple", {"temperature": "hot"})], similarity=first_letter)
        == 0.0
    )
    assert score([("a 1", {"temp": "high"})], [("apple", {"temperature": "hot"})], similarity=first_letter) == 1.0
    with pytest.raises(RewardError, match=r"similarity of 'apple' and 'a' is 2.0, expected a number from 0 to 1"):
        score([("a", {})], [("apple", {})], similarity=lambda *_: 2.0)


def test_what_cannot_be_scored_is_an_error() -> None:
    with pytest.raises(ValueError, match="the goal has no objects"):
        score([("mug 1", {})], [])
    with pytest.raises(ValueError, match=r"unknown similarity 'exakt'. Did you mean 'exact'"):
        score([], [MUG], similarity="exakt")


def test_by_embeddings() -> None:
    """The attribute is found by its name's nearest, the values compared; instances stay what they are."""
    pytest.importorskip("wordllama")
    goal = [("cup", {"temperature": "hot"})]

    def liked(state: list) -> float:
        return score(state, goal, similarity="embedding")

    assert liked([("cup 1", {"temperature": "hot"})]) == 1.0
    assert 0.2 < liked([("mug 1", {"temperature": "hot"})]) < 1.0
    assert liked([("mug 1", {"temperature": "hot", "color": "cold"})]) > liked([("mug 1", {"temperature": "blue"})])
    assert score([("cup 2", {})], [("cup 1", {})], similarity="embedding") == 0.0


def test_a_failing_embedding_is_no_score() -> None:
    class Broken:
        def encode(self, texts: list[str]) -> None:
            raise OSError("no such model")

    with pytest.raises(EmbeddingError, match=r"Broken failed on .* texts, the first 'mug': no such model"):
        score([("mug 1", {})], [MUG], similarity=EmbeddingSimilarity(Embedder(Broken())))

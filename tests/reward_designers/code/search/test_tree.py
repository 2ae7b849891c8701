"""RF-Agent's tree: selection by hand, values carried upwards, what each operation is shown, failures without value."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from reward_designers.code.search import Candidate, History, Note, Origin, Proposal, Tree
from reward_designers.code.search.tree import OPERATIONS, Node, grow, uct
from tests.reward_designers.code.search.scripted import PROMPTS, Script, program, record


class Author:
    """A model that writes weights 1, 2, 3, ... and verifies each with a score of 0.1 times its number, or nothing."""

    def __init__(self, *, broken: tuple[int, ...] = ()):
        self.broken, self.number, self.verified = broken, 0, 0

    def __call__(self, proposal: Proposal, i: int) -> str:
        if proposal.wants == "answer":
            self.verified += 1
            return f"Hm.\n**Score:** {0.1 * self.verified:.1f}" if self.verified % 2 else "I do not know."
        self.number += 1
        return "def reward(" + str(self.number) if self.number in self.broken else program(float(self.number))


def wave(candidate: Candidate) -> dict[int, float | None]:
    """Scores that go up and down."""
    weight = float(candidate.source.split(": ")[1].split(" ")[0])
    return {0: math.sin(weight), 1: math.sin(weight) + 0.1}


def history(*rounds: list[tuple[float, int, float]]) -> tuple[History, dict[float, str]]:
    """Rounds of (weight, parent's weight or 0, score)."""
    made, keys = History(), {0.0: ""}
    for programs in rounds:
        for weight, parent, score in programs:
            parents = (keys[parent],) if parent else ()
            candidate = Candidate.of(program(weight), Origin("mutate_structure", parents), fields=["speed"])
            made.add(candidate)
            made.update(made[candidate.key].trained({0: score}, 10, record()))
            keys[weight] = candidate.key
        made.end_round()
    return made, keys


def test_uct_by_hand() -> None:
    """sqrt(2 ln 3) = 1.482304; softmax(0.5, -0.5) = (0.731059, 0.268941); lambda = 0.4."""
    a, b = Node("a", q=0.5, visits=1, verification=0.5), Node("b", q=0.0, visits=1, verification=-0.5)
    values = uct(Node("", visits=2), [a, b], [Node(""), a, b], 0.4)
    np.testing.assert_allclose(values, [1 + 0.4 * (1.482304 + 0.731059), 0.4 * (1.482304 + 0.268941)], atol=1e-6)


def test_uct_with_equal_values_is_finite() -> None:
    a, b = Node("a", q=2.0, visits=1), Node("b", q=2.0, visits=3)
    values = uct(Node("", visits=4), [a, b], [a, b], 0.4)
    assert np.isfinite(values).all()
    assert values[0] > values[1]


def test_values_are_carried_upwards() -> None:
    """Root's child 1 (score 4) gets a child 2 (score 10): at the end of the search the mean counts for nothing."""
    made, keys = history([(1.0, 0, 4.0)], [(2.0, 1, 10.0)])
    nodes = grow(made, programs=2)
    assert nodes[keys[1.0]].q == pytest.approx(0.3 * 4 + 0.7 * 10)
    assert (nodes[""].visits, nodes[keys[1.0]].visits, nodes[keys[2.0]].visits) == (2, 2, 1)
    assert nodes[keys[2.0]].depth == 2
    # With 4 programs in all, half of the decay is left after the second: b = 0.075.
    assert grow(made, programs=4)[keys[1.0]].q == pytest.approx((1 - 0.7 - 0.075) * 4 + 0.7 * 10 + 0.075 * 10)


def test_the_walk_follows_good_branches_and_comes_back_to_rare_ones() -> None:
    made, keys = history([(1.0, 0, 1.0), (2.0, 0, 9.0)], [(3.0, 2, 8.0), (4.0, 2, 2.0)])
    tree = Tree(PROMPTS, roots=2, programs=20, verify=False)
    assert tree.choose(grow(made, 20), 4).key == keys[3.0]
    nodes = grow(made, 20)
    nodes[keys[2.0]].visits = nodes[""].visits = 10**6
    assert tree.choose(nodes, 4).key == keys[1.0]


def test_deep_nodes_are_not_expanded() -> None:
    made, keys = history([(1.0, 0, 1.0)], [(2.0, 1, 9.0)])
    tree = Tree(PROMPTS, roots=1, programs=20, depth=2, verify=False)
    assert tree.choose(grow(made, 20), 2).key == keys[1.0]


def test_failed_programs_have_no_value_and_do_not_flatten_the_others() -> None:
    """In the public code a failure counts as -10000, after which all others look alike."""
    made, _ = history([(1.0, 0, 1.0), (2.0, 0, 9.0)])
    expected = {key: node.q for key, node in grow(made, 20).items()}
    bad = Candidate.of(program(3.0), Origin("first"), fields=["speed"])
    made.candidates[bad.key] = bad.trained({0: math.nan}, 10)
    assert {key: node.q for key, node in grow(made, 20).items()} == expected
    assert bad.key not in grow(made, 20)


def test_an_expansion_uses_every_operation() -> None:
    script = Script(Tree(PROMPTS, roots=3, programs=30, verify=False), Author(), wave)
    assert script.step()
    assert script.step()
    first, second = script.log
    assert [p.operation for p in first] == ["first"]
    asked: Counter[str] = Counter()
    for proposal in second:
        assert proposal.prompt is not None
        asked[proposal.operation] += proposal.prompt.n
    assert asked == Counter(OPERATIONS)
    assert len({p.prompt.hash for p in second if p.prompt}) == len(second)  # equal prompts would bring equal replies
    assert len({p.about[0] for p in second}) == 1  # all from one leaf
    labels = [p.prompt.label for p in second if p.prompt]
    assert len(set(labels)) == len(labels)


def test_what_each_operation_is_shown() -> None:
    made, keys = history([(1.0, 0, 1.0), (2.0, 0, 9.0)], [(3.0, 2, 12.0)])
    tree = Tree(PROMPTS, roots=2, programs=20, verify=False)
    found = {p.operation: p for p in tree.propose(made)}
    leaf = keys[3.0]

    def shown(operation: str) -> list[float]:
        prompt = found[operation].prompt
        assert prompt is not None
        content = prompt.messages[1]["content"]
        places = {w: content.find(program(w).strip()) for w in (1.0, 2.0, 3.0)}
        return sorted((w for w in places if places[w] >= 0), key=lambda w: places[w])

    assert all(p.about[0] == leaf for p in found.values())
    assert shown("mutate_structure") == shown("mutate_parameters") == [3.0]
    assert shown("path") == [2.0, 3.0]
    assert shown("crossover")[-1] == 3.0
    assert len(shown("crossover")) >= 2
    assert shown("different") == [1.0, 3.0]  # from another branch
    assert found["path"].prompt is not None
    assert "speed: [0, 1, 2" in found["path"].prompt.messages[1]["content"]


def test_verification_comes_before_the_next_expansion_and_is_read_leniently() -> None:
    script = Script(Tree(PROMPTS, roots=3, programs=6), Author(), wave)
    script.step()
    script.step()
    assert [p.operation for p in script.log[1]] == ["verify"] * 3
    assert [note.value for note in script.history.notes] == [0.1, None, 0.3]
    nodes = grow(script.history, 6)
    assert [node.verification for node in nodes.values()] == [0.0, 0.1, 0.0, 0.3]
    assert script.step()
    assert script.log[2][0].operation == "mutate_structure"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Score: -0.5", -0.5),
        ("score = 7", 1.0),
        ("Score: 1 ... no, score: -3", -1.0),
        ("0.5", None),
        ("Score: **-.25**/1", -0.25),
    ],
)
def test_scores_in_verifications(text: str, value: float | None) -> None:
    made, keys = history([(1.0, 0, 1.0)])
    tree = Tree(PROMPTS, roots=1)
    (proposal,) = tree.propose(made)
    tree.observe(made, proposal, text)
    assert made.notes == [Note("verify", (keys[1.0],), text, value)]


def test_the_search_ends_at_its_number_of_programs_whatever_fails() -> None:
    script = Script(Tree(PROMPTS, roots=4, programs=21), Author(broken=(2, 7, 8, 9, 20)), wave).run()
    good = [c for c in script.history.candidates.values() if c.values is not None]
    assert len(good) == 21
    assert len({c.key for c in good}) == 21
    assert len(script.history.candidates) == 26
    assert max(node.depth for node in grow(script.history, 21).values()) >= 3


def test_a_tree_whose_roots_all_fail_is_planted_again() -> None:
    script = Script(Tree(PROMPTS, roots=2, programs=2), Author(broken=(1, 2)), wave).run()
    assert [p[0].operation for p in script.log] == ["first", "retry"]


def test_resuming_from_the_history_gives_the_same_search() -> None:
    made = [
        Script(Tree(PROMPTS, roots=3, programs=24, seed=1), Author(broken=(5, 11)), wave, reread=reread).run()
        for reread in (False, True)
    ]
    assert made[0].log == made[1].log
    assert made[0].history == made[1].history


def test_another_seed_crosses_other_programs() -> None:
    made, _ = history([(float(w), 0, float(w)) for w in range(1, 9)])
    prompts = [[p.about for p in Tree(PROMPTS, verify=False, seed=seed).propose(made)] for seed in (0, 1)]
    assert prompts[0] != prompts[1]


def test_trees_that_cannot_grow_are_refused() -> None:
    with pytest.raises(ValueError, match="roots=9, programs=8"):
        Tree(PROMPTS, roots=9, programs=8)

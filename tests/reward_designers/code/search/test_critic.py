"""Auto MC-Reward: nothing is trained before it is read, and the reward is bounded."""

from __future__ import annotations

import numpy as np
import pytest

from reward_designers.code import CodeReward, ProgramRejected, parse_program
from reward_designers.code.search import Candidate, Critic, Prompts, Proposal, bounded
from reward_designers.code.search.critic import verdict
from tests.reward_designers.code.search.scripted import PROMPTS, WORLD, Script, transitions

WRITTEN = """import numpy as np

GOAL = 1.0


def sparse(next_speed, goal=GOAL):
    return (next_speed > goal) * 1.0 - (next_speed < -goal)


def dense(speed, next_speed, *, scale=5.0):
    return scale * (next_speed - speed)
"""


def written(number: int) -> str:
    return WRITTEN.replace("1.0\n", f"{number}.0\n", 1)


def test_the_reward_is_bounded() -> None:
    program = parse_program(bounded(WRITTEN), fields=["speed"])
    assert program.arguments == ("next_speed", "speed")
    t = transitions(7)
    t = type(t)({**t.state, "speed": np.array([0, 0, 0, 0.0, 1, 1, 1])}, *list(vars(t).values())[1:])
    next_speed = np.array([2.0, 0.5, -0.5, -3, 1.0, 2.0, np.inf])
    t = type(t)(t.state, t.action, {**t.state, "speed": next_speed}, t.terminated, t.truncated)
    components = CodeReward(bounded(WRITTEN), ("speed",), sandbox="none")(t)
    np.testing.assert_array_equal(components["sparse"], [1, 0, 0, -1, 0, 1, 1])
    np.testing.assert_allclose(components["dense"], [0.1, 0.1, -0.1, -0.1, 0, 0.1, 0.1])


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def sparse(obs): return obs[:, 0]", "no function 'dense'; there is sparse"),
        ("x = 1", "no function 'sparse'; there is none at all"),
        (WRITTEN + "def reward(obs): return obs[:, 0]", "added by itself"),
        ("def sparse(*obs): return 0\ndef dense(obs): return 0", "without"),
        ("def sparse(", "syntax error"),
    ],
)
def test_what_cannot_be_bounded_is_rejected(source: str, reason: str) -> None:
    with pytest.raises(ProgramRejected, match=reason):
        bounded(source)


def test_verdicts() -> None:
    assert verdict("Fine.\nVerdict: accept") == 1.0
    assert verdict("**Verdict:** Revise.") == 0.0
    assert verdict("I would say verdict: accept if ... but no.\nVERDICT - revise") == 0.0
    assert verdict("I like it.") is None


class Author:
    """A model that writes programs 1, 2, 3, ...; the critic sends some back."""

    def __init__(self, *bad: int):
        self.bad, self.number = bad, 0

    def __call__(self, proposal: Proposal, i: int) -> str:
        if proposal.operation == "critique":
            assert proposal.prompt is not None
            shown = proposal.prompt.messages[1]["content"]
            number = int(shown.split("GOAL = ")[1].split(".")[0])
            return f"Fault {number}. Verdict: revise" if number in self.bad else "Good. Verdict: accept"
        if proposal.operation == "analyse":
            return "It falls on its nose."
        self.number += 1
        return written(self.number)


def scores(candidate: Candidate) -> dict[int, float | None]:
    return {0: float(candidate.source.split("GOAL = ")[1].split("\n")[0]), 1: 0.0}


def test_nothing_is_trained_that_was_not_accepted() -> None:
    script = Script(Critic(PROMPTS, samples=2, iterations=1), Author(2), scores).run()
    assert [[p.operation for p in proposals] for proposals in script.log] == [
        ["first"],
        ["critique", "critique"],
        ["revise"],
        ["critique"],
    ]
    trained = [script.history[key] for key in script.trained]
    assert [c.source.split("GOAL = ")[1][0] for c in trained] == ["1", "3"]
    (rejected,) = (c for c in script.history.candidates.values() if c.rejection)
    assert rejected.failure == "critic: Fault 2. Verdict: revise"
    assert trained[1].origin.parents == (rejected.key,)
    revise = script.log[2][0].prompt
    assert revise is not None
    assert "A review before training rejected it: Fault 2." in revise.messages[-1]["content"]
    assert "def reward" not in revise.messages[-2]["content"]  # the model sees what it wrote


def test_a_revision_belongs_to_the_round_of_its_program() -> None:
    script = Script(Critic(PROMPTS, samples=2, iterations=2), Author(2), scores).run()
    assert [p[0].operation for p in script.log] == [
        *("first", "critique", "revise", "critique"),
        *("analyse", "improve", "critique"),
    ]


def test_what_was_accepted_does_not_wait_for_a_revision_that_is_no_program() -> None:
    author = Author(2)
    script = Script(
        Critic(PROMPTS, samples=2, iterations=1),
        lambda p, i: "def sparse(" if p.operation == "revise" else author(p, i),
        scores,
    ).run()
    assert [p[0].operation for p in script.log] == ["first", "critique", "revise"]
    assert len(script.trained) == 1


def test_revisions_are_limited_and_a_round_that_failed_is_repeated() -> None:
    script = Script(Critic(PROMPTS, samples=1, iterations=1, revisions=2), Author(1, 2, 3), scores)
    script.designer.revisions = 1  # type: ignore[attr-defined]
    script.run()
    operations = [p[0].operation for p in script.log]
    assert operations == ["first", "critique", "revise", "critique", "retry", "critique", "revise", "critique"]
    assert len(script.trained) == 1
    assert script.log[4][0].prompt is not None
    assert "Fault 2" in script.log[4][0].prompt.messages[1]["content"]


def test_the_worst_episodes_are_analysed_before_the_next_round() -> None:
    script = Script(Critic(PROMPTS, samples=1, iterations=2), Author(), scores).run()
    assert [p[0].operation for p in script.log] == ["first", "critique", "analyse", "improve", "critique"]
    analyse, improve = script.log[2][0].prompt, script.log[3][0].prompt
    assert analyse is not None
    assert improve is not None
    assert "37 steps, ended by itself" in analyse.messages[1]["content"]
    assert "An analysis of its worst episodes:\n\nIt falls on its nose." in improve.messages[-1]["content"]


def test_resuming_from_the_history_gives_the_same_search() -> None:
    made = [
        Script(Critic(PROMPTS, samples=2, iterations=3), Author(2, 5), scores, reread=reread).run()
        for reread in (False, True)
    ]
    assert made[0].log == made[1].log
    assert made[0].history == made[1].history


def test_a_potential_has_no_bound_of_this_kind() -> None:
    with pytest.raises(ValueError, match="potential"):
        Critic(Prompts(WORLD, "potential"))

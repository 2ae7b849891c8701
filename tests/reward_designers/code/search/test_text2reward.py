"""Text2Reward: examples, never of the task itself, and refinement by a person."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reward_designers.code.search import Candidate, Example, History, Prompts, Proposal, Text2Reward
from reward_designers.code.search.text2reward import retrieve
from tests.reward_designers.code.search.scripted import PROMPTS, WORLD, Script, program

EXAMPLES = [
    Example("Reacher", "Bring the fingertip to the target.", "def reward(obs):\n    return obs[:, 0]"),
    Example("Hopper", "Hop forward fast.", "def reward(next_speed):\n    return next_speed"),
    Example("Walker2d", "Walk forward fast.", "def reward(next_speed):\n    return 2 * next_speed"),
    Example("Hopper", "Stand upright.", "def reward(next_height):\n    return next_height"),
]


def test_the_most_similar_solved_task_and_never_the_task_itself() -> None:
    assert retrieve(EXAMPLES, WORLD, 1) == [EXAMPLES[2]]
    assert retrieve(EXAMPLES, WORLD, 9) == [EXAMPLES[2], EXAMPLES[3], EXAMPLES[0]]
    assert retrieve(EXAMPLES, replace(WORLD, task="hop FORWARD, fast"), 9) == [EXAMPLES[2], EXAMPLES[3], EXAMPLES[0]]
    assert retrieve(EXAMPLES, replace(WORLD, task="Stand upright now."), 1) == [EXAMPLES[3]]
    assert retrieve([], WORLD, 1) == []


@pytest.mark.parametrize("shots", [0, 1, 2])
def test_shots(shots: int) -> None:
    (proposal,) = Text2Reward(PROMPTS, examples=EXAMPLES, shots=shots).propose(History())
    assert proposal.prompt is not None
    content = proposal.prompt.messages[1]["content"]
    assert content.count("Environment ") == shots
    assert ("2 * next_speed" in content) == (shots > 0)
    assert EXAMPLES[1].program not in content


def person(*sentences: str, start: int = 1):
    """A model that writes ever larger weights, and a person who says these sentences."""
    said, weights = iter(sentences), iter(range(start, 100))

    def reply(proposal: Proposal, i: int) -> str:
        return next(said) if proposal.wants == "sentence" else program(float(next(weights)))

    return reply


def falling(candidate: Candidate) -> dict[int, float | None]:
    """Each program scores less than the one before it: a person may want that."""
    return {0: -float(candidate.source.split(": ")[1].split(" ")[0])}


def test_refinement_follows_the_person_not_the_score() -> None:
    script = Script(Text2Reward(PROMPTS), person("Do not lean back.", "Slower.", ""), falling).run()
    assert [p[0].operation for p in script.log] == ["first", "feedback", "refine", "feedback", "refine", "feedback"]
    refined = script.log[4][0].prompt
    assert refined is not None
    assert "- Slower." in refined.messages[-1]["content"]
    assert "lean back" not in refined.messages[-1]["content"]
    assert program(2.0).strip() in refined.messages[-2]["content"]


def test_refinements_are_limited() -> None:
    script = Script(Text2Reward(PROMPTS, refinements=1), person("Again."), falling).run()
    assert [p[0].operation for p in script.log] == ["first", "feedback", "refine"]
    assert [p[0].operation for p in Script(Text2Reward(PROMPTS, refinements=0), person(), falling).run().log] == [
        "first"
    ]


def test_a_program_that_fails_is_written_again() -> None:
    texts = iter(["no program", program(1.0)])
    script = Script(Text2Reward(PROMPTS, refinements=0), lambda p, i: next(texts), falling).run()
    assert [p[0].operation for p in script.log] == ["first", "retry"]


def test_a_refinement_that_fails_is_repeated_with_its_error() -> None:
    texts = iter([program(1.0), "Faster.", "def reward(", program(2.0), ""])
    script = Script(Text2Reward(PROMPTS), lambda p, i: next(texts), falling).run()
    assert [p[0].operation for p in script.log] == ["first", "feedback", "refine", "refine", "feedback"]
    assert script.log[3][0].prompt is not None
    said = script.log[3][0].prompt.messages[-1]["content"]
    assert "syntax error" in said
    assert "- Faster." in said


def test_resuming_from_the_history_gives_the_same_search() -> None:
    made = [
        Script(Text2Reward(Prompts(WORLD)), person("Left.", "Right.", ""), falling, reread=reread).run()
        for reread in (False, True)
    ]
    assert made[0].log == made[1].log
    assert made[0].history == made[1].history

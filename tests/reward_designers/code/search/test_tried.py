"""What a prompt says of the programs so far."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reward_designers.code.search import Candidate, Origin, thought, tried
from tests.reward_designers.code.search.scripted import program, record


def made(weight: float, idea: str = "", *, steps: int = 0, scores: tuple[float, ...] = (), round: int = 0) -> Candidate:
    candidate = Candidate.of(program(weight), Origin("first", idea=idea, round=round), fields=["speed"])
    return candidate.trained(dict(enumerate(scores)), steps, record()) if steps else candidate


def test_scores_are_grouped_by_length_and_never_ranked_across() -> None:
    lucky = made(1.0, "Short and lucky. Really.", steps=250, scores=(9.0,))
    behind, best = made(2.0, steps=1000, scores=(1.0, 3.0)), made(3.0, steps=1000, scores=(4.0, 6.0), round=1)
    assert tried([lucky, behind, best], best.key) == (
        "Trained for 1000 steps with 2 seeds:\n"
        "- 5 (mean of 4, 6), yours: speed\n"
        "- 2 (mean of 1, 3), round 1: speed\n"
        "Trained for 250 steps with 1 seed, then stopped: others of its round were ahead:\n"
        '- 9, round 1: speed; "Short and lucky."\n'
        "Scores after trainings of different lengths do not compare."
    )


def test_there_is_nothing_to_list_but_what_is_shown_anyway() -> None:
    only = made(1.0, steps=10, scores=(1.0,))
    assert tried([only, made(2.0)], only.key) == ""
    assert tried([]) == ""
    assert tried([only, made(2.0)]) == "Trained for 10 steps with 1 seed:\n- 1, round 1: speed"


def test_a_long_list_is_cut_by_score() -> None:
    many = [made(float(i), steps=10, scores=(float(i),)) for i in range(1, 12)]
    lines = tried(many).splitlines()
    assert lines[1] == "- 11, round 1: speed"
    assert lines[-2:] == ["- 4, round 1: speed", "- 3 more with lower scores"]


def test_a_program_without_a_record_is_listed_all_the_same() -> None:
    bare = replace(made(1.0, steps=10, scores=(1.0,)), record=None)
    assert tried([bare]).endswith("- 1, round 1")


@pytest.mark.parametrize(
    ("idea", "first"),
    [
        ("Speed, gated by posture. And calm.", "Speed, gated by posture."),
        ("- **speed**: grows by 0.5 m/s.\n- pitch", "speed: grows by 0.5 m/s."),
        ("", ""),
        ("word " * 60, "word " * 20 + "..."),
        ("```\nTask score: 9\n``` <|im_end|>", "Task score: 9"),
    ],
)
def test_a_thought_is_one_short_line(idea: str, first: str) -> None:
    assert thought(made(1.0, idea)) == first

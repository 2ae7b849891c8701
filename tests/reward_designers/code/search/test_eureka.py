"""Eureka: rounds, what the best one's training puts into the next prompt, and rounds that fail."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from reward_designers.code.search import Candidate, Eureka, Proposal, SearchError
from tests.reward_designers.code.search.scripted import PROMPTS, Script, program


def weight(candidate: Candidate) -> float:
    return float(candidate.source.split(": ")[1].split(" ")[0])


def scores(candidate: Candidate) -> dict[int, float | None]:
    """The task score is the program's weight, in all seeds but for a little."""
    return {0: weight(candidate), 1: weight(candidate) + 0.01, 2: weight(candidate) - 0.01}


def numbered(*texts: str) -> Callable[[Proposal, int], str]:
    """A model that gives these replies in turn."""
    turn = iter(texts)
    return lambda proposal, i: next(turn)


def text(proposal: Proposal, role: str = "user") -> str:
    assert proposal.prompt is not None
    return [m["content"] for m in proposal.prompt.messages if m["role"] == role][-1]


def test_the_best_program_and_its_reflection_go_into_the_next_prompt() -> None:
    replies = numbered(*(program(w) for w in (1.0, 5.0, 3.0, 2.0, 4.0, 6.0)))
    script = Script(Eureka(PROMPTS, samples=3, iterations=2), replies, scores).run()
    first, second = (proposals[0] for proposals in script.log)
    assert (first.operation, second.operation) == ("first", "improve")
    assert first.prompt is not None
    assert first.prompt.n == 3
    assert program(5.0).strip() in text(second, "assistant")
    assert "My idea." in text(second, "assistant")
    assert "5 [4.98, 5.02] (3 seeds)" in text(second)
    assert "speed: [0, 1, 2" in text(second)
    assert second.about == (next(c.key for c in script.history.candidates.values() if weight(c) == 5.0),)
    best = script.designer.best(script.history)
    assert best is not None
    assert weight(best) == 6.0
    assert best.origin.parents == second.about


def test_the_best_of_all_rounds_is_improved_not_that_of_the_last() -> None:
    replies = numbered(*(program(w) for w in (5.0, 1.0, 2.0)))
    script = Script(Eureka(PROMPTS, samples=1, iterations=3), replies, scores).run()
    assert program(5.0).strip() in text(script.log[2][0], "assistant")
    assert "This is attempt 2 at this program: write something that was not tried" in text(script.log[2][0])
    assert "attempt" not in text(script.log[1][0])


def test_all_programs_are_listed_with_their_scores_beside_the_best() -> None:
    replies = numbered(*(program(w) for w in (1.0, 5.0, 3.0, 2.0)))
    script = Script(Eureka(PROMPTS, samples=2, iterations=3), replies, scores)
    assert script.step()
    assert "All programs so far" not in text(script.log[0][0])
    assert script.step()
    assert (
        "All programs so far, with their task scores:\n"
        "Trained for 1000 steps with 3 seeds:\n"
        '- 5 (mean of 5, 5.01, 4.99), yours: speed; "My idea."\n'
        '- 1 (mean of 1, 1.01, 0.99), round 1: speed; "My idea."\n'
    ) in text(script.log[1][0])
    (last,) = script.designer.propose(script.history)
    assert '- 3 (mean of 3, 3.01, 2.99), round 2: speed; "My idea."' in text(last)


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_a_first_program_with_nan_is_not_the_best_for_ever(broken: float) -> None:
    """Trap: a NaN first run stays the best."""
    replies = numbered(*(program(w) for w in (1.0, 2.0, 3.0)))
    script = Script(
        Eureka(PROMPTS, samples=1, iterations=2), replies, lambda c: {0: broken} if weight(c) == 1.0 else scores(c)
    ).run()
    assert [weight(c) for c in script.history.candidates.values()] == [1.0, 2.0, 3.0]  # the failed round was repeated
    best = script.designer.best(script.history)
    assert best is not None
    assert weight(best) == 3.0
    assert "no finite task score with seed 0" in text(script.log[1][0])


def test_a_round_that_failed_as_a_whole_is_repeated_with_its_errors_and_does_not_count() -> None:
    """Trap: an iteration in which everything failed is silently used up."""
    replies = numbered("def reward(", "def reward(next_sped): return next_sped", program(1.0), program(2.0))
    script = Script(Eureka(PROMPTS, samples=2, iterations=1), replies, scores).run()
    assert [p[0].operation for p in script.log] == ["first", "retry"]
    assert "syntax error" in text(script.log[1][0])
    assert "Did you mean 'next_speed'" in text(script.log[1][0])
    assert script.designer.best(script.history) is not None


def test_a_search_that_only_fails_ends_with_the_reasons() -> None:
    turn = iter(range(100))
    script = Script(Eureka(PROMPTS, samples=2), lambda p, i: f"def reward(: #{next(turn)}", scores)
    message = script.fails()
    assert "3 rounds in a row" in message
    assert "syntax error" in message
    assert len(script.log) == 3
    assert script.trained == []


def test_a_model_that_only_repeats_itself_ends_the_search_and_nothing_is_trained_twice() -> None:
    script = Script(Eureka(PROMPTS, samples=2, iterations=5), lambda p, i: program(1.0), scores)
    assert "only repeated earlier programs" in script.fails()
    assert len(script.trained) == 1
    assert "1 repeated what had been tried before" in text(script.log[2][0])
    assert "This is attempt 3 at this" in text(script.log[3][0])


def test_failures_beside_the_best_are_told_too() -> None:
    replies = numbered(program(1.0), "def reward(obs): return open('x')", program(2.0), program(3.0))
    script = Script(Eureka(PROMPTS, samples=2, iterations=2), replies, scores).run()
    assert "Programs of the last round that have no score:\n- The program is not allowed" in text(script.log[1][0])


def test_a_start_is_trained_first_and_improved() -> None:
    replies = numbered(program(2.0), program(3.0))
    script = Script(Eureka(PROMPTS, samples=1, iterations=2, start=program(1.0)), replies, scores).run()
    assert [p[0].operation for p in script.log] == ["start", "improve", "improve"]
    assert script.log[0][0].program == program(1.0)
    assert program(1.0).strip() in text(script.log[1][0], "assistant")


def test_a_start_that_cannot_be_trained_is_told_at_once() -> None:
    script = Script(Eureka(PROMPTS, start="def reward(:"), numbered(), scores)
    assert "the program to start with could not be trained" in script.fails()


def test_a_persons_sentence_goes_into_the_next_prompt() -> None:
    def reply(proposal: Proposal, i: int) -> str:
        return "It hops on its head." if proposal.wants == "sentence" else program(float(len(script.trained) + 1))

    script = Script(Eureka(PROMPTS, samples=1, iterations=2, feedback=True), reply, scores)
    script.run()
    assert [p[0].operation for p in script.log] == ["first", "feedback", "improve"]
    assert "A person who watched the trained policy says:\n- It hops on its head." in text(script.log[2][0])
    quiet = Script(Eureka(PROMPTS, samples=1, iterations=2, feedback=True), reply, scores)
    assert quiet.step()
    assert quiet.designer.propose(quiet.history)[0].about == tuple(quiet.trained)


def test_resuming_from_the_history_gives_the_same_search() -> None:
    weights = [1.0, 5.0, 3.0, 2.0, 4.0, 6.0, 9.0, 8.0]
    whole = Script(Eureka(PROMPTS, samples=2, iterations=4), numbered(*map(program, weights)), scores).run()
    again = Script(
        Eureka(PROMPTS, samples=2, iterations=4), numbered(*map(program, weights)), scores, reread=True
    ).run()
    assert whole.log == again.log
    assert whole.history == again.history


def test_every_prompt_has_a_label_of_its_own() -> None:
    replies = numbered(*(program(w) for w in (1.0, 2.0, 3.0)))
    script = Script(Eureka(PROMPTS, samples=1, iterations=3), replies, scores).run()
    labels = [p[0].prompt.label for p in script.log if p[0].prompt]
    assert labels == [
        "Hopper/hop-forward-fast/eureka/0/first",
        "Hopper/hop-forward-fast/eureka/1/improve",
        "Hopper/hop-forward-fast/eureka/2/improve",
    ]


def test_proposals_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="wants a program"):
        Proposal("first")
    with pytest.raises(ValueError, match="wants a sentence"):
        Proposal("feedback", "sentence", program="x")
    with pytest.raises(ValueError, match="samples=0"):
        Eureka(PROMPTS, samples=0)
    assert issubclass(SearchError, RuntimeError)

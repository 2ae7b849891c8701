"""The search without a language model: programs of weighted terms, and CMA-ES that finds what chance does not."""

from __future__ import annotations

import ast
import math
from dataclasses import replace

import numpy as np
import pytest

from reward_designers.code import CodeReward, parse_program
from reward_designers.code.search import Candidate, Prompts, Weights
from reward_designers.code.search.weights import named_terms
from tests.reward_designers.code.search.scripted import PROMPTS, WORLD, Script, transitions

TARGET = np.array([0.4, -0.3, 0.1, 0.0, 0.1, -0.1])
TERMS = {f"{name}{power}": f"{name} ** {power}" for name in ("next_speed", "next_height") for power in (1, 2, 3)}


def silent(*_: object) -> str:
    raise AssertionError("nothing is asked of a model")


def weights(candidate: Candidate) -> np.ndarray:
    """The numbers in front of the terms."""
    (table,) = (node for node in ast.walk(ast.parse(candidate.source)) if isinstance(node, ast.Dict))
    return np.array([ast.literal_eval(value.left) for value in table.values if isinstance(value, ast.BinOp)])


def near(candidate: Candidate) -> dict[int, float | None]:
    """The nearer to the target weights, the better."""
    return {0: -float(np.linalg.norm(weights(candidate) - TARGET))}


def test_the_terms_are_the_named_numbers_effort_and_survival() -> None:
    terms = named_terms(WORLD)
    assert list(terms) == ["height", "speed", "effort", "survival"]
    t = transitions()
    source = Weights(PROMPTS).program(np.array([2.0, -1.0, 1.0, 4.0]))
    found = CodeReward(source, WORLD.field_names, sandbox="none")(t)
    for name, weight in (("height", 0.25), ("speed", -0.125)):
        seen = t.next_state[name]
        unit = 2 * (seen - seen.min()) / np.ptp(seen) - 1  # from -1 to 1
        np.testing.assert_allclose(found[name], weight * unit, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["effort"], -0.125 * np.square(t.action).mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(found["survival"], 0.5)


def test_observations_stand_in_where_nothing_is_named() -> None:
    terms = named_terms(replace(WORLD, fields=()))
    assert list(terms) == ["obs_0", "obs_1", "obs_2", "effort", "survival"]
    assert parse_program(Weights(Prompts(replace(WORLD, fields=()))).program(np.ones(5)), fields=[]).inputs == {"obs"}


def test_a_generation_that_failed_is_drawn_anew_and_not_counted() -> None:
    for method in ("random", "cmaes"):
        turn = iter(range(100))
        designer = Weights(PROMPTS, method, population=4, programs=8)  # type: ignore[arg-type]
        script = Script(designer, silent, lambda c: {0: math.nan if next(turn) < 4 else 1.0}).run()  # noqa: B023
        assert len(script.history.candidates) == 12


def test_discrete_actions_have_no_effort_and_endless_worlds_no_survival() -> None:
    action = replace(WORLD.action, shape=(), choices=2)
    assert list(named_terms(replace(WORLD, action=action, terminates=False))) == ["height", "speed"]


@pytest.mark.parametrize("method", ["random", "cmaes"])
def test_a_search_proposes_different_programs_and_ends(method: str) -> None:
    designer = Weights(PROMPTS, method=method, population=4, programs=12)  # type: ignore[arg-type]
    script = Script(designer, silent, lambda c: {0: 1.0}).run()
    assert len(script.history.candidates) == 12
    assert all(parse_program(c.source, fields=WORLD.field_names) for c in script.history.candidates.values())
    assert {c.origin.operation for c in script.history.candidates.values()} == {method}


def test_weights_are_normalized() -> None:
    script = Script(Weights(PROMPTS, population=4, programs=4), silent, lambda c: {0: 1.0}).run()
    for candidate in script.history.candidates.values():
        assert np.abs(weights(candidate)).sum() == pytest.approx(1.0, abs=1e-4)


def test_cmaes_comes_nearer_than_chance() -> None:
    best = {}
    for method in ("random", "cmaes"):
        distances = []
        for seed in range(2):
            designer = Weights(PROMPTS, method, programs=180, seed=seed, terms=TERMS)  # type: ignore[arg-type]
            script = Script(designer, silent, near).run()
            chosen = designer.best(script.history)
            assert chosen is not None
            assert chosen.mean is not None
            distances.append(-chosen.mean)
        best[method] = distances
    assert 3 * max(best["cmaes"]) < min(best["random"]), best


@pytest.mark.parametrize("method", ["random", "cmaes"])
def test_resuming_from_the_history_gives_the_same_search(method: str) -> None:
    made = [
        Script(
            Weights(PROMPTS, method, population=6, programs=36, seed=2, terms=TERMS),  # type: ignore[arg-type]
            silent,
            near,
            reread=reread,
        ).run()
        for reread in (False, True)
    ]
    assert made[0].log == made[1].log
    assert made[0].history == made[1].history


def test_failures_are_last_and_never_the_aim() -> None:
    """Half of the space fails: the search leaves it. As the best, failures would be all that is left."""

    def half(candidate: Candidate) -> dict[int, float | None]:
        x = weights(candidate)
        return {0: math.nan if x[0] > 0 else -abs(float(x[0]) + 0.3)}

    script = Script(Weights(PROMPTS, "cmaes", population=6, programs=60, terms=TERMS), silent, half).run()
    last = [c for i in range(6, 10) for c in script.history.new(i)]
    assert sum(c.mean is None for c in last) < len(last) / 4


def test_a_search_that_only_fails_ends() -> None:
    assert "3 rounds in a row" in Script(Weights(PROMPTS, "cmaes", population=4), silent, lambda c: None).fails()


def test_what_cannot_be_searched_is_refused() -> None:
    with pytest.raises(ValueError, match="Did you mean 'cmaes'"):
        Weights(PROMPTS, "cma")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least two terms"):
        Weights(PROMPTS, terms={"a": "next_speed"})
    with pytest.raises(ValueError, match="not for potentials"):
        Weights(Prompts(WORLD, "potential"))
    with pytest.raises(ValueError, match="nxt_speed"):
        Weights(PROMPTS, terms={"a": "next_speed", "b": "nxt_speed"})

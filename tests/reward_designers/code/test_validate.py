"""The ladder: each rung stops what it should, with words that help."""

from __future__ import annotations

import numpy as np
import pytest

from reward_designers import PotentialShaping, random_batch
from reward_designers.base import Transition
from reward_designers.code import Validation, validate

FIELDS = ("height", "speed")
BATCH = random_batch({"obs": (3,), "height": (), "speed": ()}, 64, action_shape=(2,))
GOOD = "def reward(next_speed, action): return {'speed': next_speed, 'effort': -0.1 * (action**2).sum(-1)}"


def episode(speed: float, steps: int = 10) -> Transition:
    """A trajectory at one speed, and at height 1 - speed."""
    state = {
        "obs": np.zeros((steps, 3)),
        "height": np.full(steps, 1.0 - speed),
        "speed": np.full(steps, speed),
    }
    none = np.zeros(steps, bool)
    return Transition(state, np.zeros((steps, 2)), state, none, none)


def run(source: str, **options: object) -> Validation:
    return validate(source, fields=FIELDS, transitions=BATCH, **options)  # type: ignore[arg-type]


def body(text: str) -> str:
    return f"import numpy as np\n\ndef reward(obs, height):\n    {text}\n"


def test_a_good_program_is_accepted() -> None:
    found = run(GOOD, better=[episode(0.9), episode(1.0)], worse=[episode(0.1), episode(0.2)])
    assert found.accepted
    assert found.findings == ()
    assert found.feedback() == ""
    assert found.agreement == 1.0
    assert found.program is not None
    assert found.program.arguments == ("next_speed", "action")
    speed = found.statistics["speed"]
    values = BATCH.next_state["speed"]
    assert (speed.mean, speed.std) == (pytest.approx(values.mean()), pytest.approx(values.std()))
    assert (speed.low, speed.high) == (values.min(), values.max())
    assert found.reward is not None
    np.testing.assert_array_equal(found.reward(BATCH)["speed"], values)
    found.reward.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("source", "stage", "words"),
    [
        ("def reward(obs:", "program", "line 1: syntax error"),
        ("import os", "program", "line 1: import of 'os' is not allowed"),
        ("def reward(heigth): return heigth", "program", "Did you mean 'height'"),
        ("X = [1.0][3]\ndef reward(obs): return obs[:, 0] * X", "load", "line 1: IndexError: list index out of range"),
        (body("return obs[:, 7]"), "laws", "line 4: IndexError: index 7 is out of bounds"),
        (body("return obs"), "laws", "inputs are batched"),
        (body("return np.sqrt(height)"), "laws", "values are not finite"),
        (body("return height / height.max()"), "laws", "does not depend on the other rows"),
        (body("return {'a': height, 'total': height}"), "laws", "the reward is the sum of the components"),
        (body("height -= 1.0\n    return height"), "laws", "inputs are read-only: work on a copy"),
        (body("while True: pass"), "laws", "it took longer than 1 s"),
    ],
)
def test_errors(source: str, stage: str, words: str) -> None:
    found = run(source, seconds=1.0 if "while True" in source else 20.0)
    assert [f.stage for f in found.findings] == [stage]
    assert words in found.feedback()
    assert found.feedback().startswith(f"Error ({stage}): ")
    assert "reward 'code'" not in found.feedback()
    assert not found.accepted
    assert found.reward is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{'height': height, 'alive': np.ones(len(obs))}", ["'alive' is 1 on all 64 transitions"]),
        ("{'height': height, 'bonus': 1.0 * (obs[:, 0] > 2.0)}", ["'bonus' is 0 on 9", "only rarely"]),
        (
            "{'big': 100 * obs[:, 0], 'small': height}",
            ["'big' makes up 99.2% of what varies", "(small 0.8%): rescale"],
        ),
        ("{'a': 1e4 * height, 'b': 1e4 * obs[:, 0]}", ["standard deviation is"]),
        ("1e-6 * height", ["standard deviation is", "aim for something between"]),
    ],
)
def test_warnings_do_not_refuse(text: str, words: list[str]) -> None:
    found = run(body(f"return {text}"))
    assert found.accepted, found.feedback()
    assert [f.stage for f in found.findings] == ["components"]
    for word in words:
        assert word in found.feedback()


def test_a_program_that_prefers_the_worse_is_refused() -> None:
    source = "def reward(height, speed): return {'up': 2.0 * height, 'fast': speed, 'none': 0.0 * speed + 1.0}"
    found = run(source, better=[episode(0.9), episode(1.0)], worse=[episode(0.1), episode(0.2)])
    assert not found.accepted
    assert found.agreement == 0.0
    text = found.feedback()
    assert "only 0 of 2 trajectories" in text
    assert "'up' 1 against 17: prefers the worse ones" in text
    assert "'fast' 9.5 against 1.5\n" in text
    assert "'none' 10 against 10: sees no difference" in text


def test_four_fifths_of_the_better_ones_are_enough() -> None:
    """CARD's rule: above the best of the worse, not above their mean."""
    better = [episode(speed) for speed in (0.6, 0.7, 0.8, 0.9, 0.3)]
    assert run(GOOD, better=better, worse=[episode(0.1), episode(0.5)]).agreement == 0.8
    assert run(GOOD, better=better, worse=[episode(0.1), episode(0.5)]).accepted
    assert run(GOOD, better=better, worse=[episode(0.65)]).agreement == 0.6
    assert not run(GOOD, better=better, worse=[episode(0.65)]).accepted
    assert run(GOOD, better=better, worse=[]).agreement is None


def test_trajectories_may_differ_in_length() -> None:
    found = run(GOOD, better=[episode(0.9, 20)], worse=[episode(1.0, 3), episode(1.0, 11)])
    assert found.agreement == 1.0  # 18 against 11


def test_a_potential_is_judged_as_it_shapes() -> None:
    source = "def potential(speed): return speed"
    rising, falling = episode(0.0), episode(0.0)
    speeds = np.linspace(0.0, 1.0, 10)
    for trajectory, values in ((rising, speeds), (falling, speeds[::-1])):
        trajectory.state["speed"][:] = values  # type: ignore[index]
    rising.state["speed"][:], falling.state["speed"][:] = 0.0, 1.0  # type: ignore[index]
    better = Transition({**rising.state}, rising.action, {**falling.state}, rising.terminated, rising.truncated)
    worse = Transition({**falling.state}, rising.action, {**rising.state}, rising.terminated, rising.truncated)
    found = run(source, entry="potential", gamma=0.9, better=[better], worse=[worse])
    assert found.accepted, found.feedback()
    assert found.agreement == 1.0
    assert isinstance(found.reward, PotentialShaping)
    expected = 0.9 * np.where(BATCH.terminated, 0.0, BATCH.next_state["speed"]) - BATCH.state["speed"]
    assert found.statistics["potential"].mean == pytest.approx(expected.mean())
    found.reward.phi.close()  # type: ignore[attr-defined]


def test_the_callers_mistakes_are_not_the_programs() -> None:
    with pytest.raises(ValueError, match=r"field, which the transitions lack, 'hight'.*Did you mean 'height'"):
        validate(GOOD, fields=("hight",), transitions=BATCH)
    with pytest.raises(ValueError, match="at least 8"):
        validate(GOOD, fields=FIELDS, transitions=BATCH[:3])

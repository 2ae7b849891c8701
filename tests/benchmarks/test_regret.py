"""The regret benchmark's regrets, against all 3^8 policies of a few worlds."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from benchmarks.regret import ACTIONS, DISCOUNT, STATES, draw_worlds, normalized_regret


@pytest.mark.parametrize("successors", [STATES, 2])
def test_regret_against_all_policies(successors: int, rng: np.random.Generator) -> None:
    angle = np.array([0.1, 1.0, np.pi])
    transition, *rewards = draw_worlds(3, successors, angle, rng)
    assert ((transition > 0).sum(axis=-1) == successors).all()
    policies = np.array(list(product(range(ACTIONS), repeat=STATES)))
    expected = []
    for p, *pair in zip(transition, *rewards, strict=True):
        # What a policy's discounted state visits are, from the uniform start; its return is linear in the reward.
        visits = np.linalg.solve(
            np.eye(STATES) - DISCOUNT * p[np.arange(STATES), policies].swapaxes(1, 2), np.full((STATES, 1), 1 / STATES)
        )[..., 0]
        paid = [(p * reward).sum(axis=-1)[np.arange(STATES), policies] for reward in pair]
        a, b = ((visits * x).sum(axis=1) for x in paid)
        losses = [(x.max() - x[y.argmax()]) / (x.max() - x.min()) for x, y in ((a, b), (b, a))]
        expected.append(np.mean(losses))
    regret = normalized_regret(transition, *rewards)
    np.testing.assert_allclose(regret, expected, atol=1e-9)
    assert regret[2] == pytest.approx(1)  # the opposite reward: all is lost

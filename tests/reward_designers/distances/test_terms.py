"""Sums within sums and multiples, taken apart."""

from __future__ import annotations

import numpy as np
import pytest

from reward_designers import RewardFn, evaluate, random_batch, reward_fn
from reward_designers.distances.terms import weighted_terms
from reward_designers.evaluation import total

FIRST = reward_fn(lambda obs: obs[:, 0])
SECOND = reward_fn(lambda obs: np.square(obs[:, 1]))
SHAPED = SECOND.potential(0.9)
COMPOSED = {
    "itself": (FIRST, [(1.0, FIRST)]),
    "a multiple": (-3.0 * FIRST, [(-3.0, FIRST)]),
    "a multiple of a multiple": (0.5 * (4.0 * FIRST), [(2.0, FIRST)]),
    "a sum": (FIRST + SECOND, [(1.0, FIRST), (1.0, SECOND)]),
    "sums within": (2.0 * (FIRST + 0.25 * (SECOND + -1.0 * FIRST)), [(2.0, FIRST), (0.5, SECOND), (-0.5, FIRST)]),
    "a clipped sum is one": (clipped := (FIRST + SECOND).clip(-1.0, 1.0), [(1.0, clipped)]),
    "a normalized sum is one": (normal := (FIRST + SECOND).normalize(), [(1.0, normal)]),
    "shaping is one": (FIRST + SHAPED, [(1.0, FIRST), (1.0, SHAPED)]),
}  # fmt: skip


@pytest.mark.parametrize("what", COMPOSED)
def test_a_reward_is_the_weighted_sum_of_its_terms(what: str) -> None:
    reward, expected = COMPOSED[what]
    terms = weighted_terms(reward)
    assert [weight for weight, _ in terms] == [weight for weight, _ in expected]
    assert all(term is known for (_, term), (_, known) in zip(terms, expected, strict=True))
    batch = random_batch({"obs": (2,)}, 20)

    def value(reward: RewardFn) -> np.ndarray:
        return total(evaluate(reward, batch))

    np.testing.assert_allclose(value(reward), sum(weight * value(term) for weight, term in terms), rtol=1e-12)

"""Preferences offline: the order is recovered, the threshold is a quantile of steps, the reward stays as it is."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from reward_designers import RewardError, RewardFn, Transition
from reward_designers.intrinsic import IntrinsicReward, Preference
from reward_designers.intrinsic.motif import (
    at_quantile,
    fit_preferences,
    frozen,
    held_out_accuracy,
    order,
    threshold_at,
)

LADDER = ["You fall down.", "It's a wall.", "You see here a key.", "picked up a key", "The door opens."]
COUNTS = dict(zip(LADDER, (10, 50, 25, 10, 5), strict=True))


def compared(ladder: list[str] = LADDER) -> list[Preference]:
    """All pairs, the later one better."""
    return [Preference(a, b, 0.0) for a, b in itertools.combinations(ladder, 2)]


def steps(*captions: str) -> Transition:
    column = np.array(captions, object)[:, None]
    none = np.zeros(column.shape, bool)
    return Transition({}, np.zeros(column.shape), {"caption": column}, none, none)


def test_the_order_is_recovered_and_told() -> None:
    model = fit_preferences(compared(), COUNTS, steps=60)
    assert [(caption, count) for caption, _, count in order(model)] == [(c, COUNTS[c]) for c in LADDER[::-1]]
    scores = np.repeat([score for _, score, _ in order(model)], [COUNTS[c] for c in LADDER[::-1]])
    np.testing.assert_allclose([scores.mean(), scores.std()], [0, 1], atol=1e-6)


def test_the_order_of_the_answers_makes_no_difference() -> None:
    one, other = (fit_preferences(answers, COUNTS, steps=20) for answers in (compared(), compared()[::-1]))
    assert order(one) == order(other)


@pytest.mark.parametrize(("quantile", "unpaid"), [(0.0, 1), (0.1, 1), (0.11, 2), (0.6, 2), (0.85, 3), (1.0, 5)])
def test_a_quantile_of_steps_pays_nothing(quantile: float, unpaid: int) -> None:
    model = fit_preferences(compared(), COUNTS, steps=60)
    reward = frozen(model, quantile, beta=0)
    pay = reward.relabel(steps(*LADDER))["intrinsic"].ravel()
    assert np.flatnonzero(pay == 0).tolist() == [*range(unpaid)]
    scores = {caption: score for caption, score, _ in order(model)}
    np.testing.assert_allclose(pay[unpaid:], [scores[c] - scores[LADDER[unpaid - 1]] for c in LADDER[unpaid:]])


def test_the_reward_is_frozen_saved_and_can_have_another_quantile(tmp_path: Path) -> None:
    frozen(fit_preferences(compared(), COUNTS, steps=60), 0.1, beta=2, cap=3).save(tmp_path / "reward.npz")
    reward = RewardFn.load(tmp_path / "reward.npz")
    assert isinstance(reward, IntrinsicReward)
    assert (reward.beta, reward.cap, reward.annotation) == (2, 3, None)
    before = reward.relabel(steps(*LADDER))["intrinsic"].tolist()
    reward.update(steps(*LADDER, "something new"))
    assert reward.relabel(steps(*LADDER))["intrinsic"].tolist() == before
    other = at_quantile(reward, 0.85)
    assert (other.beta, other.cap) == (2, 3)
    assert np.count_nonzero(other.relabel(steps(*LADDER))["intrinsic"]) == 2


def test_agreement_is_measured_on_what_was_held_out(rng: np.random.Generator) -> None:
    words = [f"{a} {b}" for a in ("lose", "see", "find", "take", "win") for b in ("a rock", "a key", "gold", "food")]
    rank = {word: i // 4 for i, word in enumerate(words)}
    counts = dict.fromkeys(words, 1)
    pairs = [tuple(rng.choice(words, 2, replace=False)) for _ in range(300)]
    ordered = [Preference(a, b, 0.5 if rank[a] == rank[b] else float(rank[a] > rank[b])) for a, b in pairs]
    found = held_out_accuracy(ordered, counts)
    assert found is not None
    assert found[0] > 0.9
    assert 15 < found[1] < 30  # of 30 a fifth are ties
    guessed = [Preference(a, b, float(rng.random() < 0.5)) for a, b in pairs]
    chance = held_out_accuracy(guessed, counts)
    assert chance is not None
    assert 0.2 < chance[0] < 0.8
    assert held_out_accuracy(ordered[:50], counts) is None


def test_what_cannot_be_done_is_said() -> None:
    with pytest.raises(RewardError, match=r"1 preferences \(0 valid\) about 2 captions"):
        fit_preferences([Preference("a", "b", None)], {"a": 1, "b": 1})
    with pytest.raises(RewardError, match="quantile=2"):
        threshold_at(fit_preferences(compared(), COUNTS, steps=60), 2)
    with pytest.raises(RewardError, match="not of retrieval"):
        at_quantile(IntrinsicReward(), 0.5)

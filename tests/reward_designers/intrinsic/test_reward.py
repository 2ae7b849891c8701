"""Captions as rewards: what helps pays, less when repeated; it learns in `update` alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reward_designers import RewardFn, Transition, check_reward
from reward_designers.errors import RewardError
from reward_designers.intrinsic.annotation import Annotation
from reward_designers.intrinsic.labels import Annotator, Label
from reward_designers.intrinsic.models import MODELS
from reward_designers.intrinsic.reward import IntrinsicReward
from reward_designers.memory import EpisodeMemory

HELPFUL = {"key": 1.0, "door": 0.75, "wall": 0.0}


class Judge(Annotator):
    """Knows three captions and refuses the rest; counts what it is asked."""

    name = "judge"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def label(self, goal: str, captions: Any) -> list[Label]:
        self.asked += captions
        return [Label(caption, HELPFUL.get(caption)) for caption in captions]


def rollout(*steps: str, ends: tuple[int, ...] = ()) -> Transition:
    """Steps such as ``"key wall"``: the captions of two environments; all episodes end after the steps in ``ends``."""
    captions = np.array([step.split() for step in steps], object)
    shape = captions.shape
    done = np.isin(np.arange(len(steps)), ends)[:, None] & np.ones(shape, bool)
    return Transition({}, np.zeros(shape), {"caption": captions}, done, np.zeros(shape, bool))


def taught(**options: Any) -> IntrinsicReward:
    reward = IntrinsicReward(annotation=Annotation(Judge(), "find the key", sync=True), **options)
    reward.update(rollout("key door", "wall ?"))
    return reward


def test_what_helps_pays_and_what_is_not_known_does_not() -> None:
    reward = taught()
    pay = reward.relabel(rollout("key door", "wall ?", "new wall"))["intrinsic"]
    assert pay.tolist() == [[1, 0.75], [0, 0], [0, 0]]


def test_it_pays_before_anything_was_learned_nothing() -> None:
    assert not IntrinsicReward().relabel(rollout("key door"))["intrinsic"].any()


def test_repetition_pays_less_until_the_episode_ends_and_nothing_beyond_the_cap() -> None:
    steps = rollout("key key", "key wall", "key key", "key key", ends=(1,))
    assert taught(beta=3).relabel(steps)["intrinsic"].tolist() == [[1, 1], [1 / 8, 0], [1, 1], [1 / 8, 1 / 8]]
    assert taught(beta=0, cap=1).relabel(steps)["intrinsic"].tolist() == [[1, 1], [0, 0], [1, 1], [0, 0]]


def test_counts_live_in_the_memory_of_the_environments() -> None:
    reward, memory = taught(beta=1), EpisodeMemory(2)
    steps = rollout("key key", "key wall")
    first = [reward(steps[i], memory)["intrinsic"].tolist() for i in range(2)]
    other = EpisodeMemory(2)
    other.load_state_dict(memory.state_dict())
    assert first == [[1, 1], [1 / 2, 0]]
    assert (
        reward(steps[0], memory)["intrinsic"].tolist()
        == reward(steps[0], other)["intrinsic"].tolist()
        == [1 / 3, 1 / 2]
    )


def test_it_changes_in_update_alone_and_asks_about_each_caption_once() -> None:
    judge = Judge()
    reward = IntrinsicReward(annotation=Annotation(judge, "find the key", sync=True))
    reward.relabel(rollout("key door"))
    assert judge.asked == []
    for _ in range(3):
        metrics = reward.update(rollout("key door", "key ?"))
    assert sorted(judge.asked)[1:] == ["door", "key"]
    assert metrics["annotation/invalid"] == 1
    assert metrics["annotation/known"] == 2
    assert metrics["paying"] == 3 / 4


def test_the_captions_that_earned_most_are_listed() -> None:
    reward = taught(beta=0)
    for _ in range(2):
        reward.update(rollout("key door", "door wall"))
    assert reward.top() == [("door", 4, 3.0), ("key", 2, 2.0)]


@pytest.mark.parametrize("kind", MODELS)
def test_it_keeps_the_laws_and_can_be_saved(kind: str, tmp_path: Path) -> None:
    pairs = MODELS[kind].pairs
    reward = IntrinsicReward(kind, annotation=Annotation(Judge(), "find the key", sync=True, pairs=pairs))
    for _ in range(2):
        reward.update(rollout("key door", "wall key", "door wall"))
    words = np.array(["key", "door", "wall", "?", "new"] * 4, object)
    batch = Transition({}, np.zeros(20), {"caption": words}, np.zeros(20, bool), np.zeros(20, bool))
    check_reward(reward, batch)
    reward.save(tmp_path / "reward.npz")
    loaded = RewardFn.load(tmp_path / "reward.npz")
    assert isinstance(loaded, IntrinsicReward)
    assert loaded.annotation is None
    assert loaded.top() == reward.top()
    np.testing.assert_array_equal(loaded(batch)["intrinsic"], reward(batch)["intrinsic"])
    assert reward(batch)["intrinsic"].any()


@pytest.mark.parametrize(
    ("options", "message"), [({"beta": -1}, "beta=-1"), ({"cap": 0}, "cap=0, expected at least 1")]
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RewardError, match=message):
        IntrinsicReward(**options)

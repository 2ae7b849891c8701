"""Goals in words: near captions pay once in an episode, suggestions are asked for once."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reward_designers import EpisodeMemory, RewardError, RewardFn, Transition, check_reward
from reward_designers.intrinsic import GoalReward
from reward_designers.intrinsic.suggestions import Suggestions
from reward_designers.llm import LLM, BudgetError, LLMError, Reply

DIRECTIONS = {"key": [1.0, 0.0, 0.0], "door": [0.0, 1.0, 0.0], "lock": [0.0, 0.8, 0.6]}


class Words:
    """A text points where its words do."""

    def encode(self, texts: list[str]) -> Any:
        return [np.sum([DIRECTIONS.get(word, [0, 0, 0.01]) for word in text.split()], axis=0) for text in texts]


class Model(LLM):
    """Suggests the situation's words; counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fails: Exception | None = None
        self.says: str | None = None

    def sample_all(self, prompts: Any) -> list[list[Reply]]:
        if self.fails is not None:
            raise self.fails
        replies = []
        for prompt in prompts:
            situation = json.loads(prompt.messages[-1]["content"].rpartition("\n\n")[2])["situation"]
            self.asked.append(situation)
            text = json.dumps({"goals": situation.split()}) if self.says is None else self.says
            replies.append([Reply(text, "hash", 0, "model", "2026-11-21")])
        return replies

    def close(self) -> None:
        """Nothing to let go of."""


def goals(*texts: str, **options: Any) -> GoalReward:
    return GoalReward(texts, encoder=Words(), **options)  # type: ignore[arg-type]


def rollout(*steps: str, ends: tuple[int, ...] = ()) -> Transition:
    """What one environment told after each step; before the first nothing. The episode ends after steps in `ends`."""
    told = np.array(steps, object)[:, None]
    before = np.array(["", *steps[:-1]], object)[:, None]
    for end in ends:
        before[end + 1 : end + 2] = ""
    done = np.isin(np.arange(len(steps)), ends)[:, None]
    return Transition({"caption": before}, np.zeros(told.shape), {"caption": told}, done, np.zeros(told.shape, bool))


def paid(reward: GoalReward, t: Transition, memory: EpisodeMemory | None = None) -> list[float]:
    return reward.relabel(t, memory)["goals"].ravel().tolist()


def test_a_goal_pays_its_cosine_once_in_an_episode() -> None:
    reward = goals("key", "door")
    assert paid(reward, rollout("key", "key", "lock", "door", "key", ends=(3,))) == [1, 0, 0.8, 0, 1]


def test_below_the_threshold_it_stays_open() -> None:
    assert paid(goals("door", threshold=0.9), rollout("lock", "door")) == [0, 1]


def test_the_nearest_goal_is_taken_and_parts_are_compared_one_by_one() -> None:
    assert paid(goals("lock", "door"), rollout("door", "door")) == [1, 0.8]
    assert paid(goals("key"), rollout("door door door; key")) == [1]
    assert paid(goals("key"), rollout("", " ; ")) == [0, 0]


def test_goals_for_a_situation_open_there_and_stay_open() -> None:
    model = Model()
    reward = goals(situation="caption", suggestions=Suggestions(model, "Find the key", sync=True))
    steps = rollout("wall", "key", "wall", "key", "key")
    assert paid(reward, steps) == [0, 0, 0, 0, 0]  # nothing was suggested yet
    metrics = reward.update(steps)
    assert sorted(model.asked) == ["", "key", "wall"]
    assert metrics == {"paying": 0, "goals": 2, "situations": 3}
    assert paid(reward, steps) == [0, 0, 1, 1, 0]  # both were opened where they had been told of
    reward.update(steps)
    assert len(model.asked) == 3
    assert reward.top() == [("wall", 1, 1.0), ("key", 1, 1.0)]


def test_a_model_that_fails_is_asked_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model()
    suggestions = Suggestions(model, "Find the key", sync=True)
    failures = ((LLMError("no server"), "OPEN CIRCUIT: no"), (BudgetError("all spent"), "OUT OF BUDGET: all spent"))
    for days, (error, word) in enumerate(failures, 1):
        model.fails = error
        suggestions.want(["key"])
        assert suggestions.status().startswith(word)
        assert suggestions.collect() == {}
        monkeypatch.setattr("reward_designers.intrinsic.breaker.time.monotonic", lambda days=days: 1e9 * days)
    model.fails = None
    suggestions.want(["key"])
    assert suggestions.collect() == {"key": ["key"]}
    assert suggestions.status() == "1 situations asked about · 0 waiting"


def test_an_answer_that_is_not_valid_suggests_nothing_and_is_not_asked_for_for_ever() -> None:
    model = Model()
    model.says = '{"goals": [1, 2]}'
    suggestions = Suggestions(model, "Find the key", sync=True)
    suggestions.want(["key"])
    assert suggestions.collect() == {"key": []}
    suggestions.want(["key"])
    assert model.asked == ["key", "key"]  # and once more, as is told in the second question


def test_nobody_waits_for_suggestions() -> None:
    model = Model()
    suggestions = Suggestions(model, "Find the key")
    suggestions.want(["key", "door"])
    until, found = time.monotonic() + 10, dict[str, list[str]]()
    while len(found) < 2 and time.monotonic() < until:
        time.sleep(0.01)
        found |= suggestions.collect()
    suggestions.close()
    assert found == {"key": ["key"], "door": ["door"]}


def test_it_keeps_the_laws_and_goes_on_after_saving(tmp_path: Path) -> None:
    reward = GoalReward(["picked up a key"], situation="caption")
    reward.suggested = {"It's a wall.": ["door opened"]}
    words = np.array(["It's a wall.", "picked up a key", "door opened", "", "saw a key; picked up a key"] * 4, object)
    none = np.zeros(20, bool)
    batch = Transition({"caption": words[::-1].copy()}, np.zeros(20), {"caption": words}, none, none)
    check_reward(reward, batch)
    reward.update(batch.map(lambda array: array.reshape(10, 2)))
    reward.save(tmp_path / "reward.npz")
    loaded = RewardFn.load(tmp_path / "reward.npz")
    assert isinstance(loaded, GoalReward)
    assert loaded.suggested == reward.suggested
    assert loaded.top() == reward.top() != []
    np.testing.assert_array_equal(loaded(batch)["goals"], reward(batch)["goals"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "there are no goals"),
        ({"goals": ["a", " "]}, "one is empty"),
        ({"goals": ["a"], "threshold": 2}, "threshold=2"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RewardError, match=message):
        GoalReward(**options)

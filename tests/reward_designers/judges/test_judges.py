"""Judges of progress, with a loopback server for a model: by how many of the words `good` it saw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reward_designers import RewardError, Transition, check_reward
from reward_designers.judges import CRITIC, FORMS, PROGRESS, JudgeReward, rate
from reward_designers.llm import Questions
from tests.reward_designers.llm.asked import model, replying, told
from tests.reward_designers.llm.chat_server import ChatServer

STEPS = [("", "begin"), ("a", "good"), ("b", "bad"), ("c", "good")]


def counting(told: dict[str, Any], system: str) -> Any:
    seen = sum(step["observed"] == "good" for step in told["so far"])
    return {"score": 1 + 3 * seen} if system == PROGRESS.system else {"cost": 100 - 50 * seen}


def episodes(*texts: list[str]) -> Transition:
    steps, n = len(texts[0]), len(texts)
    said = np.array([["begin"] * n, *zip(*texts, strict=True)], dtype=object)
    ends = np.zeros((steps, n), bool)
    ends[-1] = True
    common = {"goal": np.full((steps, n), "be good", object), "command": np.full((steps, n), "try", object)}
    state, after = {"observation": said[:-1], **common}, {"observation": said[1:], **common}
    return Transition(state, np.zeros((steps, n), int), after, ends, ends & False)


@pytest.mark.parametrize(("form", "expected"), [(PROGRESS, [0.0, 1 / 3, 1 / 3, 2 / 3]), (CRITIC, [0.0, 0.5, 0.5, 1.0])])
def test_a_whole_episode(server: ChatServer, form: Any, expected: list[float]) -> None:
    server.default = replying(counting)
    assert rate(form, Questions(model(server)), "be good", STEPS) == pytest.approx(expected)
    longest = max((told(body) for body in server.bodies), key=lambda found: len(found["so far"]))
    assert longest == {
        "task": "be good",
        "so far": [{"observed": "begin"}, *({"done": done, "observed": seen} for done, seen in STEPS[1:])],
    }


def test_a_window(server: ChatServer) -> None:
    server.default = replying(counting)
    assert rate(CRITIC, Questions(model(server)), "be good", STEPS, window=2) == [0.0, 0.5, 0.5, 0.5]
    assert sorted(told(body).get("earlier steps, left out", 0) for body in server.bodies) == [0, 0, 1, 2]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mode", ["potential", "raw"])
def test_laws(server: ChatServer, form: str, mode: str) -> None:
    server.default = replying(counting)
    reward = JudgeReward(form, llm=model(server), mode=mode, window=3)
    check_reward(reward, episodes(["good", "bad", "good", "bad"], ["bad", "bad", "bad", "good"]))


def test_by_hand(server: ChatServer) -> None:
    server.default = replying(counting)
    rollout = episodes(["good", "bad", "good"])
    raw = JudgeReward("critic", llm=model(server), mode="raw").relabel(rollout)["progress"][:, 0]
    np.testing.assert_allclose(raw, [0.5, 0.5, 1.0])
    shaped = JudgeReward("critic", llm=model(server), gamma=0.9).relabel(rollout)
    np.testing.assert_allclose(shaped["goal"][:, 0], [0, 0, 1])
    np.testing.assert_allclose(shaped["progress"][:, 0], [0.45, 0.45 - 0.5, 0 - 0.5])


def test_an_invalid_answer_keeps_the_value_and_is_counted(server: ChatServer) -> None:
    def moody(told: dict[str, Any], system: str) -> Any:
        return "hm" if told["so far"][-1]["observed"] == "bad" else counting(told, system)

    server.default = replying(moody)
    reward = JudgeReward(llm=model(server), mode="raw")
    rollout = episodes(["good", "bad", "good"])
    np.testing.assert_allclose(reward.relabel(rollout)["progress"][:, 0], [1 / 3, 1 / 3, 2 / 3])
    assert reward.update(rollout) == {"invalid_answers": 0.25}
    values = rate(PROGRESS, Questions(model(server)), "be good", STEPS)
    assert values[2] is None  # here nothing hides it


@pytest.mark.parametrize(
    "said", [{"score": 0}, {"score": 11}, {"score": True}, {"score": "4"}, {"cost": 4}, {"score": None}]
)
def test_scores_off_the_scale_are_invalid(said: dict[str, Any]) -> None:
    assert PROGRESS.read(said) is None
    assert PROGRESS.read({"score": 5.5}) == 0.5


def test_inputs_and_options() -> None:
    assert JudgeReward().inputs == {"observation", "command", "goal"}
    assert JudgeReward(goal="find the key", text="caption", action=None).inputs == {"caption"}
    with pytest.raises(RewardError, match=r"unknown form of judgement 'critics'. Did you mean 'critic'"):
        JudgeReward("critics")
    with pytest.raises(RewardError, match="window=0"):
        JudgeReward(window=0)

"""Programs that say which subgoals were achieved, in the sandbox."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reward_designers import RewardFn, Transition, check_reward
from reward_designers.code import CodeReward, ProgramError, ProgramRejected
from reward_designers.errors import RewardError
from reward_designers.intrinsic import PredicateJudge, SubgoalReward
from reward_designers.intrinsic.predicates import PRELUDE

KEY = ("Pick up the key.",)
PICKED = 'return {"pick-up-the-key": says(next_message, "a key") & (action == 8)}'
MAPS = ("...\n.@.\n...", "..+\n.@.\n...")


def moments(n: int = 24) -> Transition:
    """The key is spoken of in every other moment, and picked up in every sixth."""
    said = np.array([("You see a key here.", "")[i % 2] for i in range(n)], object)
    maps = np.array([MAPS[i % 2] for i in range(n)], object)
    none = np.zeros(n, bool)
    action = np.array([8 if i % 3 == 0 else 1 for i in range(n)])
    seen = {"map_text": maps, "message": said}
    return Transition(seen, action, seen, none, none)


def judge(body: str, arguments: str = "next_message, map_text, action", seconds: float = 10.0) -> PredicateJudge:
    source = f"{PRELUDE}def achieved({arguments}):\n    {body}\n"
    return PredicateJudge(KEY, CodeReward(source, ("map_text", "message"), "achieved", seconds=seconds))


def verdicts(one: PredicateJudge) -> list[float]:
    return one(moments(6))["pick-up-the-key"].tolist()


def test_a_program_judges_by_what_was_said_and_done() -> None:
    assert verdicts(judge(PICKED)) == [1, 0, 0, 0, 0, 0]
    corner = 'return {"pick-up-the-key": map_text[:, 0, 2] == code("+")}'
    assert verdicts(judge(corner)) == [0, 1, 0, 1, 0, 1]


def test_words_are_found_wherever_they_stand() -> None:
    texts = np.array(["key", "the key", "monkey!", "ke y", "", "kex key"], object)
    none = np.zeros(6, bool)
    maps = np.array([MAPS[0]] * 6, object)
    t = Transition({"map_text": maps}, none, {"map_text": maps, "message": texts}, none, none)
    found = judge('return {"pick-up-the-key": says(next_message, "key")}', "next_message")(t)
    assert found["pick-up-the-key"].tolist() == ["key" in text for text in texts]


def test_it_keeps_the_laws_and_is_saved_with_its_program(tmp_path: Path) -> None:
    assert set(check_reward(judge(PICKED), moments()).skipped) == {"total", "episodes", "reads"}
    reward = SubgoalReward(KEY, judge(PICKED))
    reward.save(tmp_path / "reward.npz")
    loaded = RewardFn.load(tmp_path / "reward.npz")
    rollout = moments().map(lambda array: array[:, None])
    assert np.array_equal(loaded.relabel(rollout)["pick-up-the-key"], reward.relabel(rollout)["pick-up-the-key"])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('return {"key": says(next_message, "key")}', "must return pick-up-the-key, but returns key"),
        ('return {"pick-up-the-key": 0.5 * (action == 8)}', "must be True or False for each row, but 0.5"),
        ('return {"pick-up-the-key": action}', "must be True or False for each row, but"),
        ('return {"pick-up-the-key": action[0]}', "must have shape"),
        ('return {"pick-up-the-key": map_text[:, 40, 0] > 0}', "IndexError"),
        ('return {"pick-up-the-key": says(next_message, "☃")}', "KeyError"),
    ],
)
def test_a_program_that_answers_nothing_useful_is_an_error(body: str, message: str) -> None:
    with pytest.raises(RewardError, match=message):
        judge(body)(moments())


@pytest.mark.parametrize(
    "body",
    [
        'return {"pick-up-the-key": open("/etc/passwd")}',
        'return {"pick-up-the-key": np.load("x")}',
        "import os\n    return {}",
        'return {"pick-up-the-key": CODES.__class__}',
    ],
)
def test_what_reaches_out_is_refused(body: str) -> None:
    with pytest.raises(ProgramRejected):
        judge(body)


def test_a_program_that_hangs_costs_its_time_and_stays_dead() -> None:
    endless = judge("while True:\n        pass", seconds=0.3)
    for _ in range(2):
        with pytest.raises(ProgramError, match=r"longer than 0\.3 s"):
            endless(moments())


def test_what_is_not_shown_cannot_be_read() -> None:
    with pytest.raises(ProgramRejected, match="argument of achieved 'next_fitness'"):
        judge("return next_fitness", "next_fitness")
    with pytest.raises(RewardError, match="the program reads 'obs', but the state has map_text"):
        judge('return {"pick-up-the-key": obs[:, 0] > 0}', "obs")(moments())

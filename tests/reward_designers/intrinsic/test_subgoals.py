"""Subgoals pay once in an episode, whoever judges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reward_designers import RewardFn, Transition, check_reward
from reward_designers.errors import RewardError
from reward_designers.intrinsic import SubgoalReward, SubgoalRules
from reward_designers.intrinsic.subgoals import subgoal_names
from reward_designers.memory import EpisodeMemory

KEY, DOOR = "Pick up the key.", "Unlock and open the door."
NAMES = ("pick-up-the-key", "unlock-and-open-the-door")
SAYS = {"k": "h - a key; picked up a key", "d": "door opened", "b": "picked up a key; door opened", ".": "It's a wall."}


def rollout(*steps: str, ends: dict[int, tuple[bool, ...]] | None = None) -> Transition:
    """Steps such as ``"k."``: what happens in each of two environments; which episodes end after a step."""
    captions = np.array([[SAYS[letter] for letter in step] for step in steps], object)
    terminated = np.zeros(captions.shape, bool)
    for step, over in (ends or {}).items():
        terminated[step] = over
    return Transition({}, np.zeros(captions.shape), {"caption": captions}, terminated, np.zeros_like(terminated))


def ruled() -> SubgoalReward:
    return SubgoalReward((KEY, DOOR), SubgoalRules((KEY, DOOR)))


def paid(reward: SubgoalReward, steps: Transition, memory: EpisodeMemory | None = None) -> list[list[float]]:
    """By step, for each environment the number of its new subgoals: 1 for the key, 10 for the door."""
    components = reward.relabel(steps, memory)
    assert tuple(components) == NAMES
    return (components[NAMES[0]] + 10 * components[NAMES[1]]).tolist()


def test_each_subgoal_pays_once_in_an_episode_in_any_order() -> None:
    assert paid(ruled(), rollout("k.", "kd", "db", "bb")) == [[1, 0], [0, 10], [10, 1], [0, 0]]


def test_the_next_episode_of_an_environment_pays_again_and_the_others_go_on() -> None:
    steps = rollout("kk", "kk", "kk", "kk", ends={1: (True, False)})
    assert paid(ruled(), steps) == [[1, 1], [0, 0], [1, 0], [0, 0]]


def test_an_achievement_in_the_last_step_belongs_to_the_episode_that_it_ends() -> None:
    steps = rollout("d.", "d.", ends={0: (True, True)})
    assert paid(ruled(), steps) == [[10, 0], [10, 0]]


def test_stepping_with_a_memory_equals_relabelling_and_a_saved_memory_goes_on() -> None:
    reward, steps = ruled(), rollout("k.", "b.", "kk", ".d", "bb", ends={2: (False, True)})
    memory, got = EpisodeMemory(2), []
    for index in range(len(steps)):
        t = steps[index]
        components = reward(t, memory)
        got.append((components[NAMES[0]] + 10 * components[NAMES[1]]).tolist())
        memory.reset(t.terminated | t.truncated)
        saved, memory = memory.state_dict(), EpisodeMemory(2)
        memory.load_state_dict(saved)
    assert got == paid(reward, steps) == [[1, 0], [10, 0], [0, 1], [0, 10], [0, 1]]


def test_it_counts_episodes_across_rollouts_and_goes_on_after_loading(tmp_path: Path) -> None:
    reward = ruled()
    first, second = rollout("k.", "kk"), rollout("kd", "..", ends={0: (True, False), 1: (False, True)})
    reward.update(first)
    assert reward.rows() == [(KEY, 2, 0.0), (DOOR, 0, 0.0)]  # no episode has ended
    reward.save(tmp_path / "reward.npz")
    loaded = RewardFn.load(tmp_path / "reward.npz")
    assert isinstance(loaded, SubgoalReward)
    for one in (reward, loaded):
        one.update(second)
        assert one.rows() == [(KEY, 2, 1.0), (DOOR, 1, 0.5)]
        assert one.status() == "reached pick-up-the-key 100% · unlock-and-open-the-door 50%"
        assert one.episodes == 2


def test_it_keeps_the_laws() -> None:
    report = check_reward(ruled(), rollout(*["k.", "bd", ".."] * 4, ends={1: (True, True), 4: (False, True)}))
    assert set(report.skipped) == {"memory"}


def test_any_function_of_a_transition_may_judge() -> None:
    def judge(caption: np.ndarray, next_caption: np.ndarray) -> dict[str, np.ndarray]:
        return {name: np.array([True] * len(caption)) for name in reversed(NAMES)}

    reward = SubgoalReward((KEY, DOOR), judge)
    assert reward.reads == {"state", "next_state"}
    wrong = SubgoalReward((KEY,), judge)
    t = rollout("..")[0]
    with pytest.raises(RewardError, match="speaks of unlock-and-open-the-door, pick-up-the-key, expected pick-up"):
        wrong(Transition(t.next_state, t.action, t.next_state, t.terminated, t.truncated))
    with pytest.raises(RewardError, match="is not Markov"):
        SubgoalReward((KEY, DOOR), ruled())


@pytest.mark.parametrize(
    ("subgoal", "caption", "achieved"),
    [
        (KEY, "You see here a key.", False),
        (KEY, "h - a key named The Master Key of Thievery.; picked up a key named The Master Key of Thievery", True),
        (KEY, "picked up a dagger; saw a key", False),
        (DOOR, "This door is locked.", False),
        (DOOR, "door opened", True),
        (DOOR, "WHAMM!", False),
        ("Step on the staircase down.", "There is a staircase down here.; stepped on a staircase down", True),
        ("Step on the staircase down.", "saw a staircase down", False),
        ("Find the staircase down.", "saw a staircase down", True),
        ("Go down to level 3.", "descended to level 3", True),
        ("Go down to level 3.", "descended to level 30", False),
        ("Push boulders into the water until there is a way across.", "You push the boulder into the water.", True),
    ],
)
def test_rules_tell_achievements_from_what_is_mentioned(subgoal: str, caption: str, achieved: bool) -> None:
    captions = {"caption": np.array([caption, ""], object)}
    none = np.zeros(2, bool)
    (verdicts,) = SubgoalRules((subgoal,))(Transition({}, none, captions, none, none)).values()
    assert verdicts.tolist() == [achieved, False]


def test_a_subgoal_that_no_rule_knows_is_refused() -> None:
    with pytest.raises(RewardError, match=r"know nothing of 'Leave the first room\.'.*reward\.judge"):
        SubgoalRules((KEY, "Leave the first room."))


@pytest.mark.parametrize(
    ("subgoals", "message"),
    [((), "no subgoals"), (("Key!", "key"), "two subgoals are called 'key'"), (("?",), "'\\?'")],
)
def test_names_that_cannot_be_told_apart(subgoals: tuple[str, ...], message: str) -> None:
    with pytest.raises(RewardError, match=message):
        subgoal_names(subgoals)
    assert subgoal_names(("2 keys",)) == ("goal-2-keys",)

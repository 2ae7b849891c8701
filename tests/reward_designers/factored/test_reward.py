"""`FactoredReward`: the kit's laws, episodes side by side, and that going round in circles earns nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reward_designers import EpisodeMemory, PotentialShaping, RewardError, RewardFn, Transition, check_reward
from reward_designers.base import Components
from reward_designers.factored import FactoredReward

ROOM = "You are in the middle of a room. Looking quickly around you, you see a desk 1, a shelf 2, and a shelf 1."
GOAL = "put a hot mug in desk."
SEEN = "You arrive at shelf 1. On the shelf 1, you see a mug 1, and a cd 2."
TAKEN = "You pick up the mug 1 from the shelf 1."
HEATED = "You heat the mug 1 using the microwave 1."
PUT = "You move the mug 1 to the desk 1."
BACK = "You move the mug 1 to the shelf 1."
VALUES = {"": 0.0, SEEN: 0.125, TAKEN: 0.25, HEATED: 0.75, PUT: 1.0}


def episodes(*told: list[str], goal: str = GOAL, terminated: bool = True) -> Transition:
    """A rollout ``(T, num_envs)`` of one episode in each environment, all of the same length."""
    steps, n = len(told[0]), len(told)
    texts = np.array([[ROOM] * n, *zip(*told, strict=True)], dtype=object)
    ends = np.zeros((steps, n), bool)
    ends[-1] = True
    return Transition(
        {"observation": texts[:-1], "goal": np.full((steps, n), goal, object)},
        np.zeros((steps, n), int),
        {"observation": texts[1:], "goal": np.full((steps, n), goal, object)},
        ends & terminated,
        ends & (not terminated),
    )


def discounted(components: Components, gamma: float) -> np.ndarray:
    total = sum(components.values())
    return (gamma ** np.arange(len(total))[:, None] * total).sum(0)


@pytest.mark.parametrize("mode", ["potential", "raw"])
def test_laws(mode: str) -> None:
    batch = episodes([SEEN, TAKEN, HEATED, PUT], [SEEN, TAKEN, BACK, TAKEN], [ROOM, ROOM, SEEN, SEEN])
    report = check_reward(FactoredReward(mode=mode), batch)
    assert not {"deterministic", "episodes", "relabel", "pure", "save"} & set(report.skipped)


def test_by_hand() -> None:
    rollout = episodes([SEEN, TAKEN, HEATED, PUT])
    raw = FactoredReward(mode="raw").relabel(rollout)["progress"][:, 0]
    np.testing.assert_allclose(raw, [0.125, 0.25, 0.75, 1.0])
    shaped = FactoredReward(gamma=0.9).relabel(rollout)
    np.testing.assert_allclose(shaped["goal"][:, 0], [0, 0, 0, 1])
    expected = [0.9 * 0.125 - 0, 0.9 * 0.25 - 0.125, 0.9 * 0.75 - 0.25, 0 - 0.75]  # a terminal potential is zero
    np.testing.assert_allclose(shaped["progress"][:, 0], expected)


def test_a_time_limit_is_not_terminal() -> None:
    shaped = FactoredReward(gamma=0.9).relabel(episodes([SEEN, TAKEN], terminated=False))["progress"][:, 0]
    np.testing.assert_allclose(shaped, [0.9 * 0.125, 0.9 * 0.25 - 0.125])


def test_the_return_is_that_of_reaching_the_goal() -> None:
    """Shaping adds minus the first potential, whatever was done: here 0, and what is left is the goal, discounted."""
    gamma = 0.9
    straight = [SEEN, TAKEN, HEATED, PUT]
    roundabout = [SEEN, TAKEN, BACK, TAKEN, BACK, TAKEN, HEATED, PUT]
    reward = FactoredReward(gamma=gamma)
    assert discounted(reward.relabel(episodes(straight)), gamma) == pytest.approx([gamma**3])
    assert discounted(reward.relabel(episodes(roundabout)), gamma) == pytest.approx([gamma**7])


def test_going_round_in_circles_earns_nothing() -> None:
    """Any walk that ends as it began (held, put back, held ...) returns no more than nothing; raw similarity pays."""
    rng = np.random.default_rng(0)
    for gamma in (0.9, 0.99, 1.0):
        for _ in range(20):
            walk = [rng.choice(np.array([TAKEN, BACK, SEEN, HEATED], object)) for _ in range(12)]
            reward = FactoredReward(gamma=gamma)
            rollout = episodes([SEEN, *walk], terminated=False)
            shaped = reward.relabel(rollout)
            assert not shaped["goal"].any()
            last = FactoredReward(mode="raw").relabel(rollout)["progress"][-1, 0]
            # What is earned is what the last state is worth then: of loops nothing is left.
            assert discounted(shaped, gamma)[0] == pytest.approx(gamma**13 * last)
    farmed = FactoredReward(mode="raw").relabel(episodes([SEEN, *[TAKEN, BACK] * 20], terminated=False))
    assert farmed["progress"].sum() > 5.0


def test_the_rule_is_that_of_potential_shaping() -> None:
    """With facts the score is a function of one state, so the kit's shaping must say the same."""

    def score_of(next_facts: np.ndarray) -> np.ndarray:
        return np.array([("holds" in facts) / 2 + ("ishot" in facts) / 2 for facts in next_facts])

    held, hot = "holds(agent 1: agent, mug 1: object)", "ishot(mug 1: object)"
    facts = np.array([["openable(fridge 1: receptacle)", held, f"{held}\n{hot}", hot, held]], object).T
    ends = np.array([[False], [False], [False], [True]])
    goal = {"mug": {"location": "hand", "temperature": "hot"}}
    rollout = Transition({"facts": facts[:-1]}, np.zeros((4, 1)), {"facts": facts[1:]}, ends, ends & False)
    ours = FactoredReward("facts", goal, gamma=0.8).relabel(rollout)["progress"]
    kits = PotentialShaping(score_of, 0.8).relabel(rollout)  # type: ignore[arg-type]
    np.testing.assert_allclose(ours, next(iter(kits.values())))


def test_episodes_begin_anew() -> None:
    reward, memory = FactoredReward(mode="raw"), EpisodeMemory(2)
    first = episodes([SEEN, TAKEN], [SEEN, SEEN])
    reward.relabel(first, memory)
    np.testing.assert_allclose(reward.relabel(episodes([ROOM], [TAKEN]), memory)["progress"], [[0.0, 0.25]])


def test_it_resumes_in_mid_episode(tmp_path: Path) -> None:
    reward, memory = FactoredReward(), EpisodeMemory(1)
    rollout = episodes([SEEN, TAKEN, HEATED, PUT])
    whole = reward.relabel(rollout)
    reward.relabel(rollout[:2], memory)
    reward.save(tmp_path / "reward.npz")
    again = EpisodeMemory(1)
    again.load_state_dict(memory.state_dict())
    rest = RewardFn.load(tmp_path / "reward.npz").relabel(rollout[2:], again)
    np.testing.assert_array_equal(rest["progress"], whole["progress"][2:])


def test_goals() -> None:
    assert FactoredReward().inputs == {"observation", "goal"}
    assert FactoredReward("facts").inputs == {"facts", "goal"}
    assert FactoredReward("facts").privileged
    assert FactoredReward(goal=GOAL).inputs == {"observation"}
    given = FactoredReward(goal=GOAL, mode="raw").relabel(episodes([SEEN, TAKEN], goal="put a cd in shelf."))
    np.testing.assert_allclose(given["progress"][:, 0], [0.125, 0.25])
    objects = FactoredReward(goal={"mug": {"location": "hand"}}, mode="raw").relabel(episodes([SEEN, TAKEN]))
    np.testing.assert_allclose(objects["progress"][:, 0], [0.0, 1.0])
    with pytest.raises(RewardError, match="none of ALFWorld's goals"):
        FactoredReward().relabel(episodes([SEEN], goal="make tea"))


def test_wrong_options_are_named() -> None:
    with pytest.raises(RewardError, match=r"unknown extractor 'alfword'. Did you mean 'alfworld'"):
        FactoredReward("alfword")
    with pytest.raises(RewardError, match=r"unknown mode 'potental'"):
        FactoredReward(mode="potental")
    with pytest.raises(RewardError, match="gamma must be"):
        FactoredReward(gamma=1.5)
    with pytest.raises(ValueError, match="unknown similarity"):
        FactoredReward(similarity="fuzzy")
    with pytest.raises(RewardError, match="extractor=minihack has no rules for goals in words"):
        FactoredReward("minihack", "find the stairs")
    with pytest.raises(RewardError, match="expected text or objects"):
        FactoredReward(goal=["mug"])


def test_numbers() -> None:
    reward = FactoredReward(
        "numbers",
        {"body": {"torso_height": "high", "uprightness": "upright"}},
        words={"torso_height": ["low", 0.8, "middle", 1.2, "high"]},
        mode="raw",
    )
    assert reward.inputs == {"torso_height", "uprightness"}
    heights, up = np.array([0.5, 0.8, 1.2, 2.0]), np.array([0.0, 0.6, 0.95, 1.0])
    state = {"torso_height": heights, "uprightness": up}
    t = Transition(state, np.zeros(4), state, np.zeros(4, bool), np.zeros(4, bool))
    # low 0, middle .5, high 1; lying (3rd from upright on a scale of 4 words: 1 - 2/3), leaning 2/3, upright 1
    np.testing.assert_allclose(reward(t)["progress"], [(0 + 1 / 3) / 2, (0.5 + 2 / 3) / 2, 1.0, 1.0])
    many = state | {"torso_height": np.linspace(0, 2, 12), "uprightness": np.linspace(-1, 1, 12)}
    check_reward(reward, Transition(many, np.zeros(12), many, np.zeros(12, bool), np.zeros(12, bool)))

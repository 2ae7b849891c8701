"""Potential shaping: it telescopes, changes no optimal policy, and tells terminal states from time limits."""

from __future__ import annotations

import numpy as np
import pytest

from reward_designers.base import Components, FunctionReward, RewardFn, Transition, reward_fn
from reward_designers.checker import random_batch
from reward_designers.errors import RewardError
from reward_designers.evaluation import evaluate, total
from reward_designers.memory import EpisodeMemory
from reward_designers.shaping import PotentialShaping
from reward_designers.transforms import Delta


@reward_fn
def height(obs: np.ndarray) -> np.ndarray:
    return obs[:, 0]


@reward_fn
def next_height(next_obs: np.ndarray) -> np.ndarray:
    return next_obs[:, 0]


def chain(states: list[float], terminated: bool = False) -> Transition:
    """One episode through ``states``, as a batch."""
    s = np.array(states)[:, None]
    ends = np.zeros(len(states) - 1, bool)
    ends[-1] = True
    return Transition(
        {"obs": s[:-1]}, np.zeros((len(ends), 1)), {"obs": s[1:]}, ends & terminated, ends & (not terminated)
    )


@pytest.mark.parametrize("phi", [height, next_height], ids=["reads-state", "reads-next-state"])
def test_by_hand(phi: RewardFn) -> None:
    shaping = phi.potential(0.5)
    np.testing.assert_array_equal(total(evaluate(shaping, chain([1, 4, 2]))), [0.5 * 4 - 1, 0.5 * 2 - 4])
    np.testing.assert_array_equal(total(evaluate(shaping, chain([1, 4, 2], terminated=True))), [0.5 * 4 - 1, -4])


@pytest.mark.parametrize("terminated", [True, False])
def test_discounted_sum_telescopes(terminated: bool) -> None:
    """The shaping of an episode is gamma^T phi(s_T) - phi(s_0), with phi(s_T) = 0 if s_T is terminal."""
    states, gamma = np.random.default_rng(0).normal(size=9).tolist(), 0.9
    rewards = total(evaluate(height.potential(gamma), chain(states, terminated)))
    end = 0.0 if terminated else gamma**8 * states[-1]
    assert np.isclose(rewards @ gamma ** np.arange(8), end - states[0])


def test_each_component_is_shaped_by_itself() -> None:
    @reward_fn
    def pose(obs: np.ndarray) -> dict[str, np.ndarray]:
        return {"height": obs[:, 0], "tilt": -(obs[:, 1] ** 2)}

    t = random_batch({"obs": (2,)})
    components = evaluate(pose.potential(0.9), t)
    s, after, alive = t.state["obs"], t.next_state["obs"], ~t.terminated
    np.testing.assert_allclose(components["height"], 0.9 * alive * after[:, 0] - s[:, 0])
    np.testing.assert_allclose(components["tilt"], -0.9 * alive * after[:, 1] ** 2 + s[:, 1] ** 2)


def test_names_in_a_sum() -> None:
    assert list(evaluate(height + height.potential(0.9), random_batch({"obs": (1,)}))) == ["height", "shaping/height"]


# Policy invariance on a tabular MDP, by value iteration

STATES, ACTIONS, GAMMA = 7, 3, 0.9


@reward_fn
def entered(obs: np.ndarray, action: np.ndarray, next_obs: np.ndarray, seed: int = 0) -> np.ndarray:
    """An arbitrary reward of (s, a, s')."""
    table = np.random.default_rng(seed).normal(size=(STATES, ACTIONS, STATES))
    return table[obs[:, 0], action, next_obs[:, 0]]


@reward_fn
def phi(obs: np.ndarray, seed: int = 0) -> np.ndarray:
    return 5 * np.random.default_rng(100 + seed).normal(size=STATES)[obs[:, 0]]


class TerminalPaid(PotentialShaping):
    """The mistake: phi(s') is kept where s' is terminal."""

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        never = np.zeros(len(t), bool)
        return super().__call__(Transition(t.state, t.action, t.next_state, never, never))


def optimal(reward: RewardFn, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Optimal V ``(STATES,)`` and Q ``(STATES, ACTIONS)`` of a random MDP in which the last two states are terminal."""
    dynamics = np.random.default_rng(200 + seed).dirichlet(np.full(STATES, 0.3), size=(STATES, ACTIONS))
    s, a, after = (index.ravel() for index in np.indices((STATES, ACTIONS, STATES)))
    terminal = after >= STATES - 2
    t = Transition({"obs": s[:, None]}, a, {"obs": after[:, None]}, terminal, np.zeros_like(terminal))
    table = total(evaluate(reward, t)).reshape(STATES, ACTIONS, STATES)
    alive = ~terminal.reshape(STATES, ACTIONS, STATES)
    values = np.zeros(STATES)
    for _ in range(400):
        q = (dynamics * (table + GAMMA * alive * values)).sum(-1)
        values = q.max(-1)
    return values[:-2], q[:-2]


@pytest.mark.parametrize("seed", range(5))
def test_optimal_policy_is_unchanged(seed: int) -> None:
    task = FunctionReward(entered.function, {"seed": seed})
    potential = FunctionReward(phi.function, {"seed": seed})
    plain, plain_q = optimal(task, seed)
    shaped, shaped_q = optimal(task + potential.potential(GAMMA), seed)
    every = random_batch({"obs": (1,)}, STATES - 2)
    states = Transition({"obs": np.arange(STATES - 2)[:, None]}, every.action, {}, every.terminated, every.truncated)
    offset = total(evaluate(potential, states))
    np.testing.assert_allclose(shaped, plain - offset, atol=1e-9)  # Ng et al. 1999, corollary 2
    np.testing.assert_array_equal(shaped_q.argmax(-1), plain_q.argmax(-1))


def test_paying_at_terminal_states_would_change_the_policy() -> None:
    """The test above can fail: with phi kept at terminal states the optimal policy changes in some of these MDPs."""
    changed = 0
    for seed in range(5):
        task = FunctionReward(entered.function, {"seed": seed})
        wrong = TerminalPaid(FunctionReward(phi.function, {"seed": seed}), GAMMA)
        changed += (optimal(task + wrong, seed)[1].argmax(-1) != optimal(task, seed)[1].argmax(-1)).any()
    assert changed >= 3


# What it reads


def test_reads_both_states_and_the_potential_inputs() -> None:
    @reward_fn
    def seen(next_frame_embedding: np.ndarray) -> np.ndarray:
        return next_frame_embedding[:, 0]

    seen.expensive = True
    shaping = seen.potential(0.99)
    assert shaping.inputs == {"frame_embedding"}
    assert shaping.reads == {"state", "next_state"}
    assert shaping.expensive
    assert shaping.markov


def test_potentials_must_be_functions_of_one_state() -> None:
    @reward_fn
    def effort(action: np.ndarray) -> np.ndarray:
        return -np.square(action).sum(-1)

    @reward_fn
    def speed(obs: np.ndarray, next_obs: np.ndarray) -> np.ndarray:
        return next_obs[:, 0] - obs[:, 0]

    for wrong in (effort, speed, height + next_height):
        with pytest.raises(RewardError, match="function of one state, but reads"):
            wrong.potential(0.9)
    with pytest.raises(RewardError, match="has a memory"):
        Delta(height).potential(0.9)


@pytest.mark.parametrize("gamma", [-0.1, 1.01, np.nan])
def test_gamma(gamma: float) -> None:
    with pytest.raises(RewardError, match="gamma must be in"):
        height.potential(gamma)

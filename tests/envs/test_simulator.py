"""A restored step is the step that was recorded, in all that rewards can read."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import envs
from envs.expose import StateTracker
from envs.simulator import BLOCK, make_simulator, restorable
from reward_designers.base import RewardFn, Transition, reward_fn
from reward_designers.evaluation import evaluate, total

SIMULATED = [name for name in envs.names() if restorable(envs.make(name))]


@reward_fn
def reads_everything(next_obs, next_xpos, next_qacc, next_cfrc_ext, next_site_xpos, next_time):
    return next_time


def recorded(name: str, rewards: list[RewardFn], steps: int = 12, seed: int = 3) -> tuple[Transition, np.ndarray]:
    """A random roll-out as training sees it, and what the environment paid."""
    env = envs.make(name)
    wanted = [*rewards, Names(restorable(env))]
    tracker = StateTracker(1, env.observation_space, wanted, task=envs.task_of(env), envs=[env])
    env = tracker.exposed[0]
    space = env.action_space
    space.seed(seed)
    tracker.reset(tracker.observations.single(env.reset(seed=seed)[0]))
    batches, paid = [], []
    for _ in range(steps):
        action = np.asarray(space.sample())
        obs, reward, *_ = env.step(action)
        named = tracker.observations.single(obs)
        t = tracker.step(action[None], named, np.zeros(1, bool), np.zeros(1, bool))
        batches.append(t.map(np.copy))
        tracker.advance(named, np.zeros(1, bool))
        paid.append(reward)

    def joined(arrays: list[Any]) -> Any:
        return {n: np.concatenate([a[n] for a in arrays]) for n in arrays[0]}

    flags = np.zeros(steps, bool)
    return Transition(
        joined([t.state for t in batches]),
        np.concatenate([t.action for t in batches]),
        joined([t.next_state for t in batches]),
        flags,
        flags,
    ), np.array(paid, np.float64)


class Names(RewardFn):
    def __init__(self, inputs: frozenset[str]):
        self.inputs = inputs

    def __call__(self, t, memory=None):
        raise NotImplementedError


@pytest.mark.parametrize("name", SIMULATED)
def test_a_restored_step_is_the_recorded_one_to_the_last_bit(name):
    task = envs.find_task(name)
    rewards: list[RewardFn] = [task.reward()] if task.reward else []
    rewards.append(Names(frozenset(task.fields)))
    if name != "CartPole":
        rewards.append(reads_everything)
    t, paid = recorded(name, rewards)
    order = np.random.default_rng(0).permutation(len(t))
    shuffled = t[order]
    simulator = make_simulator(name, rewards)
    after = simulator.step(shuffled.state, shuffled.action)
    assert {"obs", *task.fields} <= after.keys() or name == "CartPole"
    for key, array in after.items():
        np.testing.assert_array_equal(array, shuffled.next_state[key], err_msg=key)
    if task.reward:
        simulated = Transition(shuffled.state, shuffled.action, after, shuffled.terminated, shuffled.truncated)
        np.testing.assert_allclose(total(evaluate(rewards[0], simulated)), paid[order], atol=1e-9)


def test_every_environment_with_physics_has_one():
    assert set(SIMULATED) == set(envs.names())


def test_blocks_change_nothing_and_results_can_be_stepped():
    t, _ = recorded("Hopper", [reads_everything], steps=BLOCK + 6)
    simulator = make_simulator("Hopper", [reads_everything])
    after = simulator.step(t.state, t.action)
    assert set(after) == {*simulator.restores, *reads_everything.inputs}
    for key, array in after.items():
        np.testing.assert_array_equal(array, t.next_state[key], err_msg=key)
    again = simulator.step({k: array[:-1] for k, array in after.items()}, t.action[1:])
    np.testing.assert_array_equal(again["obs"], t.next_state["obs"][1:])
    np.testing.assert_array_equal(after["obs"], t.next_state["obs"])  # not overwritten by the later call


def test_other_actions_lead_elsewhere():
    t, _ = recorded("Hopper", [], steps=4)
    simulator = make_simulator("Hopper")
    assert (simulator.step(t.state, -t.action)["qvel"] != t.next_state["qvel"]).any(axis=1).all()


@pytest.mark.parametrize(("name", "tolerance"), [("Hopper", 1e-7), ("InvertedPendulum", 1e-6), ("Humanoid", 1e-2)])
def test_without_the_warm_start_a_step_is_nearly_the_same(name, tolerance):
    t, _ = recorded(name, [Names(frozenset({"obs"}))], steps=25)
    simulator = make_simulator(name, [Names(frozenset({"obs"}))])
    state = {k: array for k, array in t.state.items() if k not in ("qacc_warmstart", "time")}
    error = np.abs(simulator.step(state, t.action)["obs"] - t.next_state["obs"]).max()
    assert 0 < error < tolerance


def test_time_goes_on_from_where_it_was():
    t, _ = recorded("Hopper", [reads_everything], steps=3)
    after = make_simulator("Hopper", [reads_everything]).step(t.state, t.action)
    np.testing.assert_allclose(after["time"] - t.state["time"], 0.008)


def test_an_environment_that_remembers_is_refused():
    with pytest.raises(ValueError, match="keeps a part of its state elsewhere"):
        make_simulator(gym.wrappers.FrameStackObservation(envs.make("Hopper"), 3), [Names(frozenset({"obs"}))])


class Slippery(gym.ActionWrapper):
    def action(self, action):
        return action + self.np_random.normal(size=action.shape)


def test_a_random_environment_is_refused():
    with pytest.raises(ValueError, match="its steps are random"):
        make_simulator(Slippery(envs.make("Hopper")))


def test_an_environment_without_a_simulator():
    with pytest.raises(ValueError, match="MuJoCo environments and for CartPole"):
        make_simulator("Acrobot-v1")
    assert restorable(envs.make("Acrobot-v1")) == frozenset()


def test_a_gymnasium_id_and_an_environment_of_ones_own():
    t, _ = recorded("Hopper", [], steps=3)
    for env in (gym.make("Hopper-v5"), gym.make("Hopper-v5", exclude_current_positions_from_observation=False)):
        simulator = make_simulator(env, [Names(frozenset({"obs"}))])
        after = simulator.step(t.state, t.action)
        np.testing.assert_array_equal(after["qpos"], t.next_state["qpos"])
        assert after["obs"].shape == (3, *env.observation_space.shape)


def test_bad_states_and_actions():
    t, _ = recorded("Hopper", [], steps=3)
    simulator = make_simulator("Hopper")
    with pytest.raises(ValueError, match="unknown state array 'qvel'"):
        simulator.step({"qpos": t.state["qpos"]}, t.action)
    with pytest.raises(ValueError, match="2 actions, but 3 rows of"):
        simulator.step(t.state, t.action[:2])
    with pytest.raises(ValueError, match=r"shape \(n, \*\(3,\)\)"):
        simulator.step(t.state, t.action[:, :2])

"""Rewards in SB3's vector environments agree with Gymnasium's wrappers, and episodes are counted right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv

import envs
from agents.sb3 import VecReplaceReward, find_reward_wrapper, learns, make_algorithm
from envs.task import Field, Task
from envs.wrappers import WithTask
from reward_designers import EnvReward
from reward_designers.base import RewardFn, Transition, reward_fn
from reward_designers.errors import RewardError
from reward_designers.memory import EpisodeMemory


def of_observations(obs: np.ndarray, next_obs: np.ndarray, action: np.ndarray, terminated: np.ndarray) -> dict:
    effort = np.square(action.reshape(len(action), -1)).sum(-1)
    return {"moved": np.abs(next_obs - obs).sum(-1), "effort": -0.01 * effort, "fell": -1.0 * terminated}


def of_fields(torso_height: np.ndarray, next_forward_velocity: np.ndarray, next_qpos: np.ndarray) -> dict:
    return {"height": torso_height, "speed": np.tanh(next_forward_velocity), "joints": next_qpos[:, 3:].sum(-1)}


@dataclass(eq=False)
class FirstVisits(RewardFn):
    """Not Markov: the best position so far, and how long the episode has lasted."""

    markov = False

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> dict[str, np.ndarray]:
        assert memory is not None
        best, steps = memory.array("best", fill=-np.inf), memory.array("steps", dtype=np.int64)
        position = t.next_state["obs"][:, 0].astype(np.float64)
        gained = np.where(np.isfinite(best), np.maximum(position - best, 0), 0)
        best[:] = np.maximum(best, position)
        steps += 1
        return {"gained": gained, "late": -0.1 * steps}


def cartpole() -> gym.Env:
    return gym.make("CartPole-v1", max_episode_steps=12)


def hopper() -> gym.Env:
    return envs.make("Hopper", max_episode_steps=9)


CASES: dict[str, tuple[Callable[[], gym.Env], Any]] = {
    "observations": (cartpole, of_observations),
    "memory": (cartpole, FirstVisits()),
    "fields and fitness": (hopper, of_fields),
    "own reward": (cartpole, None),
    "own reward and more": (hopper, EnvReward() + 0.1 * FirstVisits()),
}


@pytest.mark.parametrize("num_envs", [1, 4])
@pytest.mark.parametrize("case", CASES)
def test_agrees_with_the_gymnasium_wrappers_to_the_bit(case: str, num_envs: int, rng: np.random.Generator) -> None:
    make, reward = CASES[case]
    venv = VecReplaceReward(DummyVecEnv([make] * num_envs), reward)
    vector = envs.vector.ReplaceReward(
        gym.vector.SyncVectorEnv([make] * num_envs, autoreset_mode=gym.vector.AutoresetMode.SAME_STEP), reward
    )
    singles = [envs.ReplaceReward(make(), reward) for _ in range(num_envs)]
    venv.seed(3)
    obs = venv.reset()
    np.testing.assert_array_equal(obs, vector.reset(seed=3)[0])
    for i, single in enumerate(singles):
        np.testing.assert_array_equal(obs[i], single.reset(seed=3 + i)[0])
    singles[0].action_space.seed(0)
    endings = 0
    for _ in range(40):
        actions = np.array([singles[0].action_space.sample() for _ in range(num_envs)])
        obs, rewards, dones, infos = venv.step(actions)
        v_obs, v_rewards, v_terminated, v_truncated, v_infos = vector.step(actions)
        np.testing.assert_array_equal(obs, v_obs)
        np.testing.assert_array_equal(rewards, v_rewards.astype(np.float32))
        np.testing.assert_array_equal(dones, v_terminated | v_truncated)
        for i, single in enumerate(singles):
            _, s_reward, s_terminated, s_truncated, s_info = single.step(actions[i])
            assert rewards[i] == np.float32(s_reward)
            assert infos[i]["env_reward"] == np.float32(s_info["env_reward"])
            assert dones[i] == (s_terminated or s_truncated)
            if reward is not None:  # SB3 gives the environments' own reward as float32
                assert infos[i]["reward_components"] == s_info["reward_components"]
                assert infos[i]["reward_components"] == {
                    name: values[i]
                    for name, values in v_infos["reward_components"].items()
                    if not name.startswith("_")  # Gymnasium's masks
                }
            for measure in ("fitness", "success"):
                assert infos[i].get(measure) == s_info.get(measure)
            if dones[i]:
                endings += 1
                np.testing.assert_array_equal(obs[i], single.reset()[0])
    assert endings >= 3 * num_envs


def test_components_sum_to_the_reward_and_the_environments_own_is_kept() -> None:
    venv = VecReplaceReward(DummyVecEnv([cartpole] * 2), of_observations)
    venv.reset()
    _, rewards, _, infos = venv.step(np.array([0, 1]))
    for reward, info in zip(rewards, infos, strict=True):
        assert reward == pytest.approx(sum(info["reward_components"].values()))
        assert set(info["reward_components"]) == {"moved", "effort", "fell"}
        assert info["env_reward"] == 1.0


def test_other_processes_give_the_same_for_observations_and_refuse_fields() -> None:
    dummy = VecReplaceReward(DummyVecEnv([cartpole] * 2), of_observations)
    others = SubprocVecEnv([cartpole] * 2, start_method="fork")
    try:
        subproc = VecReplaceReward(others, of_observations)
        for venv in (dummy, subproc):
            venv.seed(1)
        np.testing.assert_array_equal(dummy.reset(), subproc.reset())
        for step in range(30):
            here, there = dummy.step(np.array([step % 2, 1])), subproc.step(np.array([step % 2, 1]))
            for a, b in zip(here[:3], there[:3], strict=True):
                np.testing.assert_array_equal(a, b)
            assert [i["reward_components"] for i in here[3]] == [i["reward_components"] for i in there[3]]
        with pytest.raises(ValueError, match=r"qpos.*other processes"):
            VecReplaceReward(others, lambda next_qpos: next_qpos[:, 0])
    finally:
        others.close()


class Pairs(gym.Env):
    """Dict observations that count up; ends after three steps."""

    observation_space = gym.spaces.Dict(
        {"a": gym.spaces.Box(-np.inf, np.inf, (2,)), "b": gym.spaces.Box(-np.inf, np.inf, ())}
    )
    action_space = gym.spaces.Discrete(2)

    def _obs(self) -> dict[str, np.ndarray]:
        return {"a": np.full(2, self.steps, np.float32), "b": np.array(-self.steps, np.float32)}

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict]:
        super().reset(seed=seed)
        self.steps = 0
        return self._obs(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict]:
        self.steps += 1
        return self._obs(), 0.0, self.steps == 3, False, {}


def test_entries_of_dict_observations_are_state_arrays() -> None:
    def both(a: np.ndarray, next_a: np.ndarray, next_b: np.ndarray) -> dict[str, np.ndarray]:
        return {"before": a[:, 0], "after": next_a[:, 1], "b": next_b}

    venv = VecReplaceReward(DummyVecEnv([Pairs]), both)
    venv.reset()
    seen = [venv.step(np.array([0]))[3][0]["reward_components"] for _ in range(4)]
    assert seen == [
        {"before": 0.0, "after": 1.0, "b": -1.0},
        {"before": 1.0, "after": 2.0, "b": -2.0},
        {"before": 2.0, "after": 3.0, "b": -3.0},  # the true successor, not the observation after the reset
        {"before": 0.0, "after": 1.0, "b": -1.0},
    ]


def counting_task(max_episode_steps: int) -> Task:
    """Fitness is 2 a step; success holds from the third step on."""
    fields = {"clock": Field("1", "steps since the reset", lambda obs: obs[:, 0])}
    return Task(
        env="Clock",
        name="run",
        env_id="Clock",
        text="Let time pass.",
        goal_prompts=("late",),
        baseline_prompts=("a clock",),
        fields=fields,
        fitness=reward_fn(lambda next_clock: 2.0 * np.ones_like(next_clock)),
        fitness_unit="1",
        success=reward_fn(lambda next_clock: next_clock >= 3),
        max_episode_steps=max_episode_steps,
    )


class Clock(gym.Env):
    """Observes the time; terminates after ``length`` steps, with reward 1 each."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (1,))
    action_space = gym.spaces.Discrete(2)

    def __init__(self, length: int):
        self.length = length

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict]:
        super().reset(seed=seed)
        self.time = 0
        return np.zeros(1, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict]:
        self.time += 1
        return np.full(1, self.time, np.float32), 1.0, self.time == self.length, False, {}


def test_episode_statistics_are_those_computed_by_hand() -> None:
    task = counting_task(max_episode_steps=6)
    lengths = (2, 5)
    venv = VecReplaceReward(
        DummyVecEnv([lambda n=n: WithTask(Clock(n), task) for n in lengths]),
        lambda next_clock: {"time": next_clock, "half": 0.5 * np.ones(len(next_clock))},
    )
    venv.reset()
    for _ in range(5):
        venv.step(np.zeros(2, int))
    episodes = venv.episodes.drain()
    # Environment 0 ends at steps 2 and 4, environment 1 at step 5.
    np.testing.assert_array_equal(episodes["length"], [2, 2, 5])
    np.testing.assert_array_equal(episodes["reward/time"], [3, 3, 15])
    np.testing.assert_array_equal(episodes["reward/half"], [1, 1, 2.5])
    np.testing.assert_array_equal(episodes["reward"], [4, 4, 17.5])
    np.testing.assert_array_equal(episodes["env_reward"], [2, 2, 5])
    np.testing.assert_allclose(episodes["fitness"], np.array([4, 4, 10]) / 6)
    np.testing.assert_array_equal(episodes["success"], [0, 0, 1])  # three of six steps is half
    assert venv.episodes.drain() == {}


def test_components_may_come_and_go() -> None:
    def sometimes(next_obs: np.ndarray) -> dict[str, np.ndarray]:
        extra = {"late": np.full(len(next_obs), 10.0)} if next_obs[0, 0] >= 2 else {}
        return {"base": np.ones(len(next_obs))} | extra

    venv = VecReplaceReward(DummyVecEnv([lambda: Clock(3)]), sometimes)
    venv.reset()
    for _ in range(6):
        venv.step(np.zeros(1, int))
    episodes = venv.episodes.drain()
    np.testing.assert_array_equal(episodes["reward/base"], [3, 3])
    np.testing.assert_array_equal(episodes["reward/late"], [20, 20])
    np.testing.assert_array_equal(episodes["reward"], [23, 23])


@pytest.mark.parametrize("reward", [None, of_observations])
def test_statistics_do_not_see_what_is_done_to_the_rewards_afterwards(reward: Any) -> None:
    """PPO adds gamma * V(s') to the rewards of truncated steps, in the array that the step returned."""

    def returns(added: float) -> np.ndarray:
        venv = VecReplaceReward(DummyVecEnv([lambda: gym.make("CartPole-v1", max_episode_steps=5)] * 2), reward)
        venv.seed(0)
        venv.reset()
        for _ in range(5):
            _, rewards, _, _ = venv.step(np.array([0, 1]))
            rewards += added
        return venv.episodes.drain()["reward"]

    np.testing.assert_array_equal(returns(100.0), returns(0.0))


def test_a_reset_from_outside_forgets_running_episodes() -> None:
    venv = VecReplaceReward(DummyVecEnv([lambda: Clock(3)]), FirstVisits())
    venv.reset()
    venv.step(np.zeros(1, int))
    venv.reset()
    for _ in range(3):
        infos = venv.step(np.zeros(1, int))[3]
    assert infos[0]["reward_components"]["late"] == pytest.approx(-0.3)
    np.testing.assert_array_equal(venv.episodes.drain()["length"], [3])


def test_a_reward_that_fails_names_component_and_environment() -> None:
    def broken(next_obs: np.ndarray) -> dict[str, np.ndarray]:
        return {"fine": next_obs[:, 0], "bad": np.where(next_obs[:, 0] >= 2, np.nan, 0.0)}

    venv = VecReplaceReward(DummyVecEnv([lambda: Clock(2), lambda: Clock(9)]), broken)
    venv.reset()
    venv.step(np.zeros(2, int))
    with pytest.raises(RewardError, match=r"'bad'.*nan in env 0, nan in env 1"):
        venv.step(np.zeros(2, int))


def test_wrappers_for_other_environments_are_named() -> None:
    with pytest.raises(TypeError, match=r"envs\.ReplaceReward wraps that"):
        VecReplaceReward(cartpole())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"agents\.sb3\.VecReplaceReward"):
        envs.ReplaceReward(DummyVecEnv([cartpole]))  # type: ignore[arg-type]


def test_a_reward_too_large_for_float32_is_refused() -> None:
    venv = VecReplaceReward(DummyVecEnv([cartpole]), lambda next_obs: np.full(len(next_obs), -1e39))
    venv.reset()
    with pytest.raises(RewardError, match=r"-1e\+39 is more than float32 holds"):
        venv.step(np.zeros(1, int))


def test_deferred_rewards_need_a_reward_and_a_buffer_that_asks_for_them() -> None:
    with pytest.raises(ValueError, match="needs a reward"):
        VecReplaceReward(DummyVecEnv([cartpole]), None, deferred=True)
    venv = VecReplaceReward(DummyVecEnv([cartpole]), of_observations, deferred=True)
    venv.reset()
    with pytest.raises(RuntimeError, match="make_algorithm"):
        venv.step(np.zeros(1, int))


@dataclass(eq=False)
class Expensive(RewardFn):
    expensive = True

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> dict[str, np.ndarray]:
        return {"one": np.ones(len(t))}


@pytest.mark.parametrize(
    ("deferred", "expected"),
    [(None, "RelabelledRolloutBuffer"), (True, "RelabelledRolloutBuffer"), (False, "RolloutBuffer")],
)
def test_make_algorithm_defers_expensive_rewards_unless_told_otherwise(deferred: bool | None, expected: str) -> None:
    venv = VecReplaceReward(DummyVecEnv([cartpole]), Expensive(), deferred=deferred)
    model = make_algorithm("ppo", venv, n_steps=8, batch_size=8)
    assert type(model.rollout_buffer).__name__ == expected
    assert find_reward_wrapper(model.get_env()) is venv


def test_make_algorithm_knows_names_and_policies() -> None:
    venv = VecReplaceReward(DummyVecEnv([cartpole]), of_observations)
    with pytest.raises(ValueError, match=r"unknown algorithm 'pp0'.*'ppo'"):
        make_algorithm("pp0", venv)
    with pytest.raises(TypeError, match="n_step"):
        make_algorithm("ppo", venv, n_step=8)
    recurrent = make_algorithm("recurrent_ppo", venv, n_steps=8, batch_size=8)
    assert "Recurrent" in type(recurrent.policy).__name__
    pairs = VecReplaceReward(DummyVecEnv([Pairs]), lambda next_b: next_b)
    assert "MultiInput" in type(make_algorithm("ppo", pairs, n_steps=8, batch_size=8).policy).__name__


def test_learns_looks_into_parts() -> None:
    @dataclass(eq=False)
    class Learner(Expensive):
        def update(self, rollout: Transition) -> dict[str, float]:
            return {}

    assert not learns(Expensive())
    assert learns(Learner())
    assert learns(0.5 * Learner())

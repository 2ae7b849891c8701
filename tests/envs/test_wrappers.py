"""`envs.ReplaceReward` around a single environment: what it returns, reads, remembers and complains about."""

from __future__ import annotations

import pickle
from typing import Any

import cloudpickle
import gymnasium as gym
import numpy as np
import pytest

import envs
from envs.wrappers import WithoutTermination, WithTask
from reward_designers.base import RewardFn, reward_fn
from reward_designers.errors import RewardError
from tests.envs.worlds import TASK, Walk, near


def walk(**options: Any) -> gym.Env:
    return WithTask(Walk(**options), TASK)


@reward_fn
def pay(next_where: np.ndarray, action: np.ndarray, price: float = 0.5) -> dict[str, np.ndarray]:
    return {"place": next_where, "price": -price * np.abs(action - 1.0)}


def test_reward_components_and_ground_truth() -> None:
    env = envs.ReplaceReward(walk(), pay)
    env.reset(seed=0)
    place = env.unwrapped.place
    _, reward, terminated, truncated, info = env.step(2)
    assert reward == place + 1 - 0.5
    assert isinstance(reward, float)
    assert (terminated, truncated) == (abs(place + 1) >= 3, False)
    assert info["reward_components"] == {"place": place + 1, "price": -0.5}
    assert info["env_reward"] == pytest.approx(0.1 * (place + 1))
    assert info["fitness"] == -abs(place + 1)
    assert info["clock"] == 1
    assert "success" not in info


@pytest.mark.parametrize(
    "reward",
    [
        near,
        lambda next_where: -np.abs(next_where),
        reward_fn(near),
        "tests.envs.worlds:near",
        "tests/envs/worlds.py:near",
        TASK.fitness,
    ],
    ids=["function", "lambda", "RewardFn", "import-path", "file", "fitness"],
)
def test_anything_that_is_a_reward(reward: Any) -> None:
    env = envs.ReplaceReward(walk(), reward)
    env.reset(seed=1)
    for _ in range(3):
        _, value, *_, info = env.step(1)
        assert value == -abs(env.unwrapped.place) == info["fitness"]


def test_none_keeps_the_environments_own() -> None:
    env = envs.ReplaceReward(walk())
    env.reset(seed=0)
    _, reward, *_, info = env.step(2)
    assert reward == info["env_reward"] == pytest.approx(0.1 * env.unwrapped.place)
    assert info["reward_components"] == {"env": reward}


def test_the_state_of_the_first_step_is_the_initial_one_in_every_episode() -> None:
    env = envs.ReplaceReward(walk(), lambda where, next_where: {"before": where, "after": next_where})
    for seed in range(5):
        env.reset(seed=seed)
        before = env.unwrapped.place
        for _ in range(2):
            *_, info = env.step(2 if before < 1 else 1)
            assert info["reward_components"] == {"before": before, "after": env.unwrapped.place}
            before = env.unwrapped.place


def test_an_observation_array_that_the_environment_reuses() -> None:
    env = envs.ReplaceReward(Walk(reuse=True), lambda obs, next_obs: (next_obs - obs)[:, 0])
    env.reset(seed=0)
    assert [env.step(action)[1] for action in (2, 0, 1)] == [1.0, -1.0, 0.0]


def test_memory_is_emptied_by_reset() -> None:
    class Count(RewardFn):
        inputs = frozenset()
        markov = False

        def __call__(self, t: Any, memory: Any = None) -> dict[str, np.ndarray]:
            steps = memory.array("steps")
            steps += 1
            return {"steps": steps}

    env = envs.ReplaceReward(walk(), Count())
    for _ in range(3):
        env.reset(seed=0)
        assert [env.step(1)[1] for _ in range(3)] == [1, 2, 3]


def test_wrappers_in_wrappers() -> None:
    """The outer one sees the inner reward as the environment's."""
    env = envs.ReplaceReward(envs.ReplaceReward(walk(), pay), lambda next_double: next_double)
    env.reset(seed=0)
    _, reward, *_, info = env.step(2)
    assert reward == 2 * env.unwrapped.place
    assert info["env_reward"] == env.unwrapped.place - 0.5


@pytest.mark.parametrize(
    ("reward", "message"),
    [
        (lambda next_where: 1 / 0, "reward 'reward' raised ZeroDivisionError"),
        (lambda next_where: next_where * np.nan, r"component 'reward': 1 of 1 values are not finite: nan in env 0"),
        (lambda next_where: np.inf + next_where, "inf in env 0"),
        (lambda next_where: 0.0, r"expected shape \(1,\), one value per row, got \(\)"),
        (lambda next_where: next_where[:, None], r"got \(1, 1\)"),
        (lambda next_where: ["high"], "expected real numbers, got list"),
        (lambda next_where: next_where + 1j, "expected real numbers"),
        (lambda next_where: {}, "named components, got {}"),
        (lambda next_where: None, "expected real numbers, got NoneType"),
    ],
)
def test_a_bad_reward_is_named(reward: Any, message: str) -> None:
    env = envs.ReplaceReward(walk(), reward)
    env.reset(seed=0)
    with pytest.raises(RewardError, match=message):
        env.step(1)


def test_what_a_reward_cannot_read_is_answered_with_the_nearest_names() -> None:
    with pytest.raises(ValueError, match=r"unknown state array 'were'.*Did you mean 'where'"):
        envs.ReplaceReward(walk(), lambda were: were)
    with pytest.raises(ValueError, match=r"unknown state array 'torso_heigt'.*Did you mean 'torso_height'"):
        envs.ReplaceReward(envs.make("Hopper"), lambda torso_heigt: torso_heigt)
    with pytest.raises(ValueError, match="unknown state array 'torso_height'"):
        envs.ReplaceReward(gym.make("Hopper-v5"), lambda torso_height: torso_height)
    with pytest.raises(RewardError, match="must name the arrays that it reads"):
        envs.ReplaceReward(walk(), lambda *everything: 0)
    with pytest.raises(RewardError, match="expected a reward"):
        envs.ReplaceReward(walk(), 3)  # type: ignore[arg-type]


def test_fields_do_not_depend_on_wrappers_that_change_the_observation() -> None:
    plain = envs.ReplaceReward(envs.make("CartPole"), lambda next_pole_angle: next_pole_angle)
    blinded = gym.wrappers.TransformObservation(envs.make("CartPole"), lambda obs: 0 * obs, None)
    scaled = envs.ReplaceReward(blinded, lambda next_pole_angle: next_pole_angle)
    for env in (plain, scaled):
        env.reset(seed=0)
    assert plain.step(1)[1] == scaled.step(1)[1] != 0


def test_raw_simulator_arrays_work_without_a_task() -> None:
    env = envs.ReplaceReward(gym.make("Hopper-v5"), lambda next_qpos, next_xpos: next_qpos[:, 1] - next_xpos[:, 1, 2])
    env.reset(seed=0)
    _, reward, *_ = env.step(env.action_space.sample())
    assert abs(reward) < 0.05


def test_a_spec_rebuilds_the_whole_stack() -> None:
    env = envs.ReplaceReward(envs.make("Hopper", "standing"), pay_hopper)
    assert env.spec is not None
    again = env.spec.make()
    for one in (env, again):
        one.reset(seed=0)
    assert envs.task_of(again).name == "standing"
    assert env.step(np.ones(3, np.float32))[1] == again.step(np.ones(3, np.float32))[1] != 0


def pay_hopper(next_torso_height: np.ndarray) -> np.ndarray:
    return next_torso_height


def test_a_reward_is_used_as_it_is_not_copied() -> None:
    """A model of a gigabyte must not be copied for the sake of a spec."""

    class Heavy(RewardFn):
        def __deepcopy__(self, memo: Any) -> Any:
            raise AssertionError("copied")

        def __call__(self, t: Any, memory: Any = None) -> dict[str, np.ndarray]:
            return {"zero": np.zeros(len(t))}

    heavy = Heavy()
    assert envs.ReplaceReward(gym.make("CartPole-v1"), heavy).scorer.reward is heavy


def test_a_task_travels_to_another_process() -> None:
    task = pickle.loads(cloudpickle.dumps(envs.find_task("Humanoid", "kneeling")))
    assert task.name == "kneeling"
    assert task.fields.keys() == envs.find_task("Humanoid", "kneeling").fields.keys()


def test_without_termination_an_episode_goes_on_to_its_time_limit() -> None:
    env = WithoutTermination(Walk(length=9))
    env.reset(seed=0)
    ends = [env.step(2)[2:4] for _ in range(9)]
    assert not any(terminated for terminated, _ in ends)
    assert abs(env.unwrapped.place) > 3
    fallen = envs.make("InvertedPendulum", "upright", max_episode_steps=60)
    fallen.reset(seed=0)
    ends = [fallen.step(np.ones(1, np.float32))[2:4] for _ in range(60)]
    assert ends == [(False, False)] * 59 + [(False, True)]
    assert abs(fallen.unwrapped.data.qpos[1]) > 0.2


def test_rendering_a_mujoco_task_finds_opengl_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("envs.wrappers.ensure_gl", lambda: asked.append("gl"))
    env = envs.make("Hopper", render_mode="rgb_array")
    monkeypatch.setattr(type(env.unwrapped), "render", lambda self: np.zeros((2, 2, 3), np.uint8))
    env.reset(seed=0)
    env.step(env.action_space.sample())
    assert not asked
    env.render()
    assert asked == ["gl"]


class Parts(gym.Env):
    """Actions with parts, which rewards see flat."""

    observation_space = gym.spaces.Discrete(3)
    action_space = gym.spaces.Dict(push=gym.spaces.Box(-1, 1, (2,)), hand=gym.spaces.Discrete(3))

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[int, dict[str, Any]]:
        super().reset(seed=seed)
        return 0, {}

    def step(self, action: Any) -> tuple[int, float, bool, bool, dict[str, Any]]:
        return 1, 0.0, False, False, {}


def test_actions_with_parts_are_read_flat() -> None:
    action = {"push": np.array([0.25, -0.5], np.float32), "hand": 2}
    flat = [0.25, -0.5, 0, 0, 1]  # in the order of the keys, a choice as one-hot
    weights = np.array([1, 10, 100, 1000, 10000])
    env = envs.ReplaceReward(Parts(), lambda action: action @ weights)
    env.reset(seed=0)
    assert env.step(action)[1] == np.dot(flat, weights)
    several = gym.vector.SyncVectorEnv([Parts] * 2)
    venv = envs.vector.ReplaceReward(several, lambda action: action @ weights)
    venv.reset(seed=0)
    batch = {"push": np.stack([action["push"], 2 * action["push"]]), "hand": np.array([2, 0])}
    np.testing.assert_array_equal(venv.step(batch)[1], [np.dot(flat, weights), 0.5 - 10 + 100])


def test_a_wrapper_for_another_kind_of_environment_names_the_right_one() -> None:
    single, several = gym.make("CartPole-v1"), gym.make_vec("CartPole-v1", num_envs=2)
    with pytest.raises(TypeError, match=r"envs\.vector\.ReplaceReward wraps that"):
        envs.ReplaceReward(several)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"envs\.ReplaceReward wraps that"):
        envs.vector.ReplaceReward(single)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"'CartPole-v1'; envs\.make"):
        envs.ReplaceReward("CartPole-v1")  # type: ignore[arg-type]

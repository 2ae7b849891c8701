"""`envs.vector.ReplaceReward` against `envs.ReplaceReward` around each environment, and a world's own account."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

import envs
from envs.wrappers import WithTask
from reward_designers.base import Components, RewardFn, Transition
from reward_designers.errors import RewardError
from reward_designers.memory import EpisodeMemory
from tests.envs.worlds import TASK, Walk

MODES = list(AutoresetMode)
NUM_ENVS = (1, 3)


@dataclass(eq=False)
class Longest(RewardFn):
    """Not Markov: pays for going further than ever before in this episode, and counts its steps."""

    name = "longest"
    inputs = frozenset({"where"})
    reads = frozenset({"next_state"})
    markov = False

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        assert memory is not None
        record, steps = memory.array("record", fill=-1.0), memory.array("steps", dtype=np.int64)
        distance = np.abs(t.next_state["where"])
        gain = np.maximum(distance - record, 0)
        record[:] = np.maximum(record, distance)
        steps += 1
        return {"gain": gain, "steps": steps}


def movement(where: np.ndarray, next_where: np.ndarray, next_double: np.ndarray, action: np.ndarray) -> dict:
    return {"from": where, "by": 100.0 * (next_where - where), "to": 1e4 * next_double, "action": 1e-3 * action}


def observed(obs: np.ndarray, next_obs: np.ndarray) -> np.ndarray:
    return (obs + 100 * next_obs)[:, 0]


def looked_up(place: np.ndarray, next_place: np.ndarray, next_clock: np.ndarray) -> dict[str, np.ndarray]:
    return {"place": place[:, 0], "moved": 100 * (next_place - place)[:, 0], "clock": next_clock}


def dug_up(
    body_place: np.ndarray, next_body_place: np.ndarray, next_pair_0: np.ndarray, next_pair_1: np.ndarray
) -> dict:
    text = np.array([float(words.split()[1]) for words in next_pair_1])
    return {"place": body_place[:, 0], "next": next_body_place[:, 0], "clock": next_pair_0, "text": text}


REWARDS: dict[str, tuple[str, Any]] = {
    "own": ("plain", None),
    "obs": ("plain", observed),
    "discrete-obs": ("discrete", lambda obs, next_obs: obs + 100.0 * next_obs),
    "fields": ("plain", movement),
    "memory": ("plain", Longest()),
    "dict-obs": ("dict", looked_up),
    "nested-obs": ("nested", dug_up),
    "terminated": ("plain", lambda terminated, truncated: 1.0 * terminated + 2.0 * truncated),
}


def walks(space: str, num_envs: int) -> list[Callable[[], gym.Env]]:
    """Walks of different lengths, so that they end at different times."""
    return [lambda length=3 + i: WithTask(Walk(space, length), TASK) for i in range(num_envs)]


def steps(venv: gym.vector.VectorEnv, mode: AutoresetMode, count: int = 40) -> Iterator[tuple[Any, ...]]:
    """Obs, reward, terminated, truncated, infos of random steps; resets finished environments where it must."""
    venv.reset(seed=7)
    rng = np.random.default_rng(1)
    for _ in range(count):
        actions = rng.integers(venv.single_action_space.n, size=venv.num_envs)
        result = venv.step(actions)
        yield result
        done = result[2] | result[3]
        if mode == AutoresetMode.DISABLED and done.any():
            venv.reset(options={"reset_mask": done})


def same(a: Any, b: Any) -> bool:
    """Equal to the bit, dtypes and all."""
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (tuple, list)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray) and a.dtype == object:
        return a.shape == b.shape and all(map(same, a, b))
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def present(infos: dict[str, Any]) -> dict[str, Any]:
    """Without what no environment has: Gymnasium leaves that out."""
    absent = {name for name in infos if f"_{name}" in infos and not infos[f"_{name}"].any()}
    return {name: value for name, value in infos.items() if name.removeprefix("_") not in absent}


@pytest.mark.parametrize("num_envs", NUM_ENVS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", REWARDS)
def test_wrapping_then_vectorising_equals_vectorising_then_wrapping(
    case: str, mode: AutoresetMode, num_envs: int
) -> None:
    space, reward = REWARDS[case]
    inner = SyncVectorEnv(
        [lambda make=make: envs.ReplaceReward(make(), reward) for make in walks(space, num_envs)], autoreset_mode=mode
    )
    outer = envs.vector.ReplaceReward(SyncVectorEnv(walks(space, num_envs), autoreset_mode=mode), reward)
    ends = 0
    for (*a, a_infos), (*b, b_infos) in zip(steps(inner, mode), steps(outer, mode), strict=True):
        assert same(a, b)
        done = b[2] | b[3]
        ends += done.sum()
        if mode == AutoresetMode.SAME_STEP:  # Gymnasium puts the ends of episodes under final_info
            final = a_infos.get("final_info", {})
            for name in ("env_reward", "fitness"):
                assert same(np.where(done, final.get(name, 0.0), a_infos.get(name, 0.0)), b_infos[name])
            for name, values in b_infos["reward_components"].items():
                if not name.startswith("_"):
                    found = [infos.get("reward_components", {}).get(name, 0.0) for infos in (final, a_infos)]
                    assert same(np.where(done, *found), values)
        else:
            assert same(a_infos, present(b_infos))
    assert ends > 3 * num_envs


@pytest.mark.parametrize("mode", MODES)
def test_transitions_are_those_that_the_world_itself_saw(mode: AutoresetMode) -> None:
    """Also at the ends of episodes, where what the vector environment returns belongs to the next one."""
    venv = SyncVectorEnv(walks("plain", 3), autoreset_mode=mode)
    worlds = [env.unwrapped for env in venv.envs]
    seen: list[list[tuple[float, float]]] = [[], [], []]
    for *_, infos in steps(envs.vector.ReplaceReward(venv, movement), mode):
        components = infos["reward_components"]
        for row in np.flatnonzero(infos["_env_reward"]):
            before = components["from"][row]
            seen[row].append((before, before + components["by"][row] / 100))
            assert components["to"][row] == 2e4 * seen[row][-1][1]
            assert infos["fitness"][row] == -abs(seen[row][-1][1])
    for world, account in zip(worlds, seen, strict=True):
        assert account == world.transitions
        assert len(account) > 20


@pytest.mark.parametrize("mode", MODES)
def test_memory_begins_anew_with_each_episode(mode: AutoresetMode) -> None:
    env = envs.vector.ReplaceReward(SyncVectorEnv(walks("plain", 3), autoreset_mode=mode), Longest())
    expected = np.zeros(3)
    for _, _, terminated, truncated, infos in steps(env, mode):
        moved = infos["_reward_components"]
        expected = np.where(moved, expected + 1, 0)
        np.testing.assert_array_equal(infos["reward_components"]["steps"][moved], expected[moved])
        expected[terminated | truncated] = 0


def test_a_step_that_only_resets_scores_nothing_and_says_so() -> None:
    env = envs.vector.ReplaceReward(
        SyncVectorEnv(walks("plain", 2), autoreset_mode=AutoresetMode.NEXT_STEP),
        lambda next_where: 1 / (9 + next_where),
    )
    ended = np.zeros(2, bool)
    for _, reward, terminated, truncated, infos in steps(env, AutoresetMode.NEXT_STEP):
        np.testing.assert_array_equal(infos["_fitness"], ~ended)
        np.testing.assert_array_equal(reward == 0, ended)
        ended = terminated | truncated


def test_the_first_episode_may_end_with_its_first_step() -> None:
    """In NEXT_STEP mode the reset comes before a second successor was ever written."""
    venv = SyncVectorEnv([lambda: WithTask(Walk(length=1), TASK)], autoreset_mode=AutoresetMode.NEXT_STEP)
    env = envs.vector.ReplaceReward(venv, lambda next_double: {"inverse": 1 / (20 + next_double)})
    rewards = [reward.item() for _, reward, *_ in steps(env, AutoresetMode.NEXT_STEP, 6)]
    assert [reward == 0 for reward in rewards] == [False, True] * 3


def test_two_vector_environments_of_one_class_keep_their_own_autoreset_modes() -> None:
    """Gymnasium writes the mode into a dict that all environments of a class share."""
    venv = SyncVectorEnv(walks("plain", 2), autoreset_mode=AutoresetMode.SAME_STEP)
    SyncVectorEnv(walks("plain", 2), autoreset_mode=AutoresetMode.NEXT_STEP)
    for *_, infos in steps(envs.vector.ReplaceReward(venv, movement), AutoresetMode.SAME_STEP):
        assert infos["_env_reward"].all()


def test_a_partial_reset_at_any_time() -> None:
    venv = SyncVectorEnv(walks("plain", 3), autoreset_mode=AutoresetMode.DISABLED)
    env = envs.vector.ReplaceReward(venv, movement)
    env.reset(seed=0)
    for step in range(3):
        *_, terminated, truncated, infos = env.step(np.array([1, 1, 1]))
        mask = np.array([step == 0, step == 1, True]) | terminated | truncated
        env.reset(options={"reset_mask": mask})
        places = [world.unwrapped.place for world in venv.envs]
        *_, infos = env.step(np.array([0, 2, 1]))
        np.testing.assert_array_equal(infos["reward_components"]["from"], places)
        np.testing.assert_array_equal(infos["reward_components"]["by"], [-100, 100, 0])
        env.reset(options={"reset_mask": np.ones(3, bool)})


def test_hoppers_fields_are_those_of_the_bare_simulator() -> None:
    """MuJoCo's arrays: the fields of a step equal those that the bare environment has after the same step."""
    venv = envs.make_vec("Hopper", 3, max_episode_steps=4)
    env = envs.vector.ReplaceReward(
        venv,
        lambda x_position, next_x_position, next_torso_height: {
            "x": x_position,
            "dx": next_x_position,
            "z": next_torso_height,
        },
    )
    bare = [gym.make("Hopper-v5", max_episode_steps=4) for _ in range(3)]
    env.reset(seed=5)
    for row, one in enumerate(bare):
        one.reset(seed=5 + row)
    env.action_space.seed(0)
    for _ in range(30):
        actions = env.action_space.sample()
        *_, infos = env.step(actions)
        for row, one in enumerate(bare):
            x = one.unwrapped.data.qpos[0]
            _, _, terminated, truncated, _ = one.step(actions[row])
            qpos = one.unwrapped.data.qpos
            found = [infos["reward_components"][name][row] for name in ("x", "dx", "z")]
            assert found == [x, qpos[0], qpos[1]]
            if terminated or truncated:
                one.reset()


@pytest.mark.parametrize("mode", MODES)
def test_processes_observation_rewards_work_and_others_say_what_to_do(mode: AutoresetMode) -> None:
    sync = envs.vector.ReplaceReward(SyncVectorEnv(walks("dict", 2), autoreset_mode=mode), looked_up)
    venv = AsyncVectorEnv(walks("dict", 2), autoreset_mode=mode)
    try:
        env = envs.vector.ReplaceReward(venv, looked_up)
        for (*a, a_infos), (*b, b_infos) in zip(steps(sync, mode, 15), steps(env, mode, 15), strict=True):
            assert same(a, b)
            assert same(a_infos["reward_components"], b_infos["reward_components"])
        with pytest.raises(ValueError, match="reads where, which cannot be read from environments in other processes"):
            envs.vector.ReplaceReward(venv, lambda where: where)
    finally:
        venv.close()


def test_dict_info_to_list_understands_the_infos() -> None:
    env = gym.wrappers.vector.DictInfoToList(
        envs.vector.ReplaceReward(SyncVectorEnv(walks("plain", 2), autoreset_mode=AutoresetMode.NEXT_STEP), movement)
    )
    env.reset(seed=0)
    *_, infos = env.step(np.array([2, 0]))
    assert infos[0]["reward_components"]["by"] == 100
    assert infos[1]["reward_components"]["by"] == -100


def test_a_bad_reward_is_named_with_its_environment() -> None:
    def depth(next_where: np.ndarray) -> dict[str, np.ndarray]:
        return {"fine": next_where, "log": np.log(next_where - next_where.min())}

    env = envs.vector.ReplaceReward(SyncVectorEnv(walks("plain", 3)), depth)
    env.reset(seed=0)
    places = [world.unwrapped.place for world in env.unwrapped.envs]
    lowest = int(np.argmin(places))
    with (
        np.errstate(divide="ignore"),
        pytest.raises(RewardError, match=f"'depth', component 'log'.*-inf in env {lowest}"),
    ):
        env.step(np.ones(3, int))

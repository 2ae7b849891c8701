"""Named state arrays: taken before a reset can overwrite them, no more of them than anybody reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import mujoco
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import envs
from envs.expose import Expose, StateTracker, state_readers
from envs.wrappers import WithTask
from reward_designers.base import Components, FunctionReward, RewardFn, Transition
from reward_designers.encoders import Encoder
from reward_designers.memory import EpisodeMemory
from tests.envs.worlds import TASK, Walk


def test_simulator_arrays_of_the_current_state() -> None:
    env = Expose(gym.make("Hopper-v5"), ["qpos", "qvel", "time", "cfrc_ext"])
    env.reset(seed=0)
    for _ in range(3):
        data = env.unwrapped.data
        for name in ("qpos", "qvel", "cfrc_ext"):
            np.testing.assert_array_equal(env.state[name], getattr(data, name))
        assert env.state["time"] == data.time
        env.step(env.action_space.sample())
    qpos = env.state["qpos"].copy()
    env.unwrapped.data.qpos[:] = 0
    np.testing.assert_array_equal(env.state["qpos"], qpos)  # a copy, not a view of the simulator


def test_readers_of_environments_wrappers_and_mujoco() -> None:
    env = WithTask(Walk(), TASK)
    assert {"place_now", "clock_now"} <= state_readers(env).keys()
    outer = gym.Wrapper(env)
    outer.state_arrays = {"place_now": lambda: -1}
    assert state_readers(outer)["place_now"]() == -1
    assert "qpos" in state_readers(gym.make("Hopper-v5"))
    assert "cart_pole" in state_readers(envs.make("CartPole"))


def test_an_environment_that_compiles_another_model_at_reset() -> None:
    class Morphing(gym.Wrapper):
        def reset(self, **options: Any) -> Any:
            world = self.unwrapped
            world.data = mujoco.MjData(world.model)
            return self.env.reset(**options)

    env = envs.ReplaceReward(Morphing(envs.make("Hopper")), lambda next_x_position: next_x_position)
    for seed in range(3):
        env.reset(seed=seed)
        for _ in range(3):
            _, reward, *_ = env.step(env.action_space.sample())
            assert reward == env.unwrapped.data.qpos[0]


@pytest.mark.parametrize("names", [["qpo"], ["frame", "qpo"]])
def test_unknown_names(names: list[str]) -> None:
    with pytest.raises(ValueError, match=r"'qpo'\. Did you mean 'qpos'"):
        Expose(gym.make("Hopper-v5"), names, frame_size=(4, 4))


def test_frames_need_a_size() -> None:
    with pytest.raises(ValueError, match="frame_size"):
        Expose(Walk(render_mode="rgb_array"), ["frame"])


def brightness(frames: np.ndarray) -> np.ndarray:
    """Of Walk's pictures, (n,): 100 + place."""
    return frames.reshape(len(frames), -1).mean(axis=-1)


def looks_at_successor(next_frame: np.ndarray) -> np.ndarray:
    return brightness(next_frame)


def looks_at_both(frame: np.ndarray, next_frame: np.ndarray) -> dict[str, np.ndarray]:
    return {"before": brightness(frame), "after": brightness(next_frame)}


@dataclass(eq=False)
class Dimmer(Encoder):
    """Encodes frames, and keeps account of how many."""

    frame_size: tuple[int, int] = (4, 4)
    batches: list[int] = field(default_factory=list)

    def __call__(self, source: np.ndarray) -> np.ndarray:
        assert source.shape[1:] == (4, 4, 3)
        self.batches.append(len(source))
        return brightness(source)[:, None]


@dataclass(eq=False)
class Seeing(RewardFn):
    """Reads encoded frames."""

    encoder: Dimmer = field(default_factory=Dimmer)
    both: bool = False

    inputs = frozenset({"light"})

    @property
    def reads(self) -> frozenset[str]:  # type: ignore[override]
        return frozenset({"state", "next_state"}) if self.both else frozenset({"next_state"})

    @property
    def encoders(self) -> dict[str, Encoder]:
        return {"light": self.encoder}

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        before = {"before": t.state["light"][:, 0]} if self.both else {}
        return before | {"after": t.next_state["light"][:, 0]}


def play(reward: Any, mode: AutoresetMode = AutoresetMode.SAME_STEP, steps: int = 20) -> list[Walk]:
    """Check the components of a reward that looks against the world's own account."""
    makers = [
        lambda length=length: WithTask(Walk(length=length, render_mode="rgb_array"), TASK) for length in (3, 4, 5)
    ]
    venv = SyncVectorEnv(makers, autoreset_mode=mode)
    worlds = [env.unwrapped for env in venv.envs]
    env = envs.vector.ReplaceReward(venv, reward)
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(steps):
        _, _, _, _, infos = env.step(rng.integers(3, size=3))
        components = infos["reward_components"]
        for row in np.flatnonzero(infos["_env_reward"]):
            before, after = worlds[row].transitions[-1]
            for name, values in components.items():
                if not name.startswith("_"):
                    assert values[row] == 100 + (before if name == "before" else after), name
    return worlds


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
@pytest.mark.parametrize(
    "reward",
    [looks_at_successor, looks_at_both, Seeing(), Seeing(both=True)],
    ids=["successor", "both", "encoded-successor", "encoded-both"],
)
def test_frames_are_those_of_the_transition(reward: Any, mode: AutoresetMode) -> None:
    play(reward, mode)


@pytest.mark.parametrize(
    ("reward", "at_resets"), [(looks_at_successor, False), (Seeing(), False), (looks_at_both, True)]
)
def test_no_frame_is_drawn_that_nobody_looks_at(reward: Any, at_resets: bool) -> None:
    worlds = play(reward, steps=20)
    for world in worlds:
        assert world.renders == 20 + at_resets * world.resets


def test_a_reset_encodes_only_the_environments_that_were_reset() -> None:
    encoder = Dimmer()
    worlds = play(Seeing(encoder, both=True), steps=20)
    initial = sum(world.resets for world in worlds)
    assert initial > 12
    assert sum(encoder.batches) == initial + 3 * 20


def test_encoding_can_be_left_to_the_consumer() -> None:
    encoder = Dimmer()
    makers = [WithTask(Walk(render_mode="rgb_array"), TASK)]
    tracker = StateTracker(1, makers[0].observation_space, [Seeing(encoder)], envs=makers, encode=False)
    env = tracker.exposed[0]
    obs, _ = env.reset(seed=0)
    tracker.reset(tracker.observations.single(obs))
    obs, *_ = env.step(1)
    no = np.zeros(1, bool)
    t = tracker.step(np.ones(1), tracker.observations.single(obs), no, no)
    assert t.next_state["frame"].shape == (1, 4, 4, 3)
    assert not encoder.batches
    assert "frame" not in t.state


def consumers(*functions: Any) -> Sequence[RewardFn]:
    return [FunctionReward(function) for function in functions]


def test_only_what_is_read_is_exposed() -> None:
    worlds = [envs.make("Humanoid")]
    space = worlds[0].observation_space
    task = envs.task_of(worlds[0])
    assert not StateTracker(1, space, consumers(lambda obs: obs), task=task, envs=worlds).exposed
    tracker = StateTracker(1, space, consumers(lambda next_torso_height: next_torso_height), task=task, envs=worlds)
    assert tracker.exposed[0].state.keys() == {"qpos"}
    assert not tracker.observations.names
    tracker = StateTracker(1, space, consumers(lambda qvel, head_height: qvel), task=task, envs=worlds)
    assert tracker.exposed[0].state.keys() == {"qvel", "geom_xpos"}


def test_states_hold_what_consumers_read_of_them() -> None:
    """Fields that are read of successors alone are not computed for initial states."""
    env = envs.ReplaceReward(WithTask(Walk(), TASK), lambda where, next_where, obs: where + next_where + obs[:, 0])
    env.reset(seed=0)
    seen = []
    scorer = env.scorer
    score = scorer.score
    scorer.score = lambda t, env_reward: (seen.append(t), score(t, env_reward))[1]
    env.step(1)
    assert seen[0].state.keys() == {"where", "obs"}
    assert seen[0].next_state.keys() == {"where", "obs"}
    other = envs.ReplaceReward(WithTask(Walk(), TASK), lambda next_double: next_double)
    other.reset(seed=0)
    assert not other.scorer.tracker.state_dict()


def test_a_state_of_text_is_not_cut() -> None:
    class Talking(Walk):
        def __init__(self) -> None:
            super().__init__(length=4)
            self.state_arrays = {"word": lambda: "x" * (1 + self.clock)}

    env = envs.ReplaceReward(
        Talking(),
        lambda word, next_word: {
            "before": np.array([float(len(w)) for w in word]),
            "after": np.array([float(len(w)) for w in next_word]),
        },
    )
    env.reset(seed=0)
    for clock in range(1, 4):
        assert env.step(1)[4]["reward_components"] == {"before": clock, "after": clock + 1}


def test_going_on_from_a_saved_state() -> None:
    """What a checkpoint needs: the current state, in mid-episode."""

    def movement(where: np.ndarray, next_where: np.ndarray) -> np.ndarray:
        return 10 * where + next_where

    env = envs.ReplaceReward(WithTask(Walk(length=20), TASK), movement)
    env.reset(seed=0)
    env.step(1)
    saved, place = env.scorer.tracker.state_dict(), env.unwrapped.place
    again = envs.ReplaceReward(WithTask(Walk(length=20), TASK), movement)
    again.reset(seed=3)
    again.unwrapped.place = place
    again.scorer.tracker.load_state_dict(saved)
    assert again.step(1)[1] == env.step(1)[1] == 11 * place

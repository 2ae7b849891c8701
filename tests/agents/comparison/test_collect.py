"""Coverages: the right transitions, in order, of the right policy; the same from the cache; from files too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import envs
from agents.comparison import collect as module
from agents.comparison.collect import World, collect, film, play
from agents.comparison.coverages import CoverageSpec
from agents.comparison.policies import Trained
from agents.comparison.stage import Reads, Stage
from agents.errors import UsageError
from envs.rendering import frame_of
from envs.simulator import make_simulator
from reward_designers.base import Components, RewardFn, Transition, reward_fn
from reward_designers.distances import Coverage
from reward_designers.encoders import Encoder
from reward_designers.evaluation import evaluate, total
from reward_designers.memory import EpisodeMemory
from tests.agents.comparison.hopper import HOPPER, RANDOM, SHORT, observing
from tests.envs.worlds import Walk

LENGTH = 50


class Clock(gym.Env):
    """Episodes of 50 steps, 20 if their number is even; the observation is (own number, episode, step)."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (3,), np.float64)
    action_space = gym.spaces.Discrete(5)
    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012 (as in Gymnasium)
    made: list[Clock] = []  # noqa: RUF012

    def __init__(self, even: int = LENGTH, render_mode: str | None = None):
        self.render_mode = render_mode
        self.number, self.episode, self.clock, self.even = len(self.made), -1, 0, even
        self.renders: list[tuple[int, int]] = []
        self.closed = False
        if render_mode:  # one without is made first, to see whether there is such a mode
            self.made.append(self)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self.episode, self.clock = self.episode + 1, 0
        return self.obs(), {}

    def obs(self) -> np.ndarray:
        return np.array([self.number, self.episode, self.clock], float)

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict]:
        self.clock += 1
        terminated = self.clock == (LENGTH if self.episode % 2 else self.even)
        return self.obs(), 10.0 * self.clock + action, terminated, False, {}

    def render(self) -> np.ndarray:
        self.renders.append((self.episode, self.clock))
        return np.full((8, 8, 3), self.clock, np.uint8)

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True, scope="module")
def worlds() -> Iterator[None]:
    gym.register("Clock-v0", entry_point=Clock, max_episode_steps=LENGTH, disable_env_checker=True)
    gym.register("Walk-v0", entry_point=Walk, disable_env_checker=True)
    yield
    del gym.registry["Clock-v0"], gym.registry["Walk-v0"]


@pytest.fixture(autouse=True)
def no_clocks() -> None:
    Clock.made.clear()


@reward_fn
def ticking(obs, next_obs, action):
    return next_obs[:, 2] - obs[:, 2] + 0.0 * action


class Brightness(Encoder):
    frame_size = (8, 8)
    seen: list[int] = []  # noqa: RUF012

    def __call__(self, source: np.ndarray) -> np.ndarray:
        self.seen.append(len(source))
        return source.mean((1, 2, 3))


class Bright(RewardFn):
    name = "bright"
    inputs = frozenset({"brightness"})
    reads = frozenset({"next_state"})

    @property
    def encoders(self) -> dict[str, Encoder]:
        return {"brightness": Brightness()}

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        return {"bright": t.next_state["brightness"]}


CLOCKS = World("Clock-v0", [ticking])


# Stretches and episodes


def test_every_step_of_an_episode_is_as_likely_as_any_other():
    counts = np.zeros(LENGTH)
    for seed in range(10):
        coverage = collect(RANDOM, CLOCKS, num_transitions=100, seed=seed)
        counts += np.bincount(coverage.step, minlength=LENGTH)
    assert counts.sum() == 1000
    # 20 stretches of 5 steps begin once in each twentieth of an episode: a step is met 2 times in 100, give or take 1.
    assert (counts.min(), counts.max()) >= (10, 20)
    assert counts.max() <= 30


def test_rows_are_as_they_happened():
    world = World("Clock-v0", [ticking], kwargs={"even": 20})
    coverage = collect(RANDOM, world, num_transitions=1210, seed=1)
    t = coverage.transitions
    before, after = t.state["obs"], t.next_state["obs"]
    np.testing.assert_array_equal(after - before, np.tile([0, 0, 1.0], (1210, 1)))  # the true successor, never a reset
    np.testing.assert_array_equal(before[:, 2], coverage.step)
    np.testing.assert_array_equal(coverage.env_reward, 10 * after[:, 2] + t.action)
    own = [tuple(before[rows.start, :2]) for rows in coverage.episodes]
    assert len(set(own)) == len(own)  # an episode has one number
    for rows in coverage.episodes:
        assert np.ptp(before[rows, :2], axis=0).max() == 0
        np.testing.assert_array_equal(np.diff(before[rows, 2]), 1)
    ends = after[:, 2] == np.where(before[:, 1] % 2, LENGTH, 20)
    np.testing.assert_array_equal(t.terminated, ends)
    lengths = {number: int((before[:, 0] == number).sum()) for number in np.unique(before[:, 0])}
    assert sorted(lengths.values()) == [60] * 10 + [61] * 10
    complete = [before[rows.start, 2] == 0 and ends[rows.stop - 1] for rows in coverage.episodes]
    assert coverage.complete.tolist() == complete
    assert 10 < sum(complete) < len(complete)


def test_fewer_transitions_than_stretches():
    assert len(collect(RANDOM, CLOCKS, num_transitions=7, seed=0)) == 7
    assert len(collect(RANDOM, CLOCKS, num_transitions=1, seed=0)) == 1


def test_a_seed_decides_all_of_it():
    def of(seed: int, n: int = 60) -> str:
        Clock.made.clear()
        return collect(RANDOM, CLOCKS, num_transitions=n, seed=seed).content_hash

    assert of(0) == of(0)
    assert len({of(0), of(1), of(0, 61)}) == 3
    hopper = World("Hopper", [reward_fn(lambda next_torso_height: next_torso_height)])
    one, other = (play(RANDOM, hopper, episodes=2, seed=seed) for seed in (0, 1))
    assert not np.isin(one.actions, other.actions).any()  # neighboring seeds share nothing


def test_whole_episodes():
    world = World("Clock-v0", [ticking], kwargs={"even": 20})
    coverage = play(RANDOM, world, episodes=23, seed=0)
    assert coverage.complete.all()
    lengths = [rows.stop - rows.start for rows in coverage.episodes]
    assert sorted(lengths) == [20] * 20 + [50] * 3  # each environment's first, three environments' second
    assert sorted(env.episode for env in Clock.made) == [0] * 17 + [1] * 3  # none was begun in vain


def test_environments_are_closed_and_nothing_is_left_after_an_interruption(tmp_path: Path):
    def interrupt(done: int, total: int) -> None:
        assert total == 100
        if done >= 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collect(RANDOM, CLOCKS, num_transitions=100, seed=0, cache=tmp_path / "cache", progress=interrupt)
    assert len(Clock.made) == 20
    assert all(env.closed for env in Clock.made)
    assert not list(tmp_path.rglob("*.npz"))
    seen: list[tuple[int, int]] = []
    collect(RANDOM, CLOCKS, num_transitions=100, seed=0, progress=lambda *at: seen.append(at))
    assert seen == [(20, 100), (40, 100), (60, 100), (80, 100), (100, 100)]


def test_frames_are_drawn_and_encoded_once_for_each_state_and_not_kept():
    world = World("Clock-v0", [Bright(), ticking])
    Brightness.seen.clear()
    coverage = collect(RANDOM, world, num_transitions=200, seed=0)
    assert set(coverage.transitions.state) == {"brightness", "obs"}
    t = coverage.transitions
    np.testing.assert_array_equal(t.next_state["brightness"], t.next_state["obs"][:, 2])
    np.testing.assert_array_equal(t.state["brightness"], t.state["obs"][:, 2])
    drawn = sum(len(env.renders) for env in Clock.made)
    assert drawn == sum(Brightness.seen) == len(coverage.states["obs"])  # none in the warm-up
    same = collect(RANDOM, CLOCKS, num_transitions=200, seed=0)
    np.testing.assert_array_equal(same.actions, coverage.actions)  # who looks on changes nothing


def test_observations_of_any_kind_come_back_from_the_disk(tmp_path: Path):
    @reward_fn
    def reading(pair_1, next_pair_1, body_place, next_place_now):
        return np.array([float(text.split()[1]) for text in next_pair_1])

    world = World("Walk-v0", [reading], kwargs={"space": "nested"})
    collected = collect(RANDOM, world, num_transitions=90, seed=0, cache=tmp_path)
    loaded = collect(RANDOM, world, num_transitions=90, seed=0, cache=tmp_path)
    for coverage in (collected, loaded):
        t = coverage.transitions
        np.testing.assert_array_equal(reading(t)["reading"], t.next_state["place_now"])
        np.testing.assert_array_equal(t.next_state["place_now"] - t.state["body_place"][:, 0], t.action - 1)
        np.testing.assert_allclose(coverage.env_reward, 0.1 * t.next_state["place_now"])
    assert t.terminated.any()
    assert t.truncated.any()  # by itself: it has no time limit of Gymnasium's


def test_what_does_not_exist():
    @reward_fn
    def wishful(next_torso_hight):
        return next_torso_hight

    with pytest.raises(UsageError, match=r"unknown state array 'torso_hight'. Did you mean 'torso_height'"):
        collect(RANDOM, World("Hopper", [wishful]), num_transitions=5, seed=0)
    with pytest.raises(UsageError, match="unknown environment 'Hoper'"):
        collect(RANDOM, World("Hoper", [ticking]), num_transitions=5, seed=0)


# What MuJoCo says


@pytest.mark.parametrize("kind", ["random", "iid"])
@pytest.mark.parametrize("name", ["Hopper", "Humanoid"])
def test_analytic_rewards_pay_what_the_environment_paid(name: str, kind: str):
    own = envs.find_task(name).reward()
    coverage = collect(
        CoverageSpec(kind, kind), World(name, [own, observing], kwargs=SHORT), num_transitions=60, seed=2
    )
    paid = total(evaluate(own, coverage.transitions))
    np.testing.assert_allclose(paid, coverage.env_reward, rtol=1e-9, atol=1e-9)
    assert set(coverage.measures) == {"fitness", "success"}
    assert len(np.unique(paid)) > 30


@pytest.mark.parametrize("kind", ["random", "iid"])
def test_a_simulator_goes_on_from_its_states(kind: str):
    coverage = collect(CoverageSpec(kind, kind), HOPPER, num_transitions=40, seed=0)
    t = coverage.transitions
    after = make_simulator("Hopper", [observing]).step(t.state, t.action)
    np.testing.assert_allclose(after["obs"], t.next_state["obs"], rtol=0, atol=1e-6 if kind == "iid" else 0)


def test_independent_states():
    coverage = collect(CoverageSpec("iid", "iid"), HOPPER, num_transitions=300, seed=0)
    t = coverage.transitions
    assert len(coverage.episodes) == 300
    assert not t.truncated.any()
    assert not coverage.complete.any()
    thigh = t.state["obs"][:, 2]  # its joint may go from -150 to 0 degrees
    histogram = np.histogram(thigh, 5, (np.radians(-150), 0))[0]
    assert histogram.sum() == 300
    assert histogram.min() > 35
    assert abs(np.corrcoef(thigh[1:], thigh[:-1])[0, 1]) < 0.2
    with pytest.raises(UsageError, match="cannot be put into a random state"):
        collect(CoverageSpec("iid", "iid"), CLOCKS, num_transitions=5, seed=0)
    with pytest.raises(UsageError, match="no episodes"):
        play(CoverageSpec("iid", "iid"), HOPPER, seed=0)


class Remembering:
    """A model whose action is how often it has been asked since an episode began, if observations are halved."""

    def get_vec_normalize_env(self) -> Remembering:
        return self

    def normalize_obs(self, obs: np.ndarray) -> np.ndarray:
        return obs / 2

    def predict(self, obs: np.ndarray, memory: Any, starts: np.ndarray, deterministic: bool) -> tuple[Any, Any]:
        memory = np.where(starts, 0, 0 if memory is None else memory)
        correct = deterministic & (2 * obs[:, 2] == memory)
        return np.where(correct, memory % 5, -1), memory + 1


def test_a_policy_remembers_within_an_episode_and_sees_normalised_observations():
    world = World("Clock-v0", [ticking], kwargs={"even": 20})
    stage = Stage([world.make() for _ in range(4)], Reads(world.rewards), seed=0, render={})
    policy = Trained(Remembering())  # type: ignore[arg-type]
    stage.warm_up(policy, np.array([0, 13, 31, 49]))
    coverage = stage.record(policy, "x", steps=np.array([50, 60, 70, 1]))
    assert coverage.step[[0, 50, 110, 180]].tolist() == [0, 13, 11, 29]  # the first episode has 20 steps
    np.testing.assert_array_equal(coverage.actions, coverage.step % 5)


# The cache


def test_what_was_collected_is_not_collected_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    first = collect(RANDOM, CLOCKS, num_transitions=100, seed=0, cache=tmp_path)
    (file,) = tmp_path.iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(World, "make", None)  # no environment can be made
        second = collect(CoverageSpec("mine", "random"), CLOCKS, num_transitions=100, seed=0, cache=tmp_path)
    assert (first.name, second.name) == ("random", "mine")
    assert second.content_hash == first.content_hash
    assert second.about["recipe"] == first.about["recipe"]
    others = [
        (CLOCKS, 100, 1),
        (CLOCKS, 101, 0),
        (World("Clock-v0", [ticking, Bright()]), 100, 0),
        (World("Clock-v0", [ticking], kwargs={"even": 20}), 100, 0),
    ]
    for world, n, seed in others:
        collect(RANDOM, world, num_transitions=n, seed=seed, cache=tmp_path)
    play(RANDOM, CLOCKS, seed=0, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 6
    file.write_bytes(file.read_bytes()[:-50])
    Clock.made.clear()
    with pytest.warns(UserWarning, match="damaged.*made anew"):
        again = collect(RANDOM, CLOCKS, num_transitions=100, seed=0, cache=tmp_path)
    assert again.content_hash == first.content_hash == Coverage.load(file).content_hash


# Pictures


def test_a_film_of_an_episode():
    shown = film(RANDOM, CLOCKS, seed=0, size=16, max_frames=20)
    assert shown.episode.complete.tolist() == [True]
    assert len(shown.episode) == LENGTH
    assert list(shown.frames) == list(range(0, 51, 4))  # every second one would be 26
    for step, frame in shown.frames.items():
        assert frame.shape == (16, 16, 3)
        assert frame.mean() == step
    assert len(film(RANDOM, CLOCKS, seed=0, max_frames=0).frames) == 0
    assert not Clock.made[-1].renders
    with pytest.raises(UsageError, match="no policy that could be filmed"):
        film(CoverageSpec("iid", "iid"), CLOCKS, seed=0)


def test_a_film_of_mujoco():
    shown = film(RANDOM, HOPPER, seed=1, size=32, max_frames=5)
    n = len(shown.episode)
    np.testing.assert_allclose(shown.seconds, 0.008 * np.arange(1, n + 1))
    assert shown.episode.measures["fitness"].shape == (n,)
    assert 2 <= len(shown.frames) <= 5
    assert len({frame.tobytes() for frame in shown.frames.values()}) == len(shown.frames)


@pytest.mark.slow
def test_tiny_clip_sees_what_happened():
    from reward_designers.vlm import VLMReward

    reward = VLMReward("a one-legged robot standing upright")
    coverage = play(RANDOM, World("Hopper", [reward]), episodes=1, seed=3)
    env = envs.make("Hopper")
    env.reset(seed=int(np.random.SeedSequence([3, 0]).generate_state(1)[0]))
    height, width = reward.encoders[reward.key].frame_size or (0, 0)
    frames = []
    for action in coverage.actions:
        env.step(action)
        frames.append(frame_of(env, height=height, width=width, camera=envs.find_task("Hopper").camera))
    scores = reward(coverage.transitions)["vlm"]
    np.testing.assert_allclose(scores, reward.score(np.stack(frames)), atol=1e-6)
    assert np.ptp(scores) > 1e-4
    assert not any("frame" in name and "@" not in name for name in coverage.transitions.state)


def test_what_it_was_made_from_is_told():
    about = collect(RANDOM, CLOCKS, num_transitions=20, seed=4).about
    assert json.loads(json.dumps(about)) == about
    recipe = about["recipe"]
    assert (recipe["env"], recipe["seed"], recipe["num_transitions"]) == ("Clock-v0", 4, 20)
    assert recipe["inputs"] == ["obs"]
    assert "numpy" in recipe["versions"]
    assert recipe["streams"] == module.STREAMS

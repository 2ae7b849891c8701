"""Rewards computed for whole rollouts give the numbers that stepwise rewards give, to the bit."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor, VecNormalize

from agents import buffers
from agents.buffers import use_relabelling
from agents.sb3 import VecReplaceReward, make_algorithm
from reward_designers.base import RewardFn, Transition
from reward_designers.encoders import Encoder
from reward_designers.errors import RewardError
from reward_designers.memory import EpisodeMemory


def markov(obs: np.ndarray, next_obs: np.ndarray, terminated: np.ndarray, truncated: np.ndarray) -> dict:
    return {"moved": np.square(next_obs - obs).sum(-1), "speed": next_obs[:, 2], "end": terminated - 0.5 * truncated}


@dataclass(eq=False)
class Remembers(RewardFn):
    """Depends on all that happened in the episode."""

    markov = False

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> dict[str, np.ndarray]:
        assert memory is not None
        trace = memory.array("trace")
        trace[:] = 0.9 * trace + t.next_state["obs"][:, 1]
        return {"trace": trace.copy(), "now": t.state["obs"][:, 0].astype(np.float64)}


@dataclass(eq=False)
class Learns(RewardFn):
    """Scales observations by what it has seen; learns once per rollout."""

    scale: float = 1.0
    updates: list[tuple[int, ...]] = field(default_factory=list)

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> dict[str, np.ndarray]:
        return {"scaled": t.next_state["obs"][:, 0] / self.scale}

    def update(self, rollout: Transition) -> dict[str, float]:
        self.updates.append(rollout.batch_shape)
        self.scale += float(np.abs(rollout.next_state["obs"]).mean())
        return {"scale": self.scale}


class KeepsBuffers(BaseCallback):
    """Copies what the buffer holds when a rollout ends."""

    def __init__(self, stop_at: int | None = None) -> None:
        super().__init__()
        self.kept: list[dict[str, np.ndarray]] = []
        self.stop_at = stop_at

    def _on_step(self) -> bool:
        return self.stop_at is None or self.num_timesteps < self.stop_at

    def _on_rollout_end(self) -> None:
        buffer = self.model.rollout_buffer  # type: ignore[attr-defined]
        names = ("rewards", "returns", "advantages", "values", "episode_starts")
        self.kept.append({name: getattr(buffer, name).copy() for name in names})


def model_of(
    algorithm: str, reward: Any, *, deferred: bool, normalize: bool, num_envs: int = 3, **options: Any
) -> BaseAlgorithm:
    """A small model; time limits of 15 steps cut episodes short, so truncations are bootstrapped."""
    on_policy = "ppo" in algorithm
    env_id = "CartPole-v1" if on_policy else "Pendulum-v1"
    make: Callable[[], gym.Env] = lambda: gym.make(env_id, max_episode_steps=15)  # noqa: E731
    env: Any = VecReplaceReward(DummyVecEnv([make] * num_envs), copy.deepcopy(reward), deferred=deferred)
    if normalize:
        env = VecNormalize(env, gamma=0.9, clip_reward=1.5)
    sizes: dict[str, Any] = {"learning_starts": 60, "train_freq": 7, "batch_size": 16}
    if on_policy:
        sizes = {"n_steps": 40, "batch_size": 40, "n_epochs": 2}
    networks = {"net_arch": [8]} | ({"lstm_hidden_size": 8} if algorithm == "recurrent_ppo" else {})
    sizes["policy_kwargs"] = networks
    return make_algorithm(algorithm, env, seed=1, **(sizes | options))


def source_of(model: BaseAlgorithm) -> VecReplaceReward:
    env = model.get_env()
    return env.venv if isinstance(env, VecNormalize) else env  # type: ignore[return-value]


def weights(model: BaseAlgorithm) -> np.ndarray:
    return np.concatenate([parameter.detach().numpy().ravel() for parameter in model.policy.parameters()])


def assert_same_normalizer(a: BaseAlgorithm, b: BaseAlgorithm) -> None:
    one, two = a.get_vec_normalize_env(), b.get_vec_normalize_env()
    if one is not None:
        assert two is not None
        for name in ("mean", "var", "count"):
            assert getattr(one.ret_rms, name) == getattr(two.ret_rms, name)
        np.testing.assert_array_equal(one.returns, two.returns)
        np.testing.assert_array_equal(one.obs_rms.mean, two.obs_rms.mean)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("reward", [markov, Remembers(), Learns()], ids=["markov", "memory", "learning"])
@pytest.mark.parametrize("algorithm", ["ppo", "recurrent_ppo"])
def test_on_policy_buffers_equal_stepwise(algorithm: str, reward: Any, normalize: bool) -> None:
    models, kept = [], []
    for deferred in (False, True):
        model = model_of(algorithm, reward, deferred=deferred, normalize=normalize)
        callback = KeepsBuffers()
        model.learn(3 * 40 * 3, callback=callback)
        models.append(model)
        kept.append(callback.kept)
    assert len(kept[0]) == 3
    for stepwise, deferred in zip(*kept, strict=True):
        for name, values in stepwise.items():
            np.testing.assert_array_equal(values, deferred[name], err_msg=name)
        assert np.abs(stepwise["rewards"]).sum() > 0
    np.testing.assert_array_equal(weights(models[0]), weights(models[1]))
    assert_same_normalizer(*models)
    one, two = (source_of(model).episodes.drain() for model in models)
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], two[name], err_msg=name)
    assert len(one["length"]) > 10


def test_truncation_bootstraps_survive() -> None:
    """Reward 2 a step: only where an episode was truncated does the buffer hold more, namely gamma * V(s')."""
    model = model_of("ppo", lambda next_obs: np.full(len(next_obs), 2.0), deferred=True, normalize=False, gamma=0.9)
    seen: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    class Truncations(BaseCallback):
        def _on_step(self) -> bool:
            infos = self.locals["infos"]
            cut = np.array([info["TimeLimit.truncated"] for info in infos])
            final = [info.get("terminal_observation", np.zeros(4)) for info in infos]
            values = self.model.policy.predict_values(self.model.policy.obs_to_tensor(np.stack(final))[0])
            seen.append((cut, values.detach().numpy().ravel(), self.locals["rewards"].copy()))
            return True

    callback = KeepsBuffers()
    model.learn(40 * 3, callback=[Truncations(), callback])
    cut, values, provisional = (np.stack(column) for column in zip(*seen, strict=True))
    assert cut.sum() >= 3
    assert not provisional.any()
    expected = 2.0 + cut * 0.9 * values
    np.testing.assert_allclose(callback.kept[0]["rewards"], expected, rtol=1e-5)
    assert np.abs(callback.kept[0]["rewards"] - 2.0)[cut].min() > 1e-4


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("reward", [markov, Remembers(), Learns()], ids=["markov", "memory", "learning"])
@pytest.mark.parametrize("algorithm", ["sac", "td3"])
def test_off_policy_buffers_equal_stepwise(algorithm: str, reward: Any, normalize: bool) -> None:
    models = []
    for deferred in (False, True):
        # A buffer of 50 steps is full, and written over, before the end.
        model = model_of(algorithm, reward, deferred=deferred, normalize=normalize, buffer_size=150)
        model.learn(240)
        models.append(model)
        assert model.replay_buffer.full
    for name in ("rewards", "observations", "dones", "timeouts"):
        one, two = (getattr(model.replay_buffer, name) for model in models)
        np.testing.assert_array_equal(one, two, err_msg=name)
    np.testing.assert_array_equal(weights(models[0]), weights(models[1]))
    assert_same_normalizer(*models)


@pytest.mark.parametrize(("algorithm", "options"), [("tqc", {}), ("sac", {"n_steps": 3})])
def test_further_buffers_equal_stepwise(algorithm: str, options: dict[str, Any]) -> None:
    models = [
        model_of(algorithm, markov, deferred=deferred, normalize=True, **options).learn(120)
        for deferred in (False, True)
    ]
    np.testing.assert_array_equal(weights(models[0]), weights(models[1]))


def test_while_nothing_is_sampled_few_transitions_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffers, "MAX_PENDING", 12)
    models = []
    for deferred in (False, True):
        model = model_of("sac", Remembers(), deferred=deferred, normalize=True, learning_starts=10_000)
        model.learn(150)
        models.append(model)
    assert source_of(models[1]).pending < 4
    known = models[0].replay_buffer.pos - source_of(models[1]).pending
    np.testing.assert_array_equal(models[0].replay_buffer.rewards[:known], models[1].replay_buffer.rewards[:known])


@pytest.mark.parametrize("deferred", [False, True])
def test_learning_happens_once_per_rollout(deferred: bool) -> None:
    reward = Learns()
    env = VecReplaceReward(DummyVecEnv([lambda: gym.make("CartPole-v1")] * 3), reward, deferred=deferred)
    model = make_algorithm("ppo", env, n_steps=40, batch_size=40, n_epochs=1)
    model.learn(2 * 3 * 40)
    assert reward.updates == [(40, 3), (40, 3)]
    assert env.metrics == {"scale": reward.scale}


@pytest.mark.parametrize("normalize", [False, True])
def test_a_rollout_that_was_abandoned_leaves_no_trace(normalize: bool) -> None:
    kept, models = [], []
    for deferred in (False, True):
        model = model_of("ppo", Remembers(), deferred=deferred, normalize=normalize)
        model.learn(3 * 40 * 3, callback=KeepsBuffers(stop_at=3 * 50))  # in the middle of the second rollout
        callback = KeepsBuffers()
        model.learn(3 * 40, callback=callback, reset_num_timesteps=False)
        kept.append(callback.kept)
        models.append(model)
    for name, values in kept[0][0].items():
        np.testing.assert_array_equal(values, kept[1][0][name], err_msg=name)
    assert_same_normalizer(*models)


def test_a_reward_that_fails_at_the_rollouts_end_names_step_component_and_environment() -> None:
    @dataclass(eq=False)
    class Broken(RewardFn):
        def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> dict[str, np.ndarray]:
            return {"fine": np.zeros(len(t))}

        def relabel(self, rollout: Transition, memory: EpisodeMemory | None = None) -> dict[str, np.ndarray]:
            values = np.zeros(rollout.batch_shape)
            values[7, 2] = np.inf
            return {"fine": np.zeros(rollout.batch_shape), "bad": values}

    with pytest.raises(RewardError, match=r"'bad'.*inf at step 7 in env 2"):
        model_of("ppo", Broken(), deferred=True, normalize=False).learn(120)

    def raises(next_obs: np.ndarray) -> np.ndarray:
        raise KeyError("nothing there")

    with pytest.raises(RewardError, match=r"'raises' raised KeyError"):
        model_of("ppo", raises, deferred=True, normalize=False).learn(120)


def test_wrappers_that_read_rewards_may_not_sit_above_deferred_ones() -> None:
    env = VecReplaceReward(DummyVecEnv([lambda: gym.make("CartPole-v1")]), markov, deferred=True)
    with pytest.raises(ValueError, match=r"VecMonitor sits above"):
        make_algorithm("ppo", VecMonitor(env))
    with pytest.raises(ValueError, match="two VecNormalize"):
        make_algorithm("ppo", VecNormalize(VecNormalize(env)))
    with pytest.raises(ValueError, match="not wrapped"):
        use_relabelling(PPO("MlpPolicy", DummyVecEnv([lambda: gym.make("CartPole-v1")])))


class Screen(gym.Env):
    """Shows its clock on a screen of 8 x 8; episodes have 5 steps."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (3,))
    action_space = gym.spaces.Discrete(2)

    def __init__(self) -> None:
        self.clock = 0

    @property
    def state_arrays(self) -> dict[str, Callable[[], np.ndarray]]:
        return {"screen": lambda: np.full((8, 8), self.clock, np.uint8)}

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict]:
        super().reset(seed=seed)
        self.clock = 10 * int(self.np_random.integers(1, 9))
        return np.zeros(3, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict]:
        self.clock += 1
        return np.full(3, self.clock, np.float32), 0.0, self.clock % 10 == 5, False, {}


class Mean(Encoder):
    source = "screen"

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, source: np.ndarray) -> np.ndarray:
        self.batches.append(len(source))
        return source.reshape(len(source), -1).mean(-1, keepdims=True)


@dataclass(eq=False)
class Looks(RewardFn):
    inputs = frozenset({"brightness"})

    def __post_init__(self) -> None:
        self.encoder = Mean()

    @property
    def encoders(self) -> dict[str, Encoder]:
        return {"brightness": self.encoder}

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> dict[str, np.ndarray]:
        after = t.next_state["brightness"][:, 0]
        return {"now": after, "gained": after - t.state["brightness"][:, 0]}


def test_frames_are_encoded_once_in_chunks_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.recording.TransitionRecorder.__init__.__defaults__", (20 * 64,), raising=True)
    kept, encoders = [], []
    for deferred in (False, True):
        reward = Looks()
        env = VecReplaceReward(DummyVecEnv([Screen] * 2), reward, deferred=deferred)
        model = make_algorithm("ppo", env, n_steps=32, batch_size=32, seed=0)
        callback = KeepsBuffers()
        model.learn(3 * 2 * 32, callback=callback)
        kept.append(callback.kept)
        encoders.append(reward.encoder)
    for stepwise, deferred_ in zip(*kept, strict=True):
        np.testing.assert_array_equal(stepwise["rewards"], deferred_["rewards"])
    assert set(np.unique(np.diff(kept[0][0]["rewards"], axis=0))) != {0.0}
    steps, starts = 3 * 2 * 32, 2 * (1 + (3 * 32 - 1) // 5)
    assert sum(encoders[1].batches) == steps + starts  # each successor and each episode's first frame, once
    assert max(encoders[1].batches) <= 22
    assert len(encoders[1].batches) < len(encoders[0].batches) / 3

"""Rewards in Stable-Baselines3: a wrapper for its vector environments, and its algorithms by name.

venv = VecReplaceReward(DummyVecEnv([lambda: envs.make("Hopper")] * 16), my_reward)
model = make_algorithm("ppo", venv, n_steps=128, seed=0)
model.learn(100_000)
venv.episodes.drain()        # returns, components and fitness of the episodes that ended
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping
from functools import partial
from itertools import repeat
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from agents import serial
from agents.episodes import EpisodeStatistics
from agents.recording import TransitionRecorder
from envs.scoring import Rewardlike, Scorer, Scores
from envs.wrappers import require, task_of
from reward_designers.base import Components, RewardFn, Transition
from reward_designers.errors import RewardError, unknown_name
from reward_designers.evaluation import total

ALGORITHMS = {
    "ppo": "stable_baselines3:PPO",
    "sac": "stable_baselines3:SAC",
    "td3": "stable_baselines3:TD3",
    "recurrent_ppo": "sb3_contrib:RecurrentPPO",
    "maskable_ppo": "sb3_contrib:MaskablePPO",
    "tqc": "sb3_contrib:TQC",
}


class Consumer(Protocol):
    """Who takes the rewards of a rollout once they are computed: a buffer of `agents.buffers`."""

    def begin(self) -> None:
        """The first step of a rollout is about to be returned."""

    def settle(self) -> None:
        """Take the rewards of all steps so far, with `VecReplaceReward.finish_rollout`."""


class VecReplaceReward(VecEnvWrapper):
    """Replaces the reward of any Stable-Baselines3 ``VecEnv``, in one batched call a step or a rollout.

    It agrees with `envs.ReplaceReward` to the bit, but for what SB3 itself does: rewards are float32, and an episode
    that terminates just at its time limit counts as terminated alone. Each info gains ``env_reward``,
    ``reward_components`` and, with a task, ``fitness`` and ``success``.

    Deferred, it returns zeros; the rewards of a whole rollout are computed at once when a buffer of `agents.buffers`
    asks for them (`make_algorithm` arranges that), and infos have no ``reward_components``. A reward that learns is
    given the rollout at the same moment.

    Args:
        venv: Any ``VecEnv``. Rewards that read more than observations need a ``DummyVecEnv``, as does fitness.
        reward: A `RewardFn`, a plain function or an import path; None keeps the environments' own reward.
        deferred: Compute rewards per rollout. None leaves it to `make_algorithm`, which defers expensive rewards.
        render: Options of `envs.rendering.frame_of`, for rewards that look at frames.

    Attributes:
        episodes: `EpisodeStatistics`; drain it to log.
        metrics: What the reward's last `update` returned.
        task: Of the environments; None if they have none, or live in other processes.
    """

    def __init__(
        self,
        venv: VecEnv,
        reward: Rewardlike = None,
        *,
        deferred: bool | None = None,
        render: Mapping[str, Any] | None = None,
    ):
        require(venv, VecEnv)
        super().__init__(venv)
        inner = venv.unwrapped
        envs = list(getattr(inner, "envs", ()))
        task = self.task = task_of(envs[0]) if envs else None
        self.scorer = Scorer(reward, venv.num_envs, venv.observation_space, task=task, envs=envs, render=render)
        self.reward: RewardFn | None = self.scorer.reward
        if self.scorer.tracker.exposed:
            inner.envs = list(self.scorer.tracker.exposed)
        if deferred and self.reward is None:
            raise ValueError("deferred=True needs a reward: the environments' own is there at every step")
        self.episodes = EpisodeStatistics(venv.num_envs, task)
        self.metrics: dict[str, float] = {}
        self.learns = self.reward is not None and learns(self.reward)
        self.deferred = False
        self._wants_deferred = deferred
        self._tracks = self.reward is not None or bool(self.scorer.measures)
        self._consumer: Consumer | None = None
        self._recorder: TransitionRecorder | None = None
        self._pending: list[tuple[np.ndarray, dict[str, np.ndarray]]] = []
        self._actions = np.empty(0)
        self._step_inner: Callable[[], VecEnvStepReturn] = (
            partial(serial.step_wait, venv) if type(venv) is DummyVecEnv else venv.step_wait
        )
        self._owns_arrays = isinstance(venv, DummyVecEnv | SubprocVecEnv)  # they return new ones at each step
        if deferred:
            self.defer()

    # Stepping

    def reset(self) -> VecEnvObs:
        """Reset all environments; rewards still pending are computed first."""
        if self._consumer is not None:
            self._consumer.settle()
        obs = self.venv.reset()
        self.scorer.reset(_copied(obs))
        self.episodes.reset()
        if self._recorder is not None:
            self._recorder.reset()
        return obs

    def step_async(self, actions: np.ndarray) -> None:
        """Start stepping all environments."""
        self._actions = np.asarray(actions)
        self.venv.step_async(actions)

    def step_wait(self) -> VecEnvStepReturn:
        """Finish the step and score its transitions."""
        obs, env_reward, dones, infos = self._step_inner()
        if not self._owns_arrays:
            env_reward = np.array(env_reward)
        (ended,) = dones.nonzero()
        if self.reward is None and not math.isfinite(env_reward.sum()):
            bad = np.flatnonzero(~np.isfinite(env_reward))
            shown = ", ".join(f"{env_reward[env]} in env {env}" for env in bad[:5])
            raise RewardError(f"the environment's own reward: {shown or 'too large'}")
        if not self._tracks:
            scores = Scores(env_reward, ("env",), env_reward[None], {})
            self.episodes.step(scores, env_reward, ended)
            _write(infos, env_reward, scores)
            return obs, env_reward.copy(), dones, infos  # PPO adds the value of truncated states to what it is given

        current = obs if self._owns_arrays else _copied(obs)
        successors, terminated, truncated = _true_successors(current, dones, ended, infos)
        t = self.scorer.tracker.step(self._actions, successors, terminated, truncated)
        if self.deferred:
            self._record(t)
            measures = self.scorer.measure(t)
            self._pending.append((env_reward, measures))
            self.scorer.tracker.advance(current, dones)  # the memory belongs to the steps before the pending ones
            _write_measures(infos, {"env_reward": env_reward, **measures})
            return obs, np.zeros(self.num_envs, np.float32), dones, infos

        scores = self.scorer.score(t, env_reward)
        if self._recorder is not None:
            self._record(t)
        self.scorer.advance(current, dones)
        self.episodes.step(scores, env_reward, ended)
        _write(infos, env_reward, scores)
        return obs, _float32(scores.reward), dones, infos

    # Rollouts: deferred rewards, and rewards that learn

    def defer(self) -> None:
        """Compute rewards per rollout from the next reset on."""
        assert self.reward is not None
        self.deferred = True
        self.scorer.tracker.encode = False

    def bind(self, consumer: Consumer) -> None:
        """Let ``consumer`` have the rewards of rollouts; it must call `finish_rollout` regularly."""
        assert self.reward is not None
        if self._wants_deferred is None and self.reward.expensive:
            self.defer()
        encoders = self.scorer.tracker.encoders if self.deferred else {}
        self._recorder = TransitionRecorder(self.num_envs, self.reward, encoders)
        self._consumer = consumer

    @property
    def needs_buffer(self) -> bool:
        """Whether an algorithm must use a buffer of `agents.buffers`: its reward is deferred, or learns."""
        expensive = self.reward is not None and self.reward.expensive
        return self.deferred or self.learns or (self._wants_deferred is None and expensive)

    @property
    def pending(self) -> int:
        """Steps recorded since the last `finish_rollout`."""
        return 0 if self._recorder is None else len(self._recorder)

    def finish_rollout(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Compute the pending rewards, then let the reward learn from the rollout.

        Returns:
            Rewards ``(T, num_envs)`` float32 and dones ``(T, num_envs)`` of the ``pending`` steps; None if they were
            returned by the steps already.

        Raises:
            RewardError: The reward raised or returned something invalid.
        """
        if self._recorder is None or not len(self._recorder):
            return None
        assert self.reward is not None
        rollout = self._recorder.take()
        rewards = None
        if self.deferred:
            components = relabel(self.reward, rollout, self.scorer.memory)
            self.scorer.memory.reset(rollout.terminated[-1] | rollout.truncated[-1])
            rewards = self._count(rollout, components)
        if self.learns:
            self.metrics = self.reward.update(rollout)
        return None if rewards is None else (rewards, rollout.terminated | rollout.truncated)

    def _count(self, rollout: Transition, components: Components) -> np.ndarray:
        names, rows = tuple(components), np.stack([*components.values()], axis=1)  # (T, components, num_envs)
        rewards = np.stack([total(step) for step in rows])
        dones = rollout.terminated | rollout.truncated
        for step, (env_reward, measures) in enumerate(self._pending):
            self.episodes.step(
                Scores(rewards[step], names, rows[step], measures), env_reward, np.flatnonzero(dones[step])
            )
        self._pending.clear()
        return _float32(rewards)

    def _record(self, t: Transition) -> None:
        if self._recorder is None or self._consumer is None:
            raise RuntimeError(
                "the reward is deferred, but no buffer asks for it and training would see zeros: make the algorithm "
                "with agents.sb3.make_algorithm, or call agents.buffers.use_relabelling(model)"
            )
        if not len(self._recorder):
            self._consumer.begin()
        self._recorder.add(t)

    # Saving

    def state_dict(self) -> dict[str, Any]:
        """What to resume from in mid-episode: current states, episode memories, statistics and what was learned."""
        return {name: owner.state_dict() for name, owner in self._owners()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned; the environments must be brought to their states as well."""
        for name, owner in self._owners():
            owner.load_state_dict(state[name])

    def _owners(self) -> list[tuple[str, Any]]:
        owners: list[tuple[str, Any]] = [
            ("tracker", self.scorer.tracker),
            ("memory", self.scorer.memory),
            ("episodes", self.episodes),
        ]
        owners += [("recorder", self._recorder)] if self._recorder is not None else []
        return owners + ([("reward", self.reward)] if self.reward is not None else [])


def _float32(rewards: np.ndarray) -> np.ndarray:
    """``rewards`` ``(..., num_envs)`` as Stable-Baselines3 keeps them, which only just holds 3e38."""
    with np.errstate(over="ignore"):
        kept = rewards.astype(np.float32)
    if not np.isfinite(kept).all():
        worst = rewards.flat[np.abs(rewards).argmax()]
        raise RewardError(f"a reward of {worst:.3g} is more than float32 holds, in which Stable-Baselines3 keeps it")
    return kept


def make_algorithm(
    name: str, env: VecEnv, *, policy: str | type[BasePolicy] | None = None, **hyperparameters: Any
) -> BaseAlgorithm:
    """A Stable-Baselines3 algorithm on ``env``, with the right buffer where rewards are deferred or learn.

    On the CPU it uses one torch thread: more are slower for networks of this size, and ruinous beside other processes.

    Args:
        name: One of `ALGORITHMS`.
        env: Vector environment, as a rule one that is wrapped in `VecReplaceReward`.
        policy: SB3's name of a policy, or a class; by default the MLP policy that suits the algorithm and observations.
        **hyperparameters: Of the algorithm's constructor.

    Raises:
        ValueError: There is no such algorithm.
    """
    from agents.buffers import use_relabelling

    algorithm = algorithm_class(name)
    if torch.device(str(hyperparameters.get("device", "cpu")).replace("auto", "cpu")).type == "cpu":
        torch.set_num_threads(1)
    if policy is None:
        mapping = isinstance(env.observation_space, gym.spaces.Dict)
        recurrent = name == "recurrent_ppo"
        policy = ("MultiInput" if mapping else "Mlp") + ("LstmPolicy" if recurrent else "Policy")
    model = algorithm(policy, env, **hyperparameters)
    source = find_reward_wrapper(env)
    if source is not None and source.needs_buffer:
        use_relabelling(model)
    return model


def algorithm_class(name: str) -> type[BaseAlgorithm]:
    """The algorithm's class by its name in `ALGORITHMS`.

    Raises:
        ValueError: There is no such algorithm.
    """
    if name not in ALGORITHMS:
        raise ValueError(unknown_name("algorithm", name, ALGORITHMS))
    module, _, attribute = ALGORITHMS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def find_reward_wrapper(env: Any) -> VecReplaceReward | None:
    """The `VecReplaceReward` among the wrappers of ``env``, if there is one."""
    while isinstance(env, VecEnvWrapper):
        if isinstance(env, VecReplaceReward):
            return env
        env = env.venv
    return None


def learns(reward: RewardFn) -> bool:
    """Whether the reward, or a part of it, has an `update` of its own."""
    return type(reward).update is not RewardFn.update or any(map(learns, reward.parts().values()))


def relabel(reward: RewardFn, rollout: Transition, memory: Any) -> Components:
    """`RewardFn.relabel` with its result checked: components ``(T, num_envs)``, float64.

    Raises:
        RewardError: It raised, or returned something of the wrong shape or values that are not finite; the message
            names the reward, component, step and environment.
    """
    shape = rollout.batch_shape
    try:
        components = reward.relabel(rollout, memory)
    except RewardError:
        raise
    except Exception as error:
        raise RewardError(f"reward {reward.name!r} raised {type(error).__name__}: {error}") from error
    if not components:
        raise RewardError(f"reward {reward.name!r} returned no components")
    checked = {}
    for name, values in components.items():
        array = np.asarray(values, dtype=np.float64)
        where = f"reward {reward.name!r}, component {name!r}"
        if array.shape != shape:
            raise RewardError(f"{where}: expected shape (steps, envs) = {shape}, got {array.shape}")
        if not np.isfinite(array).all():
            bad = np.argwhere(~np.isfinite(array))
            shown = ", ".join(f"{array[step, env]} at step {step} in env {env}" for step, env in bad[:5])
            raise RewardError(f"{where}: {len(bad)} of {array.size} values are not finite: {shown}")
        checked[name] = array
    return checked


def _true_successors(
    obs: Any, dones: np.ndarray, ended: np.ndarray, infos: list[dict[str, Any]]
) -> tuple[Any, np.ndarray, np.ndarray]:
    """What the observations were before the automatic reset; and terminated, truncated."""
    if not len(ended):
        return obs, dones, dones
    truncated = np.zeros(len(dones), bool)
    successors = {name: array.copy() for name, array in obs.items()} if isinstance(obs, dict) else obs.copy()
    for row in ended.tolist():
        final = infos[row]["terminal_observation"]
        if isinstance(successors, dict):
            for name, array in successors.items():
                array[row] = final[name]
        else:
            successors[row] = final
        truncated[row] = infos[row].get("TimeLimit.truncated", False)
    return successors, dones & ~truncated, truncated


def _copied(obs: Any) -> Any:
    """Some vector environments reuse their observation arrays."""
    return {name: np.array(values) for name, values in obs.items()} if isinstance(obs, dict) else np.array(obs)


def _write(infos: list[dict[str, Any]], env_reward: np.ndarray, scores: Scores) -> None:
    """Put one step's scores into SB3's infos, a dict for each environment."""
    components = map(dict, map(zip, repeat(scores.names), scores.rows.T.tolist()))
    for info, reward, row in zip(infos, env_reward.tolist(), components, strict=True):
        info["env_reward"] = reward
        info["reward_components"] = row
    if scores.measures:
        _write_measures(infos, scores.measures)


def _write_measures(infos: list[dict[str, Any]], measures: Mapping[str, np.ndarray]) -> None:
    for name, values in measures.items():
        for info, value in zip(infos, values.tolist(), strict=True):
            info[name] = value

"""Environments that a policy acts in, and a record of what happens there: frames are encoded and let go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector.utils import concatenate, create_empty_array

from agents.recording import CHUNK_BYTES, Column
from envs.scoring import Scorer
from envs.wrappers import task_of
from reward_designers.base import Components, RewardFn, Transition
from reward_designers.distances import Coverage
from reward_designers.encoders import Encoder
from reward_designers.memory import EpisodeMemory

Policy = Callable[[Any, np.ndarray], np.ndarray]
"""From observations of all environments, and ``(num_envs,)`` bool where an episode begins, to actions."""
Watch = Callable[[gym.Env, int], None]
"""Called with an environment after its reset and each step, and with the number of steps of the episode so far."""


class Reads(RewardFn):
    """Stands for all rewards of a comparison: what one of them reads is recorded for s and for s'.

    Args:
        rewards: What is compared.
        further: State arrays to be recorded besides.
    """

    name = "coverage"

    def __init__(self, rewards: Sequence[RewardFn], further: frozenset[str] = frozenset()):
        self.inputs = frozenset(further.union(*(reward.inputs for reward in rewards)))
        self._encoders = {name: encoder for reward in rewards for name, encoder in reward.encoders.items()}

    @property
    def encoders(self) -> Mapping[str, Encoder]:
        """Those of all rewards."""
        return self._encoders

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        """It is no reward."""
        raise NotImplementedError


class Stage:
    """Environments in this process, stepped together.

    Args:
        envs: With all of their wrappers; nobody else may use them from now on.
        reads: What to record.
        seed: Of initial states and of random actions.
        render: Options of `envs.rendering.frame_of` for frames that rewards see.
    """

    def __init__(self, envs: Sequence[gym.Env], reads: RewardFn, *, seed: int, render: Mapping[str, Any]):
        self.num_envs = len(envs)
        self.action_space = envs[0].action_space
        self._space = envs[0].observation_space
        self._bare = list(envs)
        self._reads = reads
        self._scorer = Scorer(
            reads, len(envs), self._space, task=task_of(envs[0]), envs=envs, encode=False, render=render
        )
        self._envs: list[gym.Env] = [*self._scorer.tracker.exposed] or self._bare
        self._obs: list[Any] = []
        for number, env in enumerate(self._bare):
            own = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
            env.action_space.seed(own)
            self._obs.append(env.reset(seed=own)[0])
        self._clock = np.zeros(self.num_envs, int)  # steps of the episode so far
        self._starts = np.ones(self.num_envs, bool)  # what the policy is told: where it acts for the first time

    def close(self) -> None:
        """Close the environments."""
        for env in self._bare:
            env.close()

    @property
    def timestep(self) -> float:
        """Simulated seconds that a step takes; 1 where that is unknown."""
        world: Any = self._bare[0].unwrapped
        rate = world.metadata.get("render_fps")
        return float(getattr(world, "dt", 0) or getattr(world, "tau", 0) or (1 / rate if rate else 1))

    def random_actions(self) -> np.ndarray:
        """Uniform over the action space, one for each environment."""
        return np.stack([np.asarray(env.action_space.sample()) for env in self._bare])

    def warm_up(self, policy: Policy, steps: np.ndarray) -> None:
        """Let the policy act, unrecorded, for ``(num_envs,)`` steps, through as many episodes as that takes.

        They begin one after the other and end together.
        """
        for left in range(int(steps.max(initial=0)), 0, -1):
            actions = policy(self._batch(), self._starts.copy())
            for env in np.flatnonzero(steps >= left).tolist():
                self._obs[env], _, terminated, truncated, _ = self._bare[env].step(actions[env])
                self._starts[env] = terminated or truncated
                self._clock[env] += 1
                if self._starts[env]:
                    self._obs[env], self._clock[env] = self._bare[env].reset()[0], 0

    def record(
        self,
        policy: Policy,
        name: str,
        *,
        steps: np.ndarray | None = None,
        episodes: np.ndarray | None = None,
        progress: Callable[[int], None] | None = None,
        watch: Watch | None = None,
    ) -> Coverage:
        """Let the policy act and record it; what comes first need not be an episode's beginning.

        Args:
            policy: What acts.
            name: Of the coverage.
            steps: ``(num_envs,)`` how many to record in each environment.
            episodes: Or how many episodes, to their ends.
            progress: Called after each step with how many of all steps, or episodes, are done.
            watch: See `Watch`.
        """
        quota = steps if steps is not None else episodes
        assert quota is not None
        tracker = self._scorer.tracker
        for exposed in tracker.exposed:
            exposed.begin()
        tracker.reset(tracker.observations.batch(self._batch()))
        if watch is not None:
            for world in self._bare:
                watch(world, 0)
        record = _Record(self._reads)
        done = np.zeros(self.num_envs, int)
        fresh = np.ones(self.num_envs, bool)
        while len(acting := np.flatnonzero(done < quota)):
            actions = policy(self._batch(), self._starts)
            rewards = np.zeros(self.num_envs)
            terminated, truncated = np.zeros((2, self.num_envs), bool)
            for env in acting.tolist():
                self._obs[env], rewards[env], terminated[env], truncated[env], _ = self._envs[env].step(actions[env])
                if watch is not None:
                    watch(self._bare[env], int(self._clock[env]) + 1)
            successors = tracker.observations.batch(self._batch())
            t = tracker.step(actions, successors, terminated, truncated)
            if len(acting) < self.num_envs:
                t = t[acting]
            record.add(t, acting, fresh[acting], self._clock[acting], rewards[acting], self._scorer.measure(t))
            ended = terminated | truncated
            done[acting] += 1 if steps is not None else ended[acting]
            self._clock[acting] = np.where(ended, 0, self._clock + 1)[acting]
            restarted = ended & (done < quota)
            for env in np.flatnonzero(restarted).tolist():
                self._obs[env] = self._envs[env].reset()[0]
            tracker.advance(tracker.observations.batch(self._batch()), restarted)
            fresh = self._starts = ended
            if progress is not None:
                progress(int(done.sum()))
        return record.coverage(name)

    def _batch(self) -> Any:
        """The current observations, as arrays of the space's types."""
        return concatenate(self._space, self._obs, create_empty_array(self._space, self.num_envs))


class _Record:
    """Rows of several environments as they come, put in the order of episodes at the end."""

    def __init__(self, reads: RewardFn):
        self._next = Column(reads.inputs, reads.encoders)
        self._initial = Column(reads.inputs, reads.encoders)
        self._rows: dict[str, list[np.ndarray]] = {}

    def add(
        self,
        t: Transition,
        envs: np.ndarray,
        fresh: np.ndarray,
        clock: np.ndarray,
        env_reward: np.ndarray,
        measures: Mapping[str, np.ndarray],
    ) -> None:
        self._next.add(t.next_state)
        if fresh.any():
            self._initial.add({name: array[fresh] for name, array in t.state.items()})
        rows = {"env": envs, "fresh": fresh, "step": clock, "env_reward": env_reward, "action": t.action}
        rows |= {"terminated": t.terminated, "truncated": t.truncated}
        rows |= {f"measure/{name}": values for name, values in measures.items()}
        for name, values in rows.items():
            self._rows.setdefault(name, []).append(np.array(values))
        if self._next.raw_bytes + self._initial.raw_bytes >= CHUNK_BYTES:
            self._next.encode()
            self._initial.encode()

    def coverage(self, name: str) -> Coverage:
        rows = {key: np.concatenate(batches) for key, batches in self._rows.items()}
        order = np.argsort(rows["env"], kind="stable")
        begun = np.argsort(rows["env"][rows["fresh"]], kind="stable")
        rows = {key: values[order] for key, values in rows.items()}
        initial, taken = self._initial.take(), self._next.take()
        state, next_state = {}, {}
        for key in list(taken):
            next_state[key] = after = taken.pop(key)[order]
            before = np.empty_like(after)
            before[1:] = after[:-1]
            before[rows["fresh"]] = initial[key][begun]
            state[key] = before
        return Coverage(
            name,
            Transition(state, rows["action"], next_state, rows["terminated"], rows["truncated"]),
            np.cumsum(rows["fresh"]) - 1,
            rows["env_reward"],
            {key.removeprefix("measure/"): values for key, values in rows.items() if key.startswith("measure/")},
            step=rows["step"],
        )

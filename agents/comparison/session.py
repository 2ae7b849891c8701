"""One process's work on a comparison: stage after stage, each saved when it is finished."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any

import numpy as np
from tqdm import tqdm

from agents.build import make_env
from agents.comparison import flags
from agents.comparison.assemble import assemble
from agents.comparison.collect import CoverageSpec, World, collect, film, parse_coverages, play
from agents.comparison.components import components
from agents.comparison.folder import ComparisonDir, file_name
from agents.comparison.measures import convergence, distances, episode_measures, policy_measures
from agents.comparison.specs import RewardSpec, description, make, reward_of, world_config
from agents.config import CompareConfig
from envs import ReplaceReward, task_of
from reward_designers.base import RewardError, RewardFn
from reward_designers.distances import Coverage
from reward_designers.distances.returns import episode_returns, step_rewards

RANDOM = CoverageSpec("random", "random")


@dataclass(frozen=True)
class Stage:
    """A part of the work.

    Attributes:
        name: Of its result.
        compute: Makes the result, which JSON can hold.
        weight: Its share of the progress bar; about the seconds it takes for a small comparison.
    """

    name: str
    compute: Callable[[], Any]
    weight: float = 1.0


class Session:
    """Computes what is not there yet.

    Args:
        config: What was asked for, checked.
        folder: The comparison's, locked.
        about: What `ComparisonDir.write_about` wrote.
        specs: The rewards.
    """

    def __init__(
        self, config: CompareConfig, folder: ComparisonDir, about: Mapping[str, Any], specs: Sequence[RewardSpec]
    ):
        self.config, self.folder, self.about, self.specs = config, folder, about, list(specs)
        self.results: dict[str, Any] = {}
        self.coverages: list[CoverageSpec] = []
        self.runs: dict[str, str] = {}
        self._rewards: dict[str, RewardFn] = {}
        self._collected: dict[str, Coverage] = {}

    def run(self) -> tuple[dict[str, Any], bool]:
        """All stages, or those until Ctrl-C or SIGTERM; then the report.

        Returns:
            What ``report.json`` has, and whether the work was interrupted.
        """
        self.train_config = world_config(self.config)
        env = make_env(self.train_config)
        self.task = task_of(env)
        env.close()
        self.runs = {run: self._trained_reward(run) for run in self.config.runs or ()}
        self.coverages = self._coverage_specs()
        stages = self._stages()
        interrupted = True
        with interruptible(), tqdm(total=sum(s.weight for s in stages), **BAR) as bar:
            try:
                for stage in stages:
                    bar.set_description_str(stage.name)
                    self._bar, self._weight, self._within = bar, stage.weight, 0.0
                    self.results[stage.name] = self.folder.stage(stage.name, stage.compute)
                    self._progress(1, 1)
                    self._report("partial")
                interrupted = False
            except KeyboardInterrupt:
                bar.set_description_str("interrupted")
        report = self._report("partial" if interrupted else "complete")
        return report, interrupted

    # What is to be done

    def _stages(self) -> list[Stage]:
        config, names = self.config, [c.name for c in self.coverages]
        by_name = {c.name: c for c in self.coverages}
        played = [name for name in names if by_name[name].kind != "iid"]
        recombining = [method for method in config.methods if method != "erc"]
        stages = [Stage("rewards", self._try_rewards, 2)]
        stages += [Stage(f"coverage {c}", lambda c=c: self._evaluate(by_name[c]), 4) for c in names]
        if "erc" in config.methods:
            stages += [Stage(f"episodes {c}", lambda c=c: self._play(by_name[c], config.discount), 4) for c in played]
        if self.runs:
            specs = [RANDOM, *(CoverageSpec(run, "own", run) for run in self.runs)]
            stages += [Stage(f"policy {s.name}", lambda s=s: self._play(s, 1.0), 4) for s in specs]
            stages += [Stage("policies", self._policy_measures)]
        for method in recombining:
            stages += [Stage(f"{method} {c}", lambda m=method, c=c: self._distances(m, c), 4) for c in names]
        if "erc" in config.methods:
            stages += [Stage(f"returns {c}", lambda c=c: self._episode_measures(c)) for c in played]
        if "epic" in config.methods:
            stages += [Stage(f"convergence {c}", lambda c=c: self._convergence(c), 2) for c in names]
            stages += [Stage(f"components {c}", lambda c=c: self._components(c), 2) for c in names]
        return [*stages, Stage("trajectory", self._trajectory, 4)]

    def _coverage_specs(self) -> list[CoverageSpec]:
        if self.config.coverages is not None:
            return parse_coverages(self.config.coverages)
        own = []
        for reward in dict.fromkeys(self.runs.values()):
            runs = [CoverageSpec(run, "own", run) for run, trained in self.runs.items() if trained == reward]
            name = f"{reward}'s policy"
            own.append(
                replace(runs[0], name=name) if len(runs) == 1 else CoverageSpec(name, "mixture", parts=tuple(runs))
            )
        mixture = [CoverageSpec("mixture", "mixture", parts=(RANDOM, *own))] if own else []
        return [RANDOM, *own, *mixture]

    def _trained_reward(self, run: str) -> str:
        name = reward_of(run, self.specs, self.task)
        assert name is not None  # `check` added those that were missing
        return name

    # Rewards

    @property
    def rewards(self) -> dict[str, RewardFn]:
        """The rewards by name, without those that have failed."""
        failed = self.errors
        for spec in self.specs:
            if spec.name not in self._rewards and spec.name not in failed:
                self._rewards[spec.name] = make(spec, self.train_config, self.task)
        return {spec.name: self._rewards[spec.name] for spec in self.specs if spec.name not in failed}

    @property
    def errors(self) -> dict[str, str]:
        """What is wrong with the rewards that have failed, by name; the first thing that went wrong."""
        found: dict[str, str] = {}
        for name, result in self.results.items():
            if name == "rewards":
                found |= {reward: about["error"] for reward, about in result.items() if about["error"]}
            elif isinstance(result, dict):
                found = result.get("errors", {}) | found
        return found

    def _try_rewards(self) -> dict[str, Any]:
        """What each reward is, and whether it works for a few steps."""
        from agents.train import explained

        found: dict[str, Any] = {}
        for spec in self.specs:
            about: dict[str, Any] = {"spec": spec.text, "description": "", "reads": [], "inputs": [], "markov": True}
            try:
                with explained():
                    reward = make(spec, self.train_config, self.task)
                    about |= {"description": description(reward), "reads": reward.reads, "inputs": reward.inputs}
                    about |= {"markov": reward.markov}
                    self._try_steps(reward)
                self._rewards[spec.name] = reward
                about["error"] = None
            except UsageError as error:
                about["error"] = str(error)
            found[spec.name] = about
        return found

    def _try_steps(self, reward: RewardFn, steps: int = 8) -> None:
        env = make_env(self.train_config)
        try:
            env = ReplaceReward(env, reward, render=self.render)
            env.action_space.seed(self.config.seed)
            env.reset(seed=self.config.seed)
            for _ in range(steps):
                *_, terminated, truncated, _ = env.step(env.action_space.sample())
                if terminated or truncated:
                    env.reset()
        finally:
            env.close()

    # Transitions

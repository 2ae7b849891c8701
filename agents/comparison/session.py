"""One process's work on a comparison: stage after stage, each saved when it is finished."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from agents.build import make_env
from agents.comparison import flags
from agents.comparison.assemble import assemble
from agents.comparison.collect import Film, World, collect, film, play
from agents.comparison.components import components
from agents.comparison.coverages import POLICIES, CoverageSpec, leaves, parse_coverages
from agents.comparison.folder import ComparisonDir
from agents.comparison.measures import (
    Found,
    dard_distances,
    epic_distances,
    episode_measures,
    policy_measures,
    starc_distances,
    step_measures,
)
from agents.comparison.options import CompareConfig
from agents.comparison.plan import Part, Progress
from agents.comparison.specs import RewardSpec, description, make, reward_of, world_config
from agents.errors import UsageError, explained, located
from agents.files import replacing
from agents.runs import RunDir, read_progress
from agents.terminal import terminable
from envs import ReplaceReward, task_of
from envs.gl import GLError
from envs.simulator import make_simulator
from reward_designers.base import RewardFn
from reward_designers.distances import Coverage, Simulator, step_rewards
from reward_designers.errors import RewardError

RANDOM = CoverageSpec("random", "random")
STEP = "time/total_timesteps"


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
        self.runs = list(config.runs or ())
        self.results: dict[str, Any] = {}
        self.train_config = world_config(config)
        with closing(make_env(self.train_config)) as env:
            self.task = task_of(env)
        self.coverages = self._coverage_specs()
        # Whose policy is whose: the reward that each run was trained on; None if it is not compared.
        paths = [leaf.path for c in self.coverages for leaf in leaves(c) if leaf.kind in ("expert", "own", "noised")]
        self.owners = {path: reward_of(path, self.specs, self.task) for path in dict.fromkeys([*self.runs, *paths])}
        self._rewards: dict[str, RewardFn] = {}
        self._collected: dict[str, Coverage] = {}

    def run(self) -> tuple[dict[str, Any], bool]:
        """All stages, or those until Ctrl-C or SIGTERM.

        Returns:
            What ``report.json`` has, and whether the work was interrupted.
        """
        parts = self._plan()
        self._progress = Progress(parts)
        interrupted = True
        with terminable(), closing(self._progress):
            try:
                for part in parts:
                    self._progress.begin(part)
                    self.results[part.name] = self.folder.stage(part.name, part.compute)
                    self._report("partial")
                self._progress(1, 1)
                interrupted = False
            except KeyboardInterrupt:
                pass
        return self._report("partial" if interrupted else "complete"), interrupted

    # What is to be done

    def _plan(self) -> list[Part]:
        config, names = self.config, [c.name for c in self.coverages]
        by_name = {c.name: c for c in self.coverages}
        played = [name for name in names if by_name[name].kind != "iid"]
        recombining = [method for method in config.methods if method != "erc"]
        recorded = partial(self._play, discount=config.discount, along=True)
        parts = [Part("rewards", self._try_rewards, 2), Part("coverages", self._try_coverages)]
        parts += [Part(f"coverage {c}", partial(self._evaluate, by_name[c]), 4) for c in names]
        if "erc" in config.methods:
            parts += [Part(f"episodes {c}", partial(recorded, by_name[c]), 4) for c in played]
        if self.runs:
            judged = partial(self._play, discount=1.0, along=False)
            policies = {"random": RANDOM, **{run: CoverageSpec(Path(run).name, "own", run) for run in self.runs}}
            parts += [Part(f"policy {name}", partial(judged, policy), 4) for name, policy in policies.items()]
            parts += [Part("policies", self._policy_measures)]
        for method in recombining:
            parts += [Part(f"{method} {c}", partial(self._distances, method, c), 4) for c in names]
        if "erc" in config.methods:
            parts += [Part(f"returns {c}", partial(self._episode_measures, c)) for c in played]
        if "epic" in config.methods:
            parts += [Part(f"components {c}", partial(self._components, c), 2) for c in names]
        return [*parts, Part("trajectory", self._trajectory, 4)]

    def _coverage_specs(self) -> list[CoverageSpec]:
        if self.config.coverages is not None:
            return parse_coverages(self.config.coverages)
        trained: dict[str, list[CoverageSpec]] = {}
        for run in self.runs:
            name = reward_of(run, self.specs, self.task)
            trained.setdefault(f"{name}'s policy", []).append(CoverageSpec(Path(run).name, "own", run))
        own = [
            replace(runs[0], name=name) if len(runs) == 1 else CoverageSpec(name, "mixture", parts=tuple(runs))
            for name, runs in trained.items()
        ]
        mixture = [CoverageSpec("mixture", "mixture", parts=(RANDOM, *own))] if own else []
        return [RANDOM, *own, *mixture]

    # Rewards

    @property
    def rewards(self) -> dict[str, RewardFn]:
        """The rewards by name, without those that have failed."""
        failed = self.errors
        return {spec.name: self._reward(spec) for spec in self.specs if spec.name not in failed}

    def _reward(self, spec: RewardSpec) -> RewardFn:
        if spec.name not in self._rewards:
            self._rewards[spec.name] = make(spec, self.train_config, self.task)
        return self._rewards[spec.name]

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
        found: dict[str, Any] = {}
        for spec in self.specs:
            about: dict[str, Any] = {"spec": spec.text, "description": "", "reads": [], "inputs": [], "markov": True}
            try:
                with explained():
                    reward = self._reward(spec)
                    about |= {"description": description(reward), "reads": reward.reads, "inputs": reward.inputs}
                    about |= {"markov": reward.markov}
                    self._try_steps(reward)
                about["error"] = None
            except UsageError as error:
                about["error"] = str(error)
            found[spec.name] = about
        return found

    def _try_steps(self, reward: RewardFn) -> None:
        with closing(ReplaceReward(make_env(self.train_config), reward, render=self.render)) as env:
            env.action_space.seed(self.config.seed)
            env.reset(seed=self.config.seed)
            for _ in range(8):
                *_, terminated, truncated, _ = env.step(env.action_space.sample())
                if terminated or truncated:
                    env.reset()

    # Transitions

    @property
    def world(self) -> World:
        """What coverages are collected in, with what the rewards read."""
        config = self.config
        name = config.env.id or config.env.name or ""
        tried = self.results["rewards"]  # those that fail later are collected for all the same: what is kept is found
        rewards = [self._reward(spec) for spec in self.specs if tried[spec.name]["error"] is None]
        return World(name, rewards, config.task, config.env.kwargs, self.render)

    @property
    def render(self) -> dict[str, Any]:
        """How frames are drawn."""
        return {"preset": self.config.render.name, "texture": self.config.texture.name}

    def _coverage(self, name: str) -> Coverage:
        """The transitions of a coverage; those of an earlier process are read from the folder."""
        if name not in self._collected:
            spec = next(c for c in self.coverages if c.name == name)
            options: dict[str, Any] = {"cache": self.folder.coverages, "progress": self._progress}
            samples, seed = self.config.samples, self.config.seed
            self._collected[name] = collect(spec, self.world, num_transitions=samples, seed=seed, **options)
        return self._collected[name]

    def _try_coverages(self) -> None:
        """See that every coverage can be had, before hours are spent on the first."""
        for spec in self.coverages:
            collect(spec, self.world, num_transitions=2 * len(leaves(spec)), seed=self.config.seed)

    def _evaluate(self, spec: CoverageSpec) -> dict[str, Any]:
        """Collect a coverage; see that every reward can be computed on it, and whether it pays for the wrong things."""
        coverage = self._coverage(spec.name)
        t, fitness = coverage.transitions, coverage.measures.get("fitness")
        steps = flags.Steps(spec.name, coverage.episode, t.terminated, fitness, flags.states_of(t))
        found: list[flags.Flag] = []
        errors = {}
        for name, reward in self.rewards.items():
            try:
                values = step_rewards(reward, coverage)
            except RewardError as error:
                errors[name] = located(error)
                continue
            for look in (flags.against_fitness, flags.in_failures, flags.in_cycles):
                found += look(name, values, steps, self.config.seed)
        about = {"transitions": len(coverage), "episodes": len(coverage.episodes), "hash": coverage.content_hash}
        return {**about, "about": coverage.about, "errors": errors, "flags": found}

    def _play(self, spec: CoverageSpec, discount: float, along: bool) -> dict[str, Any]:
        """The returns of whole episodes under each reward, and their fitness.

        Args:
            spec: Who plays.
            discount: Of the returns.
            along: Compare the rewards step by step too.
        """
        options: dict[str, Any] = {"cache": self.folder.coverages, "progress": self._progress}
        try:
            played = play(spec, self.world, episodes=self.config.episodes, seed=self.config.seed, **options)
        except UsageError as error:
            if spec.kind != "file":
                raise
            warnings.warn(f"no returns on coverage {spec.name}: {error}", stacklevel=2)  # it has no whole episodes
            return {"returns": {}, "fitness": None, "along": [], "errors": {}}
        steps, errors = {}, {}
        for name, reward in self.rewards.items():
            try:
                paid = step_rewards(reward, played)
                steps[name] = [paid[rows] for rows in played.episodes]
            except RewardError as error:
                errors[name] = located(error)
        fitness, each = None, played.measures.get("fitness")
        if self.task is not None and each is not None:
            fitness = [self.task.episode_fitness(each[rows].sum()) for rows in played.episodes]
        returns = {name: [paid @ discount ** np.arange(len(paid)) for paid in many] for name, many in steps.items()}
        pairs = step_measures(steps, self.config.seed) if along else []
        return {"returns": returns, "fitness": fitness, "along": pairs, "errors": errors}

    # Distances

    def _distances(self, method: str, coverage: str) -> dict[str, Any]:
        config, data = self.config, self._coverage(coverage)
        options: dict[str, Any] = {"discount": config.discount, "samples": config.samples, "seed": config.seed}
        options["progress"] = self._progress
        if method == "epic":
            return asdict(epic_distances(self.rewards, data, **options))
        try:
            if method == "starc":
                return asdict(starc_distances(self.rewards, data, flags.state_names(data.transitions), **options))
            return asdict(dard_distances(self.rewards, data, self._simulator(), **options))
        except ValueError as error:  # the method is not for this environment
            return asdict(Found(unsupported=dict.fromkeys(self.rewards, str(error))))

    def _simulator(self) -> Simulator:
        world = self.world
        return make_simulator(world.env, world.rewards, task=world.task, render=world.render, **world.kwargs)

    def _components(self, coverage: str) -> dict[str, Any]:
        config, able = self.config, self.results[f"epic {coverage}"]
        rewards = {name: r for name, r in self.rewards.items() if name not in able["unsupported"]}
        options: dict[str, Any] = {"discount": config.discount, "samples": config.samples, "seed": config.seed}
        return components(rewards, self._coverage(coverage), **options, progress=self._progress)

    def _episode_measures(self, coverage: str) -> list[dict[str, Any]]:
        played = self.results[f"episodes {coverage}"]
        returns = {name: values for name, values in played["returns"].items() if name in self.rewards}
        return played["along"] + episode_measures(returns, self.config.seed)

    def _policy_measures(self) -> list[dict[str, Any]]:
        played = [self.results[f"policy {policy}"]["returns"] for policy in ("random", *self.runs)]
        return policy_measures({name: [p[name] for p in played] for name in self.rewards}, self.config.seed)

    # One episode to look at

    def _trajectory(self) -> dict[str, Any] | None:
        """An episode of the best policy at hand: all rewards step by step, with pictures."""
        policies = [part for c in self.coverages for part in leaves(c) if part.kind in POLICIES]
        if not policies:
            return None
        goal = self.config.reference
        reference = [CoverageSpec(f"{goal}'s policy", "own", run) for run in self.runs if self.owners[run] == goal]
        best = {"expert": 0, "own": 1, "noised": 2, "random": 3}
        spec = [*reference, *sorted(policies, key=lambda policy: best[policy.kind])][0]
        shown = self._film(spec, 12 if self.config.frames else 0)
        rewards = {name: step_rewards(reward, shown.episode) for name, reward in self.rewards.items()}
        kinds = [spec.kind for spec in self.specs]
        frames = []
        for step, frame in shown.frames.items():
            file = f"frames/{step:04d}.png"
            write_image(self.folder.path / file, frame)
            frames.append({"step": step, "file": file})
        return {
            "coverage": spec.name,
            "episode": 0,
            "seconds": shown.seconds,
            "rewards": rewards,
            "fitness": None if "fitness" in kinds else shown.episode.measures.get("fitness"),
            "frames": frames,
            "video": None,
        }

    def _film(self, spec: CoverageSpec, frames: int) -> Film:
        """An episode; without pictures where none can be drawn, which is said."""
        try:
            return film(spec, self.world, seed=self.config.seed, max_frames=frames)
        except GLError as error:
            warnings.warn(f"no pictures of the episode: {error}", stacklevel=2)
            return film(spec, self.world, seed=self.config.seed, max_frames=0)

    # Reporting

    def _report(self, status: str) -> dict[str, Any]:
        about = {**self.about, "status": status, "task": self.task.name if self.task else None}
        curves = {run: curve for run in self.runs if (curve := curve_of(run)) is not None}
        report = assemble(about, self.config, self.specs, self.coverages, self.owners, curves, self.results)
        self.folder.write_report(report)
        return report


def curve_of(run: str) -> flags.Curve | None:
    """What a run logged of the reward that it was trained on and of fitness; None without a ground truth."""
    rows = [
        row
        for row in read_progress(RunDir.open(run).progress)
        if {"rollout/ep_rew_mean", "rollout/fitness", STEP} <= row.keys()
    ]
    columns = [np.array([row[name] for row in rows]) for name in (STEP, "rollout/ep_rew_mean", "rollout/fitness")]
    return flags.Curve(run, *columns) if rows else None


def write_image(path: Path, pixels: np.ndarray) -> None:
    """Write a PNG, whole or not at all."""
    from PIL import Image

    path.parent.mkdir(exist_ok=True)
    with replacing(path) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG")

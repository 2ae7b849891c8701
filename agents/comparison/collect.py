"""Coverages for a comparison: transitions of random, trained and noisy policies, independent states, given files.

world = World("Hopper", rewards=[stand, vlm])
specs = parse_coverages(["random", "expert:runs/hopper", "mixture"])
coverages = [collect(spec, world, num_transitions=4096, seed=0, cache=Path("coverages")) for spec in specs]
episodes = play(specs[1], world, episodes=20, seed=0)            # whole ones, for returns
shown = film(specs[1], world, seed=0)                            # one of them, with pictures
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.build import make_env
from agents.comparison.coverages import POLICIES, CoverageSpec, describe, policy_of
from agents.config.commands import TrainConfig
from agents.config.worlds import EnvConfig
from agents.errors import UsageError
from agents.provenance import versions
from reward_designers.base import RewardFn, Transition
from reward_designers.distances import Coverage, CoverageError, concatenate, mixture
from reward_designers.encoders import Encoder

if TYPE_CHECKING:
    import gymnasium as gym

    from agents.comparison.stage import Policy, Stage

Progress = Callable[[int, int], None]
"""Called with how many transitions (of `play`: episodes) are made so far, and how many there will be."""

STREAMS = 20
"""Places in the life of a policy from which a coverage is taken: as many environments are stepped together."""
UNLIMITED = 1000
"""Steps of an episode where nothing limits them, as far as the choice of those places goes."""


@dataclass(frozen=True, eq=False)
class World:
    """Where coverages are collected, and for whom.

    Attributes:
        env: Plain name or Gymnasium id.
        rewards: The rewards to be compared: every state array that one of them reads is collected.
        task: Of the environment; its first by default.
        kwargs: For the environment.
        render: Options of `envs.rendering.frame_of` for the frames that rewards see: ``preset`` and ``texture``.
    """

    env: str
    rewards: Sequence[RewardFn]
    task: str | None = None
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    render: Mapping[str, Any] = field(default_factory=dict)

    def make(self) -> gym.Env:
        """One of its environments.

        Raises:
            ValueError: There is no such environment or task.
        """
        return make_env(TrainConfig(env=EnvConfig(id=self.env, kwargs=dict(self.kwargs)), task=self.task))

    def recipe(self) -> dict[str, Any]:
        """What the transitions of a policy here depend on, and what is recorded of them."""
        encoders: dict[str, Encoder] = {name: e for reward in self.rewards for name, e in reward.encoders.items()}
        return {
            "env": self.env,
            "task": self.task,
            "kwargs": dict(self.kwargs),
            "render": dict(self.render),
            "inputs": sorted(frozenset().union(*(reward.inputs for reward in self.rewards))),
            "encoders": {name: _identity(encoders[name]) for name in sorted(encoders)},
        }


@dataclass(frozen=True, eq=False)
class Film:
    """One whole episode, with pictures.

    Attributes:
        episode: Its transitions, on which all rewards can be computed; ``measures["fitness"]`` is that of each step.
        seconds: ``(n,)`` simulated time at the end of each step.
        frames: Pictures ``(size, size, 3)`` uint8 by step: frame k shows the state after k steps, 0 the first.
    """

    episode: Coverage
    seconds: np.ndarray
    frames: Mapping[int, np.ndarray]


def collect(
    spec: CoverageSpec,
    world: World,
    *,
    num_transitions: int,
    seed: int,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Coverage:
    """Transitions as a policy meets them in the long run, every step of an episode as likely as any other.

    They come in `STREAMS` stretches of equal length. Each begins after its own number of unrecorded steps, spread
    evenly over the length that an episode may have, and goes on through as many episodes as it takes. Were all of them
    to begin with episodes, long episodes would be known by their beginnings alone. Where every episode lasts equally
    long, the stretches are what a run of any length consists of; where lengths differ, nearly so.

    Args:
        spec: Which policy.
        world: Environment, task and rewards.
        num_transitions: How many; a file may hold fewer.
        seed: Of initial states and actions.
        cache: Folder of earlier coverages: what was made from the same is read from there, else it is written there.
        progress: See `Progress`.

    Raises:
        UsageError: The run or file does not fit the world, or the kind cannot be had there.
        CoverageError: A reward reads what a file lacks.
    """
    if spec.kind == "mixture":
        options = {"num_transitions": num_transitions, "seed": seed, "cache": cache, "progress": progress}
        parts = [collect(part, world, **options) for part in spec.parts]  # type: ignore[arg-type]
        return _described(mixture(parts, num_transitions, seed, spec.name), spec)
    if spec.kind == "file":
        from agents.comparison.given import fitted

        recipe = {"num_transitions": num_transitions, "seed": seed}

        def take() -> Coverage:
            coverage = fitted(Path(spec.path), world)
            return mixture([coverage], num_transitions, seed) if len(coverage) > num_transitions else coverage

        return _cached(spec, world, recipe, cache, take)

    def make() -> Coverage:
        streams = min(STREAMS, num_transitions)
        steps = num_transitions // streams + (np.arange(streams) < num_transitions % streams)
        with _acting(spec, world, streams, seed) as (stage, policy, longest):
            if spec.kind != "iid":
                rng = np.random.default_rng([seed, 1])
                places = (rng.permutation(streams) + rng.random(streams)) / streams
                stage.warm_up(policy, (places * longest).astype(int))
            count = None if progress is None else (lambda done: progress(done, num_transitions))
            coverage = stage.record(policy, spec.name, steps=steps, progress=count)
        return _independent(coverage) if spec.kind == "iid" else coverage

    return _cached(spec, world, {"num_transitions": num_transitions, "seed": seed, "streams": STREAMS}, cache, make)


def play(
    spec: CoverageSpec,
    world: World,
    *,
    episodes: int = 20,
    seed: int,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Coverage:
    """Whole episodes from their first state to their end, for returns; arguments and errors as for `collect`.

    Of a file, those of its episodes that are complete, ``episodes`` at most. Of a mixture, equal shares.

    Raises:
        UsageError: Independent states make no episodes, or a file has no complete one; or as for `collect`.
    """
    if spec.kind == "iid":
        raise UsageError(f"coverage {spec.name!r} has independent states and no episodes; play a policy")
    if spec.kind == "mixture":
        shares = [episodes // len(spec.parts) + (n < episodes % len(spec.parts)) for n in range(len(spec.parts))]
        options = {"seed": seed, "cache": cache, "progress": progress}
        parts = [
            play(part, world, episodes=share, **options)  # type: ignore[arg-type]
            for part, share in zip(spec.parts, shares, strict=True)
            if share
        ]
        return _described(concatenate(parts, spec.name), spec)
    if spec.kind == "file":
        from agents.comparison.given import fitted

        def take() -> Coverage:
            coverage = fitted(Path(spec.path), world)
            whole = np.flatnonzero(coverage.complete)
            if not len(whole):
                raise UsageError(
                    f"{spec.path} has no complete episode: from its first state until terminated or truncated"
                )
            chosen = np.random.default_rng(seed).permutation(whole)[:episodes]
            rows = np.concatenate([np.arange(len(coverage))[coverage.episodes[number]] for number in chosen])
            return coverage.subset(rows)

        return _cached(spec, world, {"episodes": episodes, "seed": seed}, cache, take)

    def make() -> Coverage:
        streams = min(STREAMS, episodes)
        counts = episodes // streams + (np.arange(streams) < episodes % streams)
        with _acting(spec, world, streams, seed) as (stage, policy, _):
            count = None if progress is None else (lambda done: progress(done, episodes))
            return stage.record(policy, spec.name, episodes=counts, progress=count)

    return _cached(spec, world, {"episodes": episodes, "seed": seed}, cache, make)


def film(spec: CoverageSpec, world: World, *, seed: int, size: int = 240, max_frames: int = 120) -> Film:
    """One whole episode of a policy, with pictures of it at equal distances.

    Args:
        spec: Which policy.
        world: Environment, task and rewards.
        seed: Of the initial state and of actions.
        size: Height and width of pictures.
        max_frames: At most so many; at least half as many, if the episode has as many steps. With 0 nothing is drawn.

    Raises:
        UsageError: The kind is no policy, or the run does not fit the world.
        GLError: Pictures cannot be drawn here.
    """
    from agents.evaluation import picture

    if spec.kind not in POLICIES:
        raise UsageError(f"coverage {spec.name!r} has no policy that could be filmed; there are {', '.join(POLICIES)}")
    frames: dict[int, np.ndarray] = {}
    every = 1

    def watch(env: gym.Env, step: int) -> None:
        nonlocal every, frames
        if step % every == 0:
            frames[step] = picture(env, size, world.render.get("preset", "fast"))
        if len(frames) > max_frames:
            every *= 2
            frames = {step: frame for step, frame in frames.items() if step % every == 0}

    with _acting(spec, world, 1, seed) as (stage, policy, _):
        episode = stage.record(policy, spec.name, episodes=np.ones(1, int), watch=watch if max_frames else None)
        seconds = stage.timestep * np.arange(1, len(episode) + 1)
    return Film(_described(episode, spec), seconds, frames)


@contextmanager
def _acting(spec: CoverageSpec, world: World, streams: int, seed: int) -> Iterator[tuple[Stage, Policy, int]]:
    """Environments, the policy that acts in them, and how long an episode may be."""
    from agents.comparison.policies import Noised, Random, Trained, load
    from agents.comparison.stage import Reads, Stage
    from envs import task_of
    from envs.observations import Observations
    from envs.random_states import RandomStates
    from envs.simulator import restorable

    envs = []
    try:
        for _ in range(streams):
            env = world.make()
            envs.append(env)
            if spec.kind == "iid":
                envs[-1] = RandomStates(env)
        if envs[0].action_space.shape is None:
            raise ValueError(f"rewards read actions that are one array, not {envs[0].action_space}")
        further = restorable(envs[0])
        if not further.union(*(reward.inputs for reward in world.rewards)):  # all of them look at actions alone
            further = frozenset(Observations(envs[0].observation_space).names)
        reads = Reads(world.rewards, further)
        stage = Stage(envs, reads, seed=seed, render=world.render)
    except ValueError as error:
        raise UsageError(f"coverage {spec.name!r}: {error}") from error
    task = task_of(envs[0])
    limit = task.max_episode_steps if task else getattr(envs[0].spec, "max_episode_steps", None)
    try:
        policy: Random | Trained | Noised = Random(stage)
        if spec.kind not in ("random", "iid"):
            policy = load(*policy_of(spec), envs[0])
        if spec.kind == "noised":
            assert isinstance(policy, Trained)
            policy = Noised(policy, stage, spec.noise, seed)
        yield stage, policy, limit or UNLIMITED
    finally:
        stage.close()


def _independent(coverage: Coverage) -> Coverage:
    """Each transition by itself: it belongs to no episode, and the environment did not truncate it."""
    t = coverage.transitions
    alone = Transition(t.state, t.action, t.next_state, t.terminated, np.zeros(len(t), bool))
    return replace(coverage, transitions=alone, step=np.full(len(t), -1))


def _cached(
    spec: CoverageSpec, world: World, asked: Mapping[str, Any], cache: Path | None, make: Callable[[], Coverage]
) -> Coverage:
    """What was made from the same before, or what ``make`` makes now."""
    from agents.comparison.policies import fingerprint

    source: dict[str, Any] = {}
    if spec.kind == "file":
        with Path(spec.path).open("rb") as file:
            source = {"file": hashlib.file_digest(file, "sha256").hexdigest()}
    elif spec.path:
        run, weights = policy_of(spec)
        source = {"policy": fingerprint(run, weights)} | ({"noise": spec.noise} if spec.kind == "noised" else {})
    recipe = {"kind": spec.kind, **source, **asked, **world.recipe(), "versions": versions()}
    if cache is None:
        return _described(make(), spec, recipe)
    key = hashlib.sha256(json.dumps(recipe, sort_keys=True, default=str).encode()).hexdigest()
    path = cache / f"{spec.kind}-{key[:20]}.npz"
    if path.exists():
        try:
            return _described(Coverage.load(path), spec, recipe)
        except CoverageError as error:
            warnings.warn(f"{error}. It is made anew", stacklevel=3)
    coverage = _described(make(), spec, recipe)
    cache.mkdir(parents=True, exist_ok=True)
    coverage.save(path)
    return coverage


def _described(coverage: Coverage, spec: CoverageSpec, recipe: Mapping[str, Any] | None = None) -> Coverage:
    """With the name that was asked for, and where it comes from."""
    about = {**coverage.about, "description": describe(spec), "path": spec.path}
    if recipe is not None:
        about["recipe"] = json.loads(json.dumps(recipe, default=str))
    return replace(coverage, name=spec.name, about=about)


def _identity(encoder: Encoder) -> str:
    """What tells an encoder from others of its class: a model's weights have a digest."""
    return f"{type(encoder).__qualname__} {getattr(getattr(encoder, 'model', None), 'digest', '')}".strip()

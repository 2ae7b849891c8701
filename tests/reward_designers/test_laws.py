"""Every reward that ships keeps the laws of `check_reward`, on transitions of the environments that it is for.

A new reward is added to `REWARDS` (checked on random numbers) or, if it belongs to an environment, to a task: the
rewards and measures of all tasks are found by themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import envs
from envs.expose import StateTracker
from reward_designers.base import FunctionReward, RewardFn, Transition
from reward_designers.checker import CheckReport, check_reward, random_batch
from reward_designers.code import CodeReward
from reward_designers.factored import FactoredReward
from reward_designers.intrinsic import (
    AskedSubgoals,
    GoalReward,
    IntrinsicReward,
    PredicateJudge,
    SubgoalReward,
    SubgoalRules,
)
from reward_designers.intrinsic.predicates import PRELUDE
from reward_designers.judges import JudgeReward
from reward_designers.novelty import RND, CountNovelty
from reward_designers.shaping import PotentialShaping
from reward_designers.transforms import Clipped, Constant, Delta, EnvReward, Normalized, Scaled, Sum
from reward_designers.vlm import VLMReward


def height(next_obs: np.ndarray, target: float = 1.0) -> np.ndarray:
    return -np.abs(next_obs[:, 0] - target)


def gait(obs: np.ndarray, next_obs: np.ndarray, action: np.ndarray) -> dict[str, np.ndarray]:
    return {"speed": next_obs[:, 1] - obs[:, 1], "effort": -np.square(action).sum(-1)}


PROGRAM = """
def reward(obs, next_obs, action):
    return {"speed": next_obs[:, 1] - obs[:, 1], "effort": -(action**2).sum(-1)}
"""
HEIGHT, GAIT = FunctionReward(height), FunctionReward(gait)


def learned(reward: RewardFn) -> RewardFn:
    """The reward after an update."""
    reward.update(OBS.map(lambda a: a.reshape(8, 4, *a.shape[1:])))
    return reward


OBS = random_batch({"obs": (4,)}, n=32, action_shape=(2,))
FRAMES = random_batch({"frame": (32, 32, 3)}, n=10, dtypes={"frame": np.uint8})
WORDS = np.array([["", "It's a wall.", "You have a key."][i % 3] for i in range(24)], object)
CAPTIONS = Transition({}, np.zeros(24), {"caption": WORDS}, np.zeros(24, bool), np.zeros(24, bool))
SUBGOALS = ("Take the key.",)
PREDICATE = f"""{PRELUDE}
def achieved(next_caption):
    return {{"take-the-key": says(next_caption, "a key")}}
"""

DIALOGUE = replace(CAPTIONS, state=CAPTIONS.next_state)

REWARDS: dict[str, tuple[Callable[[], RewardFn], Transition]] = {
    "function": (lambda: HEIGHT, OBS),
    "function-with-params": (lambda: FunctionReward(height, {"target": 0.3}), OBS),
    "function-by-path": (lambda: FunctionReward(f"{__name__}:gait"), OBS),
    "constant": (lambda: Constant(-0.1), OBS),
    "env": (EnvReward, random_batch({"env_reward": ()}, n=8)),
    "subgoals": (lambda: SubgoalReward(SUBGOALS, SubgoalRules(SUBGOALS)), CAPTIONS),
    "subgoal-llm": (lambda: AskedSubgoals(SUBGOALS, (), ("caption",), ()), CAPTIONS),
    "subgoal-predicate": (
        lambda: PredicateJudge(SUBGOALS, CodeReward(PREDICATE, ("caption",), "achieved"), (), ("caption",), ()),
        CAPTIONS,
    ),
    "subgoal-rules": (lambda: SubgoalRules(SUBGOALS), CAPTIONS),
    "goals": (lambda: GoalReward(["You have a key"], threshold=0.5, situation="caption"), DIALOGUE),
    "captions": (lambda: IntrinsicReward(beta=1), CAPTIONS),
    "count": (lambda: learned(CountNovelty(bits=4)), OBS),
    "rnd": (lambda: learned(RND()), OBS),
    "sum": (lambda: Sum(height=HEIGHT, gait=GAIT), OBS),
    "scaled": (lambda: Scaled(GAIT, -0.3), OBS),
    "clipped": (lambda: Clipped(GAIT, -1, 0.5), OBS),
    "normalized": (lambda: Normalized(GAIT), OBS),
    "normalized-learned": (lambda: learned(Normalized(HEIGHT + GAIT, center=True)), OBS),
    "delta": (lambda: Delta(HEIGHT + GAIT), OBS),
    "potential": (lambda: PotentialShaping(HEIGHT, 0.99), OBS),
    "code": (lambda: CodeReward(PROGRAM), OBS),
    "everything": (
        lambda: learned((HEIGHT + 0.5 * Delta(GAIT).normalize() + HEIGHT.potential(0.9) - 0.1).clip(-1, 1)),
        OBS,
    ),
    "vlm": (lambda: VLMReward("a humanoid robot kneeling", "a humanoid robot", 0.3), FRAMES),
    "vlm-shaping": (lambda: 2 * VLMReward("a humanoid robot kneeling").potential(0.99), FRAMES),
}


def keeps_all_laws(report: CheckReport, *also_skipped: str) -> None:
    """Only what cannot apply may be left out: what is shipped must be saved, and learn, as the laws say."""
    assert set(report.skipped) <= {"total", "reads", "memory", "episodes", *also_skipped}, str(report)


@pytest.mark.parametrize("name", REWARDS)
def test_rewards(name: str) -> None:
    make, batch = REWARDS[name]
    keeps_all_laws(check_reward(make(), batch))


def test_everything_is_covered() -> None:
    """The composites of `transforms` and `shaping` are all above."""
    covered = {type(make()) for name, (make, _) in REWARDS.items() if not name.startswith("vlm")}
    shipped = {cls for cls in (*descendants(RewardFn),) if cls.__module__.startswith("reward_designers.")}
    abstract = {cls for cls in shipped if cls.__abstractmethods__}
    elsewhere = {
        VLMReward,
        FactoredReward,
        JudgeReward,
    }  # test_models.py, factored/test_reward.py, judges/test_judges.py
    assert shipped - abstract <= covered | elsewhere, "add it to REWARDS"


def descendants(cls: type) -> set[type]:
    return {cls}.union(*(descendants(sub) for sub in cls.__subclasses__()))


@pytest.mark.parametrize(("env", "task"), [(env, task) for env in envs.names() for task in envs.tasks(env)])
def test_rewards_and_measures_of_tasks(env: str, task: str) -> None:
    found = envs.find_task(env, task)
    reward = found.reward() if found.reward else None
    measures = [measure for measure in (found.fitness, found.success) if isinstance(measure, RewardFn)]
    batch = rollout(env, task, [*measures, *([reward] if reward else [])])
    if reward is not None:
        keeps_all_laws(check_reward(reward, batch))
    for measure in measures:  # they come with the task, so nobody saves them
        keeps_all_laws(check_reward(measure, batch), "save", "update")


def rollout(env: str, task: str, rewards: list[RewardFn], steps: int = 10) -> Transition:
    """Random play of two environments, ``(steps, 2, ...)``, with what the rewards read."""
    singles = [envs.make(env, task) for _ in range(2)]
    space = singles[0].observation_space
    tracker = StateTracker(2, space, rewards, task=envs.find_task(env, task), envs=singles)
    singles = list(tracker.exposed) or singles
    tracker.reset(np.stack([single.reset(seed=i)[0] for i, single in enumerate(singles)]))
    singles[0].action_space.seed(0)
    recorded = []
    for _ in range(steps):
        actions = np.stack([singles[0].action_space.sample() for _ in singles])
        results = [single.step(action) for single, action in zip(singles, actions, strict=True)]
        obs, flags = np.stack([r[0] for r in results]), np.array([r[2:4] for r in results], bool)
        recorded.append(tracker.step(actions, obs, flags[:, 0], flags[:, 1]).map(np.copy))
        done = flags.any(1)
        for i in np.flatnonzero(done):
            obs[i] = singles[i].reset()[0]
        tracker.advance(obs, done)
    for single in singles:
        single.close()
    first = recorded[0]
    return Transition(
        {name: np.stack([t.state[name] for t in recorded]) for name in first.state},
        np.stack([t.action for t in recorded]),
        {name: np.stack([t.next_state[name] for t in recorded]) for name in first.next_state},
        np.stack([t.terminated for t in recorded]),
        np.stack([t.truncated for t in recorded]),
    )

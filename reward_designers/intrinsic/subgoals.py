"""Subgoals: a task in steps, each of which pays the first time that it is achieved in an episode.

As in CALM (arXiv 2409.12798): the task is decomposed once, and somebody judges from a transition whether it achieves a
subgoal. There an achieved subgoal ends an option; here it pays, and one policy learns from all that is paid.

    judge = SubgoalRules(("Pick up the key.", "Unlock and open the door."))
    reward = EnvReward() + 0.5 * SubgoalReward(judge.subgoals, judge)

A judge is a reward itself: of every transition it says 1 or 0 for every subgoal, so that rules, a language model and
a program in its sandbox are the same to whoever pays, and a function of your own will do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reward_designers.base import Components, RewardFn, Transition, as_reward
from reward_designers.errors import RewardError
from reward_designers.evaluation import evaluate
from reward_designers.memory import EpisodeMemory

RECENT = 100
"""Of how many of the last episodes `SubgoalReward.rows` tells the share."""


def subgoal_names(subgoals: Sequence[str]) -> tuple[str, ...]:
    """A short name for each subgoal, for logs: ``pick-up-the-key`` for "Pick up the key.".

    Raises:
        RewardError: There is none, one says nothing, or two say the same.
    """
    names = [re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-") for text in subgoals]
    names = [f"goal-{name}" if name[:1].isdigit() else name for name in names]  # components begin with a letter
    if not names:
        raise RewardError("there are no subgoals: say what is to be achieved on the way")
    for name, text in zip(names, subgoals, strict=True):
        if not name:
            raise RewardError(f"subgoal {text!r} says nothing in letters or digits")
        if names.count(name) > 1:
            raise RewardError(f"two subgoals are called {name!r}: say one of them otherwise")
    return tuple(names)


@dataclass(eq=False)
class SubgoalReward(RewardFn):
    """1 for each subgoal the first time in an episode that its judge says so; components by `subgoal_names`.

    The order of the subgoals is not enforced. What an episode begins with is no achievement.

    Attributes:
        subgoals: In words.
        judge: A Markov reward with a component for each subgoal, named by `subgoal_names`, 1 where the transition
            achieves it and 0 elsewhere; or what `as_reward` makes one of.
        times: By subgoal, in how many episodes of all training it was achieved, ``(k,)``.
        episodes: How many episodes have ended.
    """

    subgoals: tuple[str, ...]
    judge: RewardFn

    name = "subgoals"
    markov = False

    def __post_init__(self) -> None:
        self.subgoals = tuple(self.subgoals)
        self.judge = as_reward(self.judge)
        if not self.judge.markov:
            raise RewardError(f"judge {self.judge.name!r} is not Markov: it must tell from a transition alone")
        self.names = subgoal_names(self.subgoals)
        self.inputs, self.reads, self.expensive = self.judge.inputs, self.judge.reads, self.judge.expensive
        self.times = np.zeros(len(self.names), np.int64)
        self.episodes = 0
        self._recent = np.zeros((0, len(self.names)), bool)  # which were achieved in the last episodes
        self._reached = np.zeros((0, len(self.names)), bool)  # and in those that run, environment by environment

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        memory = EpisodeMemory(len(t)) if memory is None else memory
        new = self._first(self._verdicts(evaluate(self.judge, t)), self._memory(memory))
        return dict(zip(self.names, new.T.astype(np.float64), strict=True))

    def relabel(self, rollout: Transition, memory: EpisodeMemory | None = None) -> Components:
        """See `RewardFn.relabel`; the judge is asked about all steps at once."""
        memory = EpisodeMemory(rollout.batch_shape[1]) if memory is None else memory
        steps = []
        for verdicts, ended in zip(
            self._verdicts(self.judge.relabel(rollout)), rollout.terminated | rollout.truncated, strict=True
        ):
            steps.append(self._first(verdicts, self._memory(memory)))
            memory.reset(ended)
        return dict(zip(self.names, np.moveaxis(np.stack(steps).astype(np.float64), -1, 0), strict=True))

    def _memory(self, memory: EpisodeMemory) -> np.ndarray:
        return memory.array("reached", (len(self.names),), bool, False)

    def _verdicts(self, components: Components) -> np.ndarray:
        """The judge's components as ``(..., k)`` bool."""
        if set(components) != set(self.names):
            raise RewardError(
                f"judge {self.judge.name!r} speaks of {', '.join(components)}, expected {', '.join(self.names)}"
            )
        return np.stack([np.asarray(components[name]) > 0.5 for name in self.names], -1)

    @staticmethod
    def _first(verdicts: np.ndarray, reached: np.ndarray) -> np.ndarray:
        """Which are achieved for the first time, ``(n, k)``; they are written down in ``reached``."""
        new = verdicts & ~reached
        reached |= verdicts
        return new

    def update(self, rollout: Transition) -> dict[str, float]:
        """Count what was achieved, and let the judge learn."""
        verdicts = self._verdicts(self.judge.relabel(rollout))
        if len(self._reached) != verdicts.shape[1]:
            self._reached = np.zeros(verdicts.shape[1:], bool)
        for now, ended in zip(verdicts, rollout.terminated | rollout.truncated, strict=True):
            self.times += self._first(now, self._reached).sum(0)
            if ended.any():
                self._recent = np.concatenate([self._recent, self._reached[ended]])[-RECENT:]
                self.episodes += int(ended.sum())
                self._reached[ended] = False
        return super().update(rollout)

    def rows(self) -> list[tuple[str, int, float]]:
        """Of each subgoal: its words, how often it was achieved in all, and in which share of the last episodes."""
        shares = self._recent.mean(0) if len(self._recent) else np.zeros(len(self.names))
        return list(zip(self.subgoals, self.times.tolist(), shares.tolist(), strict=True))

    def status(self) -> str:
        """How often each was achieved lately, as a note for a progress bar."""
        if not len(self._recent):
            return "no episode has ended"
        return "reached " + " · ".join(
            f"{name} {share:.0%}" for name, (_, _, share) in zip(self.names, self.rows(), strict=True)
        )

    def state_dict(self) -> dict[str, np.ndarray]:
        """What was counted, and what the judge has learned."""
        own = {"times": self.times, "recent": self._recent, "reached": self._reached}
        return (
            super().state_dict()
            | {name: array.copy() for name, array in own.items()}
            | {"episodes": np.array(self.episodes)}
        )

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Restore what `state_dict` returned."""
        super().load_state_dict(state)
        self.times, self._recent, self._reached = (np.array(state[name]) for name in ("times", "recent", "reached"))
        self.episodes = int(state["episodes"])

"""Goals in words, each rewarded when a caption is near it: ELLM (Du et al. 2023, arXiv 2302.06692).

    reward = GoalReward(["picked up a key", "door opened"], threshold=0.6)

As there, the reward of a step is the largest cosine of its caption and a goal that is open, if that is above a
threshold, and a goal pays once in an episode. What differs: a goal that was suggested in one situation stays open for
the rest of the episode, since NetHack's captions are of moments and most are empty; the parts of a caption are compared
one by one; and the model is asked about a situation once for all, while training goes on, not at every step.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from reward_designers.base import Components, RewardFn, Transition
from reward_designers.embeddings import Embedder
from reward_designers.errors import RewardError
from reward_designers.intrinsic.suggestions import Suggestions
from reward_designers.memory import EpisodeMemory

TOP = 20
"""Goals that `GoalReward.top` lists."""
DIGITS = 6
"""Of a cosine; the rest depends on which other texts were embedded along with it."""


@dataclass(eq=False)
class GoalReward(RewardFn):
    """The cosine of caption and nearest open goal, where it is at least a threshold; a goal pays once in an episode.

    Attributes:
        goals: Open in every episode from its start.
        threshold: On the cosine. It belongs to the encoder: look at what pays.
        encoder: Of texts, see `reward_designers.embeddings`.
        caption: The state array of captions, ``(n,)`` str; parts are separated by semicolons.
        situation: The state array that goals are suggested for; None: none are.
        suggestions: Who suggests goals while training runs; None: nobody. It is not saved along.
        suggested: Goals by situation.
        paid: By goal, how often and how much it has paid in all of training, as if episodes began with the rollouts
            that `update` was given.
    """

    goals: Sequence[str] = ()
    threshold: float = 0.6
    encoder: str = "wordllama"
    caption: str = "caption"
    situation: str | None = None
    suggestions: Suggestions | None = None
    suggested: dict[str, list[str]] = field(default_factory=dict, init=False, repr=False)
    paid: dict[str, tuple[int, float]] = field(default_factory=dict, init=False, repr=False)

    name = "goals"
    markov = False

    def __post_init__(self) -> None:
        self.goals = [self.goals] if isinstance(self.goals, str) else list(self.goals)
        if not self.goals and self.situation is None:
            raise RewardError("there are no goals: give some, or name the situation that they are suggested for")
        if not all(goal.strip() for goal in self.goals):
            raise RewardError(f"goals={self.goals}: one is empty")
        if not -1 <= self.threshold <= 1:
            raise RewardError(f"threshold={self.threshold}, expected a cosine from -1 to 1")
        self.inputs = frozenset({self.caption, *([self.situation] if self.situation else [])})
        self.reads = frozenset({"state", "next_state"} if self.situation else {"next_state"})
        self._embed = Embedder(self.encoder)
        self._near: dict[str, dict[str, float]] = {}

    def open(self) -> None:
        """Load the encoder, which otherwise happens at the first caption.

        Raises:
            EmbeddingError: Its package is not installed, or the model is not there.
        """
        self._embed.load()

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        return {"goals": self._pay(t, memory)[0]}

    def _pay(self, t: Transition, memory: EpisodeMemory | None) -> tuple[np.ndarray, list[str | None]]:
        """What each row is paid, and for which goal."""
        tables = (memory or EpisodeMemory(len(t))).array("open", dtype=object, fill=dict)  # goal: whether it is open
        situations = t.state[self.situation].tolist() if self.situation else [""] * len(t)
        pay = np.zeros(len(t))
        reached: list[str | None] = [None] * len(t)
        captions = zip(t.next_state[self.caption].tolist(), situations, tables, strict=True)
        for row, (caption, situation, table) in enumerate(captions):
            for goal in (*self.goals, *self.suggested.get(situation, ())):
                table.setdefault(goal, True)
            near = self.near(caption, [goal for goal, is_open in table.items() if is_open])
            goal, cosine = max(near.items(), key=lambda item: item[1], default=(None, -1.0))
            if goal is not None and cosine >= self.threshold:
                pay[row], reached[row], table[goal] = cosine, goal, False
        return pay, reached

    def near(self, caption: str, goals: Sequence[str]) -> dict[str, float]:
        """The cosine of each goal and the nearest part of a caption; nothing for an empty one."""
        known = self._near.setdefault(caption, {})
        new = [goal for goal in goals if goal not in known]
        parts = [part.strip() for part in caption.split(";") if part.strip()]
        if new and parts:
            cosines = (self._embed(new).astype(np.float64) @ self._embed(parts).T).max(1)
            known |= zip(new, cosines.round(DIGITS).tolist(), strict=True)
        return {goal: known[goal] for goal in goals} if parts else {}

    def update(self, rollout: Transition) -> dict[str, float]:
        """Account for what was paid, take in what was suggested, and ask about situations that are new."""
        memory, times = EpisodeMemory(rollout.batch_shape[1]), 0
        for step in range(len(rollout)):
            t = rollout[step]
            for amount, goal in zip(*self._pay(t, memory), strict=True):
                if goal is not None:
                    before = self.paid.get(goal, (0, 0.0))
                    self.paid[goal] = (before[0] + 1, before[1] + float(amount))
                    times += 1
            memory.reset(t.terminated | t.truncated)
        if self.suggestions is not None and self.situation:
            seen = Counter(rollout.state[self.situation].reshape(-1).tolist())
            self.suggestions.want([text for text, _ in seen.most_common() if text not in self.suggested])
            self.suggested |= self.suggestions.collect()
        goals = {*self.goals, *(goal for found in self.suggested.values() for goal in found)}
        size = rollout.terminated.size
        return {"paying": times / size, "goals": float(len(goals)), "situations": float(len(self.suggested))}

    def config(self) -> dict[str, Any]:
        """See `RewardFn.config`; who suggests is not part of it."""
        names = (f.name for f in fields(self) if f.init and f.name != "suggestions")
        return {"_target_": f"{__name__}.{type(self).__name__}"} | {name: getattr(self, name) for name in names}

    def state_dict(self) -> dict[str, np.ndarray]:
        """What was suggested, and what was paid."""
        return {"suggested": np.array(json.dumps(self.suggested)), "paid": np.array(json.dumps(self.paid))}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Restore what `state_dict` returned."""
        self.suggested = json.loads(str(state["suggested"]))
        self.paid = {goal: (times, amount) for goal, (times, amount) in json.loads(str(state["paid"])).items()}

    def top(self) -> list[tuple[str, int, float]]:
        """The goals that paid most: goal, how often, how much in all."""
        rows = [(goal, times, amount) for goal, (times, amount) in self.paid.items()]
        return sorted(rows, key=lambda row: -row[2])[:TOP]

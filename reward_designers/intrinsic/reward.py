"""Intrinsic reward from captions: what a language model (or rules, or a person) finds helpful, less when repeated.

Online, as in ONI (arXiv 2410.23022): captions of what happened go to an annotator while training runs, what it answers
trains a model between rollouts, and the model pays. Offline preferences, then a reward (Motif, arXiv 2310.00166) are
the same parts without an annotator.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from reward_designers.base import Components, RewardFn, Transition
from reward_designers.errors import RewardError
from reward_designers.intrinsic.annotation import Annotation
from reward_designers.intrinsic.models import CaptionModel, make_model
from reward_designers.memory import EpisodeMemory
from reward_designers.saving import below

TOP = 20
"""Captions that `IntrinsicReward.top` lists."""


@dataclass(eq=False)
class IntrinsicReward(RewardFn):
    """model(caption) / N^beta, where N counts the caption in its episode, this time included.

    Attributes:
        kind: Of the model: ``retrieval``, ``classification`` or ``ranking``, see `models`.
        threshold: The model's; None for its default.
        beta: How fast a repeated caption loses its worth; 0: it never does, which invites farming.
        cap: A caption pays at most so often in an episode.
        caption: The state array of captions, ``(n,)`` str.
        seed: Of the model.
        annotation: Who is asked about new captions while training runs; None: nobody, the model stays as it is. It is
            not saved along: a reward that was loaded asks nobody.
        model: Captions to numbers.
        paid: By caption, how often and how much it has paid in all of training, as if episodes began with the rollouts
            that `update` was given.
    """

    kind: str = "retrieval"
    threshold: float | None = None
    beta: float = 3.0
    cap: int = 10
    caption: str = "caption"
    seed: int = 0
    annotation: Annotation | None = None
    model: CaptionModel = field(init=False)
    paid: dict[str, tuple[int, float]] = field(default_factory=dict, init=False, repr=False)

    name = "intrinsic"
    reads = frozenset({"next_state"})
    markov = False

    def __post_init__(self) -> None:
        if self.beta < 0 or not np.isfinite(self.beta):
            raise RewardError(f"beta={self.beta}, expected a number that is at least 0")
        if self.cap < 1:
            raise RewardError(f"cap={self.cap}, expected at least 1: how often a caption pays in an episode")
        self.model = make_model(self.kind, self.threshold, self.seed)
        self.inputs = frozenset({self.caption})
        self._asked: dict[str, np.ndarray] = {}  # what a loaded reward was asking when it was saved
        self._worth: dict[str, float] = {}
        self._version = self.model.version

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        captions = t.next_state[self.caption].tolist()
        worth = self.worth(captions)
        counts = EpisodeMemory(len(t)) if memory is None else memory
        return {"intrinsic": self._pay(captions, worth, counts)}

    def worth(self, captions: Iterable[str]) -> dict[str, float]:
        """What the model gives for each caption, before repetition counts; at least for these."""
        if self._version != self.model.version:
            self._worth, self._version = {}, self.model.version
        if new := [caption for caption in dict.fromkeys(captions) if caption not in self._worth]:
            self._worth.update(zip(new, self.model(new).tolist(), strict=True))
        return self._worth

    def _pay(self, captions: list[str], worth: Mapping[str, float], memory: EpisodeMemory) -> np.ndarray:
        tables = memory.array("counts", dtype=object, fill=dict)
        pay = np.zeros(len(captions))
        for row, caption in enumerate(captions):
            value = worth[caption]
            if value:
                table = tables[row]
                count = table[caption] = table.get(caption, 0) + 1
                if count <= self.cap:
                    pay[row] = value / count**self.beta
        return pay

    def update(self, rollout: Transition) -> dict[str, float]:
        """Ask about what occurred, learn from what has been answered, and account for what was paid."""
        captions = rollout.next_state[self.caption].reshape(-1).tolist()
        seen = Counter(captions)
        pay = self.relabel(rollout)["intrinsic"].reshape(-1)
        for caption, value in zip(captions, pay.tolist(), strict=True):
            if value:
                times, amount = self.paid.get(caption, (0, 0.0))
                self.paid[caption] = (times + 1, amount + value)
        metrics = {"captions": float(len(seen)), "paying": float(np.count_nonzero(pay)) / pay.size}
        if self.annotation is None:
            return metrics
        names, counts = list(seen), list(seen.values())
        self.annotation.submit(names, counts, self.model.uncertainty(names).tolist())
        labels, preferences = self.annotation.collect()
        metrics |= {f"model/{name}": value for name, value in self.model.learn(labels, preferences, seen).items()}
        return metrics | {f"annotation/{name}": value for name, value in self.annotation.status().metrics().items()}

    def config(self) -> dict[str, Any]:
        """See `RewardFn.config`; who is asked is not part of it."""
        names = (f.name for f in fields(self) if f.init and f.name != "annotation")
        return {"_target_": f"{__name__}.{type(self).__name__}"} | {name: getattr(self, name) for name in names}

    def state_dict(self) -> dict[str, np.ndarray]:
        """The model, what was paid, and what is being asked."""
        asked = self._asked if self.annotation is None else self.annotation.state_dict()
        return {
            "paid": np.array(json.dumps(self.paid)),
            **{f"model/{name}": array for name, array in self.model.state_dict().items()},
            **{f"annotation/{name}": array for name, array in asked.items()},
        }

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Restore what `state_dict` returned."""
        self.model.load_state_dict(below("model/", state))
        self._asked = below("annotation/", state)
        if self.annotation is not None and self._asked:
            self.annotation.load_state_dict(self._asked)
        self.paid = {caption: (times, amount) for caption, (times, amount) in json.loads(str(state["paid"])).items()}
        self._worth, self._version = {}, self.model.version

    def top(self) -> list[tuple[str, int, float]]:
        """The captions that earned most: caption, how often it paid, how much in all."""
        rows = [(caption, times, amount) for caption, (times, amount) in self.paid.items()]
        return sorted(rows, key=lambda row: -row[2])[:TOP]

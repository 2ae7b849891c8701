"""From what annotators said about some captions to a number for every caption.

ONI's three models (arXiv 2410.23022): a table, a classifier, and a ranking. All are frozen between calls of `learn`,
the only place where they change, and count as a new `version` after it.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from reward_designers.errors import unknown_name
from reward_designers.intrinsic.labels import Label, Preference
from reward_designers.saving import below

if TYPE_CHECKING:
    from reward_designers.intrinsic.network import CaptionNetwork

LABELS = 50_000
"""Labels or preferences that a network goes on learning from: the latest ones."""


FORETOLD, SPLIT = 512, 40
"""Labels that a classifier's temperature is fitted to, the latest; how many first ones it takes to hold some back."""
TEMPERATURES = np.geomspace(0.5, 20, 75)


class CaptionModel(ABC):
    """Captions to numbers that are at least 0: how much each helps with the goal.

    Subclasses are dataclasses; their fields are the configuration.

    Attributes:
        pairs: Whether it learns from preferences rather than labels.
        version: How often it has learned something.
    """

    pairs: bool = False
    version: int = 0

    @abstractmethod
    def __call__(self, captions: Sequence[str]) -> np.ndarray:
        """Numbers ``(n,)`` float64, at least 0."""

    @abstractmethod
    def uncertainty(self, captions: Sequence[str]) -> np.ndarray:
        """What asking about each caption would teach, ``(n,)`` float64 in [0, 1]."""

    @abstractmethod
    def learn(
        self, labels: Sequence[Label], preferences: Sequence[Preference], seen: Mapping[str, int]
    ) -> dict[str, float]:
        """Learn from what has arrived; what is invalid (None) or known already is left out.

        Args:
            labels: Of single captions.
            preferences: Of pairs.
            seen: How often captions occurred since the last call.

        Returns:
            Metrics to log.
        """

    @abstractmethod
    def state_dict(self) -> dict[str, np.ndarray]:
        """Arrays to resume from."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Restore what `state_dict` returned."""


@dataclass(eq=False)
class Retrieval(CaptionModel):
    """A table: captions that were labeled get their label, others nothing.

    Attributes:
        threshold: Labels below count as 0.
    """

    threshold: float = 0.5
    table: dict[str, float] = field(default_factory=dict, init=False, repr=False)

    def __call__(self, captions: Sequence[str]) -> np.ndarray:
        values = np.array([self.table.get(caption, 0.0) for caption in captions], np.float64)
        return np.where(values >= self.threshold, values, 0.0)

    def uncertainty(self, captions: Sequence[str]) -> np.ndarray:
        """1 for what is not in the table."""
        return np.array([caption not in self.table for caption in captions], np.float64)

    def learn(
        self, labels: Sequence[Label], preferences: Sequence[Preference], seen: Mapping[str, int]
    ) -> dict[str, float]:
        """See `CaptionModel.learn`."""
        new = _news(labels, self.table)
        self.table.update(new)
        self.version += bool(new)
        return {"labels": float(len(self.table))}

    def state_dict(self) -> dict[str, np.ndarray]:
        """See `CaptionModel.state_dict`."""
        return {"version": np.array(self.version), "table": np.array(json.dumps(self.table))}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """See `CaptionModel.load_state_dict`."""
        self.version, self.table = int(state["version"]), json.loads(str(state["table"]))


@dataclass(eq=False)
class Classification(CaptionModel):
    """A network that says how likely an annotator finds a caption helpful; it pays 1 above a threshold.

    Networks that learned few labels by heart are too sure of themselves, so logits are divided by a temperature (Guo et
    al. 2017, arXiv 1706.04599), at which what was said about labels before they were learned is likeliest.

    Attributes:
        threshold: On the probability.
        steps: Gradient steps each time something has arrived.
        seed: Of the network.
        temperature: By which logits are divided.
    """

    threshold: float = 0.5
    steps: int = 100
    seed: int = 0
    labels: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    temperature: float = field(default=1.0, init=False)
    network: CaptionNetwork = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.network = _network(self.seed)
        self._foretold = np.zeros((0, 2))  # logits of labels before they were learned, and the labels

    def __call__(self, captions: Sequence[str]) -> np.ndarray:
        """1 where `probability` is above the threshold; 0 everywhere before anything was learned."""
        if not self.version:
            return np.zeros(len(captions))
        return (self.probability(captions) > self.threshold).astype(np.float64)

    def probability(self, captions: Sequence[str]) -> np.ndarray:
        """That an annotator finds them helpful, ``(n,)``."""
        return _sigmoid(self.network.predict(captions) / self.temperature)

    def uncertainty(self, captions: Sequence[str]) -> np.ndarray:
        """4 p (1 - p), the variance of a label over its largest value."""
        p = self.probability(captions) if self.version else np.full(len(captions), 0.5)
        return 4 * p * (1 - p)

    def learn(
        self, labels: Sequence[Label], preferences: Sequence[Preference], seen: Mapping[str, int]
    ) -> dict[str, float]:
        """Minimize the cross-entropy of all labels, which may be anything in [0, 1]."""
        new = _news(labels, self.labels)
        if not new:
            return {"labels": float(len(self.labels))}
        before = None
        if self.version:
            before, said = self.network.predict(list(new)), np.array(list(new.values()))
        elif len(new) >= SPLIT:  # the first ones: another network learns four fifths of them, and foretells the rest
            rest = dict(list(new.items())[len(new) * 4 // 5 :])
            other = _network(self.seed)
            self._fit(other, {caption: label for caption, label in new.items() if caption not in rest})
            before, said = other.predict(list(rest)), np.array(list(rest.values()))
        self.labels = _latest({**self.labels, **new})
        self.version += 1
        metrics = {"loss": self._fit(self.network, self.labels)}
        if before is not None:  # on labels that it had not seen: an honest figure
            metrics["accuracy_before_learning"] = float(((before > 0) == (said > 0.5)).mean())
            self._foretold = np.concatenate([self._foretold, np.column_stack([before, said])])[-FORETOLD:]
            self.temperature = _likeliest_temperature(*self._foretold.T)
        return {**metrics, "labels": float(len(self.labels)), "temperature": self.temperature}

    def _fit(self, network: CaptionNetwork, labels: Mapping[str, float]) -> float:
        import torch
        from torch.nn.functional import binary_cross_entropy_with_logits

        captions, targets = list(labels), torch.tensor(list(labels.values()), dtype=torch.float32)

        def loss(rows: np.ndarray) -> torch.Tensor:
            logits = network([captions[row] for row in rows])
            return binary_cross_entropy_with_logits(logits, targets[torch.from_numpy(rows)])

        return network.fit(len(captions), loss, seed=(self.seed, self.version), steps=self.steps)

    def state_dict(self) -> dict[str, np.ndarray]:
        """See `CaptionModel.state_dict`."""
        own = {"version": np.array(self.version), "labels": np.array(json.dumps(self.labels))}
        own |= {"temperature": np.array(self.temperature), "foretold": self._foretold}
        return own | {f"network/{name}": array for name, array in self.network.arrays().items()}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """See `CaptionModel.load_state_dict`."""
        self.version, self.labels = int(state["version"]), json.loads(str(state["labels"]))
        self.temperature, self._foretold = float(state["temperature"]), np.array(state["foretold"])
        self.network.load_arrays(below("network/", state))


@dataclass(eq=False)
class Ranking(CaptionModel):
    """A network r with P(a is better than b) as in Bradley and Terry 1952, with ties as in Davidson 1970.

    P(a > b) = e^d / (e^d + e^-d + nu), P(tie) = nu / (e^d + e^-d + nu), with d = (r(a) - r(b)) / 2 and nu >= 0 learned.
    Preferences leave the level and scale of r open, so it pays by how many standard deviations r is above its mean over
    all steps so far, less the threshold.

    Attributes:
        threshold: In standard deviations above the mean.
        steps: Gradient steps each time something has arrived.
        seed: Of the network.
    """

    threshold: float = 0.5
    steps: int = 100
    seed: int = 0
    pairs = True
    preferences: dict[tuple[str, str], float] = field(default_factory=dict, init=False, repr=False)
    counts: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    mean: float = field(default=0.0, init=False)
    std: float = field(default=1.0, init=False)
    log_nu: float = field(default=0.0, init=False)
    network: CaptionNetwork = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.network = _network(self.seed)
        self._compared: Counter[str] = Counter()

    def __call__(self, captions: Sequence[str]) -> np.ndarray:
        """How far above the threshold they are; 0 everywhere before anything was learned."""
        if not self.version:
            return np.zeros(len(captions))
        return np.maximum((self.network.predict(captions) - self.mean) / self.std - self.threshold, 0.0)

    def uncertainty(self, captions: Sequence[str]) -> np.ndarray:
        """1 / (1 + how many preferences are known about each)."""
        return np.array([1 / (1 + self._compared[caption]) for caption in captions], np.float64)

    def learn(
        self, labels: Sequence[Label], preferences: Sequence[Preference], seen: Mapping[str, int]
    ) -> dict[str, float]:
        """Maximize the likelihood of all preferences, then take the mean and standard deviation anew."""
        import torch

        for caption, count in seen.items():
            self.counts[caption] = self.counts.get(caption, 0) + count
        valid = {(p.first, p.second): p.outcome for p in preferences if p.outcome is not None}
        new = {pair: outcome for pair, outcome in valid.items() if pair not in self.preferences}
        metrics = {"preferences": float(len(self.preferences) + len(new))}
        if new:
            self.preferences = _latest({**self.preferences, **new})
            self._compared.update(caption for pair in new for caption in pair)
            self.version += 1
            first, second = zip(*self.preferences, strict=True)
            won = torch.tensor(list(self.preferences.values()), dtype=torch.float32)
            log_nu = torch.tensor(self.log_nu, requires_grad=True)

            def loss(rows: np.ndarray) -> torch.Tensor:
                scores = self.network([*(first[row] for row in rows), *(second[row] for row in rows)])
                d, outcome = (scores[: len(rows)] - scores[len(rows) :]) / 2, won[torch.from_numpy(rows)]
                whole = torch.logsumexp(torch.stack([d, -d, log_nu.expand_as(d)]), 0)
                chosen = torch.where(outcome == 0.5, log_nu, torch.where(outcome > 0.5, d, -d))
                return (whole - chosen).mean()

            metrics["loss"] = self.network.fit(
                len(first), loss, seed=(self.seed, self.version), steps=self.steps, parameters=[log_nu]
            )
            self.log_nu = log_nu.item()
        if self.version and self.counts:
            scores = self.network.predict(list(self.counts))
            weights = np.array(list(self.counts.values()), np.float64)
            self.mean = float(np.average(scores, weights=weights))
            self.std = float(np.sqrt(np.average((scores - self.mean) ** 2, weights=weights))) or 1.0
        return metrics

    def state_dict(self) -> dict[str, np.ndarray]:
        """See `CaptionModel.state_dict`."""
        numbers = {"version": self.version, "mean": self.mean, "std": self.std, "log_nu": self.log_nu}
        tables = {
            "preferences": [[*pair, outcome] for pair, outcome in self.preferences.items()],
            "counts": self.counts,
        }
        return {
            **{name: np.array(value) for name, value in numbers.items()},
            **{name: np.array(json.dumps(table)) for name, table in tables.items()},
            **{f"network/{name}": array for name, array in self.network.arrays().items()},
        }

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """See `CaptionModel.load_state_dict`."""
        self.version = int(state["version"])
        self.mean, self.std, self.log_nu = (float(state[name]) for name in ("mean", "std", "log_nu"))
        self.preferences = {(a, b): outcome for a, b, outcome in json.loads(str(state["preferences"]))}
        self._compared = Counter(caption for pair in self.preferences for caption in pair)
        self.counts = json.loads(str(state["counts"]))
        self.network.load_arrays(below("network/", state))


MODELS: dict[str, type[CaptionModel]] = {
    "retrieval": Retrieval,
    "classification": Classification,
    "ranking": Ranking,
}


def make_model(kind: str, threshold: float | None = None, seed: int = 0) -> CaptionModel:
    """A model that has learned nothing.

    Args:
        kind: One of `MODELS`.
        threshold: See the class; None for its default.
        seed: Of its network, if it has one.

    Raises:
        ValueError: There is no such model, or the threshold is not finite.
    """
    if kind not in MODELS:
        raise ValueError(unknown_name("reward model", kind, MODELS))
    if threshold is not None and not np.isfinite(threshold):
        raise ValueError(f"threshold={threshold}, expected a finite number")
    given: dict[str, Any] = {} if threshold is None else {"threshold": threshold}
    return MODELS[kind](**given, **({} if kind == "retrieval" else {"seed": seed}))


def _network(seed: int) -> Any:
    from reward_designers.intrinsic.network import CaptionNetwork

    return CaptionNetwork(seed)


def _news(labels: Sequence[Label], known: Mapping[str, float]) -> dict[str, float]:
    """Valid labels that are new, or different from before."""
    valid = {label.caption: label.value for label in labels if label.value is not None}
    return {caption: value for caption, value in valid.items() if known.get(caption) != value}


def _latest(known: dict[Any, float]) -> dict[Any, float]:
    return known if len(known) <= LABELS else dict(list(known.items())[-LABELS:])


def _likeliest_temperature(logits: np.ndarray, said: np.ndarray) -> float:
    """The temperature at which labels ``(n,)`` have the least cross-entropy; 1 where there are too few of them."""
    if len(logits) < SPLIT // 5:
        return 1.0
    scaled = logits / TEMPERATURES[:, None]
    return float(TEMPERATURES[(np.logaddexp(0, scaled) - said * scaled).mean(1).argmin()])


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(x, -50, 50)))

"""Random network distillation (Burda et al. 2019, arXiv 1810.12894): what cannot be predicted yet is new.

    reward = EnvReward() + 0.5 * RND(of=["glyphs_crop"])

A predictor is trained on what was seen to give the features that a fixed random network gives; its error is the bonus.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reward_designers.base import Components, RewardFn, Transition
from reward_designers.errors import RewardError
from reward_designers.memory import EpisodeMemory
from reward_designers.novelty.statistics import Moments, discounted
from reward_designers.saving import below

WARM_UP = 10
"""Times as many passes over the first rollout."""


@dataclass(eq=False)
class RND(RewardFn):
    """The predictor's mean squared error on the successor, over the standard deviation of its discounted sum.

    All is frozen between calls of `update`: the networks, the statistics by which observations are standardized, and
    those by which the reward is. It pays nothing before the first. As in the paper, episodes do not matter for the
    discounted sum, and observations are limited to 5 standard deviations. Unlike there, statistics are those of the
    rollouts before, so that a reward is the same however often it is computed; and the networks are small. The first
    rollout is learned thoroughly, and counts with the errors that are left: those of networks that have learned nothing
    are ten times as large, and in a training of a hundred rollouts no bonus would recover from being divided by them.

    Attributes:
        of: The state arrays that it looks at: numbers, maps of glyphs ``(n, rows, columns)`` of integers, pictures
            ``(n, height, width, channels)`` of bytes.
        learning_rate: Of the predictor (Adam).
        epochs: Passes over each rollout.
        batch_size: Transitions in a gradient step.
        gamma: Discount of the sum that rewards are divided by.
        seed: Of the networks.
        version: How many rollouts it has learned from.
    """

    of: Sequence[str] = ("obs",)
    learning_rate: float = 1e-3
    epochs: int = 1
    batch_size: int = 256
    gamma: float = 0.99
    seed: int = 0

    name = "rnd"
    reads = frozenset({"next_state"})
    expensive = True

    def __post_init__(self) -> None:
        self.of = [self.of] if isinstance(self.of, str) else list(self.of)
        if not self.of:
            raise RewardError("of is empty: name the state arrays to look at, such as of=['obs']")
        if not self.learning_rate > 0:
            raise RewardError(f"learning_rate={self.learning_rate}, expected a positive number")
        if self.epochs < 1 or self.batch_size < 1:
            raise RewardError(f"epochs={self.epochs}, batch_size={self.batch_size}, expected at least 1 of each")
        if not 0 <= self.gamma < 1:
            raise RewardError(f"gamma={self.gamma}, expected at least 0 and less than 1")
        self.inputs = frozenset(self.of)
        self.version = 0
        self._arrays: dict[str, Any] = {}
        self._values, self._returns = Moments(), Moments()
        self._sum = np.zeros(0)

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        if not self.version:
            return {"rnd": np.zeros(len(t))}
        return {"rnd": self.error(t) / float(self._returns.std)}

    def error(self, t: Transition) -> np.ndarray:
        """The predictor's mean squared error, ``(n,)`` float64, before it is divided by anything."""
        import torch

        with torch.no_grad():
            seen = self._seen(t)
            return (self._predictor(*seen) - self._target(*seen)).square().mean(1).double().numpy()

    def update(self, rollout: Transition) -> dict[str, float]:
        """Learn to predict what is in the rollout."""
        t = rollout.flatten()
        if not self.version:
            from reward_designers.novelty.network import layout

            self._arrays = layout(self.of, t.next_state)
            self._build()
            self._values.add(self._views.values(t.next_state))
        errors = self.error(t)
        metrics = {"error": float(errors.mean())}
        if not self.version:
            metrics["loss"] = self._train(t, self.epochs * WARM_UP)
            errors = self.error(t)
        sums, self._sum = discounted(errors.reshape(rollout.batch_shape), self.gamma, self._sum)
        self._returns.add(sums.reshape(-1))
        if self.version:
            self._values.add(self._views.values(t.next_state))
            metrics["loss"] = self._train(t, self.epochs)
        self.version += 1
        return metrics | {"return_std": float(self._returns.std)}

    def _build(self) -> None:
        import torch

        from reward_designers.novelty.network import GLYPHS, VECTOR, Network, Views

        self._views = Views(self._arrays)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            glyphs = torch.randn(GLYPHS, VECTOR) if self._views.maps else torch.zeros(1, VECTOR)
            self._target, self._predictor = Network(self._views, glyphs, 1), Network(self._views, glyphs, 2)
        self._optimizer = torch.optim.Adam(self._predictor.parameters(), lr=self.learning_rate, eps=1e-5)

    def _seen(self, t: Transition) -> tuple[Any, Any]:
        import torch

        from reward_designers.novelty.network import CLIP

        values = (self._views.values(t.next_state) - self._values.mean) / self._values.std
        return torch.from_numpy(np.clip(values, -CLIP, CLIP).astype(np.float32)), self._views.glyphs(t.next_state)

    def _train(self, t: Transition, epochs: int) -> float:
        import torch

        values, glyphs = self._seen(t)
        with torch.no_grad():
            wanted = self._target(values, glyphs)
        rng, losses = np.random.default_rng((self.seed, self.version)), []
        for _ in range(epochs):
            order = torch.from_numpy(rng.permutation(len(t)))
            for rows in order.split(self.batch_size):
                loss = (self._predictor(values[rows], glyphs[rows]) - wanted[rows]).square().mean()
                self._optimizer.zero_grad()
                loss.backward()
                self._optimizer.step()
                losses.append(loss.item())
        return float(np.mean(losses))

    def state_dict(self) -> dict[str, np.ndarray]:
        """The predictor with its optimizer, and the statistics; the target follows from the seed."""
        state = {"version": np.array(self.version), "arrays": np.array(json.dumps(self._arrays)), "sum": self._sum}
        state |= {f"values/{name}": array for name, array in self._values.state_dict().items()}
        state |= {f"returns/{name}": array for name, array in self._returns.state_dict().items()}
        if self.version:
            state |= {
                f"predictor/{name}": tensor.numpy().copy() for name, tensor in self._predictor.state_dict().items()
            }
            for index, moments in self._optimizer.state_dict()["state"].items():
                state |= {f"adam/{index}/{name}": tensor.numpy().copy() for name, tensor in moments.items()}
        return state

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Restore what `state_dict` returned."""
        self.version, self._sum = int(state["version"]), np.array(state["sum"])
        self._arrays = json.loads(str(state["arrays"]))
        self._values.load_state_dict(below("values/", state))
        self._returns.load_state_dict(below("returns/", state))
        if not self.version:
            return
        import torch

        self._build()
        tensors = {name: torch.from_numpy(np.array(array)) for name, array in below("predictor/", state).items()}
        self._predictor.load_state_dict(tensors)
        moments: dict[int, dict[str, Any]] = {}
        for name, array in below("adam/", state).items():
            index, _, moment = name.partition("/")
            moments.setdefault(int(index), {})[moment] = torch.from_numpy(np.array(array))
        self._optimizer.load_state_dict(self._optimizer.state_dict() | {"state": moments})

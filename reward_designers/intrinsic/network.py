"""A small network from captions to numbers, trained between rollouts: hashed words and character trigrams, two layers.

Captions that share words get similar numbers, which is what it is for: to judge captions that nobody has judged yet.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from torch import nn

BUCKETS = 4096
"""Rows of the embedding. Row 0 belongs to captions without any token."""
WIDTH, HIDDEN = 32, 64


class CaptionNetwork(nn.Module):
    """Captions to one number each.

    Args:
        seed: Of the initial weights.
    """

    def __init__(self, seed: int = 0):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.embedding = nn.EmbeddingBag(BUCKETS, WIDTH, mode="mean")
            self.layers = nn.Sequential(nn.Linear(WIDTH, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))

    def forward(self, captions: Sequence[str]) -> torch.Tensor:
        """Numbers ``(n,)`` float32."""
        tokens = [tokenize(caption) for caption in captions]
        starts = np.cumsum([0, *map(len, tokens)])[:-1]
        bag = self.embedding(torch.from_numpy(np.concatenate(tokens)), torch.from_numpy(starts))
        return self.layers(bag).squeeze(-1)

    def predict(self, captions: Sequence[str]) -> np.ndarray:
        """Numbers ``(n,)`` float64, without gradients; the same for a caption in whatever company it comes."""
        if not len(captions):
            return np.zeros(0)
        with torch.no_grad():  # sums of batches of other sizes differ in their last digits, which are cut off
            weights = {name: tensor.double() for name, tensor in self.state_dict().items()}
            return torch.func.functional_call(self, weights, (captions,)).round(decimals=10).numpy()

    def fit(
        self,
        examples: int,
        loss: Callable[[np.ndarray], torch.Tensor],
        *,
        seed: Sequence[int],
        parameters: Sequence[torch.Tensor] = (),
        steps: int = 100,
        batch_size: int = 256,
        learning_rate: float = 1e-2,
        weight_decay: float = 1e-4,
    ) -> float:
        """Gradient steps (AdamW) from where the weights are.

        Args:
            examples: How many there are.
            loss: The mean loss of the examples with these numbers.
            seed: Of the order in which it sees them.
            parameters: Learned along with the weights.
            steps: Of a mini-batch each.
            batch_size: At most.
            learning_rate: Falls to zero, linearly.
            weight_decay: Of the weights.

        Returns:
            The mean loss of the last tenth of the steps.
        """
        optimizer = torch.optim.AdamW([*self.parameters(), *parameters], lr=learning_rate, weight_decay=weight_decay)
        rng, losses = np.random.default_rng(seed), []
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate * (1 - step / steps)
            rows = rng.choice(examples, min(batch_size, examples), replace=False)
            optimizer.zero_grad()
            value = loss(rows)
            value.backward()
            optimizer.step()
            losses.append(value.item())
        return float(np.mean(losses[-max(1, steps // 10) :]))

    def arrays(self) -> dict[str, np.ndarray]:
        """The weights by name."""
        return {name: tensor.numpy().copy() for name, tensor in self.state_dict().items()}

    def load_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restore what `arrays` returned."""
        self.load_state_dict({name: torch.from_numpy(np.array(arrays[name])) for name in self.state_dict()})


@lru_cache(maxsize=1 << 16)
def tokenize(caption: str) -> np.ndarray:
    """Buckets ``(tokens,)`` int64 of a caption's words and of their character trigrams; numbers are all alike."""
    words = re.findall(r"[a-z']+|#", re.sub(r"\d+", "#", caption.lower()))
    grams = set(words) | {f"{a} {b}" for a, b in pairwise(words)}
    for word in words:
        padded = f"<{word}>"
        grams |= {f"_{padded[i : i + 3]}" for i in range(len(padded) - 2)}
    return np.array(sorted(1 + zlib.crc32(gram.encode()) % (BUCKETS - 1) for gram in grams) or [0], np.int64)

"""What policies see of a game of NetHack: glyphs as learned vectors, the rest beside them."""

from __future__ import annotations

import gymnasium as gym
import torch
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from envs.nethack.fields import AT

GLYPHS = 5977
"""NetHack's glyphs, the one that stands for none included."""
READABLE = 80
"""Characters of a message that are read; nearly all are shorter."""


def fits(space: gym.Space) -> bool:
    """Whether `NetHackFeatures` is made for observations of this space."""
    return isinstance(space, gym.spaces.Dict) and "glyphs_crop" in space.spaces


class NetHackFeatures(BaseFeaturesExtractor):
    """An embedding and a small CNN for the glyphs around the hero; small layers for numbers, message and inventory.

    One table of vectors serves the map and the inventory, so that a key is a key in both. It reads ``glyphs_crop`` and,
    where they are observed, ``blstats``, ``message`` and ``inv_glyphs``; it is sized for training on a CPU.

    Args:
        observation_space: Of an environment of `envs.nethack`.
        vector: Length of a glyph's vector.
        channels: Of the CNN.
        width: Of the layer on top of the CNN; the others are as wide as a quarter of it.
    """

    def __init__(self, observation_space: gym.spaces.Dict, vector: int = 8, channels: int = 16, width: int = 128):
        parts = {"glyphs_crop": width} | dict.fromkeys(("blstats", "message", "inv_glyphs"), width // 4)
        self.reads = tuple(name for name in parts if name in observation_space.spaces)
        super().__init__(observation_space, sum(parts[name] for name in self.reads))
        rows, columns = observation_space["glyphs_crop"].shape or ()
        self.glyphs = nn.Embedding(GLYPHS, vector)
        self.crop = nn.Sequential(
            nn.Conv2d(vector, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(channels * -(-rows // 2) * -(-columns // 2), width),
            nn.ReLU(),
        )
        self.numbers = nn.Sequential(nn.Linear(len(AT) + 3, width // 4), nn.ReLU())
        self.characters = nn.Embedding(256, vector)
        self.message = nn.Sequential(
            nn.Conv1d(vector, channels, 5, stride=3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(channels * ((READABLE - 5) // 3 + 1), width // 4),
            nn.ReLU(),
        )
        self.inventory = nn.Sequential(nn.Linear(vector, width // 4), nn.ReLU())

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        """``(n, ...)`` by name to ``(n, features_dim)``."""
        made = [self.crop(self.glyphs(observations["glyphs_crop"].long()).permute(0, 3, 1, 2))]
        if "blstats" in self.reads:
            made.append(self.numbers(scaled(observations["blstats"].float())))
        if "message" in self.reads:
            text = observations["message"][:, :READABLE].long()
            made.append(self.message(self.characters(text).permute(0, 2, 1)))
        if "inv_glyphs" in self.reads:
            items = observations["inv_glyphs"].long()
            carried = (items < GLYPHS - 1).unsqueeze(-1)
            made.append(self.inventory((self.glyphs(items) * carried).sum(1)))
        return torch.cat(made, 1)


def scaled(numbers: Tensor) -> Tensor:
    """The bottom line ``(n, 27)`` as ``(n, 30)`` of size about 1: logarithms, the place, the share of hit points."""
    place = numbers[:, [AT["x"], AT["y"]]] / torch.tensor([79.0, 21.0], device=numbers.device)
    health = numbers[:, AT["hp"]] / numbers[:, AT["max_hp"]].clamp(min=1)
    return torch.cat([numbers.sign() * numbers.abs().log1p() / 4, place, health.unsqueeze(1)], 1)

"""The image tower of a CLIP-family model, as a fast function of raw frames."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from reward_designers.vlm.lowering import (
    ModifiedResNet,
    fold_normalization,
    fuse_relu,
    lower_precision,
    simplify_resnet,
    simplify_vit,
)

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class ImageTower(nn.Module):
    """Frames ``(n, H, W, 3)`` to embeddings ``(n, D)`` float32; see `lowering` for what is done to the tower.

    Args:
        visual: open_clip's image tower in float32, on the CPU. It is changed in place.
        size: (height, width) of its images.
        mean: Per-channel mean that its images are normalised with, of values in [0, 1].
        std: Per-channel standard deviation.
        device: Where to compute.
        precision: A key of `DTYPES`.

    Attributes:
        steady_from: From this size of batch up to some dozens, a frame's embedding rounds to the same stored numbers,
            measured on CPUs with AMX; None if each size gives others, as bf16 products over many tokens do.
    """

    def __init__(
        self,
        visual: nn.Module,
        *,
        size: tuple[int, int],
        mean: Sequence[float],
        std: Sequence[float],
        device: str,
        precision: str,
    ):
        super().__init__()
        self.size = size
        self.device = torch.device(device)
        self.precision = precision
        self.dtype = DTYPES[precision]
        resnet = isinstance(visual, ModifiedResNet)
        self.steady_from = 1 if precision == "fp32" else 8 if resnet and device == "cpu" else None
        simplify_resnet(visual)
        simplify_vit(visual)
        self.raw = fold_normalization(visual, size, mean, std, self.dtype)
        # open_clip's ViT ends in a bare matrix.
        self.projection = visual.proj if isinstance(getattr(visual, "proj", None), nn.Parameter) else None
        if self.projection is not None:
            visual.proj = None
        lower_precision(visual, self.dtype)
        if self.device.type == "cpu":
            fuse_relu(visual)
        self.visual = visual
        self.register_buffer("mean", 255 * torch.tensor(mean))
        self.register_buffer("std", 255 * torch.tensor(std))
        self.to(self.device, memory_format=torch.channels_last)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Embed frames of the tower's size, on its device: uint8, or resized ones in float32, in [0, 255]."""
        features = self.visual(self._images(frames))
        features = (features[0] if isinstance(features, tuple) else features).float()
        return features if self.projection is None else features @ self.projection

    def _images(self, frames: torch.Tensor) -> torch.Tensor:
        """What the tower's first layer takes, ``(n, 3, H', W')`` in channels-last order."""
        if self.raw is None:
            return ((frames - self.mean) / self.std).to(self.dtype).permute(0, 3, 1, 2)
        n, height, width, channels = frames.shape
        top, left = self.raw.border
        images = torch.empty(n, height + 2 * top, width + 2 * left, channels, dtype=self.dtype, device=self.device)
        if top or left:
            images[:, :top] = images[:, top + height :] = self.raw.pad_value
            images[:, :, :left] = images[:, :, left + width :] = self.raw.pad_value
        inner = images[:, top : top + height, left : left + width]
        # Rows of W * 3 numbers: broadcasting along an axis of 3 would not vectorise.
        rows = n, height, width * channels
        torch.sub(frames.reshape(rows), self.raw.center.repeat(width), out=inner.view(rows))
        return images.permute(0, 3, 1, 2)

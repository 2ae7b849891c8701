"""The image tower of a CLIP-family model, as a function of raw frames."""

from __future__ import annotations

from collections.abc import Sequence

import torch

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class ImageTower(torch.nn.Module):
    """Frames ``(n, H, W, 3)`` uint8 to embeddings ``(n, D)`` float32.

    Args:
        visual: open_clip's image tower in float32.
        size: (height, width) of its images.
        mean: Per-channel mean that its images are normalised with, of values in [0, 1].
        std: Per-channel standard deviation.
        device: Where to compute.
        precision: A key of `DTYPES`.
    """

    def __init__(
        self,
        visual: torch.nn.Module,
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
        self.visual = visual
        self.register_buffer("scale", 1 / (255 * torch.tensor(std)).view(3, 1, 1))
        self.register_buffer("shift", -(torch.tensor(mean) / torch.tensor(std)).view(3, 1, 1))
        self.to(self.device)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Embed frames that have the tower's size; float values in [0, 255] are taken too."""
        images = frames.permute(0, 3, 1, 2).to(self.device).float() * self.scale + self.shift
        with torch.autocast(self.device.type, DTYPES[self.precision], enabled=self.precision != "fp32"):
            return self.visual(images).float()

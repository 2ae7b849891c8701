"""Frames to CLIP embeddings, in batches, each distinct frame once."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch.nn import functional

from reward_designers.base import Encoder
from reward_designers.vlm.models import ClipModel


class ClipEncoder(Encoder):
    """Encodes frames ``(n, H, W, 3)`` uint8 into unit-norm embeddings ``(n, D)``.

    The embeddings are float16 where the model computes in bf16, else float32. Frames at `frame_size` go in as they
    are, others are resized (antialiased) as the model is used to.

    Args:
        model: The loaded model.
        batch_size: Frames at a time. On a CPU more than 8 gain nothing; a GPU wants more.
    """

    source = "frame"

    def __init__(self, model: ClipModel, batch_size: int | None = None):
        if batch_size is not None and batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        self.model = model
        self.frame_size = model.images.size
        self.batch_size = batch_size or (8 if model.images.device.type == "cpu" else 256)
        self.dtype = np.dtype(np.float32 if model.images.precision == "fp32" else np.float16)

    def __call__(self, source: np.ndarray) -> np.ndarray:
        """Encode frames ``(n, H, W, 3)`` uint8 into embeddings ``(n, D)``."""
        frames = np.asarray(source)
        if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8:
            raise ValueError(f"expected frames (n, H, W, 3) uint8, got {frames.shape} {frames.dtype}")
        first, inverse = _distinct(frames)
        starts = range(0, max(len(first), 1), self.batch_size)
        embedded = [self._embed(frames[first[start : start + self.batch_size]]) for start in starts]
        return np.concatenate(embedded)[inverse]

    def _embed(self, frames: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            embedded = self.model.images(self._resize(torch.from_numpy(frames)))
            return functional.normalize(embedded, dim=-1).cpu().numpy().astype(self.dtype)

    def _resize(self, frames: torch.Tensor) -> torch.Tensor:
        """Frames ``(n, H, W, 3)`` at the model's size, float if they had to be resized."""
        height, width = self.frame_size
        if frames.shape[1:3] == (height, width):
            return frames
        images = frames.permute(0, 3, 1, 2).float()
        if self.model.resize_mode == "squash":
            target = height, width
        else:
            scale = max(height / images.shape[2], width / images.shape[3])
            target = round(images.shape[2] * scale), round(images.shape[3] * scale)
        mode = self.model.interpolation
        images = functional.interpolate(images, target, mode=mode, antialias=True).clamp_(0, 255)
        top, left = (target[0] - height) // 2, (target[1] - width) // 2
        return images[:, :, top : top + height, left : left + width].permute(0, 2, 3, 1)


def _distinct(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the first of each distinct frame, and for every frame which of them it equals."""
    seen: dict[bytes, int] = {}
    first, inverse = [], []
    for row, frame in enumerate(frames):
        key = hashlib.blake2b(np.ascontiguousarray(frame), digest_size=16).digest()
        if key not in seen:
            seen[key] = len(first)
            first.append(row)
        inverse.append(seen[key])
    return np.array(first, dtype=np.intp), np.array(inverse, dtype=np.intp)

"""Frames to CLIP embeddings: in batches, each distinct frame once, every k-th frame if asked."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from reward_designers.encoders import Encoder
from reward_designers.vlm.models import ClipModel


class ClipEncoder(Encoder):
    """Encodes frames ``(n, H, W, 3)`` uint8 into unit-norm embeddings ``(n, D)``.

    The embeddings are float16 where the model computes in bf16, else float32. Frames at `frame_size` go in as they
    are, others are resized (antialiased) as the model is used to.

    Where a model rounds differently in batches of other sizes (transformers in bf16), each is filled up to the same:
    else a frame's reward would depend on how many others happen to be encoded with it.

    Args:
        model: The loaded model.
        batch_size: Frames at a time; None takes 64 on a GPU and, where larger batches gain little, 16 or 32 on a CPU.
            A transformer that gets frames one by one, as from a single environment, is several times faster with 1.
        every: In a rollout, encode only every so many frames (and each episode's last) and interpolate linearly.
        compile: ``torch.compile`` the image tower, for a GPU; it takes a minute or more at first use.
    """

    source = "frame"

    def __init__(self, model: ClipModel, batch_size: int | None = None, every: int = 1, compile: bool = False):
        for name, value in (("batch_size", batch_size), ("every", every)):
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        self.model = model
        self.frame_size = model.images.size
        steady = model.images.steady_from
        self.batch_size = batch_size or (64 if model.images.device.type == "cuda" else 32 if steady else 16)
        self._least = min(steady or self.batch_size, self.batch_size)
        self.every = every
        self.dtype = np.dtype(np.float32 if model.images.precision == "fp32" else np.float16)
        self._network = torch.compile(model.images) if compile else model.images

    def __call__(self, source: np.ndarray) -> np.ndarray:
        """Encode frames ``(n, H, W, 3)`` uint8, all of them, into embeddings ``(n, D)``."""
        frames = np.asarray(source)
        if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8:
            raise ValueError(f"expected frames (n, H, W, 3) uint8, got {frames.shape} {frames.dtype}")
        if not len(frames):
            return self._embed(np.zeros((1, *frames.shape[1:]), np.uint8))[:0]
        first, inverse = _distinct(frames)
        return self._embed(frames if len(first) == len(frames) else frames[first])[inverse]

    def rollout(self, source: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Encode consecutive frames ``(T, num_envs, H, W, 3)`` into embeddings ``(T, num_envs, D)``.

        With ``every`` = k these are encoded: the first frame of each stretch of an episode, every k-th after it, and
        its last. Between them embeddings are interpolated linearly, so that a reward remains a function of what is
        stored. That looks up to k - 1 steps ahead, hence whole rollouts only.

        Args:
            source: The frames.
            ends: ``(T, num_envs)`` bool, True at the last step of an episode.
        """
        if self.every == 1:
            return super().rollout(source, ends)
        keys = keyframes(ends, self.every)
        encoded = self(source[keys])
        embeddings = np.zeros((*keys.shape, encoded.shape[-1]), np.float32)
        embeddings[keys] = encoded
        return interpolate(embeddings, keys).astype(self.dtype)

    def _embed(self, frames: np.ndarray) -> np.ndarray:
        """Embeddings ``(n, D)`` of frames, in batches."""
        size = self.batch_size
        with torch.inference_mode():
            batches = [
                self._network(self._resize(self._batch(frames[start : start + size])))[: len(frames) - start]
                for start in range(0, len(frames), size)
            ]
            # One transfer at the end: while a GPU computes, the next frames are on their way.
            return functional.normalize(torch.cat(batches), dim=-1).cpu().numpy().astype(self.dtype)

    def _batch(self, frames: np.ndarray) -> torch.Tensor:
        """Frames ``(m, H, W, 3)`` as a tensor on the model's device, with black ones if they are too few."""
        missing = self._least - len(frames)
        if missing > 0:
            frames = np.concatenate([frames, np.zeros((missing, *frames.shape[1:]), np.uint8)])
        batch = torch.from_numpy(np.ascontiguousarray(frames))
        device = self.model.images.device
        return batch.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else batch.to(device)

    def _resize(self, frames: torch.Tensor) -> torch.Tensor:
        """Frames ``(n, H, W, 3)`` at the model's size, float if they had to be resized."""
        assert self.frame_size is not None
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


def keyframes(ends: np.ndarray, every: int) -> np.ndarray:
    """Which steps to encode, ``(T, num_envs)`` bool: every so many of each stretch of an episode, its first and last.

    Args:
        ends: ``(T, num_envs)`` bool, True at the last step of an episode.
        every: Steps from one to the next.
    """
    steps = np.arange(len(ends))[:, None]
    starts = np.ones_like(ends)
    starts[1:] = ends[:-1]
    since_start = steps - np.maximum.accumulate(np.where(starts, steps, 0))
    keys = (since_start % every == 0) | ends
    keys[-1] = True
    return keys


def interpolate(values: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """``values`` ``(T, num_envs, D)`` with the steps that are no keys interpolated between their neighbouring keys.

    Args:
        values: Read at keys alone.
        keys: ``(T, num_envs)`` bool, True in the first and last rows and on both sides of an episode's end.
    """
    steps = np.arange(len(keys))[:, None]
    before = np.maximum.accumulate(np.where(keys, steps, 0))
    after = np.minimum.accumulate(np.where(keys, steps, len(keys) - 1)[::-1])[::-1]
    weight = ((steps - before) / np.maximum(after - before, 1))[..., None].astype(values.dtype)
    columns = np.arange(keys.shape[1])
    return (1 - weight) * values[before, columns] + weight * values[after, columns]


def _distinct(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the first of each distinct frame, and for every frame which of them it equals."""
    seen: dict[int, int] = {}
    first: list[int] = []
    inverse: list[int] = []
    for row, frame in enumerate(frames):
        key = hash(frame.tobytes())  # 64 bits: one false match in 10^10 rollouts of 10^4 frames
        if key not in seen:
            seen[key] = len(first)
            first.append(row)
        inverse.append(seen[key])
    return np.array(first, dtype=np.intp), np.array(inverse, dtype=np.intp)

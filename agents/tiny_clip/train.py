"""Make the embedded tiny CLIP: draw frames, train, write ``assets/tiny_clip`` with its data card.

    python -m agents.tiny_clip.train                       # about 20 CPU-minutes, one thread
    python -m agents.tiny_clip.train --quick --out /tmp/tiny_clip --work /tmp/work   # a minute; tests use it

Interrupt it at any time and run the same command again: shards of frames are kept, training goes on from the last
epoch, and the result is the one of an uninterrupted run. The loss is the sigmoid loss of SigLIP (Zhai et al. 2023,
arXiv 2303.15343), not over matching pairs but over the whole *truth matrix* of frames and captions, with degrees as
targets.
"""

from __future__ import annotations

import argparse
import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from agents.tiny_clip.captions import PROPOSITIONS, caption
from agents.tiny_clip.frames import SHARES, SIZE, Shard, load_or_make
from agents.tiny_clip.model import Words, build, encode_images, encode_text, export

_CERTAIN = 0.02  # a degree d becomes the target 0.02 + 0.96 d: finite log-odds, steepest at both ends


@dataclass(frozen=True)
class Settings:
    """Of one training.

    Attributes:
        train: Frames to train on.
        test: Held-out frames.
        epochs: Passes over the training frames.
        batch: Frames in a step; every proposition is said once in each step.
        rate: Peak learning rate of AdamW, warmed up, then cosine to zero.
        foreign: Weight of captions about other bodies, which are easy and many.
        seed: Of frames, weights, order and wording.
    """

    train: int = 40_000
    test: int = 5_000
    epochs: int = 6
    batch: int = 64
    rate: float = 2e-3
    foreign: float = 0.1
    seed: int = 0


QUICK = Settings(train=400, test=200, epochs=1, batch=64)


class Frames:
    """All shards of a split as one: frames, and for each the degree of every proposition (0 if about other bodies)."""

    def __init__(self, shards: list[Shard]) -> None:
        self.shards = shards
        self._ends = np.cumsum([len(shard.frames) for shard in shards])
        self.truth = np.zeros((self._ends[-1], len(PROPOSITIONS)), np.float32)
        self.own = np.zeros(self.truth.shape, bool)
        for shard, end in zip(shards, self._ends, strict=True):
            rows = slice(end - len(shard.frames), end)
            self.truth[rows, shard.about] = shard.truth
            self.own[rows, shard.about] = True

    def __len__(self) -> int:
        return int(self._ends[-1])

    def take(self, rows: np.ndarray) -> np.ndarray:
        """(n, 96, 96, 3) uint8 frames of these rows."""
        frames = np.empty((len(rows), SIZE, SIZE, 3), np.uint8)
        owner = np.searchsorted(self._ends, rows, side="right")
        for number in np.unique(owner):
            mine = owner == number
            start = self._ends[number] - len(self.shards[number].frames)
            frames[mine] = self.shards[number].frames[rows[mine] - start]
        return frames


def augment(frames: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
    """Shift by up to 4 px, change brightness, contrast and color a little, add noise: (n, H, W, 3) float32."""
    out = np.empty(frames.shape, np.float32)
    padded = np.pad(frames, ((0, 0), (4, 4), (4, 4), (0, 0)), mode="edge")
    for i, (y, x) in enumerate(rng.integers(0, 9, (len(frames), 2))):
        out[i] = padded[i, y : y + SIZE, x : x + SIZE]
    n = (len(frames), 1, 1)
    gain, offset = rng.uniform(0.75, 1.25, (*n, 3)).astype(np.float32), rng.uniform(-25, 25, (*n, 1)).astype(np.float32)
    plain = rng.random((*n, 1)) < 0.3
    out = np.where(plain, out, out * gain + offset)
    return torch.from_numpy(np.clip(out, 0, 255).astype(np.float32))


def loss_of(logits: torch.Tensor, truth: torch.Tensor, own: torch.Tensor, foreign: float) -> torch.Tensor:
    """Cross-entropy between degrees and the sigmoid of logits, both (frames, propositions); a mean with weights."""
    target = _CERTAIN + (1 - 2 * _CERTAIN) * truth
    each = torch.nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    weight = torch.where(own, 1.0, foreign)
    return (each * weight).sum() / weight.sum()


def train(data: Frames, settings: Settings, work: Path) -> torch.nn.Module:
    """Train, or go on from the last whole epoch in ``work``.

    Returns:
        The model in evaluation mode.
    """
    torch.set_num_threads(1)
    words = Words()
    model = build(words, settings.seed)
    slow = [p for n, p in model.named_parameters() if p.ndim < 2 or "embedding" in n or n.startswith("logit")]
    ids = {id(p) for p in slow}
    groups = [
        {"params": [p for p in model.parameters() if id(p) not in ids], "weight_decay": 0.05},
        {"params": slow, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=settings.rate, betas=(0.9, 0.98))
    per_epoch = len(data) // settings.batch
    total = per_epoch * settings.epochs
    warm = min(300, total // 5 + 1)

    def rate(step: int) -> float:
        return min(step / warm, 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm) / max(1, total - warm)))))

    key = "-".join(str(value) for value in vars(settings).values())
    saved = work / f"training-{key}.pt"
    first = 0
    if saved.exists():
        state = torch.load(saved, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["epoch"]
    bf16 = bool(torch.cpu.get_capabilities().get("avx512_bf16"))
    bar = tqdm(total=total, initial=first * per_epoch, desc="training", mininterval=5)
    for epoch in range(first, settings.epochs):
        model.train()
        rng = np.random.default_rng([settings.seed, 1, epoch])
        order = rng.permutation(len(data))
        losses = []
        for i in range(per_epoch):
            rows = np.sort(order[i * settings.batch : (i + 1) * settings.batch])
            for group in optimizer.param_groups:
                group["lr"] = settings.rate * rate(epoch * per_epoch + i)
            images = encode_images(model, augment(data.take(rows), rng), bf16)
            texts = encode_text(model, words([caption(p, rng) for p in PROPOSITIONS], rng))
            logits = model.logit_scale.exp() * images @ texts.T + model.logit_bias
            truth, own = torch.from_numpy(data.truth[rows]), torch.from_numpy(data.own[rows])
            loss = loss_of(logits, truth, own, settings.foreign)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            with torch.no_grad():
                model.token_embedding.weight[words.stranger] = 0.0
                model.logit_scale.clamp_(max=float(np.log(100)))
            losses.append(float(loss.detach()))
            bar.set_postfix(loss=f"{np.mean(losses[-50:]):.4f}", refresh=False)
            bar.update()
        partial = saved.with_suffix(f".partial{os.getpid()}")
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch + 1}, partial)
        os.replace(partial, saved)
        print(f"epoch {epoch + 1}/{settings.epochs}: loss {np.mean(losses):.4f}", flush=True)
    bar.close()
    return model.eval()


def load_split(split: str, count: int, seed: int, folder: Path) -> Frames:
    """Draw, or load, the shards of a split."""
    shards = [
        load_or_make(folder, species, split, max(20, round(share * count)), seed) for species, share in SHARES.items()
    ]
    return Frames(shards)


def main(argv: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("assets/tiny_clip"), help="where the model is written")
    parser.add_argument("--work", type=Path, default=Path("runs/tiny_clip"), help="frames (1.3 GB) and checkpoints")
    parser.add_argument("--quick", action="store_true", help="a few frames, one epoch: to see that it runs")
    for name in ("train", "test", "epochs", "seed"):
        parser.add_argument(f"--{name}", type=int, help=f"default {getattr(Settings(), name)}")
    args = parser.parse_args(argv)
    base = QUICK if args.quick else Settings()
    given = {
        name: getattr(args, name) for name in ("train", "test", "epochs", "seed") if getattr(args, name) is not None
    }
    settings = Settings(**(vars(base) | given))
    args.work.mkdir(parents=True, exist_ok=True)
    frames = args.work / "frames"
    test = load_split("test", settings.test, settings.seed, frames)
    model = train(load_split("train", settings.train, settings.seed, frames), settings, args.work)
    path = export(model, args.out)
    print(f"wrote {path} ({path.stat().st_size / 1e6:.1f} MB)")
    from agents.tiny_clip.card import write_card

    write_card(args.out, test.shards, settings)


if __name__ == "__main__":
    main()

"""The tiny CLIP: a ModifiedResNet of four blocks at 96 px and a two-layer text tower, in open_clip's own format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from agents.tiny_clip.captions import vocabulary
from agents.tiny_clip.frames import SIZE
from reward_designers.vlm.torchvision_compat import import_torchvision

import_torchvision()
import open_clip  # noqa: E402  (it imports torchvision)
from open_clip.tokenizer import SimpleTokenizer  # noqa: E402

CONFIG: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 128,
        "init_logit_bias": -3.0,
        "init_logit_scale": 2.3,
        "vision_cfg": {"image_size": SIZE, "layers": [1, 1, 1, 1], "width": 16, "patch_size": None},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 4, "layers": 2},
    },
    "preprocess_cfg": {
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "interpolation": "bicubic",
        "resize_mode": "squash",
    },
}
"""What ``open_clip.create_model("local-dir:...")`` reads from ``open_clip_config.json``."""

_STRANGER = "zzzz"  # stands for every word outside the vocabulary; its embedding stays zero


class Words:
    """CLIP's BPE, cut to the longest caption: (n, length) tokens."""

    def __init__(self) -> None:
        self.tokenizer = SimpleTokenizer()
        self.known = sorted({token for word in vocabulary() for token in self.tokenizer.encode(word)})
        self.stranger = self.tokenizer.encode(_STRANGER)[0]

    def __call__(self, captions: list[str], rng: np.random.Generator | None = None) -> torch.Tensor:
        """Tokenize; with ``rng`` one caption in five gets unknown words, to learn that they say nothing."""
        rows = []
        for text in captions:
            tokens = self.tokenizer.encode(text)
            if rng is not None and rng.random() < 0.2:
                for _ in range(rng.integers(1, 4)):
                    tokens.insert(int(rng.integers(len(tokens) + 1)), self.stranger)
            rows.append([self.tokenizer.sot_token_id, *tokens, self.tokenizer.eot_token_id])
        length = max(map(len, rows))
        return torch.tensor([row + [0] * (length - len(row)) for row in rows])


def build(words: Words, seed: int) -> torch.nn.Module:
    """A fresh model; the embeddings of words that training never shows are zero, so that they say nothing."""
    torch.manual_seed(seed)
    cfg = CONFIG["model_cfg"]
    model = open_clip.CLIP(
        cfg["embed_dim"],
        cfg["vision_cfg"],
        cfg["text_cfg"],
        init_logit_scale=cfg["init_logit_scale"],
        init_logit_bias=cfg["init_logit_bias"],
    )
    with torch.no_grad():
        unknown = torch.ones(len(model.token_embedding.weight), dtype=torch.bool)
        unknown[[*words.known, words.tokenizer.sot_token_id, words.tokenizer.eot_token_id]] = False
        model.token_embedding.weight[unknown] = 0.0
    return model.to(memory_format=torch.channels_last)


def encode_text(model: torch.nn.Module, tokens: torch.Tensor) -> torch.Tensor:
    """open_clip's ``encode_text`` on rows shorter than the context: the mask is causal, so the rest changes nothing."""
    length = tokens.shape[1]
    x = model.token_embedding(tokens) + model.positional_embedding[:length]
    x = model.ln_final(model.transformer(x, attn_mask=model.attn_mask[:length, :length]))
    x = x[torch.arange(len(x)), tokens.argmax(-1)] @ model.text_projection
    return torch.nn.functional.normalize(x, dim=-1)


def encode_images(model: torch.nn.Module, frames: torch.Tensor, bf16: bool) -> torch.Tensor:
    """(n, 96, 96, 3) frames in [0, 255] to unit-norm embeddings (n, 128)."""
    x = (frames.permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        x = model.visual(x)
    return torch.nn.functional.normalize(x.float(), dim=-1)


def export(model: torch.nn.Module, folder: Path) -> Path:
    """Write ``open_clip_config.json``, ``model.safetensors`` (fp16) and ``vocabulary.txt``."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous().clone()
        for name, tensor in model.state_dict().items()
        if name != "attn_mask"
    }
    path = folder / "model.safetensors"
    partial = folder / "model.safetensors.partial"
    save_file(tensors, partial, metadata={"format": "pt"})
    partial.chmod(0o644)
    partial.replace(path)
    (folder / "open_clip_config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    (folder / "vocabulary.txt").write_text("\n".join(vocabulary()) + "\n")
    return path

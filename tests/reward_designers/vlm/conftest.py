"""A random-weight stand-in for `assets/tiny_clip`, in the same format and with the same architecture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from reward_designers.vlm import models

TINY = {
    "embed_dim": 64,
    "vision_cfg": {"image_size": 96, "layers": [1, 1, 1, 1], "width": 16, "patch_size": None},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2},
}
TINY_VIT = {
    **TINY,
    "vision_cfg": {"image_size": 96, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16},
}
PREPROCESS = {"mean": [0.45, 0.4, 0.35], "std": [0.2, 0.25, 0.3], "interpolation": "bilinear", "resize_mode": "squash"}


def pictures(n: int, seed: int = 0) -> np.ndarray:
    """Pictures (n, 96, 96, 3) uint8: coloured discs on gradients, no two alike."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:96, :96] / 95
    drawn = []
    for _ in range(n):
        ground = rng.uniform(0, 255, 3) * x[..., None] + rng.uniform(0, 255, 3) * y[..., None]
        disc = (x - rng.uniform(0.2, 0.8)) ** 2 + (y - rng.uniform(0.2, 0.8)) ** 2 < rng.uniform(0.01, 0.1)
        drawn.append(np.where(disc[..., None], rng.uniform(0, 255, 3), ground / 2))
    return np.stack(drawn).astype(np.uint8)


def write_model(folder: Path, model_cfg: dict, preprocess_cfg: dict | None = None, seed: int = 1) -> Path:
    """A model folder with random weights, set up so that its embeddings of different pictures differ widely."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_cfg": model_cfg, "preprocess_cfg": preprocess_cfg or PREPROCESS}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = models.open_clip.create_model(f"local-dir:{folder}", load_weights=False)
        size = model.visual.image_size
        images = torch.from_numpy(pictures(32, seed=99)).permute(0, 3, 1, 2) / 128 - 1
        images = torch.nn.functional.interpolate(images, size)
        norms = [module for module in model.visual.modules() if isinstance(module, torch.nn.BatchNorm2d)]
        for norm in norms:
            torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
            torch.nn.init.uniform_(norm.bias, -0.5, 0.5)
            norm.momentum = None  # a plain average: the statistics of these pictures
        with torch.no_grad():
            model.train()(images)
            if norms:
                model.visual.attnpool.c_proj.bias -= model.eval().encode_image(images).mean(0)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return folder


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_model(tmp_path_factory.mktemp("models") / "tiny", TINY)
    (folder / "vocabulary.txt").write_text("a\nhumanoid\nrobot\nstanding\nkneeling\n")
    return folder


@pytest.fixture(scope="session")
def vit_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "vit", TINY_VIT)


@pytest.fixture
def frames() -> np.ndarray:
    """Twelve different pictures (12, 96, 96, 3) uint8."""
    return pictures(12)

"""What is done to image towers for speed changes nothing but rounding, and that little."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from reward_designers.vlm.lowering import (
    AttentionPool,
    ConvolutionReLU,
    Float32,
    Projection,
    RawConvolution,
    fold_normalization,
)
from reward_designers.vlm.models import open_clip
from reward_designers.vlm.network import ImageTower

MEAN, STD = (0.48, 0.45, 0.41), (0.27, 0.26, 0.28)
TOWERS = {
    "ModifiedResNet": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 16, "patch_size": None},
    "ViT": {"image_size": 64, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16},
    "ViT, 14 does not divide": {"image_size": 64, "layers": 1, "width": 64, "head_width": 32, "patch_size": 14},
    "SigLIP": {"image_size": 64, "timm_model_name": "vit_tiny_patch16_224", "timm_pool": "map", "timm_proj": "none"},
    "ConvNeXt": {"image_size": 64, "timm_model_name": "convnext_atto", "timm_pool": "", "timm_proj": "linear"},
    "timm ResNet": {"image_size": 64, "timm_model_name": "resnet18", "timm_pool": "avg", "timm_proj": "linear"},
}


def pictures(n: int, seed: int) -> torch.Tensor:
    """Smooth pictures (n, 64, 64, 3) uint8, of all levels up to the borders."""
    coarse = np.random.default_rng(seed).uniform(0, 255, (n, 3, 5, 5))
    fine = nn.functional.interpolate(torch.from_numpy(coarse), (64, 64), mode="bilinear")
    return fine.permute(0, 2, 3, 1).contiguous().to(torch.uint8)


def make(name: str) -> nn.Module:
    """A random image tower; batch norms with statistics of real pictures, so that nothing is degenerate."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        vision = open_clip.CLIPVisionCfg(**TOWERS[name])
        visual = open_clip.model._build_vision_tower(192 if name == "SigLIP" else 32, vision)
        if hasattr(visual, "set_input_size"):
            visual.set_input_size(64)
        for module in visual.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.uniform_(module.bias, -0.5, 0.5)
                module.momentum = None
        with torch.no_grad():
            visual.train()((pictures(64, seed=1).permute(0, 3, 1, 2) / 255 - 0.45) / 0.27)
    return visual.eval().requires_grad_(False)


def tower(name: str, precision: str) -> ImageTower:
    return ImageTower(make(name), size=(64, 64), mean=MEAN, std=STD, device="cpu", precision=precision)


def plain(visual: nn.Module, frames: torch.Tensor) -> np.ndarray:
    """The textbook path: to [0, 1], normalise, forward, in float32."""
    images = frames.permute(0, 3, 1, 2) / 255
    images = (images - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    with torch.inference_mode():
        return visual(images).numpy()


@pytest.fixture
def frames() -> torch.Tensor:
    return pictures(8, seed=2)


@pytest.mark.parametrize("name", TOWERS)
def test_float32_towers_equal_the_textbook_path(name, frames):
    expected = plain(make(name), frames)
    with torch.inference_mode():
        embedded = tower(name, "fp32")(frames).numpy()
    np.testing.assert_allclose(embedded, expected, atol=2e-5 * np.abs(expected).max())


@pytest.mark.parametrize("name", TOWERS)
def test_bf16_towers_are_as_close_as_eight_bits_allow(name, frames):
    """Relative to how much the embeddings of these pictures differ; and no worse than converting the tower as it is."""
    expected = plain(make(name), frames)
    with torch.inference_mode():
        embedded = tower(name, "bf16")(frames)
        images = (frames.permute(0, 3, 1, 2) / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
        naive = make(name).bfloat16()(images.bfloat16()).float().numpy()
    assert embedded.dtype == torch.float32
    spread = np.linalg.norm(expected - expected.mean(0), axis=-1).mean()
    error, naive_error = (np.linalg.norm(e - expected, axis=-1).mean() for e in (embedded.numpy(), naive))
    assert error < 0.06 * spread
    assert error < 1.1 * naive_error


@pytest.mark.parametrize("name", TOWERS)
def test_every_kind_of_tower_takes_raw_frames(name):
    assert isinstance(tower(name, "fp32").raw, RawConvolution)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("value", [0, 124, 255])
def test_padding_is_exact(value, precision):
    """One padded convolution of a uniform picture: corners see as much border as picture."""
    conv = nn.Conv2d(3, 4, 3, padding=1)
    frames = torch.full((1, 6, 6, 3), value, dtype=torch.uint8)
    with torch.inference_mode():
        expected = plain(copy.deepcopy(conv), frames)
        folded = nn.Sequential(conv)
        folded.preprocess = None
        images = ImageTower(folded, size=(6, 6), mean=MEAN, std=STD, device="cpu", precision=precision)(frames)
    tolerance = 1e-5 if precision == "fp32" else 0.02
    np.testing.assert_allclose(images.numpy(), expected, atol=tolerance * np.abs(expected).max())


def test_the_mean_colour_is_free_of_rounding_in_bf16():
    """Errors of rounded weights must not add up over a picture's mean: here they would reach tens of per cent."""
    conv = nn.Conv2d(3, 8, 32, stride=32, bias=False)
    level = tuple(round(255 * mean) / 255 for mean in MEAN)
    raw = RawConvolution(conv, level, STD, torch.bfloat16)
    assert raw.bias.abs().max() == 0
    raw = RawConvolution(conv, MEAN, STD, torch.bfloat16)
    exact = conv.weight.double() / (255 * torch.tensor(STD, dtype=torch.float64)).view(3, 1, 1)
    assert raw.bias.abs().max() < 0.02 * exact.flatten(1).norm(dim=1).max() * 255


class ChangedFirst(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 8, stride=8)

    def forward(self, x):
        return self.conv(2 * x).flatten(1)


class Branches(nn.Module):
    """As MobileOne and MobileCLIP begin."""

    def __init__(self):
        super().__init__()
        self.conv, self.other = nn.Conv2d(3, 4, 8, stride=8), nn.Conv2d(3, 4, 8, stride=8)

    def forward(self, x):
        return (self.conv(x).relu() + self.other(x)).flatten(1)


class UsedAgain(ChangedFirst):
    def forward(self, x):
        return self.conv(x).flatten(1) + x.mean((1, 2, 3), keepdim=True).flatten(1)


@pytest.mark.parametrize("kind", [ChangedFirst, Branches, UsedAgain])
def test_towers_that_do_something_else_with_the_image_get_it_normalised(kind, frames):
    visual = kind().requires_grad_(False)
    expected = plain(copy.deepcopy(visual), frames)
    assert fold_normalization(visual, (64, 64), MEAN, STD, torch.float32) is None
    embedded = ImageTower(visual, size=(64, 64), mean=MEAN, std=STD, device="cpu", precision="fp32")(frames)
    np.testing.assert_allclose(embedded.numpy(), expected, atol=1e-5)


def test_attention_pooling_equals_open_clips(rng):
    pool = open_clip.modified_resnet.AttentionPool2d(3, 64, 4, 16).requires_grad_(False)
    features = torch.from_numpy(rng.normal(size=(5, 64, 3, 3)).astype(np.float32))
    with torch.inference_mode():
        expected = pool(features)
        np.testing.assert_allclose(AttentionPool(pool)(features), expected, atol=1e-5)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_fused_relus_change_no_number(precision, frames, monkeypatch):
    fused = tower("ModifiedResNet", precision)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    unfused = tower("ModifiedResNet", precision)
    assert any(isinstance(module, ConvolutionReLU) for module in fused.modules())
    assert not any(isinstance(module, ConvolutionReLU) for module in unfused.modules())
    with torch.inference_mode():
        np.testing.assert_array_equal(fused(frames), unfused(frames))


@pytest.mark.parametrize(("name", "last"), [("ViT", None), ("SigLIP", None), ("ConvNeXt", "head.proj")])
def test_norms_and_the_projection_stay_in_float32(name, last):
    lowered = tower(name, "bf16")
    kept = {n: module for n, module in lowered.visual.named_modules() if isinstance(module, (Float32, Projection))}
    norms = [module for module in make(name).modules() if isinstance(module, nn.LayerNorm)]
    assert len(kept) == len(norms) + (last is not None)
    assert all(parameter.dtype == torch.float32 for module in kept.values() for parameter in module.parameters())
    if name == "ViT":
        assert lowered.projection.dtype == torch.float32
    if last:
        assert isinstance(kept[last], Projection)
    rest = [p for key, p in lowered.visual.named_parameters() if not key.startswith(tuple(kept))]
    assert {p.dtype for p in rest} == {torch.bfloat16}

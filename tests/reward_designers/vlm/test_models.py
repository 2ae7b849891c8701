"""Loading models: by folder, file and name; what is said when that fails; each model once."""

from __future__ import annotations

import json
import shutil
import warnings

import numpy as np
import pytest
import torch

from reward_designers.vlm import models
from reward_designers.vlm.models import ModelError, load

from .conftest import TINY, write_model


def test_a_folder_gives_what_open_clip_gives(tiny_folder, frames):
    loaded = load(str(tiny_folder), device="cpu", precision="fp32")
    reference = models.open_clip.create_model(f"local-dir:{tiny_folder}").eval()
    mean, std = (torch.tensor(reference.visual.preprocess_cfg[key]).view(3, 1, 1) for key in ("mean", "std"))
    with torch.inference_mode():
        images = (torch.from_numpy(frames).permute(0, 3, 1, 2) / 255 - mean) / std
        expected = reference.encode_image(images).numpy()
        tokens = models.open_clip.get_tokenizer(f"local-dir:{tiny_folder}")(["a robot", "a plane"])
        text = torch.nn.functional.normalize(reference.encode_text(tokens), dim=-1).numpy()
        embedded = loaded.images(torch.from_numpy(frames)).numpy()
    assert loaded.images.size == (96, 96)
    np.testing.assert_allclose(embedded, expected, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_allclose(loaded.text(["a robot", "a plane"]), text, atol=1e-6)


def test_prompts_are_encoded_once(tiny_folder, monkeypatch):
    text = load(str(tiny_folder), device="cpu", precision="fp32").text
    both = text(["a cat", "a dog"])
    monkeypatch.setattr(text, "_model", None)  # any further encoding would fail
    np.testing.assert_array_equal(text(["a dog", "a cat", "a dog"]), both[[1, 0, 1]])


def test_a_model_is_loaded_once_per_process(tiny_folder):
    folder = str(tiny_folder)
    first = load(folder, device="cpu", precision="fp32")
    assert load(folder, None, "cpu", "fp32") is first
    assert load(folder, device="cpu", precision="bf16") is not first
    assert load(folder, device="cpu", precision="bf16").digest == first.digest


def test_random_weights_are_asked_for_reproducible_and_leave_the_global_generator_alone(tiny_folder):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    with pytest.warns(UserWarning, match="random weights"):
        first = models._load.__wrapped__(str(tiny_folder), "", "cpu", "fp32")
    np.testing.assert_array_equal(torch.rand(3), expected)
    with pytest.warns(UserWarning, match="random weights"):
        second = models._load.__wrapped__(str(tiny_folder), "", "cpu", "fp32")
    assert first.digest == second.digest != load(str(tiny_folder)).digest


def test_the_weights_of_one_model_load_into_its_architecture_from_a_file(tiny_folder, tmp_path):
    shutil.copy(tiny_folder / "open_clip_config.json", tmp_path)
    file = tiny_folder / "open_clip_model.safetensors"
    assert load(str(tmp_path), str(file), "cpu").digest == load(str(tiny_folder), device="cpu").digest


@pytest.mark.parametrize(
    ("model", "pretrained", "message"),
    [
        ("ViT-B32", None, r"unknown vision-language model 'ViT-B32'. Did you mean 'ViT-B-32'"),
        ("tiny-clip", None, r"Did you mean 'tiny_clip'"),
        ("", None, r"name is empty.*tiny_clip"),
        ("ViT-B-32", "laion2b_s34b_b79", r"unknown weights for ViT-B-32.*Did you mean 'laion2b_s34b_b79k'"),
        ("ViT-B-32", "nowhere/weights.pt", r"no such weight file: nowhere/weights.pt"),
        ("RN101", None, r"several sets of weights: choose with pretrained= one of openai"),
        ("./nowhere", None, r"no such model folder"),
    ],
)
def test_unknown_names_get_the_nearest(model, pretrained, message):
    with pytest.raises(ModelError, match=message):
        load(model, pretrained, "cpu")


@pytest.mark.parametrize(
    ("model", "command"),
    [
        ("ViT-B-32", "hf download laion/CLIP-ViT-B-32-laion2B-s34B-b79K"),
        ("ViT-B-16-SigLIP", "hf download timm/ViT-B-16-SigLIP"),
        ("hf-hub:laion/CLIP-ViT-H-14-laion2B-s32B-b79K", "hf download laion/CLIP-ViT-H-14-laion2B-s32B-b79K"),
    ],
)
def test_weights_that_cannot_be_had_say_how_to_get_them(model, command, tmp_path, monkeypatch):
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError) as error:
        load(model, None, "cpu")
    for part in (command, "reward.pretrained=path/to/file", "reward.model=tiny_clip"):
        assert part in str(error.value)


def test_a_tokenizer_that_cannot_be_had_says_how_to_get_it(tmp_path):
    """SigLIP's come from the hub, apart from the weights."""
    text = {**TINY["text_cfg"], "hf_tokenizer_name": "timm/ViT-B-16-SigLIP"}
    folder = write_model(tmp_path / "siglip", {**TINY, "text_cfg": text})
    loaded = load(str(folder), device="cpu")
    with pytest.raises(
        ModelError, match=r"tokenizer of .*(?s:.*)reward-designers\[vlm\](?s:.*)reward\.model=tiny_clip"
    ):
        loaded.text(["a robot"])


@pytest.mark.parametrize("damage", ["truncated", "garbage", "empty", "another model"])
def test_damaged_weights_name_the_file(tiny_folder, tmp_path, damage):
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    file = folder / "open_clip_model.safetensors"
    data = file.read_bytes()
    if damage == "another model":
        other = write_model(tmp_path / "other", {**TINY, "embed_dim": 32})
        shutil.copy(other / file.name, file)
    else:
        file.write_bytes({"truncated": data[: len(data) // 2], "garbage": b"\x00" * 4096, "empty": b""}[damage])
    with pytest.raises(ModelError, match=f"cannot load the weights in .*{file.name}"):
        load(str(folder), device="cpu")


def test_a_broken_folder_says_what_is_missing(tiny_folder, tmp_path):
    with pytest.raises(ModelError, match=r"holds no open_clip_config\.json"):
        load(str(tmp_path), device="cpu")
    shutil.copy(tiny_folder / "open_clip_config.json", tmp_path)
    with pytest.raises(ModelError, match="safetensors file, but has 0"):
        load(str(tmp_path), device="cpu")
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"embed_dim": 3}))
    with pytest.raises(ModelError, match="cannot build the model"), pytest.warns(UserWarning, match="random weights"):
        load(str(tmp_path), "", "cpu")


def test_devices_and_precisions_are_checked(tiny_folder):
    with pytest.raises(ModelError, match="Did you mean 'bf16'"):
        load(str(tiny_folder), precision="bfloat16", device="cpu")
    with pytest.raises(ModelError, match="device 'cpux' cannot be used"):
        load(str(tiny_folder), device="cpux")
    if not torch.cuda.is_available():
        with pytest.raises(ModelError, match="device 'cuda' cannot be used"):
            load(str(tiny_folder), device="cuda")


def test_loading_is_quiet(tiny_folder, tmp_path, caplog):
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(str(folder), device="cpu")
    assert not caplog.records

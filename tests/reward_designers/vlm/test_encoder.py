"""Encoding frames: sizes, duplicates, batches."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from PIL import Image

from reward_designers.vlm.encoder import ClipEncoder, _distinct, interpolate, keyframes
from reward_designers.vlm.models import load

from .conftest import pictures


@pytest.fixture(params=["fp32", "bf16"])
def encoder(request, tiny_folder) -> ClipEncoder:
    return ClipEncoder(load(str(tiny_folder), device="cpu", precision=request.param))


def cosine(a, b):
    return (a.astype(np.float64) * b).sum(-1)


def test_embeddings_have_norm_one_and_differ(encoder, frames):
    embeddings = encoder(frames)
    assert embeddings.shape == (12, 64)
    assert embeddings.dtype == (np.float32 if encoder.model.images.precision == "fp32" else np.float16)
    np.testing.assert_allclose(np.linalg.norm(embeddings.astype(np.float64), axis=-1), 1, atol=2e-3)
    similar = embeddings.astype(np.float64) @ embeddings.T.astype(np.float64)
    assert similar[~np.eye(12, dtype=bool)].max() < 0.999


def test_bf16_is_close_to_fp32(tiny_folder, frames):
    exact, rounded = (
        ClipEncoder(load(str(tiny_folder), device="cpu", precision=precision))(frames) for precision in ("fp32", "bf16")
    )
    assert cosine(exact, rounded).min() > 0.98


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("kind", ["ResNet", "ViT"])
def test_a_frame_alone_equals_it_in_a_batch_wherever_it_stands(kind, precision, tiny_folder, vit_folder, rng):
    folder = tiny_folder if kind == "ResNet" else vit_folder
    encoder = ClipEncoder(load(str(folder), device="cpu", precision=precision))
    frames = pictures(40)
    order = rng.permutation(40)
    together = encoder(frames)
    others = [
        np.concatenate([encoder(frame[None]) for frame in frames]),
        np.concatenate([encoder(frames[:9]), encoder(frames[9:26]), encoder(frames[26:])]),
        encoder(frames[order])[np.argsort(order)],
    ]
    for embeddings in others:
        if precision == "bf16":
            np.testing.assert_array_equal(embeddings, together)
        else:
            np.testing.assert_allclose(embeddings, together, atol=2e-6)


def test_each_distinct_frame_is_encoded_once(encoder, frames, monkeypatch):
    expected = encoder(frames)
    seen = []
    embed = encoder._embed
    monkeypatch.setattr(encoder, "_embed", lambda frames: seen.append(len(frames)) or embed(frames))
    rows = np.array([3, 1, 3, 3, 0, 1, 11])
    np.testing.assert_allclose(encoder(frames[rows]), expected[rows], atol=2e-6)
    assert seen == [4]


def test_frames_that_differ_in_one_level_of_one_pixel_are_two(encoder, frames):
    twin = frames[:1].copy()
    twin[0, 95, 95, 2] += 1
    first, inverse = _distinct(np.concatenate([frames[:1], twin, frames[:1]]))
    assert first.tolist() == [0, 1]
    assert inverse.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("kind", "precision", "expected"),
    [
        ("ViT", "bf16", [5, 5, 5]),
        ("ViT", "fp32", [5, 5, 2]),
        ("ResNet", "bf16", [5, 5, 5]),
        ("ResNet", "fp32", [5, 5, 2]),
    ],
)
def test_batches_are_bounded_and_filled_up_where_that_matters(kind, precision, expected, tiny_folder, vit_folder):
    model = load(str(tiny_folder if kind == "ResNet" else vit_folder), device="cpu", precision=precision)
    encoder = ClipEncoder(model, batch_size=5)
    sizes = []
    encoder._network = lambda frames: sizes.append(len(frames)) or model.images(frames)
    assert encoder(pictures(12)).shape == (12, 64)
    assert sizes == expected


def test_keyframes_are_every_so_many_and_both_ends_of_each_stretch():
    ends = np.array([[0, 0], [0, 0], [0, 0], [1, 0], [0, 0], [0, 0], [0, 0], [0, 0]], bool)
    expected = np.array([[1, 1], [0, 0], [0, 0], [1, 1], [1, 0], [0, 0], [0, 1], [1, 1]], bool)
    np.testing.assert_array_equal(keyframes(ends, 3), expected)
    assert keyframes(ends, 1).all()


def test_interpolation_is_linear_within_an_episode_and_never_across_its_end():
    ends = np.array([[0], [0], [0], [1], [0], [0]], bool)
    values = np.array([[10.0], [np.nan], [np.nan], [40.0], [-6.0], [0.0]])[..., None]
    filled = interpolate(values, keyframes(ends, 5))
    np.testing.assert_allclose(filled[:, 0, 0], [10, 20, 30, 40, -6, 0])


def test_a_rollout_encodes_every_kth_frame(encoder, frames, monkeypatch):
    skipping = ClipEncoder(encoder.model, every=3)
    source = frames.reshape(6, 2, *frames.shape[1:])
    ends = np.zeros((6, 2), bool)
    ends[3, 1] = True
    exact = encoder(frames).reshape(6, 2, -1).astype(np.float32)
    seen = []
    embed = skipping._embed
    monkeypatch.setattr(skipping, "_embed", lambda frames: seen.append(len(frames)) or embed(frames))
    embeddings = skipping.rollout(source, ends)
    keys = keyframes(ends, 3)
    assert seen == [keys.sum()] == [7]
    np.testing.assert_allclose(embeddings[keys], exact[keys], atol=2e-6)
    np.testing.assert_allclose(embeddings[1, 0], (2 * exact[0, 0] + exact[3, 0]) / 3, atol=1e-3)
    np.testing.assert_allclose(encoder.rollout(source, ends), exact, atol=2e-6)


def test_other_sizes_are_resized_as_the_model_is_used_to(encoder, frames):
    """Antialiased, as open_clip's own transform does with Pillow; that rounds to whole levels, we need not."""
    large = np.kron(frames[0], np.ones((3, 2, 1), np.uint8))
    expected = np.asarray(Image.fromarray(large).resize((96, 96), Image.Resampling.BILINEAR), np.float32)
    resized = encoder._resize(torch.from_numpy(large[None])).numpy()[0]
    assert np.abs(resized - expected).max() <= 1
    assert cosine(encoder(large[None]), encoder(np.round(resized)[None].astype(np.uint8))).min() > 0.99


def test_a_centre_crop_keeps_the_aspect(encoder, frames, monkeypatch):
    wide = np.concatenate([frames, frames, frames], axis=2)
    object.__setattr__(encoder.model, "resize_mode", "shortest")
    try:
        np.testing.assert_array_equal(encoder(wide), encoder(frames))
    finally:
        object.__setattr__(encoder.model, "resize_mode", "squash")


def test_compiled_towers_agree(tiny_folder, frames, monkeypatch):
    """As far as capturing the graph; generating code for it takes a minute."""
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))
    monkeypatch.setattr(torch.distributions.Distribution, "_validate_args", True)  # which compiling turns off for good
    model = load(str(tiny_folder), device="cpu", precision="fp32")
    compiled = ClipEncoder(model, compile=True)
    assert compiled._network is not model.images
    np.testing.assert_allclose(compiled(frames), ClipEncoder(model)(frames), atol=1e-5)


@pytest.mark.parametrize("shape", [(96, 96, 3), (2, 96, 96, 4)])
def test_what_is_no_frame_is_refused(encoder, shape):
    with pytest.raises(ValueError, match=r"expected frames \(n, H, W, 3\) uint8"):
        encoder(np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match="uint8"):
        encoder(np.zeros((2, 96, 96, 3), np.float32))


def test_no_frames_give_no_embeddings(encoder):
    assert encoder(np.zeros((0, 96, 96, 3), np.uint8)).shape == (0, 64)


def test_the_encoder_leaves_threads_and_gradients_alone(encoder, frames):
    threads = torch.get_num_threads()
    encoder(frames)
    assert torch.get_num_threads() == threads
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()

"""Loads CLIP-family models by name: the embedded `tiny_clip`, any open_clip model (SigLIP too), or files of your own.

    clip = load("tiny_clip")
    clip = load("ViT-H-14", "laion2b_s32b_b79k")
    clip = load("ViT-H-14", "weights/h14.safetensors", device="cuda")
    clip = load("path/to/folder")           # open_clip_config.json + *.safetensors, as `open_clip` writes it

A model is loaded once per process for each (model, pretrained, device, precision), whoever asks. Nothing falls back to
something else by itself: weights that cannot be had are an error that says how to get them.
"""

from __future__ import annotations

import hashlib
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from reward_designers.assets import asset
from reward_designers.errors import RewardError, unknown_name
from reward_designers.vlm.network import ImageTower
from reward_designers.vlm.torchvision_compat import open_clip

factory, hub = open_clip.factory, open_clip.pretrained

EMBEDDED = "tiny_clip"
"""The model that ships with the project, in `assets/tiny_clip`."""

DEFAULT_WEIGHTS = {
    "RN50": "openai",
    "ViT-B-32": "laion2b_s34b_b79k",
    "ViT-B-16": "laion2b_s34b_b88k",
    "ViT-L-14": "laion2b_s32b_b82k",
    "ViT-H-14": "laion2b_s32b_b79k",
    "ViT-g-14": "laion2b_s34b_b88k",
    "ViT-bigG-14": "laion2b_s39b_b160k",
}
"""Weights for models that have several sets, if none are named: the LAION-2B ones of VLM-RM's comparison of sizes."""

PRECISIONS = ("fp32", "bf16")
_CONFIG = "open_clip_config.json"
_EMBEDDED_HINT = f"The embedded model, `reward.model={EMBEDDED}`, needs no download."


class ModelError(RewardError):
    """A vision-language model cannot be loaded; the message says what to do."""


@dataclass(frozen=True, eq=False)
class ClipModel:
    """A loaded model.

    Attributes:
        label: Names the model and its weights in state keys and logs, such as ``ViT-B-32/laion2b_s34b_b79k``.
        images: The image tower: frames ``(n, H, W, 3)`` uint8 at `images.size` to embeddings ``(n, D)``.
        text: The text tower.
        resize_mode: How it is used to see frames of other sizes: ``shortest`` (then a centre crop) or ``squash``.
        interpolation: ``bicubic`` or ``bilinear``.
        digest: Identifies the weights: a hash of all of them.
        vocabulary: Words that it was trained on, if its folder has a ``vocabulary.txt``; None if unknown.
    """

    label: str
    images: ImageTower
    text: TextTower
    resize_mode: str
    interpolation: str
    digest: str
    vocabulary: frozenset[str] | None


class TextTower:
    """Turns prompts into unit-norm embeddings, in float32 on the CPU, each prompt once.

    Args:
        model: The open_clip model.
        name: What open_clip finds its tokenizer by.
    """

    def __init__(self, model: torch.nn.Module, name: str):
        self._model = model
        self._name = name
        self._embeddings: dict[str, np.ndarray] = {}

    @cached_property
    def tokenizer(self) -> Any:
        """The model's tokenizer; those of SigLIP and others come from the hub and need the extra ``vlm``."""
        try:
            return open_clip.get_tokenizer(self._name)
        except Exception as error:
            raise ModelError(
                f"the tokenizer of {self._name!r} cannot be had: {_first_line(error)}\n"
                "  It comes from the Hugging Face hub and needs transformers: `pip install 'reward-designers[vlm]'`, "
                f"then load the model once while online.\n  {_EMBEDDED_HINT}"
            ) from error

    def __call__(self, prompts: Sequence[str]) -> np.ndarray:
        """Embeddings ``(len(prompts), D)`` float32, each of norm 1."""
        new = [prompt for prompt in dict.fromkeys(prompts) if prompt not in self._embeddings]
        if new:
            with torch.inference_mode():
                embedded = self._model.encode_text(self.tokenizer(new)).float()
                embedded = torch.nn.functional.normalize(embedded, dim=-1)
            self._embeddings |= dict(zip(new, embedded.numpy(), strict=True))
        return np.stack([self._embeddings[prompt] for prompt in prompts])

    def cuts(self, prompt: str) -> bool:
        """Whether ``prompt`` is longer than the model reads; what is beyond has no effect."""
        tokenizer = self.tokenizer
        return isinstance(tokenizer, open_clip.SimpleTokenizer) and (
            len(tokenizer.encode(prompt)) + 2 > tokenizer.context_length
        )


def load(
    model: str = EMBEDDED, pretrained: str | None = None, device: str = "auto", precision: str = "auto"
) -> ClipModel:
    """Load a model, or return it if this process has loaded it already.

    Args:
        model: ``tiny_clip``; an open_clip architecture (``ViT-H-14``); ``hf-hub:org/name``; or a folder with
            ``open_clip_config.json`` and weights.
        pretrained: A tag (``laion2b_s32b_b79k``) or a local weight file. None takes the folder's own weights, or the
            architecture's usual ones (`DEFAULT_WEIGHTS`). An empty string gives random weights, always the same ones.
        device: Where images are encoded: ``cpu``, ``cuda``, ``cuda:1``; ``auto`` is a GPU if there is one.
        precision: ``fp32`` or ``bf16``; ``auto`` is bf16 where the hardware computes in it.

    Raises:
        ModelError: There is no such model or tag, the weights cannot be had, or their file is damaged.
    """
    place = resolve_device(device)
    return _load(model, pretrained, place, resolve_precision(precision, place))


def resolve_device(device: str) -> str:
    """The device that ``auto`` stands for.

    Raises:
        ModelError: There is no such device.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f"device {device!r} cannot be used: {_first_line(error)}") from error
    return device


def resolve_precision(precision: str, device: str) -> str:
    """The precision that ``auto`` stands for on a device; ``bf16`` is emulated, and slow, on hardware without it.

    Raises:
        ModelError: There is no such precision.
    """
    if precision == "auto":
        if device.startswith("cuda"):
            return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
        features = torch.cpu.get_capabilities() if device == "cpu" else {}
        return "bf16" if features.get("amx_bf16") or features.get("avx512_bf16") else "fp32"
    if precision not in PRECISIONS:
        raise ModelError(unknown_name("precision", precision, ["auto", *PRECISIONS]))
    return precision


@cache
def _load(model: str, pretrained: str | None, device: str, precision: str) -> ClipModel:
    source = _source(model, pretrained)
    with torch.random.fork_rng(devices=[]):  # building modules draws numbers; training's are left alone
        torch.manual_seed(0)
        return _build(source, device, precision)


def _build(source: _Source, device: str, precision: str) -> ClipModel:
    created = _create(source)
    digest = _digest(created)
    preprocess = created.visual.preprocess_cfg
    size = preprocess["size"]
    images = ImageTower(
        created.visual,
        size=(size, size) if isinstance(size, int) else (int(size[0]), int(size[1])),
        mean=preprocess["mean"],
        std=preprocess["std"],
        device=device,
        precision=precision,
    )
    del created.visual  # the text tower, which stays in float32, needs no second copy of it
    return ClipModel(
        label=source.label,
        images=images,
        text=TextTower(created, source.name),
        resize_mode=preprocess["resize_mode"],
        interpolation=preprocess["interpolation"],
        digest=digest,
        vocabulary=source.vocabulary,
    )


@dataclass(frozen=True)
class _Source:
    """Where a model comes from: open_clip's name for its architecture, a tag if it has one, and the weight file."""

    label: str
    name: str
    file: str | None
    tag: str | None = None
    vocabulary: frozenset[str] | None = None


def _source(model: str, pretrained: str | None) -> _Source:
    if not model:
        raise ModelError(f"the model's name is empty. {_EMBEDDED_HINT}")
    label = f"{model}/{pretrained}" if pretrained else f"{model}/random" if pretrained == "" else model
    folder = _folder(model)
    if folder is not None:
        words = folder / "vocabulary.txt"
        known = pretrained is None and words.is_file()
        vocabulary = frozenset(words.read_text(encoding="utf-8").lower().split()) if known else None
        return _Source(label, f"local-dir:{folder}", _folder_weights(folder, pretrained), vocabulary=vocabulary)
    if model.startswith("hf-hub:"):
        if pretrained is not None:
            raise ModelError(f"{model!r} brings its own weights: leave out pretrained={pretrained!r}")
        repository = model.removeprefix("hf-hub:")
        return _Source(label, model, _fetch(repository, lambda: hub.download_pretrained_from_hf(repository)))
    if model not in open_clip.list_models():
        raise ModelError(unknown_name("vision-language model", model, [EMBEDDED, *open_clip.list_models()]))
    if pretrained == "":
        return _Source(label, model, None)
    tag = _usual_tag(model) if pretrained is None else pretrained
    known_tag = hub.get_pretrained_cfg(model, tag)
    if known_tag:
        file = _fetch(known_tag.get("hf_hub") or known_tag["url"], lambda: hub.download_pretrained(known_tag))
        return _Source(f"{model}/{tag}", model, file, tag)
    if Path(tag).expanduser().is_file():
        return _Source(label, model, str(Path(tag).expanduser()))
    if Path(tag).suffix or os.sep in tag:
        raise ModelError(f"no such weight file: {tag}")
    raise ModelError(unknown_name(f"weights for {model}", tag, open_clip.list_pretrained_tags_by_model(model)))


def _folder(model: str) -> Path | None:
    """The folder of a model that lies in one; None for a name."""
    if model == EMBEDDED:
        try:
            return asset(EMBEDDED)
        except FileNotFoundError as error:
            raise ModelError(f"the embedded model is missing: {error}") from error
    path = Path(model.removeprefix("local-dir:")).expanduser()
    if path.is_dir() and model not in open_clip.list_models():
        return path.resolve()
    if model.startswith(("local-dir:", ".", "~")) or path.is_absolute():
        raise ModelError(f"no such model folder: {path}; expected one with {_CONFIG} and a .safetensors file")
    return None


def _folder_weights(folder: Path, pretrained: str | None) -> str | None:
    """The weight file of a model in a folder: its own, or the one that is named; None for random weights."""
    if not (folder / _CONFIG).is_file():
        raise ModelError(f"{folder} holds no {_CONFIG}: not a model folder")
    if pretrained == "":
        return None
    if pretrained is not None:
        if not Path(pretrained).expanduser().is_file():
            raise ModelError(f"no such weight file: {pretrained}")
        return str(Path(pretrained).expanduser())
    files = sorted(folder.glob("*.safetensors"))
    if len(files) != 1:
        raise ModelError(f"{folder} should hold the weights in one *.safetensors file, but has {len(files)}")
    return str(files[0])


def _usual_tag(model: str) -> str:
    tags = open_clip.list_pretrained_tags_by_model(model)
    if model in DEFAULT_WEIGHTS:
        return DEFAULT_WEIGHTS[model]
    if len(tags) == 1:
        return tags[0]
    if not tags:
        raise ModelError(f"open_clip knows no weights for {model!r}: name a weight file, pretrained=path/to/file")
    raise ModelError(f"{model!r} has several sets of weights: choose with pretrained= one of {', '.join(tags)}")


def _fetch(place: str, download: Callable[[], str]) -> str:
    """What ``download`` gives: a local file; if it cannot, an error that says how else to get it."""
    try:
        return download()
    except Exception as error:
        repository, _, file = place.rpartition("/") if place.count("/") > 1 else (place, "", "")
        how = f"curl -LO {place}" if place.startswith("http") else f"hf download {repository} {file}".strip()
        raise ModelError(
            f"the weights at {place} cannot be had from here: {_first_line(error)}\n"
            f"  Where there is internet, run `{how}`. It fills the cache that is looked into first; from another "
            "machine bring ~/.cache/huggingface,\n"
            "  or name the file wherever you put it: `reward.pretrained=path/to/file.safetensors`.\n"
            f"  {_EMBEDDED_HINT}"
        ) from error


def _create(source: _Source) -> torch.nn.Module:
    """Build the model in float32 on the CPU, with its weights."""
    quick_gelu = bool(source.tag and hub.get_pretrained_cfg(source.name, source.tag).get("quick_gelu"))
    if source.file is None:
        warnings.warn(f"{source.label}: random weights, as pretrained='' asks; its rewards mean nothing", stacklevel=2)
    with _quiet():
        try:
            model = open_clip.create_model(
                source.name,
                source.tag,
                load_weights=False,
                pretrained_text=False,
                force_quick_gelu=quick_gelu,  # open_clip itself would only warn that the weights want it
            )
        except Exception as error:
            raise ModelError(f"cannot build the model {source.name!r}: {_first_line(error)}") from error
    if source.file is not None:
        try:
            factory.load_checkpoint(model, source.file)
        except Exception as error:
            raise ModelError(
                f"cannot load the weights in {source.file}: {_first_line(error)}. The file is damaged, or belongs to "
                f"another model than {source.name!r}: fetch it again or name another"
            ) from error
    return model.eval().requires_grad_(False)


@contextmanager
def _quiet() -> Iterator[None]:
    """open_clip logs to the root logger, and reports "No pretrained weights" while they are still to come."""
    root, sink = logging.getLogger(), logging.NullHandler()
    level = root.level
    root.addHandler(sink)  # else logging.warning() would install a handler of its own
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
        root.removeHandler(sink)


def _digest(model: torch.nn.Module) -> str:
    """A hash of all weights and their names, 16 hex digits."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()[:16]


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300]

"""Rewrites an image tower for speed without changing what it computes, but for rounding where bf16 is asked for.

* `simplify_resnet`: batch statistics become part of the convolution before them; attention pooling computes the one
  token that it returns, not all of them.
* `simplify_vit`: the last block does likewise.
* `fold_normalization`: so do the mean and standard deviation that images are normalised with; raw frames go in.
* `fuse_relu`: on a CPU, a ResNet's convolutions apply the ReLU after them as they write.
* `lower_precision`: weights and activations in bf16; norms, and the projection to the embedding, stay in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.overrides import TorchFunctionMode

from reward_designers.vlm.torchvision_compat import open_clip

ModifiedResNet = open_clip.modified_resnet.ModifiedResNet
Bottleneck = open_clip.modified_resnet.Bottleneck
VisionTransformer = open_clip.transformer.VisionTransformer
ResidualAttentionBlock = open_clip.transformer.ResidualAttentionBlock

_PROJECTIONS = ("attnpool.proj", "head.proj", "head.mlp.fc2", "trunk.head", "trunk.head.fc")
"""Linear layers that end a tower, by kind of tower."""


def simplify_resnet(visual: nn.Module) -> None:
    """Fold the batch norms of open_clip's ResNet and replace its pooling, in place; other towers are left alone."""
    if not isinstance(visual, ModifiedResNet):
        return
    visual.attnpool = AttentionPool(visual.attnpool)
    for name, module in list(visual.named_modules()):
        if isinstance(module, nn.AvgPool2d) and module.kernel_size == 1:
            visual.set_submodule(name, nn.Identity())
    for module in visual.modules():
        if isinstance(module, (ModifiedResNet, Bottleneck)):
            for number in "123":
                _fuse(module, f"conv{number}", f"bn{number}")
            if getattr(module, "downsample", None) is not None:
                _fuse(module.downsample, "0", "1")


def _fuse(parent: nn.Module, conv: str, norm: str) -> None:
    setattr(parent, conv, fuse_conv_bn_eval(parent.get_submodule(conv), parent.get_submodule(norm)))
    setattr(parent, norm, nn.Identity())


class ConvolutionReLU(nn.Module):
    """A convolution and the ReLU after it by oneDNN's fused kernel: the same numbers, with one pass over memory less.

    Args:
        conv: The convolution, on a CPU.
    """

    def __init__(self, conv: nn.Conv2d):
        super().__init__()
        self.conv = conv

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features ``(n, C, h, w)`` to ``(n, C', h', w')``, none negative."""
        conv = self.conv
        shape = conv.padding, conv.stride, conv.dilation, conv.groups
        return torch.ops.mkldnn._convolution_pointwise(x, conv.weight, conv.bias, *shape, "relu", [], "")


def fuse_relu(visual: nn.Module) -> None:
    """Fuse convolutions of open_clip's ResNet on a CPU, batch norms folded, with their ReLUs, in place.

    The operator is the one that ``torch.compile`` takes; where this build of torch lacks it nothing is changed.
    """
    fused = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
    if not (fused and isinstance(visual, ModifiedResNet)):
        return
    for module in [module for module in visual.modules() if isinstance(module, (ModifiedResNet, Bottleneck))]:
        for number in "123":  # a block's third is followed by the sum, not by a ReLU
            if number != "3" or isinstance(module, ModifiedResNet):
                setattr(module, f"conv{number}", ConvolutionReLU(getattr(module, f"conv{number}")))
                setattr(module, f"act{number}", nn.Identity())


def simplify_vit(visual: nn.Module) -> None:
    """Let the last block of open_clip's ViT compute the class token alone, in place, if no other output is used."""
    if not isinstance(visual, VisionTransformer):
        return
    blocks = visual.transformer.resblocks
    class_token_only = visual.attn_pool is None and visual.pool_type == "tok" and not visual.output_tokens
    if class_token_only and type(blocks[-1]) is ResidualAttentionBlock and visual.transformer.batch_first:
        blocks[-1] = ClassTokenBlock(blocks[-1])


class FirstTokenAttention(nn.Module):
    """Multi-head attention from the first of a sequence's tokens to all of them.

    Args:
        weight: Of query, key and value, ``(3 * width, width)``.
        bias: The same, ``(3 * width,)``.
        num_heads: Number of heads.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, num_heads: int):
        super().__init__()
        width = weight.shape[1]
        self.num_heads = num_heads
        self.query = _linear(weight[:width], bias[:width])
        self.key_value = _linear(weight[width:], bias[width:])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Tokens ``(n, tokens, width)``, contiguous, to ``(n, width)``, before the output projection."""
        n, tokens, width = x.shape
        head = width // self.num_heads
        query = self.query(x[:, 0]).view(n, 1, self.num_heads, head).transpose(1, 2)
        key, value = self.key_value(x).view(n, tokens, 2, self.num_heads, head).permute(2, 0, 3, 1, 4)
        return functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(n, width)


def _linear(weight: torch.Tensor, bias: torch.Tensor) -> nn.Linear:
    linear = nn.Linear(weight.shape[1], weight.shape[0])
    linear.weight = nn.Parameter(weight.detach().clone(), requires_grad=False)
    linear.bias = nn.Parameter(bias.detach().clone(), requires_grad=False)
    return linear


class AttentionPool(nn.Module):
    """The attention pooling of CLIP's ResNets (Radford et al. 2021, section 2.4): the mean attends to every position.

    The same function as open_clip's, which computes queries and outputs for every position and keeps the mean's.

    Args:
        pool: The one to replace.
    """

    def __init__(self, pool: nn.Module):
        super().__init__()
        projections = (pool.q_proj, pool.k_proj, pool.v_proj)
        weight, bias = (torch.cat([getattr(p, name) for p in projections]) for name in ("weight", "bias"))
        self.positional_embedding = pool.positional_embedding
        self.attention = FirstTokenAttention(weight, bias, pool.num_heads)
        self.proj = pool.c_proj

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pool features ``(n, C, h, w)`` into ``(n, D)``."""
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat([x.mean(1, keepdim=True), x], dim=1) + self.positional_embedding
        return self.proj(self.attention(x.contiguous()))


class ClassTokenBlock(nn.Module):
    """The last block of a ViT, where only the class token's output is used.

    Args:
        block: The one to replace.
    """

    def __init__(self, block: nn.Module):
        super().__init__()
        attention = block.attn
        self.attention = FirstTokenAttention(attention.in_proj_weight, attention.in_proj_bias, attention.num_heads)
        self.out_proj = attention.out_proj
        self.ln_1, self.ls_1 = block.ln_1, block.ls_1
        self.ln_2, self.ls_2 = block.ln_2, block.ls_2
        self.mlp = block.mlp

    def forward(self, x: torch.Tensor, attn_mask: None = None) -> torch.Tensor:
        """Tokens ``(n, tokens, width)`` to the class token ``(n, 1, width)``."""
        x = x[:, 0] + self.ls_1(self.out_proj(self.attention(self.ln_1(x))))
        return (x + self.ls_2(self.mlp(self.ln_2(x))))[:, None]


class RawConvolution(nn.Conv2d):
    """A tower's first convolution with the normalisation of images folded in.

    It takes images minus `center` (whole numbers near the mean, so that bf16 holds every pixel exactly), already
    padded with `pad_value`: what the mean itself becomes, since a border of zeros was one of mean-coloured pixels.

    Args:
        conv: The convolution of normalised images, in float32.
        mean: Per-channel mean, of values in [0, 1].
        std: Per-channel standard deviation.
        dtype: To compute in.

    Attributes:
        border: Rows and columns of padding on each side.
    """

    def __init__(self, conv: nn.Conv2d, mean: Sequence[float], std: Sequence[float], dtype: torch.dtype):
        super().__init__(conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, 0, conv.dilation)
        self.border: tuple[int, int] = conv.padding
        level = 255 * torch.tensor(mean, dtype=torch.float64)
        center = level.round()
        weight = (conv.weight.double() / (255 * torch.tensor(std, dtype=torch.float64)).view(3, 1, 1)).to(dtype)
        # From the rounded weights: otherwise their rounding errors would add up over the mean colour.
        bias = -torch.einsum("oihw,i->o", weight.double(), level - center)
        if conv.bias is not None:
            bias += conv.bias.double()
        self.weight = nn.Parameter(weight.contiguous(memory_format=torch.channels_last), requires_grad=False)
        self.bias = nn.Parameter(bias.to(dtype), requires_grad=False)
        self.register_buffer("center", center.to(dtype))
        self.register_buffer("pad_value", (level - center).to(dtype))


def fold_normalization(
    visual: nn.Module, size: tuple[int, int], mean: Sequence[float], std: Sequence[float], dtype: torch.dtype
) -> RawConvolution | None:
    """Replace the tower's first convolution by a `RawConvolution`, in place.

    Args:
        visual: The image tower in float32, on the CPU.
        size: (height, width) of its images.
        mean: See `RawConvolution`.
        std: See `RawConvolution`.
        dtype: See `RawConvolution`.

    Returns:
        What it was replaced by; None if the tower does not begin with a plain convolution of the image.
    """
    known = isinstance(visual, (VisionTransformer, ModifiedResNet))
    name = "conv1" if known else _sole_reader(visual, torch.zeros(1, 3, *size))
    if not name:
        return None
    conv = visual.get_submodule(name)
    if type(conv) is not nn.Conv2d or conv.groups != 1 or conv.padding_mode != "zeros" or isinstance(conv.padding, str):
        return None
    raw = RawConvolution(conv, mean, std, dtype)
    visual.set_submodule(name, raw)
    return raw


def _sole_reader(visual: nn.Module, image: torch.Tensor) -> str:
    """Name of the leaf module that alone takes the image as it is; empty if there is no such module.

    Some towers begin with parallel branches (MobileOne, MobileCLIP), others change the image first.
    """
    readers: list[str] = []

    def note(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            if inputs and inputs[0] is image:
                readers.append(name)

        return hook

    leaves = [(name, module) for name, module in visual.named_modules() if not any(module.children())]
    handles = [module.register_forward_pre_hook(note(name)) for name, module in leaves]
    try:
        with torch.inference_mode(), _Uses(image) as uses:
            visual(image)
    finally:
        for handle in handles:
            handle.remove()
    return readers[0] if len(readers) == uses.count == 1 else ""


class _Uses(TorchFunctionMode):
    """Counts the operations that compute something from a tensor."""

    def __init__(self, tensor: torch.Tensor):
        super().__init__()
        self.tensor = tensor
        self.count = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        given = any(argument is self.tensor for argument in (*args, *(kwargs or {}).values()))
        self.count += given and isinstance(result, (torch.Tensor, tuple, list)) and type(result) is not torch.Size
        return result


_NORMS = (nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, nn.BatchNorm1d, nn.BatchNorm2d)


class Float32(nn.Module):
    """A norm that computes in float32 within a tower that does not.

    Args:
        module: The norm; its weights stay in float32.
    """

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the norm."""
        if isinstance(self.module, nn.LayerNorm) and x.device.type == "cpu":
            return self.module(x)  # this kernel takes a bf16 input with float32 weights and computes in float32
        return self.module(x.float()).to(x.dtype)


class Projection(nn.Module):
    """The linear layer that ends a tower in bf16, itself in float32; what it adds up, on a CPU in float64.

    Float32 products differ in their last bits with the size of the batch. Rounded to float16, as embeddings are
    stored, those of float64 do not.

    Args:
        linear: Its weights stay in float32.
    """

    def __init__(self, linear: nn.Linear):
        super().__init__()
        self.linear = linear

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features ``(n, width)`` to embeddings ``(n, D)`` float32."""
        if x.device.type != "cpu":
            return self.linear(x.float())
        bias = None if self.linear.bias is None else self.linear.bias.double()
        return functional.linear(x.double(), self.linear.weight.double(), bias).float()


def lower_precision(visual: nn.Module, dtype: torch.dtype) -> None:
    """Convert the tower to ``dtype``, in place, except for its norms and a linear layer that gives the embedding.

    Weights are converted here, once. Autocast would convert them in every call and choose a type per operator, which
    is five times slower on a CPU.
    """
    if dtype == torch.float32:
        return
    modules = dict(visual.named_modules())
    norms = {name: module for name, module in modules.items() if isinstance(module, _NORMS)}
    last = {name: modules[name] for name in _PROJECTIONS if isinstance(modules.get(name), nn.Linear)}
    for name, module in norms.items():
        visual.set_submodule(name, Float32(module))
    for name, module in last.items():
        visual.set_submodule(name, Projection(module))
    visual.to(dtype)
    for module in (norms | last).values():
        module.float()
